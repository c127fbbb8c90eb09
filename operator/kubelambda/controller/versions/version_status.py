"""The status of a LambdaVersion that nothing serves: not published, or the same as an older one.

Contract: pure; the moment comes in. That of a version that is served is ``function``'s.
"""

from typing import Any

from kubelambda.controller.records.version_record import VersionRecord
from kubelambda.core.model.account import derive_account_id
from kubelambda.judge.conditions import build_conditions
from kubelambda.judge.problem import Problem, ReadyNote


def build_version_status(
    record: VersionRecord, problem: Problem | None, ready: str, *, region: str, now: str
) -> dict[str, Any]:
    """The status to be; ``ready`` is what the Ready condition of one without a problem says."""
    state = "Active"
    if problem is not None:
        state = "Pending" if problem.transient else "Failed"
    note = ReadyNote(ready)
    status: dict[str, Any] = {
        "state": state,
        "observedGeneration": record.owned.generation,
        "conditions": build_conditions(record.status.conditions, problem, ready=note, now=now),
    }
    if record.published is not None:
        number, name = record.published.number, record.request.function_name
        account_id = derive_account_id(record.key[0])
        status["version"] = number
        status["functionArn"] = f"arn:aws:lambda:{region}:{account_id}:function:{name}:{number}"
    return status
