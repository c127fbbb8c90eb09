"""The objects that a leader follows: listed whole at first, then by kopf's watches.

Contract: ``fill`` returns when the store holds every object that there was; ``follow`` goes on from
there until it is cancelled. Between the two nothing is missed: kopf lists again before it watches.
"""

import asyncio
from collections.abc import Callable, Sequence

import kopf

from kubelambda.controller.cache.initial_list import enqueue_all, fill_store
from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.runtime_config_map import RuntimesFromConfigMap
from kubelambda.controller.cache.store import Store
from kubelambda.controller.cache.watches import build_kopf_registry, build_kopf_settings
from kubelambda.kube.api import KubeApi
from kubelambda.kube.connection import Connection


class ObjectWatches:
    """Of all kinds that the controller reconciles, in ``namespaces`` or in all of them."""

    def __init__(
        self,
        client: KubeApi,
        connect_kopf: Callable[[], Connection],
        store: Store,
        intake: Intake,
        runtimes: RuntimesFromConfigMap | None,
        namespaces: Sequence[str],
    ) -> None:
        self._client = client
        self._connect_kopf = connect_kopf
        self._store = store
        self._intake = intake
        self._runtimes = runtimes
        self._namespaces = namespaces

    async def fill(self) -> None:
        """List everything into the store, runtimes first, and enqueue all of it."""
        if self._runtimes is not None:
            await self._runtimes.refresh()
        await fill_store(
            self._client, self._intake, self._namespaces, with_runtimes=self._runtimes is None
        )
        enqueue_all(self._store, self._intake)

    async def follow(self, started: asyncio.Event, stop: asyncio.Event) -> None:
        """Take events until cancelled; ``started`` is set once kopf has set its signal handlers.

        A signal that comes before that ends kopf, and so sets ``stop`` here.
        """
        await kopf.operator(
            registry=build_kopf_registry(
                self._intake, self._connect_kopf, watch_runtimes=self._runtimes is None
            ),
            settings=build_kopf_settings(),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            ready_flag=started,
        )
        if not started.is_set():
            stop.set()
            await asyncio.Event().wait()
