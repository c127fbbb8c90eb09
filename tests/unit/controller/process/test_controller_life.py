"""The life of a controller: it stands by, leads, and ends so that the next one can lead at once."""

import asyncio

import pytest

from kubelambda.controller.main import stand_by_then_lead
from kubelambda.controller.process.election_settings import ElectionSettings
from kubelambda.controller.process.elector import Elector, LeadershipLostError
from kubelambda.kube.memory import MemoryApi
from kubelambda.kube.paths import LEASES
from kubelambda.process.parts import PartEndedError


class Work:
    """Leads until it is stopped, or until ``error``; hands the Lease back."""

    def __init__(self, elector: Elector, error: Exception | None = None) -> None:
        self.began = asyncio.Event()
        self.has_handed_over = False
        self._elector = elector
        self._error = error

    async def lead(self, stop: asyncio.Event) -> None:
        self.began.set()
        if self._error is not None:
            raise self._error
        await stop.wait()

    async def hand_over(self) -> None:
        await self._elector.release()
        self.has_handed_over = True


def enter(api: MemoryApi, identity: str = "one") -> Elector:
    election = ElectionSettings(
        namespace="kubelambda", name="lease", identity=identity, duration_s=60.0, renew_s=5.0
    )
    return Elector(api, election)


def holder(api: MemoryApi) -> str:
    lease = api.find(LEASES, "kubelambda", "lease")
    assert lease is not None
    return str(lease["spec"]["holderIdentity"])


async def test_a_stop_hands_over_and_is_a_good_end() -> None:
    api, stop = MemoryApi(), asyncio.Event()
    elector = enter(api)
    work = Work(elector)
    living = asyncio.create_task(stand_by_then_lead(elector, work, stop, with_election=True))
    await work.began.wait()
    assert holder(api) == "one"
    stop.set()
    assert await living == 0
    assert holder(api) == ""


@pytest.mark.parametrize(
    "error",
    [PartEndedError("scaler failed"), LeadershipLostError("late"), ValueError("a bug")],
    ids=["a part that ended", "a lost Lease", "a bug"],
)
async def test_an_unexpected_end_is_loud_and_a_standby_takes_over_at_once(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """The process ends with an error, and nobody waits for its Lease to run out."""
    api = MemoryApi()
    elector = enter(api)
    work = Work(elector, error)
    code = await stand_by_then_lead(elector, work, asyncio.Event(), with_election=True)
    assert code == 1
    assert work.has_handed_over
    assert str(error) in caplog.text
    await enter(api, "two").wait_for_leadership()
    assert holder(api) == "two"


async def test_a_standby_that_is_stopped_ends_without_having_led() -> None:
    api, stop = MemoryApi(), asyncio.Event()
    await enter(api, "other").wait_for_leadership()
    elector = enter(api)
    work = Work(elector)
    living = asyncio.create_task(stand_by_then_lead(elector, work, stop, with_election=True))
    await asyncio.sleep(0)
    stop.set()
    assert await living == 0
    assert not work.began.is_set()
    assert holder(api) == "other"
