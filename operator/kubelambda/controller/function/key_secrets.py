"""The key Secrets of functions: created, and created again if somebody has deleted them.

Contract: the controller may create Secrets and nothing else (docs/adr/0001), so it sees no
deletion. It tries to create the Secret whenever a pod is about to need it. Name and content are
derived from the master secret, so 409 means that the very same Secret is there.
"""

import logging
from collections.abc import Callable

from kubelambda.controller.function.render import Rendered
from kubelambda.controller.records.field_managers import SCALE_MANAGER
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import AlreadyExistsError
from kubelambda.kube.paths import SECRETS

logger = logging.getLogger(__name__)

TRUSTED_S = 1.0
"""A Secret that was there so recently is not created again."""
_REMEMBERED_MAX = 4096


class KeySecrets:
    """Creates key Secrets; remembers when each was last known to exist."""

    def __init__(self, client: KubeApi, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._seen_at: dict[tuple[str, str], float] = {}

    async def ensure(self, namespace: str, rendered: Rendered) -> None:
        """Have the Secret exist; one request, none if it was there TRUSTED_S ago."""
        key, now = (namespace, rendered.key_secret_name), self._clock()
        if now - self._seen_at.get(key, -TRUSTED_S) < TRUSTED_S:
            return
        try:
            await self._client.create(
                SECRETS, namespace, rendered.key_secret, manager=SCALE_MANAGER
            )
        except AlreadyExistsError:
            logger.debug("%s/%s is there already", *key)
        self._forget_old(now)
        self._seen_at[key] = now

    def _forget_old(self, now: float) -> None:
        if len(self._seen_at) >= _REMEMBERED_MAX:
            kept = {key: at for key, at in self._seen_at.items() if now - at < TRUSTED_S}
            self._seen_at = kept
