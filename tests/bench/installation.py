"""Gateways as processes, with fake agents and a fake controller: what most measurements ask.

Contract: everything is on loopback and ends with the ``with`` block. Functions have environments
from the start, so nothing waits for a cold start.
"""

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from bench.gateway_process import MASTER, GatewayPlan
from bench.load_program import LoadProgram
from bench.processes import Child, running
from bench.trees import Tree
from integration.conftest import make_function
from kubelambda.core.coordination.ownership import choose_owner
from kubelambda.core.model.function import Function
from kubelambda.core.wire.keys import derive_function_key

SOURCE = "def handler(event, context):\n    return event\n"
RUNTIME = "python3.13"
"""As charts install it: by this name AWS's client tells how to wait for events."""


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """One gateway process."""

    name: str
    process: Child
    public_port: int
    internal_port: int
    scheme: str

    @property
    def link_address(self) -> str:
        """Where agents dial in."""
        return f"127.0.0.1:{self.internal_port}"

    def invoke_url(self, function_name: str) -> str:
        host = f"{self.scheme}://127.0.0.1:{self.public_port}"
        return f"{host}/2015-03-31/functions/{function_name}/invocations"


@dataclass(slots=True)
class Installation:
    """Starts processes into ``stack``; all of them end with it."""

    program: LoadProgram
    stack: ExitStack
    controller: str
    gateways: list[RunningGateway] = field(default_factory=list)

    def start_gateways(
        self,
        tree: Tree,
        count: int,
        functions: Sequence[dict[str, Any]],
        settings: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
    ) -> list[RunningGateway]:
        """``count`` gateways of ``tree`` that know each other and ``functions``, all members."""
        ports = [(free_port(), free_port()) for _ in range(count)]
        addresses = [f"127.0.0.1:{internal}" for _, internal in ports] if count > 1 else []
        given = settings or {}
        for number, (public, internal) in enumerate(ports):
            name = f"gateway-{number}"
            own = {"pod_name": name, "public_port": public, "internal_port": internal}
            plan = GatewayPlan(given | own, list(functions), self.controller, addresses)
            process = self._run(tree, "gateway_process", asdict(plan), environment)
            scheme = "https" if given.get("tls_certificate_file") else "http"
            self.gateways.append(RunningGateway(name, process, public, internal, scheme))
        for one in self.gateways[-count:]:
            one.process.read_line()
        return self.gateways[-count:]

    def start_agents(
        self,
        gateway: RunningGateway,
        function: Function,
        count: int,
        hold_ms: float = 0,
        answer: str = "",
    ) -> None:
        """Fake environments of ``function``, linked to ``gateway``, which owns it.

        ``answer`` is what they answer with: the event, an ``error``, or ``streamed``.
        """
        plan = {
            "gateway": gateway.link_address,
            "key": derive_function_key(MASTER, function.uid, 1).hex(),
            "namespace": function.ref.namespace,
            "function": function.ref.name,
            "uid": function.uid,
            "configDigest": function.config_digest,
            "count": count,
            "holdMs": hold_ms,
            "answer": answer,
        }
        agents = self.stack.enter_context(self.program.serve("agents", json.dumps(plan)))
        agents.read_line()

    def start_environments(
        self, tree: Tree, given: dict[str, Any], address: str, count: int
    ) -> list[int]:
        """Real environments of a function, linked to ``address``; the pids of their agents.

        ``given`` is the function as ``plan_function`` gives it.
        """
        plan = {"function": given, "gateway": address, "count": count}
        ready = self._run(tree, "environments_process", plan).read_line()
        return [int(pid) for pid in ready.split()[1:]]

    def _run(
        self,
        tree: Tree,
        module: str,
        plan: dict[str, Any],
        environment: dict[str, str] | None = None,
    ) -> Child:
        command = tree.command(module, json.dumps(plan))
        variables = tree.variables(module) | (environment or {})
        return self.stack.enter_context(running(command, variables))

    def start_echo(self) -> str:
        """The Go echo server's URL."""
        port = self.stack.enter_context(self.program.serve("echo")).read_line()
        return f"http://127.0.0.1:{port}/echo"

    def start_proxy(self, target: str, *arguments: str) -> tuple[Child, str]:
        """Go's reverse proxy in front of ``target``, and its address."""
        base = target.rpartition("/")[0]
        proxy = self.stack.enter_context(self.program.serve("proxy", "-target", base, *arguments))
        return proxy, f"127.0.0.1:{proxy.read_line()}/echo"


@contextmanager
def install(program: LoadProgram) -> Iterator[Installation]:
    """An installation without gateways yet."""
    with ExitStack() as stack:
        controller = stack.enter_context(program.serve("controller"))
        yield Installation(program, stack, f"http://127.0.0.1:{controller.read_line()}")


def plan_function(name: str, **changes: Any) -> tuple[dict[str, Any], Function]:
    """A function as a gateway process is told of it, and as this process sees it."""
    given = {"name": name, "source": SOURCE, "runtime": RUNTIME} | changes
    return given, make_function(**given)


def name_owned_by(owner: str, members: Sequence[str], skip: int = 0) -> str:
    """A function's name that ``owner`` of ``members`` owns, after ``skip`` others."""
    names = (f"f{number}" for number in range(1_000))
    owned = (one for one in names if choose_owner("default", one, members) == owner)
    return next(islice(owned, skip, None))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
