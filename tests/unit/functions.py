"""Functions, versions and aliases of the catalog: ``shop/hello``, unless a test says otherwise."""

from typing import Any

from kubelambda.core.model.alias import Alias
from kubelambda.core.model.code import InlineFiles
from kubelambda.core.model.function import Function, FunctionRef

ACCOUNT_ID = "123456789012"
REF = FunctionRef("shop", "hello")


def make_function(**changes: Any) -> Function:
    """``changes`` are fields of ``Function``."""
    fields: dict[str, Any] = {
        "ref": REF,
        "uid": "u",
        "function_name": "hello",
        "account_id": ACCOUNT_ID,
        "runtime": "python3.13",
        "handler": "app.handler",
        "code": InlineFiles({"app.py": ""}),
    }
    return Function(**(fields | changes))


def make_version(number: int, **changes: Any) -> Function:
    """A published version of ``make_function``'s; its object is called by its number."""
    ref = changes.get("ref", FunctionRef(REF.namespace, f"{REF.name}.{number}"))
    fields: dict[str, Any] = {
        "ref": ref,
        "uid": f"version-{number}",
        "function_uid": "u",
        "version": str(number),
        "code": InlineFiles({"app.py": f"# version {number}"}),
    }
    return make_function(**(fields | changes))


def make_alias(name: str, version: str, **changes: Any) -> Alias:
    """An alias of ``make_function``'s function."""
    fields: dict[str, Any] = {
        "ref": FunctionRef(REF.namespace, f"{REF.name}.{name}"),
        "uid": f"alias-{name}",
        "created": "",
        "function_name": "hello",
        "name": name,
        "version": version,
    }
    return Alias(**(fields | changes))
