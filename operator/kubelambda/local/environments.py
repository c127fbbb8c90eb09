"""Environments of local mode: agent processes as children of this process.

Contract: the driver of the gateway's demand port that a controller is on a cluster. Starts an agent
for each environment that the demand is short of, lets idle ones go after the idle time, and ends
every process it started when it closes. A child dies with its parent (the agent sees to that).
"""

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.backoff import double_delay_s
from kubelambda.core.model.code import LocalDirectory
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.core.packages.language_paths import Roots, build_local_paths
from kubelambda.core.wire.demand import DemandReply, DemandReport, Drain, FunctionDemand
from kubelambda.core.wire.keys import derive_function_key
from kubelambda.local.isolation import PLAIN, Isolation, Sight, make_directories
from kubelambda.local.machine import Machine, list_needed_paths
from kubelambda.local.runtimes import Bootstrap, Unavailable, plan_bootstrap

logger = logging.getLogger(__name__)

ENDINGS = ((signal.SIGTERM, 0.3), (signal.SIGHUP, 3.0), (signal.SIGKILL, 3.0))
"""How an agent is told to end, and for how many seconds that is left to it."""
RETRY_S_MIN = 0.2
RETRY_S_MAX = 5.0
INHERITED_VARIABLES = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "TMPDIR")
ALLOWED_CODE_HOSTS = ("localhost", "127.0.0.1", "::1")
"""Code may come from this machine, by plain http too."""
OPT_VARIABLE = "_KUBELAMBDA_OPT_ROOT"
"""For the runtimes' bootstraps: what takes the place of /opt (runtimes/README.md)."""
S3_PREFIX = "KUBELAMBDA_S3_"
"""What is a Secret's on a cluster comes from the user's own environment here."""


class AgentMissingError(Exception):
    """The agent binary is not in the package."""


@dataclass(slots=True)
class LocalEnvironment:
    """One agent process and the directory that is its file system."""

    pod: str
    ref: FunctionRef
    uid: str
    config_digest: str
    process: asyncio.subprocess.Process
    directory: Path
    is_former: bool = False
    """Its function was deleted: it ends by itself, and serves no successor of the name."""
    is_linked: bool = False
    """A gateway has spoken of it."""


@dataclass(slots=True)
class _Pause:
    """Environments of a function that ended before they were linked: the next one waits."""

    failures: int = 0
    until: float = 0.0


