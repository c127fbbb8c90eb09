"""What memory does under an hour of load: ``python -m bench.soak --minutes 60 [--compiled]``.

Two gateways with fake environments serve one kind of request after the other, at an even rate that
takes about a tenth of a core, so that it can run beside other work. For each kind and gateway the
table says by how many bytes its resident memory grows with each request, once the kind has been
warmed up. Exit code 1 where that is more than ``LEAK_BYTES``: the least that a forgotten object
costs. A short run sees less: the table says how many requests a slope is of. A client that goes
away waits for nothing: a machine that cannot keep up with ``--rate`` grows by what is waiting.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.installation import Installation, RunningGateway, install, name_owned_by, plan_function
from bench.load_program import LoadProgram
from bench.processes import read_resident_mb
from bench.soak_client import SoakClient
from bench.trees import NOW, Tree, prepare_tree

NAMES = ("gateway-0", "gateway-1")
RATE = 300
ENVIRONMENTS = 8
WARM_UP = 0.4
"""The part of a kind's time that no slope is taken of: pools, caches and the heap fill up."""
SAMPLE_S = 0.5
LEAK_BYTES = 48.0


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request."""

    name: str
    answer: str = ""
    """Of the environments, as ``Installation.start_agents`` takes it."""
    forwarded: bool = False
    streamed: bool = False
    leaves: bool = False
    """The client goes away before it is answered."""
    body: bytes = b'{"a":1}'


KINDS = (
    Kind("plain"),
    Kind("error", "error"),
    Kind("streamed", "streamed", streamed=True),
    Kind("refused", body=b'{"a":'),
    Kind("client gone", leaves=True),
    Kind("forwarded", forwarded=True),
    Kind("forwarded error", "error", forwarded=True),
    Kind("forwarded streamed", "streamed", forwarded=True, streamed=True),
    Kind("forwarded, client gone", forwarded=True, leaves=True),
)


@dataclass(slots=True)
class Samples:
    """Of one gateway during one kind."""

    points: list[tuple[int, float]] = field(default_factory=list)
    """How many requests had been sent, and the resident bytes then."""

    def slope(self) -> float:
        """Bytes for each request, by least squares; 0 of fewer than two different points."""
        return fit_slope(self.points)


def fit_slope(points: Sequence[tuple[int, float]]) -> float:
    """The slope of the straight line that fits ``points`` best; 0 where there is none."""
    count = len(points)
    if not count:
        return 0.0
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        return 0.0
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def main() -> int:
    """Exit code 1 where memory grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--compiled", action="store_true")
    names = [kind.name for kind in KINDS]
    parser.add_argument("--only", action="append", choices=names, default=[], metavar="KIND")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # children are ended on the way out
    tree = prepare_tree(NOW, "", compiled=arguments.compiled)
    print(tree.text(), flush=True)
    with install(LoadProgram()) as installation:
        soak = Soak(installation, tree)
        kinds = [kind for kind in KINDS if kind.name in (arguments.only or names)]
        seconds = arguments.minutes * 60 / len(kinds)
        return asyncio.run(soak.run(kinds, seconds, arguments.rate))


class Soak:
    """Gateways, environments for each kind of answer, and the load on them."""

    def __init__(self, installation: Installation, tree: Tree) -> None:
        answers = sorted({kind.answer for kind in KINDS})
        owned = [name_owned_by(NAMES[0], NAMES, skip=number) for number in range(len(answers))]
        self._functions = dict(zip(answers, owned, strict=True))
        planned = [plan_function(name) for name in owned]
        given = [one for one, _ in planned]
        self.owner, self.asked = installation.start_gateways(tree, 2, given)
        for answer, (_, function) in zip(answers, planned, strict=True):
            # A client that goes away leaves while its event runs: so each takes a moment.
            installation.start_agents(self.owner, function, ENVIRONMENTS, 2, answer)

    async def run(self, kinds: Sequence[Kind], seconds: float, rate: float) -> int:
        """Each kind for so long; the exit code."""
        print(f"{'kind':24} {'gateway':10} {'requests':>9} {'MB':>7} {'B/request':>10}", flush=True)
        grows = False
        for kind in kinds:
            seen, sent = await self._offer(kind, seconds, rate)
            for gateway, samples in seen.items():
                slope = samples.slope()
                grows = grows or slope > LEAK_BYTES
                resident = samples.points[-1][1] / 1e6
                print(f"{kind.name:24} {gateway:10} {sent:9} {resident:7.1f} {slope:10.1f}")
            sys.stdout.flush()
        return int(grows)

    async def _offer(
        self, kind: Kind, seconds: float, rate: float
    ) -> tuple[dict[str, Samples], int]:
        """One kind of load, and what memory did after its warm-up."""
        gateways = (self.owner, self.asked) if kind.forwarded else (self.owner,)
        client = SoakClient(
            gateways[-1].public_port,
            self._functions[kind.answer],
            kind.body,
            is_streamed=kind.streamed,
            leaves=kind.leaves,
        )
        seen = {one.name: Samples() for one in gateways}
        sampling = asyncio.create_task(self._sample(gateways, client, seen, seconds * WARM_UP))
        await client.send(seconds, rate)
        sampling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sampling
        return seen, client.sent

    async def _sample(
        self,
        gateways: Sequence[RunningGateway],
        client: SoakClient,
        seen: dict[str, Samples],
        after_s: float,
    ) -> None:
        end = time.monotonic() + after_s
        while True:
            for one in gateways:
                if time.monotonic() >= end:
                    resident = read_resident_mb(one.process.pid) * 1e6
                    seen[one.name].points.append((client.sent, resident))
            await asyncio.sleep(SAMPLE_S)


if __name__ == "__main__":
    sys.exit(main())
