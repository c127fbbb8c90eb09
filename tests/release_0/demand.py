"""Demand: what gateways want of the controller, and what the controller answers.

``POST /v1/demand`` on the controller's internal Service, signed as in ``core.wire.keys`` with the
key ``derive_key(master, "kubelambda/internal")``. Each gateway posts the whole demand of the
functions it owns, on change and every second: a statement of what is wanted, never a delta, so a
lost or repeated message does no harm (DESIGN 3.3).
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

DEMAND_PATH = "/v1/demand"
INTERNAL_KEY_INFO = "kubelambda/internal"

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
    """All that one gateway knows of one function: waiting requests and linked environments."""

    namespace: str
    name: str
    uid: str
    waiting: int
    environments: tuple[EnvironmentReport, ...] = ()


@dataclass(frozen=True, slots=True)
class DemandReport:
    """The whole demand of one gateway. ``sequence`` grows; an older report is ignored."""

    gateway: str
    sequence: int
    functions: tuple[FunctionDemand, ...] = ()


@dataclass(frozen=True, slots=True)
class Drain:
    """The controller asks a gateway to let this idle environment go over the link."""

    namespace: str
    name: str
    pod: str


def encode_report(report: DemandReport) -> bytes:
    """JSON of a report."""
    return json.dumps(asdict(report), separators=(",", ":")).encode()


def decode_report(body: bytes) -> DemandReport:
    """The report in ``body``; MalformedDemandError for anything else."""
    try:
        raw = json.loads(body)
        functions = tuple(_decode_function(item) for item in raw["functions"])
        return DemandReport(str(raw["gateway"]), int(raw["sequence"]), functions)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedDemandError(f"not a demand report: {error!r}") from error


def encode_reply(drains: Iterable[Drain]) -> bytes:
    """JSON of the controller's answer."""
    return json.dumps({"drain": [asdict(drain) for drain in drains]}).encode()


def decode_reply(body: bytes) -> tuple[Drain, ...]:
    """The drains that the controller asks for; MalformedDemandError for anything else."""
    try:
        return tuple(
            Drain(str(item["namespace"]), str(item["name"]), str(item["pod"]))
            for item in json.loads(body)["drain"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedDemandError(f"not a demand reply: {error!r}") from error


def _decode_function(item: dict[str, Any]) -> FunctionDemand:
    return FunctionDemand(
        namespace=str(item["namespace"]),
        name=str(item["name"]),
        uid=str(item["uid"]),
        waiting=max(0, int(item["waiting"])),
        environments=tuple(_decode_environment(one) for one in item["environments"]),
    )


def _decode_environment(item: dict[str, Any]) -> EnvironmentReport:
    state = str(item["state"])
    if state not in ("starting", "idle", "busy"):
        raise ValueError(f"unknown state {state!r}")
    return EnvironmentReport(
        pod=str(item["pod"]),
        revision=str(item["revision"]),
        config_digest=str(item["config_digest"]),
        state=cast("EnvironmentState", state),
        idle_s=float(item["idle_s"]),
    )
