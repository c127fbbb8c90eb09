"""Functions and layers of packages that come late: controller and gateway together.

The controller's own queue, workers and reconcilers ask a real gateway over loopback; the API server
is a dictionary.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from integration.conftest import MASTER, Installation, MakeInstallation
from kubelambda.cli.package_upload import upload
from kubelambda.config import ControllerSettings
from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.store import Store
from kubelambda.controller.demand.link_states import LinkStates
from kubelambda.controller.function.current_revisions import CurrentRevisions
from kubelambda.controller.function.key_secrets import KeySecrets
from kubelambda.controller.function.lambda_function import FunctionReconciler
from kubelambda.controller.function.observer import FunctionObserver
from kubelambda.controller.function.render import Platform
from kubelambda.controller.images.image_lookups import ImageLookups
from kubelambda.controller.network.network_policy import PolicyReconciler
from kubelambda.controller.network.rules import build_network_rules
from kubelambda.controller.packages.known_packages import KnownPackages
from kubelambda.controller.packages.lambda_layer import LayerReconciler
from kubelambda.controller.packages.package_lookup import HttpPackageLookup
from kubelambda.controller.process.work_queue import WorkQueue
from kubelambda.controller.process.workers import WorkerMetrics, Workers
from kubelambda.controller.records.keys import WorkKey
from kubelambda.controller.records.runtime_record import RuntimeRecord
from kubelambda.controller.scaling.start_backoff import StartBackoff
from kubelambda.core.packages.code_zip import build_inline_zip
from kubelambda.kube.paths import FUNCTIONS, LAYERS
from kubelambda.process.signatures import Signatures
from kubelambda.process.supervisor import Supervisor
from kubelambda.stores.directory import DirectoryPackages
from ports import free_port

CONTENTS = tuple(
    build_inline_zip({"app.py": text}) for text in ("any files", "others too", "these", "unused")
)
CONTENT = CONTENTS[0]
NAME, LATER, THIRD, UNUSED = (hashlib.sha256(content).hexdigest() for content in CONTENTS)
SETTINGS = ControllerSettings()
Manifest = dict[str, Any]


class ApiServer:
    """What a controller's client writes to: objects by kind and name, their statuses merged."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Manifest] = {}
        self.version = 10

    def put(self, resource: Any, manifest: Manifest) -> Manifest:
        """A user's write; the manifest as a watch would tell it."""
        key = (resource.plural, manifest["metadata"]["name"])
        former = self.objects.get(key, {})
        metadata = {"generation": former.get("metadata", {}).get("generation", 0) + 1}
        whole = {**former, **manifest, "metadata": {**manifest["metadata"], **metadata}}
        return self._keep(key, whole)

    async def create(
        self, resource: Any, namespace: str, manifest: Manifest, *, manager: str
    ) -> Manifest:
        name = manifest["metadata"]["name"]
        metadata = {**manifest["metadata"], "uid": f"uid-{name}"}
        return self._keep((resource.plural, name), {**manifest, "metadata": metadata})

    async def patch(
        self, resource: Any, namespace: str, name: str, content: Manifest, **_: Any
    ) -> Manifest:
        key = (resource.plural, name)
        status = {**self.objects[key].get("status", {}), **content["status"]}
        found = {field: value for field, value in status.items() if value is not None}
        return self._keep(key, {**self.objects[key], "status": found})

    def _keep(self, key: tuple[str, str], manifest: Manifest) -> Manifest:
        self.version += 1
        metadata = {**manifest["metadata"], "resourceVersion": str(self.version)}
        self.objects[key] = {**manifest, "metadata": metadata}
        return self.objects[key]


