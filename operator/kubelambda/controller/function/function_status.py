"""The status of a LambdaFunction, or of a published version of one.

Contract: pure; the moment comes in. What the function was last served with stays in the status
while something is wrong with it, so that a restarted controller finds it.
"""

from dataclasses import dataclass
from typing import Any

from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.core.images.config import ResolvedImage
from kubelambda.core.model.code import S3Package
from kubelambda.core.model.layer import Layer
from kubelambda.core.model.revision_id import compute_revision_id
from kubelambda.core.packages.code_zip import to_code_sha256
from kubelambda.judge.conditions import build_conditions
from kubelambda.judge.problem import NO_NOTE, Problem, ReadyNote

READY_MESSAGE = "Scales from zero on demand."


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileOutcome:
    """What a reconcile found: a problem of the function, or the revision that serves it, or both.

    Both, if it can be rendered and its pods do not start.
    """

    problem: Problem | None = None
    note: ReadyNote = NO_NOTE
    """What the Ready condition of a function without a problem says."""
    revision: str = ""
    key_secret: str = ""
    runtime_image: str = ""
    code_sha256: str = ""
    image: ResolvedImage | None = None
    end_of_support: str = ""
    """A sentence that its runtime's support has ended, if so."""
    layers: tuple[Layer, ...] | None = None
    """The layers as they were found; None if that is not known."""

    @property
    def stalled(self) -> bool:
        """Whether nothing happens before somebody changes something."""
        return self.problem is not None and not self.problem.transient


def build_status(
    record: FunctionRecord, outcome: ReconcileOutcome, *, region: str, now: str
) -> dict[str, Any]:
    """The whole status to be; ``record.status`` says it already if there is nothing to write.

    None takes a field away.
    """
    arn = f"arn:aws:lambda:{region}:{record.account_id}"
    former = record.status
    ready = build_ready_note(record, outcome)
    status: dict[str, Any] = {
        "state": _name_state(outcome),
        "observedGeneration": record.generation,
        "conditions": build_conditions(former.conditions, outcome.problem, ready=ready, now=now),
        "functionArn": f"{arn}:function:{record.function_name}",
        "revisionId": compute_revision_id(record.uid, record.generation),
        **_describe_update(record, outcome),
    }
    if record.number:
        status["functionArn"] += f":{record.number}"
        status["version"] = record.number
    if outcome.layers or (outcome.layers is not None and former.layers is not None):
        status["layers"] = [_build_layer(layer, arn) for layer in outcome.layers]
    return status | _build_serving_fields(record, outcome)


def _describe_update(record: FunctionRecord, outcome: ReconcileOutcome) -> dict[str, Any]:
    """How the last change of the spec went; once it went well, that stays until the next one."""
    former, status = record.status, "Successful"
    was_successful = former.last_update_status == status
    is_settled = was_successful and former.observed_generation == record.generation
    if outcome.problem is not None and not is_settled:
        status = "Failed" if outcome.stalled else "InProgress"
    reason = outcome.problem.message if outcome.problem is not None and status == "Failed" else None
    return {"lastUpdateStatus": status, "lastUpdateStatusReason": reason}


def build_ready_note(record: FunctionRecord, outcome: ReconcileOutcome) -> ReadyNote:
    """What the Ready condition of a function without a problem says."""
    message = outcome.note.message or READY_MESSAGE
    for more in (_describe_secrets(record), outcome.end_of_support):
        message = f"{message.rstrip('.')}; {more}" if more else message
    return ReadyNote(message, outcome.note.reason)


def _describe_secrets(record: FunctionRecord) -> str:
    """What of a published version may change all the same."""
    if not record.number or not any("secretKeyRef" in value for value in record.values_from):
        return ""
    return "values of Secrets are read whenever an environment starts."


def _name_state(outcome: ReconcileOutcome) -> str:
    """``State`` of the Lambda API."""
    if outcome.problem is None:
        return "Active"
    return "Failed" if outcome.stalled else "Pending"


def _build_serving_fields(record: FunctionRecord, outcome: ReconcileOutcome) -> dict[str, Any]:
    """The fields that say what serves the function; without a revision they stay as they are."""
    values = {
        "revision": outcome.revision,
        "keySecretName": outcome.key_secret,
        "runtimeImage": outcome.runtime_image,
        "codeSha256": outcome.code_sha256,
        "resolvedImageUri": outcome.image.image if outcome.image else "",
        "imageConfig": _build_image_config(record, outcome.image),
    }
    former = record.status.written
    return {
        # Code of S3 has no digest: None takes away what former code has left.
        name: value or (None if outcome.revision else former[name])
        for name, value in values.items()
        if value or name in former
    }


def _build_layer(layer: Layer, arn: str) -> dict[str, Any]:
    """All that ``catalog.build.build_layers`` needs when the LambdaLayer has gone."""
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
