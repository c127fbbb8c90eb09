"""The status of a LambdaFunction, in the sense of kstatus.

Contract: pure; the moment comes in. A status that says the same keeps its transition times, so that
comparing old and new tells whether to write at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.cache.records import FunctionRecord
from kubelambda.controller.function.verdict import NO_OBJECTION, Verdict
from kubelambda.core.images.config import ResolvedImage
from kubelambda.core.model.code import S3Package
from kubelambda.core.model.layer import Layer
from kubelambda.core.packages.code_zip import to_code_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a reconcile found: a verdict against the function, or the revision that serves it."""

    verdict: Verdict = NO_OBJECTION
    stalled: bool = False
    """Nothing happens before somebody changes something."""
    note: Verdict = NO_OBJECTION
    """What is to be said although nothing stands against the function."""
    revision: str = ""
    key_secret: str = ""
    runtime_image: str = ""
    code_sha256: str = ""
    image: ResolvedImage | None = None
    layers: tuple[Layer, ...] | None = None
    """The layers as they were found; None where that is not known."""


def format_moment(now_s: float) -> str:
    """A moment as conditions have it."""
    moment = datetime.fromtimestamp(now_s, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def build_status(
    record: FunctionRecord, outcome: Outcome, *, region: str, now: str
) -> dict[str, Any]:
    """The whole status to be; equal to ``record.status`` where there is nothing to write."""
    reason, arn = outcome.verdict.reason, f"arn:aws:lambda:{region}:{record.account_id}"
    status: dict[str, Any] = {
        "state": "Active" if reason is None else "Failed" if outcome.stalled else "Pending",
        "observedGeneration": record.generation,
        "conditions": build_conditions(
            record.status,
            outcome.verdict,
            stalled=outcome.stalled,
            ready_message=outcome.note.message or "Scales from zero on demand.",
            ready_reason=outcome.note.reason or Reason.READY,
            now=now,
        ),
        "functionArn": f"{arn}:function:{record.function_name}",
    }
    if outcome.layers or (outcome.layers is not None and "layers" in record.status):
        status["layers"] = [_build_layer(one, arn) for one in outcome.layers]
    # What served before the trouble stays: a restart must find it.
    for field, value in (
        ("revision", outcome.revision),
        ("keySecretName", outcome.key_secret),
        ("runtimeImage", outcome.runtime_image),
        ("codeSha256", outcome.code_sha256),
        ("resolvedImageUri", outcome.image.image if outcome.image else ""),
        ("imageConfig", _build_image_config(record, outcome.image)),
    ):
        if value or field in record.status:
            # Code of S3 has no digest: None takes away what former code has left.
            status[field] = value or (None if outcome.revision else record.status[field])
    return status


def _build_layer(layer: Layer, arn: str) -> dict[str, Any]:
    """All that ``catalog.build.build_layers`` goes on with when the LambdaLayer has gone."""
    entry = {
        "name": layer.name,
        "version": layer.version,
        "arn": f"{arn}:layer:{layer.reference}",
    }
    if layer.sha256:
        entry["codeSha256"] = to_code_sha256(layer.sha256)
    if layer.fetched:
        entry["fetchedFrom"] = "S3" if layer.uses_s3 else "URL"
    return {**entry, **_describe_s3(layer)}


def _describe_s3(layer: Layer) -> dict[str, str]:
    source = layer.content
    if not isinstance(source, S3Package):
        return {}
    version = {"s3ObjectVersion": source.version} if source.version else {}
    return {"s3Bucket": source.bucket, "s3Key": source.key, **version}


def _build_image_config(record: FunctionRecord, image: ResolvedImage | None) -> dict[str, Any]:
    if image is None:
        return {}
    return {
        "entryPoint": list(image.config.entry_point),
        "command": list(image.config.command),
        "workingDirectory": image.config.working_directory,
        "digest": image.digest,
        "observedGeneration": record.generation,
    }


def build_conditions(
    status: Mapping[str, Any],
    verdict: Verdict,
    *,
    stalled: bool,
    ready_message: str,
    now: str,
    ready_reason: Reason = Reason.READY,
) -> list[dict[str, Any]]:
    """Ready, Reconciling and Stalled; what says the same as in ``status`` keeps its moment.

    ``ready_reason``: what is lacking although nothing stands against the object.
    """
    former = {one["type"]: one for one in status.get("conditions") or ()}
    reason, message = verdict.reason, verdict.message
    if reason is None:
        wanted = [
            ("Ready", "True", ready_reason, ready_message),
            ("Reconciling", "False", Reason.READY, ""),
            ("Stalled", "False", Reason.READY, ""),
        ]
    else:
        wanted = [
            ("Ready", "False", reason, message),
            ("Reconciling", "False" if stalled else "True", reason, "" if stalled else message),
            ("Stalled", "True" if stalled else "False", reason, message if stalled else ""),
        ]
    return [_build_condition(former.get(one[0]), one, now) for one in wanted]


def _build_condition(
    former: Mapping[str, Any] | None, wanted: tuple[str, str, Reason, str], now: str
) -> dict[str, Any]:
    kind, status, reason, message = wanted
    same = former is not None and former.get("status") == status
    return {
        "type": kind,
        "status": status,
        "reason": str(reason),
        "message": message,
        "lastTransitionTime": former["lastTransitionTime"] if same and former else now,
    }
