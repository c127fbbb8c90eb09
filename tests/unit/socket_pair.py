"""Two connected sockets, for tests of the order in which an event loop reads."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack


class SocketPair:
    """The running loop watches ``ours``. Both are closed with ``stack``."""

    def __init__(self, stack: ExitStack) -> None:
        ours, theirs = socket.socketpair()
        self.ours, self.theirs = stack.enter_context(ours), stack.enter_context(theirs)
        self._loop = asyncio.get_running_loop()
        stack.callback(lambda: self._loop.remove_reader(self.ours))

    def on_readable(self, call: Callable[[], None]) -> None:
        """Call it once, when something has arrived at ``ours``."""

        def read() -> None:
            self._loop.remove_reader(self.ours)
            call()

        self._loop.add_reader(self.ours, read)
