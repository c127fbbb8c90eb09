"""How the body of an answer is framed, so that the next answer begins where this one ends.

Contract: pure. An answer has exactly the bytes that its head announced; ``OutOfStepError`` says
that it cannot any more, and then only the end of the connection tells the client so.
"""

from dataclasses import dataclass

from kubelambda.gateway.http.answer_head import NO_CONTENT

LAST_CHUNK = b"0\r\n\r\n"


class OutOfStepError(Exception):
    """More or fewer bytes than announced."""


def may_have_body(method: bytes, status: int) -> bool:
    """Whether a client reads a body after this head."""
    return method != b"HEAD" and status != NO_CONTENT


@dataclass(slots=True)
class AnswerBody:
    """An answer that comes in parts."""

    keep_alive: bool
    chunked: bool
    left_bytes: int | None
    """What is owed of the announced length; None without one."""
    is_sent: bool = True
    """False where the client reads no body, whatever the head says."""

    def encode(self, data: bytes) -> bytes:
        """The bytes on the wire for one part."""
        if not data or not self.is_sent:
            return b""
        if self.left_bytes is not None:
            self.left_bytes -= len(data)
            if self.left_bytes < 0:
                raise OutOfStepError("an answer is longer than its Content-Length")
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data

    def encode_end(self) -> bytes:
        """The bytes that end it."""
        if self.left_bytes and self.is_sent:
            raise OutOfStepError("an answer is shorter than its Content-Length")
        return LAST_CHUNK if self.chunked and self.is_sent else b""
