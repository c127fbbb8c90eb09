"""Real agents with the real awslambdaric: ``python -m bench.environments_process JSON``.

JSON: the function as ``make_function`` takes it, a gateway's internal address, how many. Prints
``ready`` and the agents' pids, whose logs go to /dev/null; ends them, and itself, when standard
input closes or at SIGTERM.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.gateway_process import MASTER
from integration.conftest import make_function
from kubelambda.catalog.index import FunctionIndex
from kubelambda.config import read_environment
from kubelambda.core.wire.demand import DemandReport, FunctionDemand
from kubelambda.local.environments.agent_binary import find_agent
from kubelambda.local.environments.local_environments import LocalEnvironments
from kubelambda.local.machine import find_machine


@dataclass(frozen=True, slots=True)
class EnvironmentsPlan:
    """What this process is told; see the module."""

    function: dict[str, Any]
    gateway: str
    count: int


async def serve(plan: EnvironmentsPlan, say: int) -> None:
    """Start the environments, write the line to the file descriptor ``say``, wait for the end."""
    function = make_function(**plan.function)
    index = FunctionIndex()
    index.put(function)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(sys.stdin, lambda: None if sys.stdin.readline() else stop.set())
    with tempfile.TemporaryDirectory() as directory:
        environments = LocalEnvironments(
            index=index,
            machine=find_machine(),
            agent=find_agent(),
            state=Path(directory),
            master_secret=MASTER,
            inherited=read_environment(),
            gateway_address=plan.gateway,
        )
        ref = function.ref
        demand = FunctionDemand(ref.namespace, ref.name, function.uid, plan.count, ())
        try:
            await environments.report(DemandReport("bench", 1, (demand,)))
            pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            os.write(say, f"ready {' '.join(pids)}\n".encode())
            await stop.wait()
        finally:
            await environments.close()


def main() -> None:
    plan = EnvironmentsPlan(**json.loads(sys.argv[1]))
    say = os.dup(1)  # not inheritable: agents do not hold it
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    asyncio.run(serve(plan, say))


if __name__ == "__main__":
    main()
