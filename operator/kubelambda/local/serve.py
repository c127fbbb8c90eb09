"""`kubelambda local start`: read the YAML, serve it, follow edits, end cleanly.

Contract: everything started here is ended here, in the order gateway, environments. Nothing outside
the state directory is written.
"""

import asyncio
import contextlib
import fcntl
import logging
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from kubelambda.catalog.files import load_functions
from kubelambda.catalog.index import FunctionIndex
from kubelambda.catalog.loaded import Loaded, keep_last_good, list_new_problems, list_new_remarks
from kubelambda.config import GatewaySettings
from kubelambda.core.asynchronous.queue import QueueUnavailableError
from kubelambda.core.model.function import Function
from kubelambda.dispatch.dispatcher import Dispatcher
from kubelambda.dispatch.metrics import DispatchMetrics
from kubelambda.dispatch.relay import RelayInvoker
from kubelambda.gateway.server import Gateway
from kubelambda.local.banner import render_banner, render_problems, render_remarks
from kubelambda.local.edits import follow_edits
from kubelambda.local.environments import LocalEnvironments, find_agent
from kubelambda.local.isolation import find_isolation
from kubelambda.local.machine import Machine, find_cache, find_machine
from kubelambda.local.packages import mark_bad_zip, mark_missing_package
from kubelambda.local.page import describe_functions, render_page
from kubelambda.local.runtimes import Unavailable, plan_bootstrap
from kubelambda.process.supervisor import Supervisor
from kubelambda.stores.directory import DirectoryPackages
from kubelambda.stores.sqlite import SqliteQueue

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
DRAIN_S = 0.2
"""Whoever stops local mode wants it to end: what runs is not waited for."""
RUNTIME_UNAVAILABLE = "RuntimeUnavailable"


class LocalModeError(Exception):
    """Local mode cannot start; the message says what to do."""


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """What the command line asked for."""

    paths: Sequence[Path]
    port: int
    state: Path
    inherited: Mapping[str, str]
    say: Callable[[str], None]


async def serve(options: LocalOptions) -> None:
    """Serve until SIGINT or SIGTERM; LocalModeError where that cannot begin."""
    for path in options.paths:
        if not path.exists():
            raise LocalModeError(f"{path} does not exist; name a YAML file or a directory of them")
    with hold_state(options.state):
        await _serve(options)


async def _serve(options: LocalOptions) -> None:
    index, master_secret = FunctionIndex(), secrets.token_bytes(32)
    machine = find_machine(find_cache(options.inherited))
    packages = DirectoryPackages(options.state / "packages")
    loader = _Loader(options, index, machine, packages)
    loaded = loader.load()
    if not loaded.functions and not loaded.problems:
        names = ", ".join(str(path) for path in options.paths)
        raise LocalModeError(f"no LambdaFunction found under {names}")
    agent = find_agent()
    isolation = find_isolation(agent, options.state)
    environments = LocalEnvironments(
        index=index,
        machine=machine,
        agent=agent,
        state=options.state,
        master_secret=master_secret,
        inherited=options.inherited,
        isolation=isolation,
    )
    settings = GatewaySettings(
        host=HOST,
        public_port=options.port,
        internal_port=0,
        metrics_port=0,
        linger_s=0,
        drain_s=DRAIN_S,
        package_cache=options.state / "environments" / "packages",
    )
    supervisor, metrics = Supervisor(), DispatchMetrics(CollectorRegistry())
    queue = SqliteQueue(options.state / "events.sqlite", time.time)
    gateway = Gateway(
        settings,
        index,
        environments,
        master_secret,
        events=queue,
        packages=packages,
        render_page=partial(loader.render_page, settings.region),
    )
    try:
        await gateway.start()
        await queue.open()
    except QueueUnavailableError as error:
        raise LocalModeError(f"cannot open the queue of asynchronous events: {error}") from error
    except OSError as error:
        raise LocalModeError(
            f"cannot listen on {HOST}:{options.port}: {error.strerror}; "
            f"end what listens there or give another --port"
        ) from error
    environments.gateway_address = f"{HOST}:{gateway.internal_port}"
    url = f"http://{HOST}:{gateway.public_port}"
    options.say(render_banner(url, loader.served, machine, isolation))
    stop = _stop_event()
    follower = asyncio.create_task(
        follow_edits(
            options.paths, stop, on_edit=loader.load_again, on_look=loader.look_for_packages
        )
    )
    invoker = RelayInvoker(f"{HOST}:{gateway.internal_port}", master_secret)
    dispatcher = Dispatcher(queue, invoker, metrics, time.time, supervisor=supervisor)
    dispatcher.open()
    stopping = asyncio.create_task(_stop_dispatching(stop, dispatcher))
    try:
        await gateway.serve_until(stop)
    finally:
        stop.set()
        await stopping
        await follower
        await supervisor.close()
        await invoker.close()
        await queue.close()
        await environments.close()


