"""What runs only while this process leads, in which order it starts, and in which it ends.

Contract, in the order of time:

1. The demand port opens. Gateways post there once this pod carries the leader's label.
2. All parts start side by side. The election is the first of them, since renewals must not wait
   for anything: the beginnings of the others may take longer than the Lease lasts.
3. The part "watches" takes the leader's label, lists every object into the store, and then follows
   them with kopf. Workers and scaler find nothing to do before the store has functions, and those
   are listed last.
4. After ``stop``, or when the first part ends by itself, all parts are cancelled together, then
   what they had begun, and the demand port closes. A part that ends by itself, with or without an
   error, ends the leadership: without it the process would do half of its work for ever. ``lead``
   then raises.
5. ``hand_over``, whatever ended ``lead``, gives up the label and, last of all, the Lease: when a
   standby may take it, nothing of ours begins a write any more.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from kubelambda.config import ControllerSettings
from kubelambda.controller.process.assembly import LeaderParts
from kubelambda.controller.process.elector import Elector
from kubelambda.controller.process.leader_label import claim_leader_label, drop_leader_label
from kubelambda.kube.api import KubeApi
from kubelambda.process.parts import run_parts
from kubelambda.process.signals import set_on_stop

STUCK_S = 120.0
"""Keys that have waited for so long without any worker taking one: only a new process helps."""


class Leader:
    """Runs the parts; ``client`` writes behind the fence of ``elector``."""

    def __init__(
        self,
        settings: ControllerSettings,
        client: KubeApi,
        elector: Elector,
        parts: LeaderParts,
    ) -> None:
        self._settings = settings
        self._client = client
        self._elector = elector
        self._parts = parts

    def check_live(self) -> str:
        """Empty while workers take keys; an event loop that hangs gives no answer at all."""
        return self._parts.workers.check_progress(STUCK_S)

    async def lead(self, stop: asyncio.Event) -> None:
        """Reconcile and scale until ``stop``; raises what ended it otherwise."""
        await self._parts.demand_server.start()
        try:
            await run_parts(self._list_parts(stop), stop)
        finally:
            await self._parts.supervisor.close()
            await self._parts.demand_server.close()

    async def hand_over(self) -> None:
        """Let a standby lead at once, if this process still holds the Lease."""
        await drop_leader_label(self._client, self._settings.namespace, self._settings.pod_name)
        if self._settings.leader_election:
            await self._elector.release()

    def _list_parts(self, stop: asyncio.Event) -> dict[str, Coroutine[Any, Any, None]]:
        """In the order of their first step, by the names that the log gives them."""
        parts, kopf_started = self._parts, asyncio.Event()
        listed: dict[str, Coroutine[Any, Any, None]] = {}
        if self._settings.leader_election:
            listed["election"] = self._elector.keep_leadership()
        if parts.runtimes is not None:
            listed["runtimes"] = parts.runtimes.run()
        return listed | {
            "workers": parts.workers.run(),
            "scaler": parts.scaler.run(),
            "packages": parts.packages.run(),
            "resync": parts.resync.run(),
            "signals": _keep_signals(kopf_started, stop),
            "watches": self._follow_objects(kopf_started, stop),
        }

    async def _follow_objects(self, kopf_started: asyncio.Event, stop: asyncio.Event) -> None:
        await claim_leader_label(self._client, self._settings.namespace, self._settings.pod_name)
        await self._parts.watches.fill()
        await self._parts.watches.follow(kopf_started, stop)


async def _keep_signals(kopf_started: asyncio.Event, stop: asyncio.Event) -> None:
    """Take SIGTERM back from kopf, which would wait 5 s for tasks that are not its own."""
    await kopf_started.wait()
    set_on_stop(stop)
    await asyncio.Event().wait()
