"""What a publication is made from: the LambdaFunction as it is now, and the ConfigMaps it names.

Contract: reads only. The store has no code and no values, so both are fetched.
"""

from collections.abc import Mapping
from typing import Any

from kubelambda.controller.records.keys import Key
from kubelambda.judge.snapshot import list_config_maps
from kubelambda.kube.api import KubeApi, Manifest
from kubelambda.kube.errors import NotFoundError
from kubelambda.kube.paths import CONFIG_MAPS, FUNCTIONS, Resource


async def fetch_source(
    client: KubeApi, key: Key
) -> tuple[Manifest | None, Mapping[str, Manifest | None]]:
    """The function ``key``, and each ConfigMap by name; None for what is not there."""
    function = await _fetch(client, FUNCTIONS, key)
    names = list_config_maps(function["spec"]) if function is not None else []
    return function, {name: await _fetch(client, CONFIG_MAPS, (key[0], name)) for name in names}


async def _fetch(client: KubeApi, resource: Resource, key: Key) -> dict[str, Any] | None:
    try:
        return await client.get(resource, *key)
    except NotFoundError:
        return None