async def _stop_dispatching(stop: asyncio.Event, dispatcher: Dispatcher) -> None:
    """What still runs is given back: it is run again when local mode is started again."""
    await stop.wait()
    await dispatcher.drain(DRAIN_S)


@dataclass(slots=True)
class _Loader:
    """Reads the files again and again; what was good before stays where a file is broken."""

    options: LocalOptions
    index: FunctionIndex
    machine: Machine
    packages: DirectoryPackages
    served: Sequence[Function] = ()
    """What the files hold, as far as it could be read; one that cannot run says why."""
    _former: Loaded = field(default_factory=lambda: Loaded((), ()))
    _lacking: bool = False
    """Whether a function waits for a package."""

    def load(self) -> Loaded:
        """Make what is in the files, and what packages are there, all that is served."""
        loaded = keep_last_good(self._former, load_functions(self.options.paths))
        problems = list_new_problems(self._former, loaded)
        remarks = list_new_remarks(self._former, loaded)
        self._former = loaded
        self._serve()
        self.index.synced = True
        if problems:
            self.options.say(render_problems(problems, loaded))
        if remarks:
            self.options.say(render_remarks(remarks))
        return loaded

    def load_again(self) -> None:
        """Something has been edited."""
        self.load()

    def look_for_packages(self) -> None:
        """Serve what has waited for a package that is there now."""
        if self._lacking:
            self._serve()

    def render_page(self, region: str, accept: str) -> tuple[str, bytes]:
        """What is served right now, for ``GET /``."""
        refs = self.index.refs()
        functions = [one for ref in refs if (one := self.index.get(ref)) is not None]
        unnamed = [str(one) for one in self._former.problems if not one.functions]
        page = render_page(describe_functions(functions, region), unnamed, accept)
        return page.content_type, page.body

    def _serve(self) -> None:
        self._lacking = False
        self.served = [self._judge(function) for function in self._former.functions]
        self.index.replace([*self.served, *self._former.stand_ins])

    def _judge(self, function: Function) -> Function:
        marked = mark_missing_package(function, self.packages.holds)
        self._lacking |= marked is not function
        return mark_unavailable(mark_bad_zip(marked), self.machine)


def mark_unavailable(function: Function, machine: Machine) -> Function:
    """The function itself, or Stalled with a reason where this machine cannot run its language."""
    bootstrap = plan_bootstrap(function.runtime, function.handler, machine)
    if not isinstance(bootstrap, Unavailable):
        return function
    return replace(
        function,
        ready=False,
        stalled_reason=RUNTIME_UNAVAILABLE,
        stalled_message=bootstrap.reason,
    )


def _stop_event() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


@contextlib.contextmanager
def hold_state(state: Path) -> Iterator[None]:
    """Own the state directory meanwhile; what a killed predecessor left is removed."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LocalModeError(
                f"another local mode uses {state}; end it or give another --state"
            ) from error
        shutil.rmtree(state / "environments", ignore_errors=True)
        yield
        shutil.rmtree(state / "environments", ignore_errors=True)
