"""Runtimes of an installation that may not read cluster-wide objects."""

import pytest

from kubelambda.controller.cache.runtime_config_map import RuntimesFromConfigMap
from kubelambda.controller.records.runtime_record import RuntimeRecord
from kubelambda.kube.errors import UnavailableError
from kubelambda.kube.memory import MemoryApi
from kubelambda.kube.paths import CONFIG_MAPS

SOUND = """
metadata: {name: python3.13}
spec: {image: registry.example/python, bootstrap: [/var/runtime/bootstrap]}
---
metadata: {name: nodejs22.x}
spec: {image: registry.example/node}
"""
ODD = [
    ("no YAML", "{"),
    ("no mapping", "just text"),
    ("no image", "metadata: {name: x}\nspec: {}"),
    ("an image of another type", "metadata: {name: x}\nspec: {image: [a]}"),
    ("a bootstrap of another type", "metadata: {name: x}\nspec: {image: a, bootstrap: b}"),
    ("an empty document", "---\n---\n"),
]


class Installation:
    """The ConfigMap, and who was told of what."""

    def __init__(self, **data: str) -> None:
        self.api = MemoryApi()
        self.api.seed(CONFIG_MAPS, {"metadata": {"name": "r", "namespace": "ns"}, "data": data})
        self.runtimes: dict[str, RuntimeRecord] = {}
        self.told: list[str] = []
        self.source = RuntimesFromConfigMap(self.api, "ns", "r", self.runtimes, self.told.append)

    async def edit(self, **data: str | None) -> None:
        self.api.edit(CONFIG_MAPS, "ns", "r", {"data": data})
        await self.source.refresh()


async def test_runtimes_come_and_go_with_the_config_map() -> None:
    made = Installation(all=SOUND)
    await made.source.refresh()
    assert sorted(made.runtimes) == sorted(made.told) == ["nodejs22.x", "python3.13"]
    await made.edit(all=SOUND.partition("---")[0])
    assert list(made.runtimes) == ["python3.13"]


@pytest.mark.parametrize("odd", [case[1] for case in ODD], ids=[case[0] for case in ODD])
async def test_one_odd_runtime_does_not_keep_the_others_out(
    odd: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = Installation(odd=odd, sound=SOUND)
    for _ in range(3):
        await made.source.refresh()
    assert sorted(made.runtimes) == ["nodejs22.x", "python3.13"]
    logged = {record.getMessage() for record in caplog.records}
    assert logged
    assert len(caplog.records) == len(logged) or odd.startswith("---"), "logged once"


async def test_a_runtime_that_cannot_be_read_any_more_goes_on_as_it_was() -> None:
    """Its functions would be stalled otherwise."""
    made = Installation(all=SOUND)
    await made.source.refresh()
    await made.edit(all=SOUND.replace("image: registry.example/node", "image: []"))
    assert sorted(made.runtimes) == ["nodejs22.x", "python3.13"]


async def test_no_answer_leaves_the_runtimes_as_they_are() -> None:
    made = Installation(all=SOUND)
    await made.source.refresh()
    made.api.fail_next("get", "configmaps", UnavailableError("away"))
    await made.source.refresh()
    assert len(made.runtimes) == 2
