"""The role ``kubelambda controller``: stands by, leads, and ends cleanly.

Contract: exit code 0 after SIGTERM; 1 after losing the Lease or the unexpected end of any part (a
standby takes over at once, and Kubernetes restarts the process); 2 for settings that a person has
to correct. A standby is Ready and writes nothing; a controller that cannot reach the API server is
not Ready.
"""

import asyncio
import logging
import os
import uuid
from collections.abc import Coroutine
from typing import NoReturn, Protocol

from kubelambda.config import ControllerSettings, SettingError
from kubelambda.controller.network.rules import build_network_rules
from kubelambda.controller.process.assembly import build_parts
from kubelambda.controller.process.election_settings import ElectionSettings
from kubelambda.controller.process.elector import Elector
from kubelambda.controller.process.leader import Leader
from kubelambda.core.capacity.token_bucket import TokenBucket
from kubelambda.kube.client import KubeClient
from kubelambda.kube.connection import NoConnectionError, load_configuration
from kubelambda.kube.request_counter import RequestCounter
from kubelambda.process.signals import set_on_stop
from kubelambda.telemetry.health import HealthServer
from kubelambda.telemetry.logs import configure_logging
from kubelambda.telemetry.metrics import build_registry

logger = logging.getLogger(__name__)

OUTSIDE = "local"
"""The pod's name of a process outside a cluster."""
REQUESTS_PER_S = 200.0
REQUESTS_BURST = 400.0


def run(settings: ControllerSettings) -> NoReturn:
    """Run the role until a signal or a failure, then end the process with its exit code."""
    configure_logging(settings.log_level)
    try:
        code = asyncio.run(_serve(settings))
    except (SettingError, NoConnectionError) as error:
        logger.critical("%s", error)
        code = 2
    except Exception:
        # The boundary of the process: it ends without waiting for hanging requests in any case.
        logger.critical("the controller ended by an error", exc_info=True)
        code = 1
    end_process(code)


def end_process(code: int) -> NoReturn:
    """End at once, without waiting for threads whose request to the API server hangs.

    The interpreter would wait for them for up to their read timeout, in which nobody leads.
    """
    logging.shutdown()
    os._exit(code)


async def _serve(settings: ControllerSettings) -> int:
    master_secret = settings.read_master_secret()
    rules = build_network_rules(settings)
    registry = build_registry()
    counter = RequestCounter(registry)
    election_client = KubeClient(load_configuration(), counter, threads=2)
    elector = Elector(election_client, _build_election_settings(settings))
    client = KubeClient(
        load_configuration(),
        counter,
        fence=elector.check_fence,
        bucket=TokenBucket(REQUESTS_PER_S, REQUESTS_BURST),
    )
    parts = build_parts(settings, master_secret, rules, registry, client, lambda: client.connection)
    leader = Leader(settings, client, elector, parts)
    health = HealthServer(
        registry,
        check_live=leader.check_live,
        check_ready=elector.check_ready,
        port=settings.metrics_port,
    )
    await health.start()
    stop = asyncio.Event()
    set_on_stop(stop)
    try:
        return await stand_by_then_lead(
            elector, leader, stop, with_election=settings.leader_election
        )
    finally:
        await health.close()
        client.close()
        election_client.close()


class Leadership(Protocol):
    """What a controller does while it leads, and how it hands over; ``Leader`` implements it."""

    async def lead(self, stop: asyncio.Event) -> None:
        """Return after ``stop``; raise what ended it otherwise."""
        ...

    async def hand_over(self) -> None:
        """Let a standby lead at once."""
        ...


async def stand_by_then_lead(
    elector: Elector, leader: Leadership, stop: asyncio.Event, *, with_election: bool
) -> int:
    """Wait for leadership, lead, hand over; returns the exit code."""
    if not with_election:
        elector.lead_unopposed()
    elif not await _first_of(elector.wait_for_leadership(), stop):
        return 0
    code = 0
    try:
        await leader.lead(stop)
    except Exception:
        # The boundary of the process: whatever it was, a fresh process is the remedy.
        logger.critical("the controller cannot go on; ending", exc_info=True)
        code = 1
    await leader.hand_over()
    return code


def _build_election_settings(settings: ControllerSettings) -> ElectionSettings:
    return ElectionSettings(
        namespace=settings.namespace,
        name=settings.lease_name,
        identity=_choose_identity(settings.pod_name),
        duration_s=settings.lease_duration_s,
        renew_s=settings.lease_renew_s,
        owner=settings.lease_owner,
    )


async def _first_of(work: Coroutine[None, None, None], stop: asyncio.Event) -> bool:
    """Wait for ``work`` or ``stop``; True when the work was first. Raises what it raises."""
    task = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
        is_first = task.done()
    finally:
        task.cancel()
        stopping.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)
    if is_first:
        task.result()
    return is_first


def _choose_identity(pod_name: str) -> str:
    """A pod's name is unique in its namespace and outlives its containers; "local" is neither."""
    return pod_name if pod_name != OUTSIDE else f"{OUTSIDE}-{uuid.uuid4().hex[:8]}"
