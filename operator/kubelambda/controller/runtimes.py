"""Runtimes from a ConfigMap, for installations that may not read cluster-wide objects.

Contract: every value of the ConfigMap's data is YAML with LambdaRuntime documents. A ConfigMap that
cannot be read or parsed leaves the runtimes as they are.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from kubelambda.controller.records import RuntimeRecord, read_runtime
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import KubeError
from kubelambda.kube.paths import CONFIG_MAPS

logger = logging.getLogger(__name__)

POLL_S = 15.0


def parse_runtimes(data: Mapping[str, str]) -> dict[str, RuntimeRecord]:
    """Runtimes by identifier; ValueError for what is no runtime."""
    found = {}
    for text in data.values():
        for document in yaml.safe_load_all(text):
            for manifest in document if isinstance(document, list) else [document]:
                record = _read(manifest)
                found[record.name] = record
    return found


def _read(manifest: Any) -> RuntimeRecord:
    try:
        return read_runtime(manifest)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a LambdaRuntime: {error!r}") from error


class RuntimesFromConfigMap:
    """Keeps ``runtimes`` as the ConfigMap says."""

    def __init__(
        self,
        client: KubeApi,
        namespace: str,
        name: str,
        runtimes: dict[str, RuntimeRecord],
        changed: Callable[[str], None],
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._runtimes = runtimes
        self._changed = changed

    async def run(self) -> None:
        """Look every POLL_S, for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(POLL_S)

    async def refresh(self) -> None:
        """Look once."""
        try:
            manifest = await self._client.get(CONFIG_MAPS, self._namespace, self._name)
            found = parse_runtimes(manifest.get("data") or {})
        except (KubeError, ValueError, yaml.YAMLError) as error:
            logger.warning("runtimes stay as they are: ConfigMap %s: %s", self._name, error)
            return
        for name in self._runtimes.keys() | found.keys():
            if self._runtimes.get(name) != found.get(name):
                if name in found:
                    self._runtimes[name] = found[name]
                else:
                    del self._runtimes[name]
                self._changed(name)
