"""Reading what another process of ours answers: whole, and no more than it may have.

``response.content.read(n)`` gives whatever has arrived, however little: a longer answer would be
cut where its second packet begins.
"""

import aiohttp


class AnswerTooLongError(Exception):
    """The answer goes over its limit; nothing of it is used."""


async def read_answer(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """All of the body; AnswerTooLongError where that is more than ``bytes_max``."""
    parts: list[bytes] = []
    count = 0
    async for part in response.content.iter_any():
        count += len(part)
        if count > bytes_max:
            raise AnswerTooLongError(f"an answer of more than {bytes_max} bytes")
        parts.append(part)
    return b"".join(parts)
