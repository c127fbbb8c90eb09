"""Why a function cannot work: its own manifest, its name, its runtime, code, layers, packages.

Contract: pure; the first problem that is found. What keeps its pods from starting is another
subject: ``diagnosis``.
"""

from collections.abc import Sequence

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.catalog.layers import describe_missing
from kubelambda.controller.function.observed import Observed
from kubelambda.controller.packages.package_problem import find_package_problem
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.core.model.layer import Layer
from kubelambda.core.model.runtime_support import describe_missing_runtime
from kubelambda.core.packages.needed_packages import list_needed_packages
from kubelambda.judge.problem import Problem


def find_function_problem(
    record: FunctionRecord, observed: Observed, layers: Sequence[Layer]
) -> Problem | None:
    """Why ``record`` cannot work, if so; ``layers`` are its layers as they were found."""
    needed = list_needed_packages(record.package, layers)
    return (
        record.spec_problem
        or _find_name_problem(record, observed)
        or _find_runtime_problem(record, observed)
        or _find_code_problem(record, observed)
        or _find_layer_problem(layers)
        or find_package_problem(needed, observed.packages)
        or (observed.image if isinstance(observed.image, Problem) else None)
    )


def _find_name_problem(record: FunctionRecord, observed: Observed) -> Problem | None:
    rightful = observed.claimants[0] if observed.claimants else record
    if rightful.uid == record.uid:
        return None
    return Problem(
        Reason.DUPLICATE_FUNCTION_NAME,
        f"functionName {record.function_name!r} belongs to the LambdaFunction "
        f"{rightful.ref.name!r} of this namespace; choose another name, or delete that function",
    )


def _find_runtime_problem(record: FunctionRecord, observed: Observed) -> Problem | None:
    if record.image is not None or record.runtime in observed.runtimes:
        return None
    message = describe_missing_runtime(record.runtime, list(observed.runtimes))
    return Problem(Reason.RUNTIME_NOT_FOUND, message)


def _find_code_problem(record: FunctionRecord, observed: Observed) -> Problem | None:
    if not record.config_map or observed.code_version:
        return None
    return Problem(
        Reason.CODE_NOT_FOUND,
        f"the ConfigMap {record.config_map!r} of code.configMapRef does not exist in this "
        "namespace, or is empty; create it with the code's files as its keys",
    )


def _find_layer_problem(layers: Sequence[Layer]) -> Problem | None:
    missing = [layer.reference for layer in layers if not layer.digest]
    return Problem(Reason.LAYER_NOT_FOUND, describe_missing(missing)) if missing else None
