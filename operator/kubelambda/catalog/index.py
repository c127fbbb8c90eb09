"""The functions that are known right now, found by reference, by AWS name and by account.

Contract: lives on one event loop; no I/O. A published version is a function of its own, with a
reference of its own; it is found by its function's name and its number. Subscribers are called only
when one has really changed. A name that two objects claim belongs to the older one
(spec.functionName is unique in its namespace; the controller marks the later object Stalled). What
was ready is served with its former configuration until the controller has checked the new one, and
until a package that the new one names is there.
"""

import logging
from collections.abc import Callable, Iterable

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.catalog.claims import Claims
from kubelambda.catalog.versions import VersionRegistry
from kubelambda.core.model.account import derive_account_id
from kubelambda.core.model.alias import Alias
from kubelambda.core.model.function import LATEST, Function, FunctionRef

logger = logging.getLogger(__name__)

_AWAITING_PACKAGE = (Reason.PACKAGE_NOT_FOUND, Reason.PACKAGE_STORE_MISSING)
DELETED_MAX = 10_000
Subscriber = Callable[[FunctionRef], None]
_AliasKey = tuple[FunctionRef, str, str]
"""Of the function: its reference and AWS's name; and the alias's name."""


class FunctionIndex:
    """Implements the port ``core.ports.Catalog`` over dictionaries; sources feed it.

    ``versions_synced`` is for a source that may lack the list of versions or of aliases for a while
    although everything else is there.
    """

    def __init__(self) -> None:
        self.synced = False
        self.versions_synced = True
        self._functions: dict[FunctionRef, Function] = {}
        """All that are served: functions, and published versions."""
        self._refs_by_name: dict[tuple[str, str], list[FunctionRef]] = {}
        self._refs_by_uid: dict[str, FunctionRef] = {}
        self._versions = VersionRegistry()
        self._aliases: Claims[_AliasKey, Alias] = Claims()
        self._deleted: dict[tuple[str, str], None] = {}
        """The uids of functions, with a qualifier if it is a version or an alias that was deleted.
        The last DELETED_MAX, the latest last: an event may still name them."""
        self._namespaces: dict[str, str] = {}
        self._subscribers: list[Subscriber] = []

    # what the port promises

    def get(self, ref: FunctionRef) -> Function | None:
        """The function or published version at ``ref``, if there is one."""
        return self._functions.get(ref)

    def find(self, namespace: str, function_name: str) -> Function | None:
        """The function that AWS clients call ``function_name`` in ``namespace``."""
        refs = self._refs_by_name.get((namespace, function_name))
        return self._functions[refs[0]] if refs else None

    def find_version(self, namespace: str, function_name: str, version: str) -> Function | None:
        """The published version of this number, or the function itself for $LATEST."""
        function = self.find(namespace, function_name)
        if function is None or version == LATEST:
            return function
        found = self._versions.find(function, version)
        return self._functions.get(found.ref) if found is not None else None

    def find_alias(self, namespace: str, function_name: str, name: str) -> Alias | None:
        """The alias ``name`` of a function, wherever it points to."""
        function = self.find(namespace, function_name)
        if function is None:
            return None
        return self._aliases.find((function.ref, function_name, name))

    def find_by_uid(self, uid: str) -> Function | None:
        """The function or published version whose object has this uid."""
        ref = self._refs_by_uid.get(uid)
        return self._functions[ref] if ref is not None else None

    def was_deleted(self, uid: str, qualifier: str = "") -> bool:
        """Whether the function with this uid was here and has been deleted.

        With ``qualifier``: that version or alias of it. A later one of the same name is found.
        """
        return (uid, qualifier) in self._deleted

    def namespace_of_account(self, account_id: str) -> str | None:
        """The namespace that ``account_id`` stands for, if any function lives there."""
        return self._namespaces.get(account_id)

    def account_of_namespace(self, namespace: str) -> str:
        """The 12 digits of ``namespace``."""
        return derive_account_id(namespace)

    def refs(self, namespace: str | None = None) -> list[FunctionRef]:
        """All that are served, or those of one namespace."""
        return [ref for ref in self._functions if namespace in (None, ref.namespace)]

    def subscribe(self, callback: Subscriber) -> None:
        """Call ``callback`` with the reference of each function that appears, changes or goes."""
        self._subscribers.append(callback)

    # what sources say of functions and versions

    def put(self, function: Function) -> None:
        """Add a function or a published version, or replace its former self.

        Does nothing if they are equal. A version is served as ``versions`` says.
        """
        if function.version != LATEST:
            self._put_version(function)
        elif self._serve(function):
            self._namespaces[function.account_id] = function.ref.namespace
            self._publish_versions(function.ref)

    def remove(self, ref: FunctionRef, uid: str = "") -> None:
        """Forget the object at ``ref``; with ``uid``, only if it is this object.

        The function with ``uid`` counts as deleted even if it is not here, or not any more.
        """
        if ref.is_part:
            self._remove_version(ref, uid)
            return
        former = self._functions.get(ref)
        if uid:
            self._note_deleted(uid)
        if former is not None and uid in ("", former.uid):
            self._note_deleted(former.uid)
            self._withdraw(ref)
            self._publish_versions(ref)

    def list_objects(self, namespace: str | None, *, versions: bool) -> list[FunctionRef]:
        """The functions, or the versions, that sources have put: all, or those of a namespace."""
        if versions:
            return self._versions.refs(namespace)
        return [ref for ref in self.refs(namespace) if not ref.is_part]

    def replace(self, functions: Iterable[Function], namespace: str | None = None) -> None:
        """Make ``functions`` all functions that there are (in ``namespace``, or at all)."""
        wanted = {function.ref: function for function in functions}
        for ref in self.list_objects(namespace, versions=False):
            if ref not in wanted:
                self.remove(ref)
        for function in wanted.values():
            self.put(function)

    # what sources say of aliases

    def put_alias(self, alias: Alias) -> None:
        """Add an alias or move it: the next request of it goes to its new version."""
        key = (alias.ref.function, alias.function_name, alias.name)
        self._aliases.put(alias.ref, alias.created, key, alias)

    def remove_alias(self, ref: FunctionRef, uid: str = "") -> None:
        """Forget the alias at ``ref``; with ``uid``, only if it is this object."""
        former = self._aliases.get(ref)
        if former is None or uid not in ("", former.uid):
            return
        self._aliases.remove(ref)
        function = self._functions.get(ref.function)
        if function is not None and function.function_name == former.function_name:
            self._note_deleted(function.uid, former.name)

    def replace_aliases(self, aliases: Iterable[Alias], namespace: str | None = None) -> None:
        """Make ``aliases`` all that there are (in ``namespace``, or at all)."""
        wanted = {alias.ref: alias for alias in aliases}
        for key in self._aliases.keys(namespace):
            if key not in wanted:
                self.remove_alias(FunctionRef(*key))
        for alias in wanted.values():
            self.put_alias(alias)

    # how they are kept

    def _put_version(self, version: Function) -> None:
        former = self._versions.get(version.ref)
        if former is not None and former.uid != version.uid:
            self._note_deleted(former.owner_uid, former.version)
        if self._versions.put(version):
            self._publish_versions(version.ref.function)

    def _remove_version(self, ref: FunctionRef, uid: str) -> None:
        former = self._versions.get(ref)
        if former is not None and uid in ("", former.uid):
            self._note_deleted(former.owner_uid, former.version)
            self._versions.remove(ref)
            self._withdraw(ref)
            self._publish_versions(ref.function)

    def _publish_versions(self, function: FunctionRef) -> None:
        """Serve those of its versions that may be, as their function is now, and no others."""
        owner = self._functions.get(function)
        for ref in self._versions.list_of(function):
            version = self._versions.complete(ref, owner)
            if version is not None:
                self._serve(version)
            else:
                self._withdraw(ref)

    def _serve(self, function: Function) -> bool:
        """Make ``function`` what is found; False if what was there before stays."""
        ref = function.ref
        former = self._functions.get(ref)
        if former == function or (former is not None and _serves_meanwhile(former, function)):
            return False
        if former is not None:
            self._forget_names(former)
            if former.uid != function.uid:
                self._note_deleted(former.uid)
        self._functions[ref] = function
        self._deleted.pop((function.uid, ""), None)
        self._refs_by_uid[function.uid] = ref
        if not ref.is_part:
            names = self._refs_by_name.setdefault((ref.namespace, function.function_name), [])
            names.append(ref)
            names.sort(key=lambda one: _rank_claim(self._functions[one]))
        self._tell(ref)
        return True

    def _withdraw(self, ref: FunctionRef) -> None:
        """Serve it no more."""
        former = self._functions.pop(ref, None)
        if former is not None:
            self._forget_names(former)
            self._tell(ref)

    def _forget_names(self, function: Function) -> None:
        self._refs_by_uid.pop(function.uid, None)
        key = (function.ref.namespace, function.function_name)
        if function.ref.is_part:
            return
        names = self._refs_by_name[key]
        names.remove(function.ref)
        if not names:
            del self._refs_by_name[key]

    def _note_deleted(self, uid: str, qualifier: str = "") -> None:
        self._deleted[uid, qualifier] = None
        while len(self._deleted) > DELETED_MAX:
            del self._deleted[next(iter(self._deleted))]

    def _tell(self, ref: FunctionRef) -> None:
        for callback in self._subscribers:
            try:
                callback(ref)
            except Exception:
                logger.exception("a change of %s was not taken by all; the catalog goes on", ref)


def _rank_claim(function: Function) -> tuple[bool, bool, str, FunctionRef]:
    """The lowest rank wins the name; one that only lacks environments ranks as any other."""
    is_duplicate = function.stalled_reason == Reason.DUPLICATE_FUNCTION_NAME
    return is_duplicate, function.cannot_run, function.created, function.ref


def _serves_meanwhile(former: Function, function: Function) -> bool:
    """Whether ``function`` updates ``former`` and waits for the controller or for a package.

    The package of an update has no part in what served before; one that is lacking in the same
    configuration (a layer that was made again) has.
    """
    is_update = former.ready and former.uid == function.uid
    awaits_package = function.stalled_reason in _AWAITING_PACKAGE
    is_other = function.config_digest != former.config_digest
    return is_update and (function.is_pending or (awaits_package and is_other))
