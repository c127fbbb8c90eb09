"""From the function name that a caller gives to the function, or version of it, that is invoked.

Contract: answers at once from the catalog; every refusal is an error of the Lambda API (spec
sections 2.1 and 2.6), and no answer tells what exists in other namespaces (F20). A qualifier is
$LATEST, the number of a published version, or the name of an alias, which stands for one of its
versions anew for each request (spec 7.3).
"""

import random
from collections.abc import Callable

from kubelambda.core import errors
from kubelambda.core.access.resource import FunctionResource
from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import LATEST, Function
from kubelambda.core.model.target import Target
from kubelambda.core.ports import Catalog


class Resolver:
    """Finds functions for targets; callers without credentials mean ``default_namespace``.

    ``chance`` gives random numbers of [0, 1), for aliases of two versions.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        region: str,
        default_namespace: str,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._catalog = catalog
        self._default_namespace = default_namespace
        self._default_account_id = catalog.account_of_namespace(default_namespace)
        self._chance = chance
        self.region = region

    def locate(self, target: Target) -> FunctionResource:
        """What ``target`` means, whether it exists or not."""
        account_id = target.account_id
        namespace: str | None
        if account_id:
            namespace = self._catalog.namespace_of_account(account_id)
        else:
            account_id, namespace = self._default_account_id, self._default_namespace
        return FunctionResource(
            self.region, account_id, namespace, target.function_name, target.qualifier
        )

    def resolve_in(
        self, namespace: str | None, target: Target, function_uid: str = "", version: str = ""
    ) -> Function | ApiError:
        """What ``target`` means, if it can run or an environment of it may serve.

        Events are refused by the same rule: AWS looks at the state of a function before it accepts.
        What only lacks environments (``core.model.function.Stall``) is accepted; its pool decides.
        ``function_uid`` is the LambdaFunction that an event was accepted for: it runs for no other.
        ``version`` is what another gateway has chosen for the qualifier already; empty if none has.
        Only what was seen to be deleted is gone; what is not known here yet is a plain 404.
        """
        if not self._catalog.synced:
            return errors.unavailable("the catalog of functions is not read yet")
        function = (
            self._catalog.find(namespace, target.function_name) if namespace is not None else None
        )
        is_other = function is not None and function_uid not in ("", function.uid)
        if function is None or is_other:
            return self._build_absence(namespace, target, function_uid)
        wanted = version or target.qualifier
        if wanted and wanted != LATEST:
            found = self._find_version(function, target.qualifier, version)
            if isinstance(found, ApiError):
                return found
            function = found
        if function.stalled_reason and function.cannot_run:
            return errors.stalled(function.stalled_reason, function.stalled_message)
        return function if function.ready else errors.pending()

    def _find_version(
        self, function: Function, qualifier: str, version: str
    ) -> Function | ApiError:
        """What ``qualifier`` means; ``version`` if that is settled."""
        namespace, name = function.ref.namespace, function.function_name
        if not version:
            alias = self._catalog.find_alias(namespace, name, qualifier)
            version = alias.choose(self._chance()) if alias is not None else qualifier
        found = self._catalog.find_version(namespace, name, version)
        if found is not None:
            return found
        if not self._catalog.versions_synced:
            return errors.unavailable("the catalog of versions and aliases is not read yet")
        if version != qualifier:
            arn = function.arn(self.region)
            return errors.version_of_alias_missing(arn, qualifier, version)
        arn = function.arn(self.region, qualifier)
        if self._catalog.was_deleted(function.uid, qualifier):
            return errors.function_deleted(arn)
        return errors.function_not_found(arn)

    def _build_absence(self, namespace: str | None, target: Target, function_uid: str) -> ApiError:
        account = target.account_id or self._catalog.account_of_namespace(
            namespace or self._default_namespace
        )
        arn = (
            f"arn:aws:lambda:{self.region}:{account}:function:"
            f"{target.function_name}:{target.qualifier or LATEST}"
        )
        if function_uid and self._catalog.was_deleted(function_uid):
            return errors.function_deleted(arn)
        return errors.function_not_found(arn)
