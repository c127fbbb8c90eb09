"""A gateway as a process of its own, to be killed: ``python -m integration.gateway_process FILE``.

FILE is JSON: the settings, the functions and the addresses of all gateways. Demand goes to the
controller's port by HTTP, as on a cluster. Prints ``ready`` once it is a member.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from integration.conftest import MASTER, make_function
from kubelambda.catalog.index import FunctionIndex
from kubelambda.config import GatewaySettings
from kubelambda.gateway.pools.demand_sink import HttpDemandSink
from kubelambda.gateway.server import Gateway
from kubelambda.process.signatures import Signatures


async def serve(given: dict[str, Any]) -> None:
    index = FunctionIndex()
    index.replace(make_function(**function) for function in given["functions"])
    index.synced = True

    async def find_peers() -> Sequence[str]:
        return [str(address) for address in given["addresses"]]

    sink = HttpDemandSink(given["controller"], Signatures.derive(MASTER, 1))
    gateway = Gateway(GatewaySettings(**given["settings"]), index, sink, MASTER, find_peers)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await gateway.start()
    while given["settings"]["pod_name"] not in {member.name for member in gateway.view.members}:
        await asyncio.sleep(0.01)  # the product has no event for a test
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await gateway.serve_until(stop)
    await sink.close()


if __name__ == "__main__":
    uvloop.run(serve(json.loads(Path(sys.argv[1]).read_text())))
