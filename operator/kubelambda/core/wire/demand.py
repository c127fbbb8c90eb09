"""Demand: the environments that gateways need, and what the controller answers.

``POST /v1/demand`` on the controller's internal Service, signed as in ``core.wire.keys`` with the
key ``derive_key(master, "kubelambda/internal")``. Each gateway reports waiting requests and
environments of the functions it owns, on change and every second. A report never says
"one more": it replaces what was said of a function before, so repeating it does no harm.

- D1 a report is whole, or it holds what has changed since an earlier one (``base``). A controller
  that does not hold exactly that one ignores the report, and the ``sequence`` of its reply says
  which one it holds; the gateway then sends a whole report.
- D2 a function without waiting requests and environments is one that the gateway has forgotten.
- D3 ``idle_s`` is an age at the time of the report: the controller adds the time since then.

Versions (docs/formats.md): unknown members are ignored. The last release without versions reads
only whole reports: it refuses one that only says what has changed (it has no ``functions``), and
its reply has no ``sequence``, which means: send whole reports.

Contract: pure; values in, bytes out, and back.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

from kubelambda.core.wire.checked_values import COUNT_MAX, read_integer, read_number, read_text

DEMAND_PATH = "/v1/demand"
DURATION_MS_MAX = 900_000.0
FORMAT = 1
SEQUENCE_MAX = 2**63 - 1
IDLE_S_MAX = 10.0**9

EnvironmentState = Literal["starting", "idle", "busy"]


class MalformedDemandError(ValueError):
    """The body is not a demand report."""


@dataclass(frozen=True, slots=True)
class EnvironmentReport:
    """One environment that is linked to the reporting gateway. ``idle_s`` is 0 unless idle."""

    pod: str
    revision: str
    config_digest: str
    state: EnvironmentState
    idle_s: float


@dataclass(frozen=True, slots=True)
class FunctionDemand:
    """What one gateway reports of one function: waiting requests and linked environments."""

    namespace: str
    name: str
    uid: str
    waiting: int
    environments: tuple[EnvironmentReport, ...] = ()
    duration_ms: float | None = None
    """The mean duration of its latest events; None if none has ended at this gateway."""

    @property
    def is_over(self) -> bool:
        """Rule D2."""
        return not self.waiting and not self.environments


@dataclass(frozen=True, slots=True)
class DemandReport:
    """The demand of one gateway. ``sequence`` grows; an older report is ignored."""

    gateway: str
    sequence: int
    functions: tuple[FunctionDemand, ...] = ()
    base: int | None = None
    """``functions`` are those that changed since the report of this sequence; None: all (D1)."""


@dataclass(frozen=True, slots=True)
class Drain:
    """The controller asks a gateway to drain this idle environment over the link."""

    namespace: str
    name: str
    pod: str


@dataclass(frozen=True, slots=True)
class DemandReply:
    """The controller's answer. ``sequence``: of the report that it holds now; 0 for none (D1)."""

    drains: tuple[Drain, ...] = ()
    sequence: int = 0


def encode_report(report: DemandReport) -> bytes:
    """JSON of a report."""
    return b"".join(iter_encoded(report))


def iter_encoded(report: DemandReport) -> Iterator[bytes]:
    """The same in pieces, one for each function, so that a loop can do other work in between."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "gateway": report.gateway,
        "sequence": report.sequence,
    }
    if report.base is not None:
        head["base"] = report.base
    member = "functions" if report.base is None else "changed"
    yield _dump(head)[:-1] + f',"{member}":['.encode()
    separator = b""
    for function in report.functions:
        yield separator + _encode_function(function)
        separator = b","
    yield b"]}"


def decode_report(body: bytes) -> DemandReport:
    """The report in ``body``; MalformedDemandError for anything else."""
    try:
        raw = json.loads(body)
        is_whole = "base" not in raw
        items = raw["functions" if is_whole else "changed"]
        return DemandReport(
            gateway=read_text(raw["gateway"]),
            sequence=read_integer(raw["sequence"], high=SEQUENCE_MAX),
            functions=tuple(_decode_function(item) for item in items),
            base=None if is_whole else read_integer(raw["base"], high=SEQUENCE_MAX),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedDemandError(f"not a demand report: {error!r}") from error


def encode_reply(reply: DemandReply) -> bytes:
    """JSON of the controller's answer."""
    drains = [
        {"namespace": drain.namespace, "name": drain.name, "pod": drain.pod}
        for drain in reply.drains
    ]
    return _dump({"format": FORMAT, "sequence": reply.sequence, "drain": drains})


def decode_reply(body: bytes) -> DemandReply:
    """What the controller answered; MalformedDemandError for anything else."""
    try:
        raw = json.loads(body)
        drains = tuple(
            Drain(read_text(item["namespace"]), read_text(item["name"]), read_text(item["pod"]))
            for item in raw["drain"]
        )
        return DemandReply(drains, read_integer(raw.get("sequence", 0), high=SEQUENCE_MAX))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedDemandError(f"not a demand reply: {error!r}") from error


def _encode_function(one: FunctionDemand) -> bytes:
    known = {} if one.duration_ms is None else {"duration_ms": one.duration_ms}
    return _dump(
        {
            "namespace": one.namespace,
            "name": one.name,
            "uid": one.uid,
            "waiting": one.waiting,
            **known,
            "environments": [
                {
                    "pod": environment.pod,
                    "revision": environment.revision,
                    "config_digest": environment.config_digest,
                    "state": environment.state,
                    "idle_s": environment.idle_s,
                }
                for environment in one.environments
            ],
        }
    )


def _decode_function(item: dict[str, Any]) -> FunctionDemand:
    return FunctionDemand(
        namespace=read_text(item["namespace"]),
        name=read_text(item["name"]),
        uid=read_text(item["uid"]),
        waiting=max(0, read_integer(item["waiting"], low=-COUNT_MAX)),
        environments=tuple(
            _decode_environment(environment) for environment in item["environments"]
        ),
        duration_ms=_decode_duration(item.get("duration_ms")),
    )


def _decode_duration(value: Any) -> float | None:
    return None if value is None else read_number(value, high=DURATION_MS_MAX)


def _decode_environment(item: dict[str, Any]) -> EnvironmentReport:
    state = item["state"]
    if state not in ("starting", "idle", "busy"):
        raise ValueError(f"unknown state {state!r}")
    return EnvironmentReport(
        pod=read_text(item["pod"]),
        revision=read_text(item["revision"]),
        config_digest=read_text(item["config_digest"]),
        state=cast("EnvironmentState", state),
        idle_s=read_number(item["idle_s"], high=IDLE_S_MAX),
    )


_ENCODER = json.JSONEncoder(separators=(",", ":"))


def _dump(members: Any) -> bytes:
    return _ENCODER.encode(members).encode()
