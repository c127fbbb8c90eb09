"""The status of a LambdaLayer: one write when it changes, in the order that its packages allow."""

from collections.abc import Sequence
from typing import Any

import pytest

from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.store import Store
from kubelambda.controller.packages.known_packages import KnownPackages
from kubelambda.controller.packages.lambda_layer import LayerReconciler
from kubelambda.controller.records.keys import WorkKey
from kubelambda.core.packages.store import PackagesUnavailableError
from kubelambda.kube.errors import ConflictError, NotFoundError, UnavailableError
from kubelambda.kube.memory import Event, MemoryApi, StoppedError
from kubelambda.kube.paths import LAYERS
from unit.controller.controlled_cluster import NAMESPACE

KEY = (NAMESPACE, "libs-1")
PACKAGE = "ab" * 32
INLINE = {"inline": {"python/a.py": "x"}}


def make_layer(name: str = "libs-1", **content: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaLayer",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"layerName": "libs", "version": 1, "content": content or INLINE},
    }


class Layers:
    """A reconciler of layers over an API server in memory; no gateway answers it."""

    def __init__(self, api: MemoryApi | None = None) -> None:
        self.now_s = 1_800_000_000.0
        self.api = api or MemoryApi(lambda: self.now_s)
        self.store = Store()
        self.enqueued: list[WorkKey] = []
        self.intake = Intake(self.store, self.enqueued.append)
        self.packages = KnownPackages(self._ask, self.enqueued.append, lambda: self.now_s)
        self.reconciler = LayerReconciler(
            self.api, self.store, self.packages, "us-east-1", lambda: self.now_s
        )
        self.api.subscribe(self._hear, LAYERS)
        for manifest in self.api.find_all(LAYERS):
            self.intake.take(LAYERS.plural, manifest)

    async def _ask(self, names: Sequence[str]) -> frozenset[str]:
        raise PackagesUnavailableError("away")

    def _hear(self, event: Event) -> None:
        if event.type == "DELETED":
            self.intake.drop(LAYERS.plural, event.manifest)
        else:
            self.intake.take(LAYERS.plural, event.manifest)

    async def reconcile(self, name: str = "libs-1") -> int:
        """How many writes it takes."""
        before = len(self.api.writes)
        await self.reconciler.reconcile((NAMESPACE, name))
        return len(self.api.writes) - before

    def conditions(self, name: str = "libs-1") -> dict[str, tuple[str, str]]:
        found = self.api.find(LAYERS, NAMESPACE, name)
        assert found is not None
        return {
            condition["type"]: (condition["status"], condition["reason"])
            for condition in found["status"]["conditions"]
        }


async def test_the_status_is_written_once() -> None:
    layers = Layers()
    layers.api.seed(LAYERS, make_layer())
    assert await layers.reconcile() == 1
    assert layers.conditions()["Ready"] == ("True", "Ready")
    assert await layers.reconcile() == 0
    assert await Layers(layers.api).reconcile() == 0, "nor by another controller"


async def test_an_edited_status_is_put_right() -> None:
    layers = Layers()
    layers.api.seed(LAYERS, make_layer())
    await layers.reconcile()
    layers.api.edit(
        LAYERS, *KEY, {"status": {"conditions": "none", "codeSize": 1}}, subresource="status"
    )
    assert await layers.reconcile() == 1
    assert layers.conditions()["Ready"] == ("True", "Ready")
    assert await layers.reconcile() == 0


async def test_the_later_object_of_one_version_is_stalled_until_the_first_has_gone() -> None:
    layers = Layers()
    layers.api.seed(LAYERS, make_layer())
    layers.now_s += 10
    layers.api.seed(LAYERS, make_layer("again"))
    await layers.reconcile("again")
    assert layers.conditions("again")["Stalled"] == ("True", "DuplicateLayerVersion")
    layers.api.remove(LAYERS, *KEY)
    assert await layers.reconcile("again") == 1
    assert layers.conditions("again")["Ready"] == ("True", "Ready")


async def test_what_no_gateway_has_said_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = Layers()
    monkeypatch.setattr("kubelambda.controller.packages.known_packages.PATIENCE_S", 0.0)
    layers.api.seed(LAYERS, make_layer(package=PACKAGE))
    assert await layers.reconcile() == 1
    assert layers.conditions()["Reconciling"] == ("True", "Progressing")
    assert layers.conditions()["Stalled"][0] == "False"


async def test_a_layer_that_was_ready_once_vouches_for_its_package() -> None:
    """A controller that has just started asks nobody."""
    layers = Layers()
    await layers.packages.look(("layer", NAMESPACE, "other"), [PACKAGE], trusted=[PACKAGE])
    layers.api.seed(LAYERS, make_layer(package=PACKAGE))
    await layers.reconcile()
    assert await Layers(layers.api).reconcile() == 0


async def test_a_status_that_was_written_meanwhile_is_a_conflict_and_not_overwritten() -> None:
    layers = Layers()
    layers.api.seed(LAYERS, make_layer())
    layers.api.on_call = lambda call: layers.api.edit(
        LAYERS, *KEY, {"metadata": {"labels": {"a": "b"}}}
    )
    with pytest.raises(ConflictError):
        await layers.reconcile()
    layers.api.on_call = lambda call: None
    assert await layers.reconcile() == 1


async def test_a_layer_that_is_deleted_meanwhile_is_nothing_to_worry_about() -> None:
    layers = Layers()
    layers.api.seed(LAYERS, make_layer())
    layers.api.fail_next("patch", "lambdalayers/status", NotFoundError("gone"))
    await layers.reconcile()
    assert await layers.reconcile("never-was") == 0


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done, and not answered"])
async def test_without_an_answer_the_next_controller_ends_the_same(after: bool) -> None:
    layers = Layers()
    layers.api.seed(LAYERS, make_layer())
    layers.api.fail_next("patch", "lambdalayers/status", UnavailableError("away"), after=after)
    with pytest.raises(UnavailableError):
        await layers.reconcile()
    again = Layers(layers.api)
    assert await again.reconcile() == (0 if after else 1)
    assert again.conditions()["Ready"] == ("True", "Ready")


async def test_stopped_after_its_write_it_has_nothing_left_to_do() -> None:
    layers = Layers()
    layers.api.seed(LAYERS, make_layer())
    layers.api.stop_after(1)
    with pytest.raises(StoppedError):
        await layers.reconcile()
    layers.api.stop_after(None)
    assert await Layers(layers.api).reconcile() == 0
