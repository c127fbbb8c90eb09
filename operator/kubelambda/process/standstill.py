"""Sleeping in a process that may stand still (SIGSTOP, a node without CPU time).

Whoever wakes too late must not judge others by their silence: uvloop runs the timers that are due
before it reads what has arrived meanwhile.
"""

import asyncio

STOOD_STILL_S = 0.5
"""An event loop that is so much too late has stood still."""
READ_S = 0.05


async def sleep_and_read(seconds: float) -> None:
    """Sleep; after a standstill until what had arrived by then is read."""
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    await asyncio.sleep(seconds)
    if loop.time() > due + STOOD_STILL_S:
        await asyncio.sleep(READ_S)
