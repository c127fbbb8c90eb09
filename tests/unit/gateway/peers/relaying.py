"""What the tests of relaying share: invocations that remember their answers, a transport."""

import asyncio
from typing import Any

from kubelambda.core.coordination.membership import Member
from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.gateway.invocation import Invocation
from unit.functions import make_function

OWNER = Member("owner", "127.0.0.1:1")


class Asked:
    """One invocation and what its caller was answered."""

    def __init__(self, **changes: Any) -> None:
        self.answers: list[Outcome | ApiError | Dropped] = []
        values: dict[str, Any] = {
            "request_id": "r-1",
            "function": make_function(),
            "qualifier": "",
            "invoked_arn": "arn",
            "payload": b'{"a":1}',
            "trace_id": "Root=1",
            "client_context": "",
            "wants_tail": False,
            "answer": self.answers.append,
        }
        self.invocation = Invocation(**(values | changes))


class FakeTransport(asyncio.Transport):
    """Keeps what is written; ``protocol`` is told when it is ended."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._protocol = protocol
        self.written: list[bytes] = []
        self.ended = False
        self.paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.ended

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self.ended:
            self.ended = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)
