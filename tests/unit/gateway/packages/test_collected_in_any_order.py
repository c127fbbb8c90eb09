"""Any interleaving of uploads, objects, looks and the steps of two collectors: nothing in use goes.

Both collectors are the real ones; each of their steps happens when hypothesis chooses, however long
after the one before, so what they have read is as old as it likes.
"""

import asyncio
import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from kubelambda.core.packages.names import NamesUnknownError
from kubelambda.core.packages.store import PackagesUnavailableError
from kubelambda.gateway.metrics import GatewayMetrics
from kubelambda.gateway.packages.package_collector import PackageCollector
from unit.gateway.packages.memory_packages import Gates, MemoryNames, MemoryPackages

PACKAGES = ["a" * 64, "b" * 64]
RETENTION_S = 3
Action = tuple[str, int | str]
ACTIONS = st.one_of(
    st.tuples(st.sampled_from(["step 0", "step 1"]), st.integers(1, 8)),
    st.tuples(st.just("wait"), st.integers(1, RETENTION_S)),
    st.tuples(
        st.sampled_from(["upload", "publish", "unpublish", "look"]), st.sampled_from(PACKAGES)
    ),
)


class Installation:
    """Objects, a store and two collectors; checks each deletion."""

    def __init__(self, retention_s: int) -> None:
        self.gates = Gates(hold=True)
        self.store, self.names = MemoryPackages(self.gates), MemoryNames(self.gates)
        self.now_s, self.retention_s = 0, retention_s
        self.uploaded_s: dict[str, int] = {}
        self.in_use: set[str] = set()
        """Named by an object that was told since then that its package is there."""
        self.named_before: dict[str, bool] = {}
        """By withdrawn package: whether an object has named it ever since before that."""
        self.deleted = 0
        self.store.on_delete, self.store.on_withdraw = self.check_delete, self.note_withdrawal
        self.running = [asyncio.create_task(collect_for_ever(self.build())) for _ in range(2)]

    def build(self) -> PackageCollector:
        metrics = GatewayMetrics(CollectorRegistry())
        return PackageCollector(
            self.store,
            self.names,
            metrics,
            retention_s=self.retention_s,
            clock=lambda: float(self.now_s),
        )

    def note_withdrawal(self, name: str) -> None:
        self.named_before[name] = name in self.names.now

    def check_delete(self, name: str) -> None:
        self.deleted += 1
        assert name not in self.in_use, "an object was told that it is there"
        assert not self.named_before[name], "an object has named it since before the withdrawal"
        assert self.now_s - self.uploaded_s[name] >= self.retention_s, "the upload is too young"

    def upload(self, name: str) -> None:
        self.store.keep(name)
        self.uploaded_s[name] = self.now_s
        if name in self.names.now:
            self.in_use.add(name)

    def publish(self, name: str) -> None:
        self.names.now.add(name)

    def unpublish(self, name: str) -> None:
        self.names.now.discard(name)
        self.in_use.discard(name)
        self.named_before[name] = False

    def look(self, name: str) -> None:
        """The controller asks for a package that an object names."""
        if name in self.names.now and self.store.holds(name):
            self.in_use.add(name)

    async def act(self, action: str, value: int | str) -> None:
        if isinstance(value, str):
            getattr(self, action)(value)
        elif action == "wait":
            self.now_s += value
        else:
            collecting = self.running[int(action[-1])]
            for _ in range(value):
                await self.gates.let_pass(collecting)
                if collecting.done():
                    collecting.result()  # raises what a check has found


async def collect_for_ever(collector: PackageCollector) -> None:
    while True:
        with contextlib.suppress(NamesUnknownError, PackagesUnavailableError):
            await collector.collect()


async def play(actions: list[Action], retention_s: int) -> Installation:
    installation = Installation(retention_s)
    running = installation.running
    await asyncio.sleep(0)
    for action, value in actions:
        await installation.act(action, value)
    for name in installation.in_use:
        assert name in installation.store.packages
    installation.gates.hold = False
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return installation


@given(st.lists(ACTIONS, min_size=30, max_size=60), st.sampled_from([0, RETENTION_S]))
@settings(deadline=None, max_examples=150)
def test_no_package_in_use_is_deleted(actions: list[Action], retention_s: int) -> None:
    asyncio.run(play(actions, retention_s))


def test_the_same_play_deletes_what_nothing_names() -> None:
    """Otherwise the rule above would hold for a collector that does nothing."""
    steps: list[Action] = [("step 0", 8)]
    actions = [("upload", PACKAGES[0]), *steps, ("wait", RETENTION_S), *steps, *steps, *steps]
    installation = asyncio.run(play(actions, RETENTION_S))
    assert installation.deleted == 1
