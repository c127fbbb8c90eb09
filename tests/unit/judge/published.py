"""A function and its versions, as ``judge`` sees them."""

import copy
from typing import Any

from kubelambda.core.model.revision_id import compute_revision_id
from kubelambda.judge.publication import (
    Publication,
    PublishedVersion,
    VersionRequest,
    judge_publication,
)
from kubelambda.judge.snapshot import digest_snapshot, list_config_maps

READY = [{"type": "Ready", "status": "True"}, {"type": "Stalled", "status": "False"}]


def make_function(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A LambdaFunction that is Ready, unless ``status`` says otherwise."""
    return {
        "metadata": {"namespace": "shop", "name": "hello", "uid": "uid-f", "generation": 1},
        "spec": {
            "runtime": "python3.13",
            "handler": "app.handler",
            "code": {"inline": {"app.py": "1"}},
            **spec,
        },
        "status": {"observedGeneration": 1, "conditions": READY, **(status or {})},
    }


def make_request(number: int = 1, **changes: Any) -> VersionRequest:
    fields: dict[str, Any] = {
        "name": f"hello.{number}",
        "uid": f"{number:08d}-uid",
        "function_name": "hello",
    }
    return VersionRequest(**(fields | changes))


class Publisher:
    """Carries publications out, as a controller does, over one function."""

    def __init__(self, function: dict[str, Any]) -> None:
        self.function = function
        self.config_maps: dict[str, Any] = {}
        self.versions: list[PublishedVersion] = []
        self.snapshots: dict[str, dict[str, Any]] = {}
        self.copies: dict[str, Any] = {}
        self.made = 0

    def edit(self, **spec: Any) -> None:
        """Change the function, and have the controller judge it."""
        self.function["spec"] |= spec
        generation = self.function["metadata"]["generation"] + 1
        self.function["metadata"]["generation"] = generation
        self.function["status"]["observedGeneration"] = generation

    @property
    def revision_id(self) -> str:
        metadata = self.function["metadata"]
        return compute_revision_id(metadata["uid"], metadata["generation"])

    def publish(self, *, stop_after: int = 9, **changes: Any) -> PublishedVersion:
        """Another LambdaVersion; a controller that stops after so many writes is followed by
        another one."""
        self.made += 1
        request = make_request(self.made, **changes)
        found = self._publish(request, stop_after) or self._publish(request, 9)
        assert found is not None
        return found

    def _publish(self, request: VersionRequest, stop_after: int) -> PublishedVersion | None:
        named = {
            name: self.config_maps.get(name) for name in list_config_maps(self.function["spec"])
        }
        found = judge_publication(request, self.function, self.versions, named)
        assert isinstance(found, Publication), found
        if found.last_version is not None:
            if stop_after < 1:
                return None
            self.function["status"]["lastVersion"] = found.last_version
        for one in found.copies:
            self.copies[one.name] = one
        if stop_after < 2:
            return None
        snapshot = copy.deepcopy(dict(found.snapshot))
        self.snapshots[request.name] = snapshot
        made = PublishedVersion(
            request.name, request.uid, f"{self.made:06d}", found.number, digest_snapshot(snapshot)
        )
        self.versions.append(made)
        return made
