"""What users are told of a runtime: that its support has ended, or how it would be installed.

Contract: pure; the day comes in. Sentences without a final stop, for conditions, logs and refusals.
A runtime runs whatever they say.
"""

from datetime import date

from kubelambda.core.model.runtime_identifier import SupportPhase
from kubelambda.core.model.runtime_table import RUNTIMES, find_newest


def find_end_of_support(identifier: str, stated: str) -> date | None:
    """The day that ``stated`` says, as YYYY-MM-DD; else AWS's; None where neither is a day."""
    try:
        return date.fromisoformat(stated)
    except ValueError:
        row = RUNTIMES.get(identifier)
        return row.support.end if row else None


def describe_end(identifier: str, end: date | None, today: date) -> str:
    """That the support has ended, and what is newer; empty while it goes on."""
    if end is None or today < end:
        return ""
    return f"support of runtime {identifier} ended on {end}{_name_newer(identifier)}"


def describe_blocks(identifier: str, today: date) -> str:
    """What AWS no longer does, or will not do, with functions of a runtime of the table."""
    row = RUNTIMES.get(identifier)
    if row is None:
        return ""
    support, phase = row.support, row.support.find_phase(today)
    created, updated = "will create", "update"
    if phase is SupportPhase.CREATION_BLOCKED:
        created = "creates"
    elif phase is SupportPhase.UPDATE_BLOCKED:
        created, updated = "creates", "updates"
    return (
        f"AWS {created} no functions with it from {support.creation_blocked} and {updated} none "
        f"from {support.update_blocked}; here they are created, updated and run"
    )


def describe_missing_runtime(identifier: str, installed: list[str]) -> str:
    """That it is not installed, what is, and what would install it."""
    known = ", ".join(sorted(installed)) or "none"
    return (
        f"runtime {identifier!r} is not installed (known here: {known}); choose one that is, or "
        f"have an administrator {_advise(identifier)}"
    )


def _advise(identifier: str) -> str:
    row = RUNTIMES.get(identifier)
    if row is None:
        return "create a LambdaRuntime with an image that runs it"
    key = f"runtimes.{row.chart_key}"
    if row.is_tested:
        return f"set {key}.enabled=true in the chart's values"
    return f"build its image (docs/runtimes.md) and set {key}.enabled=true and {key}.image"


def _name_newer(identifier: str) -> str:
    row = RUNTIMES.get(identifier)
    newest = find_newest(row.family).identifier if row else identifier
    return f"; change to {newest}" if newest != identifier else ""
