"""A function of the catalog, for tests that need one: ``shop/hello``, unless they say otherwise."""

from typing import Any

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