@dataclass(slots=True)
class LocalEnvironments:
    """Starts and ends agents as the demand asks; a driver of the port ``DemandSink``."""

    index: FunctionIndex
    machine: Machine
    agent: Path
    state: Path
    master_secret: bytes
    inherited: Mapping[str, str]
    isolation: Isolation = PLAIN
    gateway_address: str = ""
    idle_timeout_s: float = 300.0
    _running: dict[str, LocalEnvironment] = field(default_factory=dict)
    _started_count: int = 0
    _pauses: dict[FunctionRef, _Pause] = field(default_factory=dict)
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
                Drain(demand.namespace, demand.name, one.pod)
                for one in demand.environments
                if one.state == "idle" and one.idle_s > self.idle_timeout_s
            ]
        return DemandReply(tuple(drains))

    async def close(self) -> None:
        """End every agent: SIGTERM, then SIGHUP, which leaves no time to anything; then SIGKILL."""
        environments = list(self._running.values())
        for number, patience_s in ENDINGS:
            for one in environments:
                _signal(one.process, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await asyncio.gather(*(one.process.wait() for one in environments))
                    break
        await asyncio.gather(*self._watchers, return_exceptions=True)

    async def _start_missing(self, ref: FunctionRef, demand: FunctionDemand) -> None:
        function = self.index.get(ref)
        if function is None or asyncio.get_running_loop().time() < self._pause(ref).until:
            return
        digest = function.config_digest
        running = [
            one
            for one in self._running.values()
            if one.ref == ref and one.config_digest == digest and not one.is_former
        ]
        taken = sum(
            one.state == "busy" and one.config_digest == digest for one in demand.environments
        )
        for _ in range(taken + demand.waiting - len(running)):
            try:
                await self._start(function)
            except OSError as error:
                self._put_off(ref, f"cannot be started: {error}")
                return

    def _note_linked(self, ref: FunctionRef, demand: FunctionDemand) -> None:
        for one in demand.environments:
            if one.pod in self._running:
                self._running[one.pod].is_linked = True
                self._pauses.pop(ref, None)

    def _put_off(self, ref: FunctionRef, problem: str) -> None:
        """What fails again and again is tried again and again, but not at once."""
        pause = self._pauses.setdefault(ref, _Pause())
        delay_s = double_delay_s(pause.failures, RETRY_S_MIN, RETRY_S_MAX)
        pause.failures += 1
        pause.until = asyncio.get_running_loop().time() + delay_s
        logger.warning("an environment of %s %s; next try in %.1f s", ref, problem, delay_s)

    def _pause(self, ref: FunctionRef) -> _Pause:
        return self._pauses.get(ref, _Pause())

    def _note_deletion(self, ref: FunctionRef) -> None:
        function = self.index.get(ref)
        for one in self._running.values():
            if one.ref == ref and (function is None or function.uid != one.uid):
                one.is_former = True

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
        watcher = asyncio.create_task(self._forget_when_over(environment))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    async def _spawn(
        self, function: Function, pod: str, directory: Path, bootstrap: Bootstrap
    ) -> asyncio.subprocess.Process:
        make_directories(directory)
        return await asyncio.create_subprocess_exec(
            *self.isolation.command,
            self.agent,
            env=self._build_variables(function, pod, directory, bootstrap),
            stdin=asyncio.subprocess.DEVNULL,
            cwd=directory,
            start_new_session=True,
        )

    async def _forget_when_over(self, environment: LocalEnvironment) -> None:
        code = await environment.process.wait()
        self._running.pop(environment.pod, None)
        shutil.rmtree(environment.directory, ignore_errors=True)
        logger.debug("environment %s ended with %s", environment.pod, code)
        if not environment.is_linked and code > 0:
            self._put_off(environment.ref, f"ended with {code} before a gateway heard of it")

    def _build_variables(
        self, function: Function, pod: str, directory: Path, bootstrap: Bootstrap
    ) -> dict[str, str]:
        key = derive_function_key(self.master_secret, function.uid, 1)
        inherited = {
            name: self.inherited[name] for name in INHERITED_VARIABLES if name in self.inherited
        }
        sight = self._prepare(function, directory, bootstrap, inherited)
        return {
            **inherited,
            **_build_paths(sight, bootstrap, inherited.get("PATH", "")),
            **bootstrap.variables,
            "KUBELAMBDA_GATEWAY": self.gateway_address,
            "KUBELAMBDA_NAMESPACE": function.ref.namespace,
            "KUBELAMBDA_FUNCTION": function.ref.name,
            "KUBELAMBDA_FUNCTION_UID": function.uid,
            "KUBELAMBDA_KEY": key.hex(),
            "KUBELAMBDA_KEY_GENERATION": "1",
            "KUBELAMBDA_CONFIG_DIGEST": function.config_digest,
            "KUBELAMBDA_REVISION": "local",
            "KUBELAMBDA_POD": pod,
            "KUBELAMBDA_POD_UID": pod,
            "KUBELAMBDA_BOOTSTRAP": json.dumps(list(bootstrap.argv)),
            "KUBELAMBDA_TASK_ROOT": sight.task,
            "KUBELAMBDA_OPT_ROOT": sight.opt,
            "KUBELAMBDA_RUNTIME_API_ADDRESS": "127.0.0.1:0",
            **sight.variables,
            **self._build_code_variables(function),
        }

    def _prepare(
        self,
        function: Function,
        directory: Path,
        bootstrap: Bootstrap,
        inherited: Mapping[str, str],
    ) -> Sight:
        code = function.code
        programs = [self.agent, *map(Path, bootstrap.directories)]
        return self.isolation.prepare(
            directory,
            Path(code.path) if isinstance(code, LocalDirectory) else None,
            list_needed_paths(self.machine, programs, inherited),
        )

    def _build_code_variables(self, function: Function) -> dict[str, str]:
        """As on a cluster, only for functions whose code is fetched."""
        if not function.fetches_code:
            return {}
        access = {
            name: self.inherited[name] for name in self.inherited if name.startswith(S3_PREFIX)
        }
        return {
            "KUBELAMBDA_ALLOWED_CODE_HOSTS": ",".join(ALLOWED_CODE_HOSTS),
            **(access if function.uses_s3 else {}),
        }


def _build_paths(sight: Sight, bootstrap: Bootstrap, machine_path: str) -> dict[str, str]:
    """Where the language looks, with the environment's directories in the place of an image's."""
    roots = Roots(
        task=sight.task,
        opt=sight.opt,
        runtime=bootstrap.runtime_directory,
        lang=bootstrap.lang_directory,
        modules=bootstrap.modules,
    )
    paths = build_local_paths(bootstrap.language, bootstrap.versions, roots, machine_path)
    return {**paths, OPT_VARIABLE: roots.opt}


def find_agent() -> Path:
    """The agent binary that the package was built with."""
    agent = Path(__file__).parent / "bin" / "kubelambda-agent"
    if not os.access(agent, os.X_OK):
        raise AgentMissingError(
            f"{agent.name} is not in the installed package; reinstall it (make install-dev)"
        )
    return agent


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        process.send_signal(number)
