"""Functions and published versions of local mode: their statuses say whether they are served.

Contract: takes the place of the controller's ``FunctionReconciler``. What the catalog serves
(``find``) is judged already; only an object that was loaded in its present generation gets a
status.
"""

from collections.abc import Callable

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.cache.store import Store
from kubelambda.controller.function.function_status import ReconcileOutcome
from kubelambda.controller.function.function_statuses import FunctionStatuses
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.keys import Key
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.judge.problem import Problem, ReadyNote

READY = ReadyNote("Served by local mode.")


class LocalFunctions:
    """``find_problem`` says why an object that was loaded is not served at all; empty if it is."""

    def __init__(
        self,
        store: Store,
        statuses: FunctionStatuses,
        find: Callable[[FunctionRef], Function | None],
        find_problem: Callable[[Key], str],
        is_loaded: Callable[[str, int], bool],
    ) -> None:
        """``is_loaded`` tells of a uid whether this generation of it is what the catalog has."""
        self._store = store
        self._statuses = statuses
        self._find = find
        self._find_problem = find_problem
        self._is_loaded = is_loaded

    async def reconcile(self, key: Key) -> None:
        """Write the status of ``key``, if it was loaded; else it is looked at again then."""
        record = self._store.find_serving(key)
        if record is None or record.deleting or not self._is_loaded(record.uid, record.generation):
            return
        await self._statuses.write(record, self._judge(record))

    def forget(self, key: Key) -> None:
        """Nothing is remembered."""

    def _judge(self, record: FunctionRecord) -> ReconcileOutcome:
        function = self._find(record.ref)
        if function is None or function.uid != record.uid:
            message = self._find_problem((record.ref.namespace, record.ref.name))
            return ReconcileOutcome(problem=Problem(Reason.INVALID_SPEC, message or "not served"))
        problem = None
        if function.cannot_run:
            problem = Problem(Reason(function.stalled_reason), function.stalled_message)
        found = None if problem is not None and function.layers else function.layers
        return ReconcileOutcome(
            problem=problem, note=READY, code_sha256=record.code_sha256, layers=found
        )
