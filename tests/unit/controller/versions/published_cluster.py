"""Versions and aliases as people make and see them, on a cluster in memory."""

from typing import Any

from kubelambda.kube.api import Manifest
from kubelambda.kube.memory import Event
from kubelambda.kube.paths import ALIASES, FUNCTIONS, VERSIONS
from unit.controller.controlled_cluster import NAMESPACE, ControlledCluster, make_function


def make_version(name: str = "hello.1", /, **spec: Any) -> Manifest:
    function = name.partition(".")[0]
    return {
        "apiVersion": VERSIONS.api_version,
        "kind": VERSIONS.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"functionName": function, **spec},
    }


def make_alias(name: str = "hello.live", version: str = "1", /, **spec: Any) -> Manifest:
    function = name.partition(".")[0]
    return {
        "apiVersion": ALIASES.api_version,
        "kind": ALIASES.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"functionName": function, "functionVersion": version, **spec},
    }


class PublishedCluster(ControlledCluster):
    """Holds every published version to what it was, from its first moment on."""

    def __init__(self, *manifests: Any) -> None:
        self.seen: dict[str, Manifest] = {}
        """What was published, by the uid of each object, also of those that are gone."""
        super().__init__(*manifests)
        self.api.subscribe(self._check, VERSIONS)

    def _check(self, event: Event) -> None:
        spec, uid = event.manifest["spec"], event.manifest["metadata"]["uid"]
        if uid in self.seen:
            assert spec == self.seen[uid], "a published version never changes"
        elif spec.get("version"):
            self.seen[uid] = spec

    async def publish(self, name: str = "hello.1", **spec: Any) -> Manifest:
        """A person's LambdaVersion, and what became of it."""
        self.api.seed(VERSIONS, make_version(name, **spec))
        await self.settle()
        return self.find(VERSIONS, name)

    async def edit(self, **spec: Any) -> None:
        """A person's edit of the function, and what became of it."""
        self.api.edit(FUNCTIONS, NAMESPACE, "hello", {"spec": spec})
        await self.settle()

    def number(self, name: str) -> int:
        number: int = self.find(VERSIONS, name)["spec"].get("version", 0)
        return number

    def numbers(self) -> dict[str, int]:
        """Of all versions, by the name of the object."""
        found = self.api.find_all(VERSIONS)
        return {one["metadata"]["name"]: one["spec"].get("version", 0) for one in found}

    def status(self, name: str = "hello") -> dict[str, Any]:
        status: dict[str, Any] = self.find(VERSIONS if "." in name else FUNCTIONS, name)["status"]
        return status

    def version_condition(self, name: str = "hello.1") -> tuple[str, str, str]:
        return self.condition(name, resource=VERSIONS)

    def alias_condition(self, name: str = "hello.live") -> tuple[str, str, str]:
        return self.condition(name, resource=ALIASES)


async def make_published(**spec: Any) -> PublishedCluster:
    """A function that is Ready, with version 1."""
    cluster = PublishedCluster((FUNCTIONS, make_function(**spec)))
    await cluster.settle()
    await cluster.publish()
    return cluster
