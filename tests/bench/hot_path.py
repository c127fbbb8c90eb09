"""What one event costs in calls: numbers that do not depend on how busy the machine is.

Counted for one event after the other on one connection: calls of Python functions and of C
functions in a gateway that owns the function, and in both gateways of a forwarded event; of the
same processes and of a real agent the transfers, that is the reads and writes of sockets and pipes
that carried data. Other system calls (polls, waits of threads for each other) are a matter of time.
In pure Python, as a checkout runs it.

Each count is taken over a short batch and over a long one, several times; the difference is that of
the events between them, connecting left out. Of calls the least counts: timers and heartbeats,
which pass by now and then, only ever add, and much. Those batches are small and many, so that some
end between two heartbeats on a busy machine too. Of transfers the median does: reports add few, but
two writes of the other side may also come in one read. An event's count is a whole number.
"""

import os
import signal
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.call_counter import VARIABLE
from bench.gateway import NAMES
from bench.installation import install, name_owned_by, plan_function
from bench.load_program import ROOT, LoadProgram
from bench.processes import Child
from bench.system_calls import counting_transfers
from bench.trees import NOW, Tree

WARM_UP = 20
SETTLE_S = 0.02
MEMORY_MB = 1_769
TREE = Tree(NOW, "", ROOT, Path(sys.executable), {}, Path(sys.executable), {})

Counts = Mapping[str, float]
Probe = Callable[[Callable[[], None]], Counts]
"""Counts what happens while the function that it is given runs."""


@dataclass(frozen=True, slots=True)
class Batches:
    """The events of a short and of a long batch, how often both run, and whose count is taken."""

    short: int
    long: int
    times: int
    choose: Callable[[Sequence[float]], float]


OF_CALLS = Batches(2, 10, 20, min)
OF_TRANSFERS = Batches(10, 30, 6, statistics.median)


def count_hot_path(program: LoadProgram) -> dict[str, float]:
    """All counts per event; NoCounterError where this machine cannot count system calls."""
    calls, gateway = count_gateway_calls(program), count_gateway_transfers(program)
    return calls | gateway | count_agent_transfers(program)


def count_gateway_calls(program: LoadProgram) -> dict[str, float]:
    """Calls of Python functions, and of C functions by Python code."""
    return count_gateways(program, probe_calls, OF_CALLS, {VARIABLE: "1"})


def count_gateway_transfers(program: LoadProgram) -> dict[str, float]:
    """Of the same gateways."""

    def probe(processes: Mapping[str, Child], during: Callable[[], None]) -> Counts:
        return trace({name: one.pid for name, one in processes.items()}, during)

    return count_gateways(program, probe, OF_TRANSFERS, {})


def count_agent_transfers(program: LoadProgram) -> dict[str, float]:
    """Of a real agent, with the real awslambdaric."""
    given, _ = plan_function("echo", memory_mb=MEMORY_MB)
    with install(program) as installation:
        (gateway,) = installation.start_gateways(TREE, 1, [given])
        (pid,) = installation.start_environments(TREE, given, gateway.link_address, 1)
        url = gateway.invoke_url("echo")
        counts = count_events(program, url, partial(trace, {"agent": pid}), OF_TRANSFERS)
        return {f"plain: {name}": count for name, count in counts.items()}


def count_gateways(
    program: LoadProgram,
    probe: Callable[[Mapping[str, Child], Callable[[], None]], Counts],
    batches: Batches,
    environment: dict[str, str],
) -> dict[str, float]:
    """What ``probe`` counts in each gateway of a plain and of a forwarded event."""
    given, function = plan_function(name_owned_by(NAMES[0], NAMES))
    with install(program) as installation:
        owner, asked = installation.start_gateways(TREE, 2, [given], environment=environment)
        installation.start_agents(owner, function, 1)
        found: dict[str, float] = {}
        for kind, gateway, processes in (
            ("plain", owner, {"gateway": owner.process}),
            ("forwarded", asked, {"asked gateway": asked.process, "owner": owner.process}),
        ):
            url = gateway.invoke_url(function.function_name)
            counts = count_events(program, url, partial(probe, processes), batches)
            found |= {f"{kind}: {name}": count for name, count in counts.items()}
        return found


def count_events(
    program: LoadProgram, url: str, probe: Probe, batches: Batches
) -> dict[str, float]:
    """What one event at ``url`` adds to what ``probe`` counts."""
    program.offer(url, count=WARM_UP, connections=1).expect(200)
    found: dict[int, list[Counts]] = {batches.short: [], batches.long: []}
    for _ in range(batches.times):
        for size, counts in found.items():
            counts.append(probe(partial(offer_batch, program, url, size)))
    chosen = {
        size: {name: batches.choose([one[name] for one in counts]) for name in counts[0]}
        for size, counts in found.items()
    }
    return {
        name: float(round((count - chosen[batches.short][name]) / (batches.long - batches.short)))
        for name, count in chosen[batches.long].items()
    }


def offer_batch(program: LoadProgram, url: str, size: int) -> None:
    program.offer(url, count=size, connections=1).expect(200)
    time.sleep(SETTLE_S)  # what follows the last answer belongs to it


def probe_calls(processes: Mapping[str, Child], during: Callable[[], None]) -> Counts:
    before = {name: ask_calls(one) for name, one in processes.items()}
    during()
    found: dict[str, float] = {}
    for name, one in processes.items():
        python, c = ask_calls(one)
        found[f"{name}, Python calls"] = python - before[name][0]
        found[f"{name}, C calls"] = c - before[name][1]
    return found


def ask_calls(process: Child) -> tuple[int, int]:
    """Both numbers of ``call_counter`` so far."""
    os.kill(process.pid, signal.SIGUSR1)
    python, c = process.read_line().split()
    return int(python), int(c)


def trace(pids: Mapping[str, int], during: Callable[[], None]) -> Counts:
    """The transfers of each process while ``during`` runs."""
    with ExitStack() as stack:
        found = {name: stack.enter_context(counting_transfers(pid)) for name, pid in pids.items()}
        during()
    return {f"{name}, transfers": one.count for name, one in found.items()}
