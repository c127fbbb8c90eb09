"""Pools with environments whose agents do what the scenario says."""

from typing import Any

from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire.demand import FunctionDemand
from kubelambda.core.wire.frames import FrameType, encode_control
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.link.environment import Environment
from kubelambda.gateway.link.event_deadlines import EventDeadlines
from kubelambda.gateway.link.hello import Identity
from kubelambda.gateway.pools.pools import Pools
from unit.functions import REF, make_function

RESERVED = 3


def make_reserving_function(memory_mb: int = 128, **fields: Any) -> Function:
    return make_function(**{"memory_mb": memory_mb, "reserved_concurrency": RESERVED, **fields})


class PeerCounts:
    """What other gateways hold: nothing, unless the scenario says so."""

    def __init__(self) -> None:
        self.functions: dict[FunctionRef, int] = {}
        self.accounts: dict[str, int] = {}

    def count_function(self, ref: FunctionRef, heard: int) -> int:
        return max(0, self.functions.get(ref, 0) - heard)

    def count_account(self, account_id: str) -> int:
        return self.accounts.get(account_id, 0)


class Agent:
    """The other end of one environment's link."""

    def __init__(self, pools: Pools, function: Function, pod: str) -> None:
        identity = Identity(function.ref, function.uid, pod, pod, "r", function.config_digest)
        self._pools = pools
        self.told: list[FrameType] = []
        self.environment = Environment(identity, pools, self._take, lambda: None, EventDeadlines())

    def _take(self, frames: bytes) -> None:
        while frames:
            length = int.from_bytes(frames[:4], "big")
            self.told.append(FrameType(frames[4]))
            frames = frames[4 + length :]

    def end_init(self) -> None:
        self._say(FrameType.INIT_DONE)

    def respond(self) -> None:
        """The response, whole; the runtime has not asked for its next event yet."""
        for kind in (FrameType.RESPONSE, FrameType.RESPONSE_END):
            self._say(kind, requestId=self.request_id)

    def become_idle(self) -> None:
        self._say(FrameType.IDLE, requestId=self.request_id)

    def finish(self) -> None:
        self.respond()
        self.become_idle()

    def leave(self) -> None:
        """It was told to end: SIGTERM."""
        self._say(FrameType.LEAVING)

    def hang_up(self) -> None:
        self.environment.lost()
        self._pools.detach(self.environment)

    @property
    def request_id(self) -> str:
        invocation = self.environment.invocation
        return invocation.request_id if invocation else self.environment.recovered_request

    def _say(self, kind: FrameType, **fields: Any) -> None:
        self.environment.receive(kind, encode_control(kind, fields)[5:])


class World:
    """Pools over a catalog of a few functions."""

    def __init__(self, start_wait_s: float = 60) -> None:
        self.notified = 0
        self.stages: list[tuple[str, float]] = []
        self.catalog: dict[FunctionRef, Function] = {}
        self.peer_counts = PeerCounts()
        self.pools = Pools(
            start_wait_s=start_wait_s,
            notify=self.note,
            peer_counts=self.peer_counts,
            find=self.catalog.get,
            observe_stage=lambda stage, seconds: self.stages.append((stage, seconds)),
        )
        self.function = make_reserving_function()
        self.catalog[REF] = self.function
        self.answers: dict[str, list[Outcome | ApiError | Any]] = {}
        self.invocations: dict[str, Invocation] = {}
        self.agents: list[Agent] = []
        self.linked = 0

    def note(self, _: FunctionRef) -> None:
        self.notified += 1

    # what callers, agents and the catalog do

    def submit(self, function: Function | None = None, **fields: Any) -> Invocation:
        """Keep what is answered in ``answers``; ``answered`` of the fields is an event to set."""
        answered = fields.pop("answered", None)
        request_id = str(fields.pop("request_id", len(self.answers) + 1))
        answers = self.answers.setdefault(request_id, [])

        def answer(outcome: Outcome | ApiError | Dropped) -> None:
            answers.append(outcome)
            if answered is not None:
                answered.set()

        invocation = Invocation(
            request_id=request_id,
            function=function or self.function,
            qualifier="",
            invoked_arn="arn",
            payload=b"{}",
            trace_id="",
            client_context="",
            wants_tail=False,
            answer=answer,
            **fields,
        )
        self.invocations[request_id] = invocation
        self.pools.submit(invocation)
        return invocation

    def attach(self, function: Function | None = None) -> Agent:
        """An environment has been linked; its init is not over."""
        function = function or self.function
        self.pools.open(function)
        self.linked += 1
        agent = Agent(self.pools, function, f"pod-{self.linked}")
        self.agents.append(agent)
        self.pools.attach(agent.environment)
        return agent

    def link(self, function: Function | None = None) -> Agent:
        """The same, and its init is over."""
        agent = self.attach(function)
        agent.end_init()
        return agent

    def recover(self, request_id: str, state: str = "busy") -> Agent:
        """An environment comes from another gateway."""
        agent = self.attach()
        agent.environment.adopt(state, request_id)
        return agent

    def put(self, function: Function) -> None:
        """The catalog has a new description of the function."""
        self.function = self.catalog[function.ref] = function
        self.pools.update(function)

    def delete(self) -> None:
        """The function is deleted."""
        if self.catalog.pop(self.function.ref, None) is not None:
            self.pools.remove(self.function.ref)

    def recreate(self) -> None:
        """It is there again, as another object."""
        self.put(make_reserving_function(uid=f"u{len(self.answers)}-{self.linked}"))

    # what is to be seen

    def answer(self, number: int) -> Outcome | ApiError | Any:
        (answer,) = self.answers[str(number)]
        return answer

    def reports(self) -> list[FunctionDemand]:
        reports = [self.pools.report_of(ref) for ref in self.pools.refs()]
        return [one for one in reports if one is not None]

    def count_waiting(self) -> int:
        return sum(one.waiting for one in self.reports())

    def relinquish(self, successor: str | None = "10.0.0.9:8443") -> list[Invocation]:
        return self.pools.relinquish(lambda _: successor, 7, "proof")

    def count_parked(self) -> int:
        return sum(len(one.parked) for one in self.pools._versions.values())
