"""The functions that are known right now, found by reference, by AWS name and by account.

Contract: lives on one event loop; no I/O. Subscribers are called only when a function has really
changed. A name that two objects claim belongs to the older one (spec.functionName is unique in its
namespace; the controller marks the later object Stalled). A function that was ready is served with
its former configuration until the controller has checked the new one, and until a package that the
new one names is there.
"""

import logging
from collections.abc import Callable, Iterable

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.core.model.account import derive_account_id
from kubelambda.core.model.function import Function, FunctionRef

logger = logging.getLogger(__name__)

_AWAITING_PACKAGE = (Reason.PACKAGE_NOT_FOUND, Reason.PACKAGE_STORE_MISSING)
DELETED_UIDS_MAX = 10_000
Subscriber = Callable[[FunctionRef], None]


class FunctionIndex:
    """Implements the port ``core.ports.Catalog`` over a dictionary; sources feed it."""

    def __init__(self) -> None:
        self.synced = False
        self._functions: dict[FunctionRef, Function] = {}
        self._refs_by_name: dict[tuple[str, str], list[FunctionRef]] = {}
        self._refs_by_uid: dict[str, FunctionRef] = {}
        self._deleted_uids: dict[str, None] = {}
        """The last DELETED_UIDS_MAX, the latest last: an event may still name them."""
        self._namespaces: dict[str, str] = {}
        self._subscribers: list[Subscriber] = []

    def get(self, ref: FunctionRef) -> Function | None:
        """The function at ``ref``, if there is one."""
        return self._functions.get(ref)

    def find(self, namespace: str, function_name: str) -> Function | None:
        """The function that AWS clients call ``function_name`` in ``namespace``."""
        refs = self._refs_by_name.get((namespace, function_name))
        return self._functions[refs[0]] if refs else None

    def find_by_uid(self, uid: str) -> Function | None:
        """The function whose object has this uid."""
        ref = self._refs_by_uid.get(uid)
        return self._functions[ref] if ref is not None else None

    def was_deleted(self, uid: str) -> bool:
        """Whether the function with this uid was here and has been deleted."""
        return uid in self._deleted_uids

    def namespace_of_account(self, account_id: str) -> str | None:
        """The namespace that ``account_id`` stands for, if any function lives there."""
        return self._namespaces.get(account_id)

    def account_of_namespace(self, namespace: str) -> str:
        """The 12 digits of ``namespace``."""
        return derive_account_id(namespace)

    def refs(self, namespace: str | None = None) -> list[FunctionRef]:
        """All references, or those of one namespace."""
        return [ref for ref in self._functions if namespace in (None, ref.namespace)]

    def subscribe(self, callback: Subscriber) -> None:
        """Call ``callback`` with the reference of each function that appears, changes or goes."""
        self._subscribers.append(callback)

    def put(self, function: Function) -> None:
        """Add ``function`` or replace its former self; does nothing if they are equal."""
        former = self._functions.get(function.ref)
        if former == function or (former is not None and _serves_meanwhile(former, function)):
            return
        if former is not None:
            self._forget_names(former)
            if former.uid != function.uid:
                self._note_deleted(former.uid)
        self._functions[function.ref] = function
        self._deleted_uids.pop(function.uid, None)
        self._refs_by_uid[function.uid] = function.ref
        self._namespaces[function.account_id] = function.ref.namespace
        names = self._refs_by_name.setdefault((function.ref.namespace, function.function_name), [])
        names.append(function.ref)
        names.sort(key=lambda ref: _rank_claim(self._functions[ref]))
        self._tell(function.ref)

    def remove(self, ref: FunctionRef, uid: str = "") -> None:
        """Forget the function at ``ref``; with ``uid``, only if it is this object.

        The object with ``uid`` counts as deleted even if it is not here, or not any more.
        """
        former = self._functions.get(ref)
        if uid:
            self._note_deleted(uid)
        if former is not None and uid in ("", former.uid):
            del self._functions[ref]
            self._forget_names(former)
            self._note_deleted(former.uid)
            self._tell(ref)

    def replace(self, functions: Iterable[Function], namespace: str | None = None) -> None:
        """Make ``functions`` all that there is (in ``namespace``, or at all)."""
        wanted = {function.ref: function for function in functions}
        for ref in self.refs(namespace):
            if ref not in wanted:
                self.remove(ref)
        for function in wanted.values():
            self.put(function)

    def _forget_names(self, function: Function) -> None:
        self._refs_by_uid.pop(function.uid, None)
        key = (function.ref.namespace, function.function_name)
        names = self._refs_by_name[key]
        names.remove(function.ref)
        if not names:
            del self._refs_by_name[key]

    def _note_deleted(self, uid: str) -> None:
        self._deleted_uids[uid] = None
        while len(self._deleted_uids) > DELETED_UIDS_MAX:
            del self._deleted_uids[next(iter(self._deleted_uids))]

    def _tell(self, ref: FunctionRef) -> None:
        for callback in self._subscribers:
            try:
                callback(ref)
            except Exception:
                logger.exception("a change of %s was not taken by all; the catalog goes on", ref)


def _rank_claim(function: Function) -> tuple[bool, bool]:
    """The lower rank wins the name; one that only lacks environments ranks as any other."""
    return function.stalled_reason == Reason.DUPLICATE_FUNCTION_NAME, function.cannot_run


def _serves_meanwhile(former: Function, function: Function) -> bool:
    """Whether ``function`` updates ``former`` and waits for the controller or for a package.

    The package of an update has no part in what served before; one that is lacking in the same
    configuration (a layer that was made again) has.
    """
    is_update = former.ready and former.uid == function.uid
    awaits_package = function.stalled_reason in _AWAITING_PACKAGE
    is_other = function.config_digest != former.config_digest
    return is_update and (function.is_pending or (awaits_package and is_other))
