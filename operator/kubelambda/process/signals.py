"""SIGINT and SIGTERM, turned into one event."""

import asyncio
import signal

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def set_on_stop(stop: asyncio.Event) -> None:
    """Set ``stop`` on SIGINT and SIGTERM; replaces handlers that the running loop had for them."""
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
