"""Starting and ending the environments of local mode: agent processes as children of this one.

Contract: does for the gateway of local mode what the controller does for gateways on a cluster.
Starts an agent for each environment that the reported demand lacks, lets idle ones go after the
idle time, and ends every process it started when it closes. A child dies with its parent: the agent
sees to that.
"""

import asyncio
import contextlib
import logging
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.core.wire.demand import DemandReply, DemandReport, Drain, FunctionDemand
from kubelambda.local.bootstrap import Bootstrap, Unavailable, plan_bootstrap
from kubelambda.local.environments.isolation import (
    NOT_ISOLATED,
    EnvironmentPaths,
    Isolation,
    make_directories,
)
from kubelambda.local.environments.needed_paths import list_needed_paths
from kubelambda.local.environments.start_pauses import StartPauses
from kubelambda.local.environments.variables import (
    AgentVariables,
    select_inherited,
)
from kubelambda.local.machine import Machine
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

END_SIGNALS = ((signal.SIGTERM, 0.3), (signal.SIGHUP, 3.0), (signal.SIGKILL, 3.0))
"""The signals that end an agent, in this order, and how many seconds each has to take effect."""


@dataclass(slots=True)
class LocalEnvironment:
    """One agent process and the directory that is its file system."""

    pod: str
    """The environment's name, in place of a pod's."""
    ref: FunctionRef
    uid: str
    config_digest: str
    process: asyncio.subprocess.Process
    directory: Path
    is_former: bool = False
    """Its function was deleted: it ends by itself, and serves no later function of that name."""
    is_linked: bool = False
    """A gateway has reported it."""


@dataclass(slots=True)
class LocalEnvironments:
    """Starts and ends agents as the demand asks; a driver of the port ``DemandSink``."""

    index: FunctionIndex
    machine: Machine
    agent: Path
    state: Path
    master_secret: bytes
    inherited: Mapping[str, str]
    """The environment of the user who started local mode."""
    isolation: Isolation = NOT_ISOLATED
    gateway_address: str = ""
    idle_timeout_s: float = 300.0
    pauses: StartPauses = field(default_factory=StartPauses)
    _running: dict[str, LocalEnvironment] = field(default_factory=dict)
    _started_count: int = 0
    _supervisor: Supervisor = field(default_factory=Supervisor)
    _watchers: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.index.subscribe(self._note_deletion)

    async def report(self, report: DemandReport) -> DemandReply:
        """Make as many environments as ``report`` wants; answer which idle ones may go."""
        drains: list[Drain] = []
        for demand in report.functions:
            ref = FunctionRef(demand.namespace, demand.name)
            self._note_linked(ref, demand)
            await self._start_missing(ref, demand)
            drains += [
                Drain(demand.namespace, demand.name, environment.pod)
                for environment in demand.environments
                if environment.state == "idle" and environment.idle_s > self.idle_timeout_s
            ]
        return DemandReply(tuple(drains))

    async def close(self) -> None:
        """End every agent: SIGTERM first, then SIGHUP, which ends it at once, then SIGKILL."""
        environments = list(self._running.values())
        for number, patience_s in END_SIGNALS:
            for environment in environments:
                _signal(environment.process, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await asyncio.gather(
                        *(environment.process.wait() for environment in environments)
                    )
                    break
        await asyncio.gather(*self._watchers, return_exceptions=True)

    async def _start_missing(self, ref: FunctionRef, demand: FunctionDemand) -> None:
        function = self.index.get(ref)
        if function is None or not self.pauses.may_start(ref, _now()):
            return
        digest = function.config_digest
        running = sum(
            environment.ref == ref
            and environment.config_digest == digest
            and not environment.is_former
            for environment in self._running.values()
        )
        busy = sum(
            environment.state == "busy" and environment.config_digest == digest
            for environment in demand.environments
        )
        wanted = busy + demand.waiting
        if function.reserved_concurrency is not None:
            wanted = min(wanted, function.reserved_concurrency)
        for _ in range(wanted - running):
            try:
                await self._start(function)
            except OSError as error:
                self._pause(ref, f"cannot be started: {error}")
                return

    def _note_linked(self, ref: FunctionRef, demand: FunctionDemand) -> None:
        for environment in demand.environments:
            if environment.pod in self._running:
                self._running[environment.pod].is_linked = True
                self.pauses.note_success(ref)

    def _pause(self, ref: FunctionRef, problem: str) -> None:
        delay_s = self.pauses.note_failure(ref, _now())
        logger.warning("an environment of %s %s; next try in %.1f s", ref, problem, delay_s)

    def _note_deletion(self, ref: FunctionRef) -> None:
        function = self.index.get(ref)
        for environment in self._running.values():
            if environment.ref == ref and (function is None or function.uid != environment.uid):
                environment.is_former = True

    async def _start(self, function: Function) -> None:
        bootstrap = plan_bootstrap(function.runtime, function.handler, self.machine)
        if isinstance(bootstrap, Unavailable):
            return
        self._started_count += 1
        pod = f"{function.ref.name}-{self._started_count}"
        directory = self.state.resolve() / "environments" / pod
        try:
            process = await self._spawn(function, pod, directory, bootstrap)
        except OSError:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        environment = LocalEnvironment(
            pod, function.ref, function.uid, function.config_digest, process, directory
        )
        self._running[pod] = environment
        name = f"waiting for the end of {pod}"
        watcher = self._supervisor.spawn(name, self._remove_when_ended(environment))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    async def _spawn(
        self, function: Function, pod: str, directory: Path, bootstrap: Bootstrap
    ) -> asyncio.subprocess.Process:
        make_directories(directory)
        variables = AgentVariables(self.gateway_address, self.master_secret, self.inherited)
        paths = self._prepare_paths(directory, bootstrap)
        return await asyncio.create_subprocess_exec(
            *self.isolation.command,
            self.agent,
            env=variables.build(function, pod, paths, bootstrap),
            stdin=asyncio.subprocess.DEVNULL,
            cwd=directory,
            start_new_session=True,
        )

    def _prepare_paths(self, directory: Path, bootstrap: Bootstrap) -> EnvironmentPaths:
        programs = [self.agent, *map(Path, bootstrap.directories)]
        needed = list_needed_paths(self.machine, programs, select_inherited(self.inherited))
        root = Path(bootstrap.image_root) if bootstrap.image_root else None
        return self.isolation.prepare(directory, needed, root)

    async def _remove_when_ended(self, environment: LocalEnvironment) -> None:
        code = await environment.process.wait()
        self._running.pop(environment.pod, None)
        shutil.rmtree(environment.directory, ignore_errors=True)
        logger.debug("environment %s ended with %s", environment.pod, code)
        if not environment.is_linked and code > 0:
            self._pause(environment.ref, f"ended with {code} before a gateway heard of it")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        process.send_signal(number)