class Controller:
    """A leading controller's workers, with the API server and the gateway that they talk to."""

    def __init__(self, api: ApiServer, gateway_address: str) -> None:
        self._api = api
        store, queue = Store(), WorkQueue[WorkKey]()
        store.put_runtime(RuntimeRecord("python3.13", "1", "registry.example/python:3.13", ("x",)))
        self._intake = Intake(store, queue.add)
        lookup = HttpPackageLookup(gateway_address, Signatures.derive(MASTER, 1))
        packages = KnownPackages(lookup.ask, queue.add, time.monotonic)
        images = ImageLookups(
            lambda _: asyncio.sleep(0), lambda _: None, time.monotonic, Supervisor()
        )
        client: Any = api
        platform = Platform(SETTINGS, MASTER)
        backoff = StartBackoff(LinkStates(), lambda _: None, time.monotonic)
        functions = FunctionReconciler(
            client,
            store,
            platform,
            FunctionObserver(client, store, images, packages, backoff.report, time.time),
            CurrentRevisions(platform),
            KeySecrets(client, time.monotonic),
            time.time,
            self._intake.enqueue_publication,
        )
        layers = LayerReconciler(client, store, packages, "us-east-1", time.time)
        policies = PolicyReconciler(client, store, build_network_rules(SETTINGS))
        workers = Workers(
            queue,
            {
                "function": functions.reconcile,
                "layer": layers.reconcile,
                "namespace": lambda key: policies.reconcile(key[0]),
            },
            WorkerMetrics(CollectorRegistry(), queue),
        )
        self._tasks = [asyncio.create_task(part) for part in (workers.run(), packages.run())]
        for (plural, _), manifest in api.objects.items():
            self._intake.take(plural, manifest)
        for (plural, _), manifest in api.objects.items():
            self._tell(plural, manifest)

    def apply(self, resource: Any, manifest: Manifest) -> None:
        """A user's write, and its event."""
        written = self._api.put(resource, manifest)
        assert self._intake.take(resource.plural, written)
        self._tell(resource.plural, written)

    def _tell(self, plural: str, manifest: Manifest) -> None:
        if plural in (FUNCTIONS.plural, LAYERS.plural):
            self._intake.enqueue_affected(plural, {"metadata": manifest["metadata"]})

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait_for(self, resource: Any, name: str, reason: str) -> Manifest:
        """The status that says ``reason`` of the present spec."""
        async with asyncio.timeout(60):
            while True:
                found = self._api.objects[resource.plural, name]
                status: Manifest = found.get("status", {})
                seen = status.get("observedGeneration") == found["metadata"]["generation"]
                if seen and read_ready(status)["reason"] == reason:
                    return status
                await asyncio.sleep(0.01)


MakeController = Callable[..., Controller]


@pytest.fixture
def api() -> ApiServer:
    return ApiServer()


@pytest.fixture
async def gateway(make_installation: MakeInstallation, tmp_path: Path) -> Installation:
    store = DirectoryPackages(tmp_path / "packages")
    return await make_installation(packages=store, package_cache=tmp_path / "cache")


@pytest.fixture
async def make_controller(api: ApiServer) -> AsyncIterator[MakeController]:
    made: list[Controller] = []

    def make(port: int) -> Controller:
        made.append(Controller(api, f"127.0.0.1:{port}"))
        return made[-1]

    yield make
    for controller in made:
        await controller.close()


def build(kind: str, name: str, **spec: Any) -> Manifest:
    metadata = {"name": name, "namespace": "apps", "uid": f"uid-{name}"}
    created = {"creationTimestamp": "2027-01-01T00:00:00Z"}
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": kind,
        "metadata": {**metadata, **created},
        "spec": spec,
    }


def build_function(name: str, **spec: Any) -> Manifest:
    code = {"inline": {"app.py": "x"}}
    defaults = {"runtime": "python3.13", "handler": "app.handler", "code": code}
    return build("LambdaFunction", name, **{**defaults, **spec})


def read_ready(status: Manifest) -> Manifest:
    found: Manifest = next(
        condition for condition in status["conditions"] if condition["type"] == "Ready"
    )
    return found


