"""Real agents with the real awslambdaric, as children of the measurement, linked to an address."""

import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from bench.gateway_process import MASTER
from kubelambda.catalog.index import FunctionIndex
from kubelambda.config import read_environment
from kubelambda.core.model.function import Function
from kubelambda.core.wire.demand import DemandReport, FunctionDemand
from kubelambda.local.environments.agent_binary import find_agent
from kubelambda.local.environments.local_environments import LocalEnvironments
from kubelambda.local.machine import find_machine


@asynccontextmanager
async def start_environments(
    function: Function, gateway_address: str, count: int
) -> AsyncIterator[list[int]]:
    """``count`` environments of ``function``; gives their agents' pids, and ends them."""
    index = FunctionIndex()
    index.put(function)
    with tempfile.TemporaryDirectory() as directory:
        environments = LocalEnvironments(
            index=index,
            machine=find_machine(),
            agent=find_agent(),
            state=Path(directory),
            master_secret=MASTER,
            inherited=read_environment(),
            gateway_address=gateway_address,
        )
        ref = function.ref
        demand = FunctionDemand(ref.namespace, ref.name, function.uid, count, ())
        before = find_children()
        try:
            with silenced():
                await environments.report(DemandReport("bench", 1, (demand,)))
            yield sorted(find_children() - before)
        finally:
            await environments.close()


@contextmanager
def silenced() -> Iterator[None]:
    """What is started meanwhile writes its log to nowhere."""
    sys.stdout.flush()
    kept = [os.dup(number) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in (1, 2):
            os.dup2(nowhere, number)
        yield
    finally:
        for number, former in zip((1, 2), kept, strict=True):
            os.dup2(former, number)
            os.close(former)
        os.close(nowhere)


def find_children() -> set[int]:
    """The pids of this process's own children."""
    own = os.getpid()
    return {int(pid) for pid in Path(f"/proc/{own}/task/{own}/children").read_text().split()}
