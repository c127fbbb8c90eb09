"""A client connection without a socket, for tests of ``HttpConnection``."""

import asyncio
import socket
from typing import Any


class FakeTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self, address: str = "10.0.0.1") -> None:
        super().__init__()
        self._address = address
        self._socket = socket.socket()
        self._socket.close()
        self.written = b""
        self.is_reading = True
        self.is_aborted = False
        self.has_eof = False
        self._closing = False
        self._is_written = asyncio.Event()

    async def wait_written(self) -> bytes:
        """All that was written, once something was."""
        async with asyncio.timeout(30):
            await self._is_written.wait()
        return self.written

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": (self._address, 1), "socket": self._socket}.get(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered here."""

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: Any) -> None:
        self.written += bytes(data)
        self._is_written.set()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.has_eof = True

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    def abort(self) -> None:
        self._closing = self.is_aborted = True
