"""kopf as the source of events: which objects are watched, and how.

Contract: kopf writes nothing here: no finalizer, no annotation, no Event, no peering; only
``event`` handlers exist. (``kopf.index`` as a barrier before the first event costs 18 s and 60 MB
at 1,000 functions, since every object waits for every other: ``initial_list`` fills the store
instead.)
"""

from collections.abc import Callable
from typing import Any

import kopf

from kubelambda.controller.cache.initial_list import PAGE_ITEMS
from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.kinds import KINDS
from kubelambda.kube.connection import Connection
from kubelambda.kube.paths import RUNTIMES, Resource

SILENCE_S = 60.0
_SERVER_TIMEOUT_S = 50


def build_kopf_registry(
    intake: Intake, connect: Callable[[], Connection], *, watch_runtimes: bool
) -> kopf.OperatorRegistry:
    """Handlers for every kind that is watched."""
    registry = kopf.OperatorRegistry()
    watched = [kind.resource for kind in KINDS]
    for resource in [*watched, RUNTIMES] if watch_runtimes else watched:
        _register(registry, intake, resource)

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return build_connection_info(connect())

    return registry


def _register(registry: kopf.OperatorRegistry, intake: Intake, resource: Resource) -> None:
    selector = (resource.group, resource.version, resource.plural)
    plural = resource.plural

    async def event(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002  # kopf's name
        manifest = dict(body)
        if type == "DELETED":
            intake.drop(plural, manifest)
        elif intake.take(plural, manifest):
            intake.enqueue_affected(plural, manifest)

    kopf.on.event(*selector, id=f"event-{plural}", registry=registry)(event)


def build_kopf_settings() -> kopf.OperatorSettings:
    """Settings under which kopf only lists and watches."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.watching.chunk_size = PAGE_ITEMS
    settings.watching.inactivity_timeout = SILENCE_S
    settings.watching.server_timeout = _SERVER_TIMEOUT_S
    settings.watching.connect_timeout = 5.0
    settings.queueing.idle_timeout = 0.05
    settings.queueing.exit_timeout = 0.5
    settings.networking.request_timeout = 20.0
    settings.networking.error_backoffs = [0.2, 0.5, 1, 2, 5]
    settings.process.ultimate_exiting_timeout = None
    for kind in KINDS:
        if kind.selector:
            key = (kind.resource.group, kind.resource.version, kind.resource.plural)
            settings.watching.label_selectors[key] = kind.selector
    return settings


def build_connection_info(connection: Connection) -> kopf.ConnectionInfo:
    """The same server and rights as our own client; asked again before a token can expire."""
    return kopf.ConnectionInfo(
        server=connection.server,
        ca_path=connection.ca_path,
        token=connection.token,
        certificate_path=connection.certificate_path,
        private_key_path=connection.private_key_path,
    )
