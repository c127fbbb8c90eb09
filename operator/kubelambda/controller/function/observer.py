"""Collects the state of the cluster around one function.

Contract: reads only. Asks the API server for what no watch tells (the ConfigMap with the code), and
registries and gateways for images and packages, whose answers are waited for only a moment. What
the watches tell is read last, so that a plan is made from Deployments and pods as they are now.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from kubelambda.controller.cache.store import Store
from kubelambda.controller.diagnosis.start_report import StartReport
from kubelambda.controller.function.observed import Observed, find_orphans
from kubelambda.controller.images.image_lookups import ImageLookups
from kubelambda.controller.packages.known_packages import KnownPackages
from kubelambda.controller.packages.package_problem import Presence, list_trusted
from kubelambda.controller.records.code_config_map import digest_config_map
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.keys import Key, serving_key
from kubelambda.controller.records.layer_record import Reference, resolve_layers
from kubelambda.core.model.layer import Layer
from kubelambda.core.packages.needed_packages import list_needed_packages
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import NotFoundError
from kubelambda.kube.paths import CONFIG_MAPS

CONFIG_MAP_S = 5.0
"""Seconds between two looks at the ConfigMap of one function, unless there are too many."""
CONFIG_MAPS_PER_S = 10.0
"""All functions together look at their ConfigMaps no more often than this."""


class FunctionObserver:
    """Observes one function after the other.

    Remembers since when each pod is an orphan; ``report_start`` is asked with a function's uid.
    """

    def __init__(
        self,
        client: KubeApi,
        store: Store,
        images: ImageLookups,
        packages: KnownPackages,
        report_start: Callable[[str], StartReport],
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._store = store
        self._images = images
        self._packages = packages
        self._report_start = report_start
        self._clock = clock
        self._orphaned_since: dict[str, dict[str, float]] = {}

    async def observe(
        self, record: FunctionRecord, accepted_digests: Mapping[str, str]
    ) -> tuple[Observed, float | None]:
        """What is there around ``record``, and after how many seconds that may have changed."""
        code_version, image, look_again_s = "", None, None
        if record.config_map:
            code_version = await self._fetch_code_version(record)
            if not (record.number and code_version):  # a version's own one is immutable
                look_again_s = self._config_map_period_s()
        elif record.spec_problem is None:
            image, look_again_s = await self._images.look(record)
        layers = self._store.known_layers(record.ref.namespace, record.layers)
        packages = await self._look_for_packages(record, layers)
        # Nothing is awaited from here on: Deployments and pods are as they are at this moment.
        observed = Observed(
            runtimes=self._store.runtimes,
            claimants=self._store.same_name(record),
            deployments=self._store.deployments.group(record.uid),
            pods=self._store.pods.group(record.uid),
            now_s=self._clock(),
            code_version=code_version,
            image=image,
            layers=layers,
            packages=packages,
            start=self._report_start(record.uid),
            accepted_digests=accepted_digests,
        )
        return replace(observed, orphaned_since=self._note_orphans(record, observed)), look_again_s

    def stop_lookups(self, key: Key) -> None:
        """Ask registries and gateways no more on behalf of the function ``key``."""
        self._images.forget(key)
        self._packages.forget(serving_key(*key))

    def forget(self, uid: str) -> None:
        """The function with this uid has gone."""
        self._orphaned_since.pop(uid, None)

    def _note_orphans(self, record: FunctionRecord, observed: Observed) -> Mapping[str, float]:
        """Since when each orphan is known to be one."""
        former = self._orphaned_since.pop(record.uid, {})
        since = {pod.uid: former.get(pod.uid, observed.now_s) for pod in find_orphans(observed)}
        if since:
            self._orphaned_since[record.uid] = since
        return since

    async def _look_for_packages(
        self, record: FunctionRecord, layers: Mapping[Reference, Layer]
    ) -> Mapping[str, Presence]:
        namespace, name = record.ref.namespace, record.ref.name
        found = self._store.layer_records(namespace, record.layers)
        self._packages.trust(list_trusted(record, found))
        needed = list_needed_packages(record.package, resolve_layers(record.layers, layers))
        wanted = needed if record.spec_problem is None else {}
        return await self._packages.look(serving_key(namespace, name), wanted)

    async def _fetch_code_version(self, record: FunctionRecord) -> str:
        try:
            found = await self._client.get(CONFIG_MAPS, record.ref.namespace, record.config_map)
        except NotFoundError:
            return ""
        return digest_config_map(found)

    def _config_map_period_s(self) -> float:
        count = sum(1 for function in self._store.functions.values() if function.config_map)
        return max(CONFIG_MAP_S, count / CONFIG_MAPS_PER_S)
