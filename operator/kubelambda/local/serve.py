"""`kubelambda local start`: read the YAML, serve it, follow edits, end cleanly.

Contract: everything started here is ended here, the gateway before the environments. Nothing
outside the state directory is written.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from kubelambda.catalog.index import FunctionIndex
from kubelambda.config import GatewaySettings
from kubelambda.core.asynchronous.queue import QueueUnavailableError
from kubelambda.dispatch.dispatcher import Dispatcher
from kubelambda.dispatch.metrics import DispatchMetrics
from kubelambda.dispatch.relay import RelayInvoker
from kubelambda.gateway.server import Gateway
from kubelambda.local.banner import render_banner
from kubelambda.local.environments.agent_binary import find_agent
from kubelambda.local.environments.isolation import find_isolation
from kubelambda.local.environments.local_environments import LocalEnvironments
from kubelambda.local.errors import LocalModeError
from kubelambda.local.file_watch import watch_files
from kubelambda.local.function_files import FunctionFiles
from kubelambda.local.machine import find_cache, find_machine
from kubelambda.local.state_directory import hold_state_directory
from kubelambda.local.stored import open_stored
from kubelambda.process.signals import set_on_stop
from kubelambda.process.signatures import Signatures
from kubelambda.process.supervisor import Supervisor
from kubelambda.stores.directory import DirectoryPackages
from kubelambda.stores.sqlite import SqliteQueue

HOST = "127.0.0.1"
DRAIN_S = 0.2
"""Whoever stops local mode wants it to end: invocations that run are not waited for."""


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """What the command line asked for."""

    paths: Sequence[Path]
    port: int
    state: Path
    inherited: Mapping[str, str]
    """The user's environment variables."""
    say: Callable[[str], None]
    """Prints a line for the user."""


async def serve(options: LocalOptions) -> None:
    """Serve until SIGINT or SIGTERM; LocalModeError if that cannot begin."""
    for path in options.paths:
        if not path.exists():
            raise LocalModeError(f"{path} does not exist; name a YAML file or a directory of them")
    with hold_state_directory(options.state):
        await _serve(options)


async def _serve(options: LocalOptions) -> None:
    index, master_secret = FunctionIndex(), secrets.token_bytes(32)
    agent = find_agent()
    isolation = find_isolation(agent, options.state)
    machine = find_machine(find_cache(options.inherited))
    if not isolation.command:  # below an image's root no function would find its files
        machine = replace(machine, images={})
    packages = DirectoryPackages(options.state / "packages")
    settings = _build_settings(options)
    files = FunctionFiles(options.paths, index, machine, packages.holds, options.say)
    stored = await open_stored(options.state / "objects.sqlite", files, settings.region)
    _load_first(files)
    environments = LocalEnvironments(
        index=index,
        machine=machine,
        agent=agent,
        state=options.state,
        master_secret=master_secret,
        inherited=options.inherited,
        isolation=isolation,
    )
    queue = SqliteQueue(options.state / "events.sqlite", time.time)
    gateway = Gateway(
        settings,
        index,
        environments,
        master_secret,
        events=queue,
        packages=packages,
        render_page=partial(files.render_page, settings.region),
        door=stored.door,
    )
    await _start(gateway, queue, options.port)
    environments.gateway_address = f"{HOST}:{gateway.internal_port}"
    url = f"http://{HOST}:{gateway.public_port}"
    options.say(render_banner(url, files.served, machine, environments.isolation))
    signatures = Signatures.derive(master_secret, settings.internal_key_generation)
    invoker = RelayInvoker(environments.gateway_address, signatures)
    try:
        await _serve_until_stopped(gateway, files, queue, invoker)
    finally:
        await stored.close()
        await invoker.close()
        await queue.close()
        await environments.close()


async def _serve_until_stopped(
    gateway: Gateway, files: FunctionFiles, queue: SqliteQueue, invoker: RelayInvoker
) -> None:
    stop = asyncio.Event()
    set_on_stop(stop)
    supervisor, metrics = Supervisor(), DispatchMetrics(CollectorRegistry())
    supervisor.keep(
        "the watch of the files",
        lambda: watch_files(files.paths, on_change=files.reload, on_tick=files.look_for_packages),
    )
    dispatcher = Dispatcher(queue, invoker, metrics, time.time, supervisor=supervisor)
    dispatcher.open()
    draining = asyncio.create_task(_drain_on(stop, dispatcher))
    try:
        await gateway.serve_until(stop)
    finally:
        stop.set()
        try:
            await draining  # before ``stop`` it only waits: what it raises is raised here
        finally:
            await supervisor.close()


def _load_first(files: FunctionFiles) -> None:
    loaded = files.load()
    if files.paths and not loaded.functions and not loaded.problems:
        names = ", ".join(str(path) for path in files.paths)
        raise LocalModeError(f"no LambdaFunction found under {names}")


def _build_settings(options: LocalOptions) -> GatewaySettings:
    return GatewaySettings(
        host=HOST,
        public_port=options.port,
        internal_port=0,
        metrics_port=0,
        linger_s=0,
        drain_s=DRAIN_S,
        package_cache=options.state / "environments" / "packages",
    )


async def _start(gateway: Gateway, queue: SqliteQueue, port: int) -> None:
    try:
        await gateway.start()
        await queue.open()
    except QueueUnavailableError as error:
        raise LocalModeError(f"cannot open the queue of asynchronous events: {error}") from error
    except OSError as error:
        raise LocalModeError(
            f"cannot listen on {HOST}:{port}: {error.strerror}; stop the program that listens "
            "there, or choose another port with --port"
        ) from error


async def _drain_on(stop: asyncio.Event, dispatcher: Dispatcher) -> None:
    """Give back the events that still run: local mode runs them again at its next start."""
    await stop.wait()
    await dispatcher.drain(DRAIN_S)
