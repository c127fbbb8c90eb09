"""Telling the controller what is wanted: on change, and each second.

Contract: reports the whole demand, coalesced over a few milliseconds; a report that fails is made
good by the next one. ``HttpDemandSink`` is the driver for a cluster; local mode brings its own.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

import aiohttp

from kubelambda.core.demand import (
    DEMAND_PATH,
    INTERNAL_KEY_INFO,
    DemandReport,
    Drain,
    FunctionDemand,
    MalformedDemandError,
    decode_reply,
    encode_report,
)
from kubelambda.core.keys import SIGNATURE_HEADER, derive_key, sign_request
from kubelambda.core.ports import DemandSink

logger = logging.getLogger(__name__)

PERIOD_S = 1.0
COALESCE_S = 0.005
FAILURE_LOG_S = 30.0
POST_S = 3.0


class DemandError(Exception):
    """The controller could not be told; the message says why."""


class HttpDemandSink:
    """Posts reports to the controller's internal Service, signed."""

    def __init__(self, url: str, master_secret: bytes) -> None:
        self._url = url.rstrip("/") + DEMAND_PATH
        self._key = derive_key(master_secret, INTERNAL_KEY_INFO)
        self._session: aiohttp.ClientSession | None = None

    async def report(self, report: DemandReport) -> Sequence[Drain]:
        """One POST; DemandError where the controller does not take it."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=POST_S)
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)
        body = encode_report(report)
        signature = sign_request(self._key, "POST", DEMAND_PATH, body, int(time.time()))
        headers = {SIGNATURE_HEADER: signature, "Content-Type": "application/json"}
        try:
            async with self._session.post(self._url, data=body, headers=headers) as response:
                if response.status != 200:
                    raise DemandError(f"the controller answered {response.status}")
                return decode_reply(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError, MalformedDemandError) as error:
            raise DemandError(f"the controller cannot be reached: {error!r}") from error

    async def close(self) -> None:
        """Close the connection to the controller."""
        if self._session is not None:
            await self._session.close()


class DemandReporter:
    """Runs as a task; ``notify`` asks for a report soon."""

    def __init__(
        self,
        gateway: str,
        sink: DemandSink,
        collect: Callable[[], tuple[FunctionDemand, ...]],
        drain: Callable[[Drain], None],
    ) -> None:
        self._gateway = gateway
        self._sink = sink
        self._collect = collect
        self._drain = drain
        self._changed = asyncio.Event()
        self._sequence = time.time_ns()
        self._last_complaint = 0.0

    def notify(self) -> None:
        """Something changed."""
        self._changed.set()

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            try:
                async with asyncio.timeout(PERIOD_S):
                    await self._changed.wait()
                await asyncio.sleep(COALESCE_S)
            except TimeoutError:
                pass
            self._changed.clear()
            await self._report()

    async def _report(self) -> None:
        self._sequence += 1
        report = DemandReport(self._gateway, self._sequence, self._collect())
        try:
            drains = await self._sink.report(report)
        except DemandError as error:
            self._complain(error)
            await asyncio.sleep(PERIOD_S / 4)
            return
        for one in drains:
            self._drain(one)

    def _complain(self, error: DemandError) -> None:
        now = time.monotonic()
        if now - self._last_complaint > FAILURE_LOG_S:
            self._last_complaint = now
            logger.warning("%s: environments are not scaled until it can", error)
