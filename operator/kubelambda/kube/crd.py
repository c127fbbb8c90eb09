"""Applying CustomResourceDefinitions and waiting until the API server serves them.

Contract: server-side apply, so repeating it changes nothing; never deletes a CRD.
"""

import asyncio
import time

from kubelambda.kube.api import KubeApi, Manifest
from kubelambda.kube.errors import KubeError
from kubelambda.kube.paths import CRDS

FIELD_MANAGER = "kubelambda"
_POLL_S = 0.2


class NotEstablishedError(KubeError):
    """The API server has accepted a CRD but does not serve it in time."""


async def apply_crd(client: KubeApi, manifest: Manifest, *, timeout_s: float = 60.0) -> None:
    """Apply one CRD and return when its condition Established is True."""
    applied = await client.apply(CRDS, None, manifest, manager=FIELD_MANAGER)
    name = manifest["metadata"]["name"]
    deadline = time.monotonic() + timeout_s
    while not _is_established(applied):
        if time.monotonic() > deadline:
            raise NotEstablishedError(f"{name} is not Established after {timeout_s:.0f} s")
        await asyncio.sleep(_POLL_S)
        applied = await client.get(CRDS, None, name)


def _is_established(manifest: Manifest) -> bool:
    conditions = (manifest.get("status") or {}).get("conditions") or []
    return any(
        condition["type"] == "Established" and condition["status"] == "True"
        for condition in conditions
    )
