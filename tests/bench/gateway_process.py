"""A gateway as a process of its own, to be measured: ``python -m bench.gateway_process JSON``.

JSON: the settings, the functions, the addresses of all gateways and the controller's URL. Prints
``ready`` once all of them are members; ends when standard input closes or at SIGTERM.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import uvloop

from bench.call_counter import count_calls_if_asked
from bench.profiling import run_profiled
from integration.conftest import make_function
from kubelambda.catalog.index import FunctionIndex
from kubelambda.config import GatewaySettings
from kubelambda.gateway.pools.demand_sink import HttpDemandSink
from kubelambda.gateway.server import Gateway
from kubelambda.process.signatures import Signatures
from kubelambda.process.supervisor import Supervisor
from kubelambda.stores.jetstream import JetStreamQueue
from kubelambda.stores.nats_connection import NatsConnection

MASTER = b"m" * 32


@dataclass(frozen=True, slots=True)
class GatewayPlan:
    """What a gateway process is told; see the module."""

    settings: dict[str, Any]
    functions: list[dict[str, Any]]
    controller: str
    addresses: list[str] = field(default_factory=list)


def _build_settings(settings: dict[str, Any]) -> GatewaySettings:
    return GatewaySettings(host="127.0.0.1", metrics_port=0, linger_s=0.0, **settings)


async def serve(plan: GatewayPlan) -> None:
    index = FunctionIndex()
    index.replace(make_function(**one) for one in plan.functions)
    index.synced = True

    async def find_peers() -> Sequence[str]:
        return plan.addresses

    settings = _build_settings(plan.settings)
    sink = HttpDemandSink(plan.controller, Signatures.derive(MASTER, 1))
    connection = NatsConnection(settings.queue_url) if settings.queue_url else None
    queue = JetStreamQueue(connection) if connection else None
    supervisor = Supervisor()
    if connection is not None:
        await connection.open(supervisor)
    peers = find_peers if plan.addresses else None
    gateway = Gateway(settings, index, sink, MASTER, peers, queue)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(sys.stdin, lambda: None if sys.stdin.readline() else stop.set())
    await gateway.start()
    while len(gateway.view.members) < max(1, len(plan.addresses)):
        await asyncio.sleep(0.02)
    print("ready", flush=True)
    await gateway.serve_until(stop)
    await sink.close()
    await supervisor.close()
    if connection is not None:
        await connection.close()


def main() -> None:
    plan = GatewayPlan(**json.loads(sys.argv[1]))
    count_calls_if_asked()
    run_profiled("gateway", lambda: uvloop.run(serve(plan)))


if __name__ == "__main__":
    main()
