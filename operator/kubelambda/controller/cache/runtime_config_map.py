"""Runtimes from a ConfigMap, for installations that may not read cluster-wide objects.

Contract: every value of the ConfigMap's data is YAML with LambdaRuntime documents. A document that
is no LambdaRuntime is logged once and left out, and the others are taken. While there is such a
document, no known runtime is removed, since it may be one of those. A ConfigMap that cannot be
fetched leaves the runtimes as they are.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

import yaml

from kubelambda.controller.records.malformed import MALFORMED
from kubelambda.controller.records.runtime_record import RuntimeRecord, read_runtime
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import KubeError
from kubelambda.kube.paths import CONFIG_MAPS

logger = logging.getLogger(__name__)

POLL_S = 15.0


def parse_runtimes(data: Mapping[str, str]) -> tuple[dict[str, RuntimeRecord], list[str]]:
    """Runtimes by identifier, and what is wrong with the documents that are no LambdaRuntime."""
    found: dict[str, RuntimeRecord] = {}
    problems: list[str] = []
    for key, text in data.items():
        try:
            documents = list(yaml.safe_load_all(text))
        except yaml.YAMLError as error:
            problems.append(f"{key}: {error}")
            continue
        for document in documents:
            for manifest in document if isinstance(document, list) else [document]:
                try:
                    record = read_runtime(manifest)
                except MALFORMED as error:
                    problems.append(f"{key}: not a LambdaRuntime: {error!r}")
                else:
                    found[record.name] = record
    return found, problems


class RuntimesFromConfigMap:
    """Keeps ``runtimes`` as the ConfigMap says; calls ``changed`` with each that differs."""

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
        self._problems: list[str] = []

    async def run(self) -> None:
        """Look every POLL_S, for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(POLL_S)

    async def refresh(self) -> None:
        """Look once."""
        try:
            manifest = await self._client.get(CONFIG_MAPS, self._namespace, self._name)
        except KubeError as error:
            logger.warning("runtimes stay as they are: ConfigMap %s: %s", self._name, error)
            return
        found, problems = parse_runtimes(manifest.get("data") or {})
        if problems != self._problems:
            self._problems = problems
            for problem in problems:
                logger.error("ConfigMap %s: %s; left out", self._name, problem)
        if problems:  # what cannot be read may be one of those that are known
            found = {**self._runtimes, **found}
        for name in self._runtimes.keys() | found.keys():
            if self._runtimes.get(name) != found.get(name):
                if name in found:
                    self._runtimes[name] = found[name]
                else:
                    del self._runtimes[name]
                self._changed(name)
