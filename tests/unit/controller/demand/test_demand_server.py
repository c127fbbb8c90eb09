"""The port on which gateways post their demand."""

import io
from collections.abc import AsyncIterator

import aiohttp
import pytest

from kubelambda.controller.demand.demand_server import BODY_BYTES_MAX, DemandServer
from kubelambda.core.wire.demand import (
    DEMAND_PATH,
    DemandReply,
    DemandReport,
    Drain,
    decode_reply,
    encode_report,
)
from kubelambda.core.wire.key_ring import KeyRing, derive_namespace_key
from kubelambda.core.wire.keys import SIGNATURE_HEADER
from kubelambda.process.signatures import Signatures

MASTER = b"m" * 32
SIGNATURES = Signatures.derive(MASTER, 1)
OF_A_NAMESPACE = Signatures(KeyRing(derive_namespace_key(MASTER, "shop", 1)))
REPORT = DemandReport("gw-1", 3, ())
REPLY = DemandReply((Drain("apps", "hello", "pod-1"),), 3)


class Served:
    def __init__(self) -> None:
        self.reports: list[DemandReport] = []
        self.server = DemandServer(SIGNATURES, self._take, host="127.0.0.1")

    def _take(self, report: DemandReport) -> DemandReply:
        self.reports.append(report)
        return REPLY

    async def post(self, body: bytes, signature: str) -> tuple[int, bytes]:
        url = f"http://127.0.0.1:{self.server.port}{DEMAND_PATH}"
        headers = {SIGNATURE_HEADER: signature}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=io.BytesIO(body), headers=headers) as response,
        ):
            return response.status, await response.read()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    served = Served()
    await served.server.start()
    yield served
    await served.server.close()


async def test_a_signed_report_is_taken_and_answered(served: Served) -> None:
    body = encode_report(REPORT)
    status, answer = await served.post(body, SIGNATURES.sign(DEMAND_PATH, body))
    assert status == 200
    assert decode_reply(answer) == REPLY
    assert served.reports == [REPORT]


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "nonsense",
        Signatures.derive(b"x" * 32, 1).sign(DEMAND_PATH, encode_report(REPORT)),
        OF_A_NAMESPACE.sign(DEMAND_PATH, encode_report(REPORT)),
    ],
    ids=["none", "no signature", "with another key", "with a namespace's key (K2)"],
)
async def test_what_is_not_signed_by_us_is_refused_before_it_is_read(
    served: Served, signature: str
) -> None:
    assert (await served.post(encode_report(REPORT), signature))[0] == 401
    assert (await served.post(b"not even JSON", signature))[0] == 401
    assert served.reports == []


async def test_a_signed_body_that_is_no_report_is_refused(served: Served) -> None:
    body = b"{}"
    assert (await served.post(body, SIGNATURES.sign(DEMAND_PATH, body)))[0] == 400
    assert served.reports == []


async def test_a_body_that_is_too_large_is_refused_whoever_signed_it(served: Served) -> None:
    body = bytes(BODY_BYTES_MAX + 1)
    assert (await served.post(body, SIGNATURES.sign(DEMAND_PATH, body)))[0] == 413
    assert served.reports == []