async def test_a_function_is_ready_within_seconds_after_the_upload_without_an_edit(
    gateway: Installation, api: ApiServer, make_controller: MakeController
) -> None:
    controller = make_controller(gateway.gateway.internal_port)
    controller.apply(FUNCTIONS, build_function("hello", code={"package": NAME}))
    status = await controller.wait_for(FUNCTIONS, "hello", "PackageNotFound")
    assert read_ready(status)["status"] == "False"
    assert "kubelambda package push DIR" in read_ready(status)["message"]
    assert "revision" not in status
    await asyncio.to_thread(upload, gateway.url, CONTENT)
    status = await controller.wait_for(FUNCTIONS, "hello", "Ready")
    assert status["revision"]


async def test_a_layer_and_its_user_say_so_and_mend_themselves(
    gateway: Installation, api: ApiServer, make_controller: MakeController
) -> None:
    controller = make_controller(gateway.gateway.internal_port)
    layers = [{"name": "base", "version": 1}]
    controller.apply(LAYERS, build("LambdaLayer", "base-1", version=1, content={"package": NAME}))
    controller.apply(FUNCTIONS, build_function("user", layers=layers))
    layer = await controller.wait_for(LAYERS, "base-1", "PackageNotFound")
    user = await controller.wait_for(FUNCTIONS, "user", "PackageNotFound")
    assert NAME in read_ready(layer)["message"]
    assert "the layer base:1" in read_ready(user)["message"]
    await asyncio.to_thread(upload, gateway.url, CONTENT)
    await controller.wait_for(LAYERS, "base-1", "Ready")
    await controller.wait_for(FUNCTIONS, "user", "Ready")


async def test_an_update_to_a_missing_package_keeps_the_former_revision(
    gateway: Installation, api: ApiServer, make_controller: MakeController
) -> None:
    await asyncio.to_thread(upload, gateway.url, CONTENT)
    controller = make_controller(gateway.gateway.internal_port)
    controller.apply(FUNCTIONS, build_function("hello", code={"package": NAME}))
    before = await controller.wait_for(FUNCTIONS, "hello", "Ready")
    objects = len(api.objects)
    controller.apply(FUNCTIONS, build_function("hello", code={"package": LATER}))
    after = await controller.wait_for(FUNCTIONS, "hello", "PackageNotFound")
    assert after["revision"] == before["revision"]
    assert len(api.objects) == objects, "nothing is made for it"


async def test_without_a_gateway_who_is_ready_stays_so_and_nothing_false_is_said(
    gateway: Installation, api: ApiServer, make_controller: MakeController
) -> None:
    """Also by a controller that has just started; what it does not know is on its way."""
    for content in CONTENTS:
        await asyncio.to_thread(upload, gateway.url, content)
    first = make_controller(gateway.gateway.internal_port)
    layers = [{"name": "base", "version": 1}]
    first.apply(LAYERS, build("LambdaLayer", "base-1", version=1, content={"package": NAME}))
    first.apply(FUNCTIONS, build_function("user", layers=layers, code={"package": LATER}))
    first.apply(LAYERS, build("LambdaLayer", "alone-1", version=1, content={"package": UNUSED}))
    await first.wait_for(LAYERS, "base-1", "Ready")
    await first.wait_for(LAYERS, "alone-1", "Ready")
    await first.wait_for(FUNCTIONS, "user", "Ready")
    await first.close()
    before = dict(api.objects)
    second = make_controller(free_port())
    second.apply(FUNCTIONS, build_function("new", code={"package": THIRD}))
    status = await second.wait_for(FUNCTIONS, "new", "Progressing")
    assert read_ready(status)["status"] == "False"
    assert {key: api.objects[key] for key in before} == before, "nothing else was written"
    await second.close()
    third = make_controller(gateway.gateway.internal_port)
    await third.wait_for(FUNCTIONS, "new", "Ready")


async def test_an_installation_without_a_store_is_said(
    make_installation: MakeInstallation, api: ApiServer, make_controller: MakeController
) -> None:
    installation = await make_installation()
    controller = make_controller(installation.gateway.internal_port)
    controller.apply(FUNCTIONS, build_function("hello", code={"package": NAME}))
    status = await controller.wait_for(FUNCTIONS, "hello", "PackageStoreMissing")
    assert "queue.url" in read_ready(status)["message"]
