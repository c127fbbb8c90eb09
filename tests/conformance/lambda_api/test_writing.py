"""/tmp is the only place that a function can change files in (spec/lambda.md, 6.1 and 6.3)."""

from typing import Any

import pytest

from conformance.lambda_api.conftest import Invoker
from conformance.lambda_api.layers import build_layer
from conformance.lambda_api.targets import build_manifest

FILES = {"file.txt": "as deployed", "spare.txt": "as deployed"}


def put_writer(invoker: Invoker) -> str:
    """A function with the same files beside its handler and in a layer."""
    layer = invoker.new_name()
    invoker.target.put_object(build_layer(layer, 1, inline=FILES))
    code: dict[str, Any] = build_manifest("x", "writing")["spec"]["code"]["inline"]
    layers = [{"name": layer, "version": 1}]
    return invoker.put("writing", code={"inline": {**code, **FILES}}, layers=layers)


@pytest.mark.impossible(local="local mode does not isolate (docs/limits.md)")
@pytest.mark.parametrize("where", ["task", "opt"])
def test_a_function_can_change_neither_its_code_nor_its_layers(
    invoker: Invoker, where: str
) -> None:
    """Neither after chmod nor by a child; a cluster whose nodes have no Landlock fails here."""
    answer = invoker(put_writer(invoker), {"where": where})
    assert not answer.is_error, answer.value
    assert [name for name, errno in answer.value["errnos"].items() if errno == 0] == []
    assert answer.value["text"] == "as deployed"


def test_the_same_is_allowed_in_tmp(invoker: Invoker) -> None:
    answer = invoker(put_writer(invoker), {"where": "tmp"})
    assert not answer.is_error, answer.value
    assert {name: errno for name, errno in answer.value["errnos"].items() if errno} == {}
    assert answer.value["text"] == "changed"
