"""An aiohttp application on a port of its own, for the small servers of a process role.

Contract: knows nothing of what is served. No access log; signals are the role's own.
"""

from aiohttp import web

_SHUTDOWN_S = 0.5


class HttpPort:
    """Serves ``application`` from ``start`` to ``close``; a base of servers with routes."""

    def __init__(self, application: web.Application, host: str, port: int) -> None:
        self._application = application
        self._host = host
        self.port = port
        """The port; if 0 was given, ``start`` picks a free one."""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Bind and serve; OSError if the port is taken."""
        runner = web.AppRunner(
            self._application,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_SHUTDOWN_S,
        )
        await runner.setup()
        site = web.TCPSite(runner, self._host, self.port)
        await site.start()
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def close(self) -> None:
        """Stop serving; requests that are being answered get half a second to end."""
        if self._runner is not None:
            await self._runner.cleanup()
