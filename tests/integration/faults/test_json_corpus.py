"""F17: payloads that are no JSON are refused; what is JSON reaches the runtime byte for byte."""

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from integration.conftest import Installation
from integration.faults import raw_runtime
from integration.faults.wire import ECHO, dial, encode_request, read_all, split_answers
from kubelambda.core.model.code import InlineFiles
from kubelambda.core.payload.json_check import SMALL_BYTES
from unit.core.payload.json_corpus import ACCEPTED, REFUSED

DIGEST = """
import hashlib, json, raw_runtime
while True:
    request_id, _, body = raw_runtime.next_event()
    raw_runtime.respond(request_id, json.dumps(hashlib.sha256(body).hexdigest()).encode())
"""
BLANKS = b" " * SMALL_BYTES
LARGEST = 6_291_456
LARGE = {
    "6 MB in one string": b'"' + b"x" * (LARGEST - 2) + b'"',
    "6 MB in one integer": b"1" * LARGEST,
    "6 MB of escaped pairs": b'"' + b"\\ud83d\\ude00" * ((LARGEST - 2) // 12) + b'"',
}


async def ask(installation: Installation, payloads: list[bytes]) -> list[tuple[int, bytes, str]]:
    """Status, body and error type of each answer, all on one connection."""
    async with dial(installation.gateway.public_port) as (reader, writer):
        reading = asyncio.create_task(read_all(reader))
        for payload in payloads:
            writer.write(encode_request("corpus", body=payload))
            await writer.drain()
        writer.write_eof()
        answers = split_answers(await reading)
    return [(status, body, head.get("x-amzn-errortype", "")) for status, head, body in answers]


async def test_f17_what_is_no_json_is_400_and_never_runs(installation: Installation) -> None:
    """F17: InvalidRequestContentException, whether checked at once or in slices."""
    installation.put("corpus", ECHO)
    for padding in (b"", BLANKS):
        # An empty payload is no error: it means {}.
        corpus = {name: text + padding for name, text in REFUSED.items() if text}
        for first in range(0, len(corpus), 8):
            names = list(corpus)[first : first + 8]
            answers = await ask(installation, [corpus[name] for name in names])
            got = dict(zip(names, answers, strict=True))
            for name, (status, body, error_type) in got.items():
                assert (name, status) == (name, 400)
                assert error_type == "invalidrequestcontentexception"
                message = json.loads(body)["message"]
                assert message.startswith("Could not parse request body into json: ")
    assert not installation.gateway._assembly.pools.environments()  # type: ignore[union-attr]


async def test_f17_what_is_json_reaches_the_runtime_unchanged(installation: Installation) -> None:
    """F17: duplicate keys, long numbers, blanks: nobody on the way reads and writes it anew."""
    module = Path(raw_runtime.__file__).read_text()
    code = InlineFiles({"app.py": DIGEST, "raw_runtime.py": module})
    installation.put("corpus", "", code=code, timeout_s=30)
    payloads = [*ACCEPTED.values(), *(text + BLANKS for text in ACCEPTED.values())]
    for first in range(0, len(payloads), 8):
        some = payloads[first : first + 8]
        answers = await ask(installation, some)
        digests = [hashlib.sha256(payload).hexdigest() for payload in some]
        assert answers == [(200, json.dumps(digest).encode(), "") for digest in digests]


@pytest.mark.parametrize("payload", LARGE.values(), ids=LARGE)
async def test_f17_six_megabytes_in_one_token_reach_the_runtime_unchanged(
    installation: Installation, payload: bytes
) -> None:
    module = Path(raw_runtime.__file__).read_text()
    code = InlineFiles({"app.py": DIGEST, "raw_runtime.py": module})
    installation.put("corpus", "", code=code, timeout_s=30)
    ((status, body, _),) = await ask(installation, [payload])
    assert (status, json.loads(body)) == (200, hashlib.sha256(payload).hexdigest())
