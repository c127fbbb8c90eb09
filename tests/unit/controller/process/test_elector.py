"""Who leads, over an API server in memory and a clock that the test moves (F4)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kubelambda.controller.process.elector import UNREACHED_S, Elector, LeadershipLostError
from kubelambda.kube.errors import FencedError, UnavailableError
from kubelambda.kube.memory import MemoryApi, StoppedError
from kubelambda.kube.paths import DEPLOYMENTS, LEASES
from unit.controller.process.contest import (
    DURATION_S,
    NAME,
    NAMESPACE,
    RENEW_S,
    TAKEOVER_S,
    Contest,
    seconds_until,
)


@pytest.fixture
async def contest() -> AsyncIterator[Contest]:
    contest = Contest()
    yield contest
    await contest.end()


async def test_the_first_leads_and_the_second_stands_by_for_as_long_as_it_renews(
    contest: Contest,
) -> None:
    first, _ = await contest.lead("first")
    second = contest.enter("second")
    waiting = contest.start(second.wait_for_leadership())
    for _ in range(100):
        await contest.clock.advance(0.7)
        assert first.is_leading
        assert not second.is_leading
    assert not waiting.done()
    with pytest.raises(FencedError):
        second.check_fence()
    first.check_fence()


@pytest.mark.parametrize("after_renewal_s", [0.0, 0.3, 0.6, 0.95])
async def test_a_leader_that_crashes_is_followed_within_five_seconds(
    contest: Contest, after_renewal_s: float
) -> None:
    """At whatever moment between two renewals; and never before its own term was over."""
    first, renewing = await contest.lead("first")
    second = contest.enter("second")
    waiting = contest.start(second.wait_for_leadership())
    await contest.clock.advance(10.0 + after_renewal_s)
    renewing.cancel()
    led_together = False

    def taken() -> bool:
        nonlocal led_together
        led_together = led_together or (first.is_leading and second.is_leading)
        return waiting.done()

    assert await seconds_until(contest, taken) < TAKEOVER_S
    assert not led_together
    assert contest.holder() == "second"


async def test_a_leader_that_stops_in_good_order_is_followed_at_the_next_look(
    contest: Contest,
) -> None:
    first, renewing = await contest.lead("first")
    second = contest.enter("second")
    waiting = contest.start(second.wait_for_leadership())
    await contest.clock.advance(3.0)
    renewing.cancel()
    await first.release()
    with pytest.raises(FencedError):
        first.check_fence()
    assert await seconds_until(contest, waiting.done) <= 0.6


async def test_f4_a_leader_that_was_stopped_finds_its_term_over_and_ends(
    contest: Contest,
) -> None:
    """SIGSTOP: its clock has gone on, its tasks have not; it writes nothing when it wakes."""
    first = contest.enter("first")
    await first.wait_for_leadership()
    second, _ = await second_leads_after(contest)
    with pytest.raises(FencedError):
        first.check_fence()
    writes = len(contest.api.writes)
    keeping = contest.start(first.keep_leadership())
    await contest.clock.advance(RENEW_S)
    assert isinstance(keeping.exception(), LeadershipLostError)
    assert [write for write in contest.api.writes[writes:] if '"first"' in str(write.content)] == []
    assert second.is_leading


async def second_leads_after(contest: Contest) -> tuple[Elector, asyncio.Task[None]]:
    second = contest.enter("second")
    waiting = contest.start(second.wait_for_leadership())
    await seconds_until(contest, waiting.done)
    return second, contest.start(second.keep_leadership())


async def test_a_leader_without_an_api_server_ends_before_anybody_may_follow(
    contest: Contest,
) -> None:
    first, renewing = await contest.lead("first")
    await contest.clock.advance(2.0)
    contest.api.refuse("get", "leases", UnavailableError("no answer"))
    spent_s = await seconds_until(contest, renewing.done)
    assert spent_s < DURATION_S
    assert isinstance(renewing.exception(), LeadershipLostError)
    assert not first.is_leading


async def test_an_api_server_that_comes_back_in_time_costs_no_leadership(
    contest: Contest,
) -> None:
    first, renewing = await contest.lead("first")
    contest.api.refuse("update", "leases", UnavailableError("no answer"))
    await contest.clock.advance(2.4)
    contest.api.permit()
    await contest.clock.advance(5.0)
    assert not renewing.done()
    assert first.is_leading


async def test_a_request_that_hangs_does_not_keep_a_leader_beyond_its_term(
    contest: Contest,
) -> None:
    class Hanging(MemoryApi):
        hangs = False

        async def get(self, *arguments: Any) -> dict[str, Any]:
            if self.hangs:
                await asyncio.Event().wait()
            return await super().get(*arguments)

    api = Hanging()
    first, renewing = await contest.lead("first", api=api)
    api.hangs = True
    assert await seconds_until(contest, renewing.done) < DURATION_S
    assert isinstance(renewing.exception(), LeadershipLostError)
    assert not first.is_leading


async def test_an_answer_that_took_long_does_not_make_the_lease_look_old(
    contest: Contest,
) -> None:
    """Else a standby whose first look hung took the Lease from a leader that renews."""
    first, renewing = await contest.lead("first")
    slow = SlowOnce(contest)
    contest.start(contest.enter("second", api=slow).wait_for_leadership())
    for _ in range(200):
        await contest.clock.advance(0.1)
        assert contest.holder() == "first"
    assert slow.has_answered
    assert not renewing.done()
    assert first.is_leading


class SlowOnce(MemoryApi):
    """Another way to the API server of ``contest``, whose first answer takes long.

    It comes just after a renewal, so that the next look sees the same version.
    """

    def __init__(self, contest: Contest) -> None:
        super().__init__()
        self._contest = contest
        self.has_answered = False

    async def get(self, *arguments: Any) -> dict[str, Any]:
        if not self.has_answered:
            await self._contest.clock.sleep(2 * DURATION_S + 0.2)
            self.has_answered = True
        return await self._contest.api.get(*arguments)

    async def replace(self, *arguments: Any) -> dict[str, Any]:
        return await self._contest.api.replace(*arguments)


async def test_a_lease_that_hands_delete_leaves_one_leader(contest: Contest) -> None:
    """F33: the standby waits as if the Lease were there; its holder makes it anew."""
    first, renewing = await contest.lead("first")
    second = contest.enter("second")
    contest.start(second.wait_for_leadership())
    await contest.clock.advance(2.2)
    contest.api.remove(LEASES, NAMESPACE, NAME)
    for _ in range(20):
        await contest.clock.advance(0.5)
        assert first.is_leading
        assert not second.is_leading
    assert not renewing.done()
    assert contest.holder() == "first"


async def test_a_lease_that_somebody_else_took_ends_the_leader(contest: Contest) -> None:
    _, renewing = await contest.lead("first")
    contest.api.edit(LEASES, NAMESPACE, NAME, {"spec": {"holderIdentity": "hands"}})
    await contest.clock.advance(RENEW_S)
    assert isinstance(renewing.exception(), LeadershipLostError)


async def test_an_edit_between_read_and_write_of_a_renewal_costs_no_leadership(
    contest: Contest,
) -> None:
    """Or a renewal of our own whose answer was lost, and which took effect late."""
    first, renewing = await contest.lead("first")

    def edit_between(call: Any) -> None:
        if call.verb == "update":
            contest.api.on_call = lambda _: None
            contest.api.edit(LEASES, NAMESPACE, NAME, {"metadata": {"labels": {"team": "a"}}})

    contest.api.on_call = edit_between
    await contest.clock.advance(10.0)
    assert not renewing.done()
    assert first.is_leading


async def test_two_that_reach_for_a_free_lease_get_one_leader(contest: Contest) -> None:
    tasks = [contest.start(contest.enter(name).wait_for_leadership()) for name in ("a", "b", "c")]
    await contest.clock.advance(3.0)
    assert sum(task.done() for task in tasks) == 1


async def test_the_lease_goes_with_the_release_and_the_next_one_leads_at_once(
    contest: Contest,
) -> None:
    """An uninstall takes the rights of the old leader away before it can hand anything back."""
    owner = contest.api.seed(DEPLOYMENTS, deployment())
    _, renewing = await contest.lead("old", owner=NAME)
    (reference,) = contest.lease()["metadata"]["ownerReferences"]
    assert (reference["kind"], reference["name"], reference["uid"]) == (
        "Deployment",
        NAME,
        owner["metadata"]["uid"],
    )
    renewing.cancel()
    contest.api.remove(DEPLOYMENTS, NAMESPACE, NAME)
    contest.api.collect_garbage()
    assert contest.api.find(LEASES, NAMESPACE, NAME) is None

    contest.api.seed(DEPLOYMENTS, deployment())
    waiting = contest.start(contest.enter("new", owner=NAME).wait_for_leadership())
    await contest.clock.advance(0.0)
    assert waiting.done()


async def test_a_lease_taken_over_from_an_earlier_release_gets_the_new_owner(
    contest: Contest,
) -> None:
    """Else the garbage collector, when it comes to it, deletes the Lease of the living."""
    contest.api.seed(DEPLOYMENTS, deployment())
    _, renewing = await contest.lead("old", owner=NAME)
    renewing.cancel()
    contest.api.remove(DEPLOYMENTS, NAMESPACE, NAME)
    owner = contest.api.seed(DEPLOYMENTS, deployment())
    waiting = contest.start(contest.enter("new", owner=NAME).wait_for_leadership())
    await seconds_until(contest, waiting.done)
    contest.api.collect_garbage()
    (reference,) = contest.lease()["metadata"]["ownerReferences"]
    assert reference["uid"] == owner["metadata"]["uid"]


async def test_without_the_right_to_read_its_owner_a_controller_leads_all_the_same(
    contest: Contest,
) -> None:
    contest.api.refuse("get", "deployments", UnavailableError("no"))
    first, _ = await contest.lead("first", owner=NAME)
    assert first.is_leading
    assert "ownerReferences" not in contest.lease()["metadata"]


def deployment() -> dict[str, Any]:
    metadata = {"name": NAME, "namespace": NAMESPACE}
    spec: dict[str, Any] = {"template": {"spec": {"containers": []}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("step", range(1, 7))
async def test_stopped_after_any_request_the_lease_is_free_again_in_time(
    contest: Contest, step: int
) -> None:
    """A crash anywhere in taking, renewing or handing back never blocks the next leader."""
    contest.api.seed(DEPLOYMENTS, deployment())

    async def live() -> None:
        elector = contest.enter("first", owner=NAME)
        await elector.wait_for_leadership()
        await contest.clock.sleep(0)
        renewing = asyncio.create_task(elector.keep_leadership())
        await contest.clock.sleep(1.5 * RENEW_S)
        renewing.cancel()
        (error,) = await asyncio.gather(renewing, return_exceptions=True)
        if isinstance(error, StoppedError):
            raise error
        await elector.release()

    contest.api.stop_after(step)
    living = contest.start(live())
    await contest.clock.advance(2.0)
    assert isinstance(living.exception(), StoppedError), f"there are fewer than {step} requests"
    contest.api.stop_after(None)
    waiting = contest.start(contest.enter("second", owner=NAME).wait_for_leadership())
    assert await seconds_until(contest, waiting.done) < TAKEOVER_S
    assert contest.holder() == "second"


async def test_a_renewal_that_was_on_its_way_does_not_spoil_the_handing_back(
    contest: Contest,
) -> None:
    first, renewing = await contest.lead("first")
    renewing.cancel()

    def renew_between(call: Any) -> None:
        if call.verb == "update":
            contest.api.on_call = lambda _: None
            contest.api.edit(LEASES, NAMESPACE, NAME, {"spec": {"renewTime": "later"}})

    contest.api.on_call = renew_between
    await first.release()
    assert contest.holder() == ""


async def test_a_lease_that_was_lost_is_not_handed_back(contest: Contest) -> None:
    """Else the old leader would take it from the new one."""
    first, renewing = await contest.lead("first")
    renewing.cancel()
    await second_leads_after(contest)
    await first.release()
    assert contest.holder() == "second"


async def test_readiness_is_whether_the_api_server_answers_now(contest: Contest) -> None:
    elector = contest.enter("first")
    assert "never" in elector.check_ready()
    await contest.lead("other")
    contest.start(elector.wait_for_leadership())
    await contest.clock.advance(1.0)
    assert elector.check_ready() == ""
    contest.api.refuse("get", "leases", UnavailableError("no answer"))
    await contest.clock.advance(UNREACHED_S + 1.0)
    assert "not reached" in elector.check_ready()
    contest.api.permit()
    await contest.clock.advance(1.0)
    assert elector.check_ready() == ""


async def test_without_an_election_the_term_never_ends(contest: Contest) -> None:
    elector = contest.enter("only")
    elector.lead_unopposed()
    await contest.clock.advance(1e6)
    elector.check_fence()
    assert elector.check_ready() == ""
