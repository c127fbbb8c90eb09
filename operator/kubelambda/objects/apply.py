"""Applying a manifest: what of a live object changes, as ``kubectl apply`` decides it.

Contract: pure. What was applied before stands in kubectl's own annotation, so both may take turns
with one object. A field that was applied and is left out now is removed; what others have written
beside it stays. Lists are replaced as a whole.
"""

import json
from collections.abc import Mapping
from typing import Any

from kubelambda.objects.port import Manifest

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def build_applied(wanted: Mapping[str, Any]) -> Manifest:
    """``wanted`` as a new object: with the annotation."""
    return _annotate(wanted, wanted)


def plan_apply(live: Manifest, wanted: Mapping[str, Any]) -> Manifest | None:
    """``live`` after an apply of ``wanted``, at the version of ``live``; None changes nothing."""
    base = {key: value for key, value in live.items() if key != "status"}
    merged = _merge(base, _read_last(live), _without_status(wanted))
    planned = _annotate(merged, wanted)
    return None if planned == base else planned


def _merge(live: Any, last: Any, wanted: Any) -> Any:
    if not isinstance(wanted, Mapping) or not isinstance(live, Mapping):
        return wanted
    former = last if isinstance(last, Mapping) else {}
    merged = {key: value for key, value in live.items() if key in wanted or key not in former}
    for key, value in wanted.items():
        merged[key] = _merge(live.get(key), former.get(key), value)
    return merged


def _annotate(manifest: Mapping[str, Any], wanted: Mapping[str, Any]) -> Manifest:
    """``manifest``, with ``wanted`` as what was applied last."""
    metadata = wanted["metadata"]
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop(LAST_APPLIED, None)
    applied = {**_without_status(wanted), "metadata": {**metadata, "annotations": annotations}}
    text = json.dumps(applied, sort_keys=True, separators=(",", ":")) + "\n"
    own = manifest["metadata"]
    return {
        **_without_status(manifest),
        "metadata": {**own, "annotations": {**(own.get("annotations") or {}), LAST_APPLIED: text}},
    }


def _read_last(live: Manifest) -> Any:
    text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    try:
        return json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}


def _without_status(manifest: Mapping[str, Any]) -> Manifest:
    return {key: value for key, value in manifest.items() if key != "status"}
