"""Layers: what functions find in /opt, and in which order (spec/lambda.md, 6.2, 6.3, 6.7)."""

import hashlib
import random
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conformance.lambda_api.conftest import Invoker, skip_impossible
from conformance.lambda_api.layers import BOOTSTRAP, EXTENSION, build_layer, find_version, push
from conformance.lambda_api.targets import build_manifest
from kubelambda.cli.package_zip import read_package

TOO_LARGE = "Unzipped size must be smaller than 262144000 bytes"
PATIENCE_S = 30


def put_layer(invoker: Invoker, **content: Any) -> dict[str, Any]:
    """A layer version of this test's own, and how a function names it."""
    name = invoker.new_name()
    invoker.target.put_object(build_layer(name, 1, **content))
    return {"name": name, "version": 1}


def wait_until(invoker: Invoker, function: str, event: Any, wanted: Any) -> list[Any]:
    """Invoke until the answer is ``wanted``; all answers."""
    answers = [invoker(function, event).value]
    end = time.monotonic() + PATIENCE_S
    while answers[-1] != wanted and time.monotonic() < end:
        answers.append(invoker(function, event).value)
    return answers


def test_two_functions_share_one_layer(invoker: Invoker) -> None:
    layer = put_layer(invoker, inline={"python/shared.py": "WORD = 'shared'\n"})
    for _ in range(2):
        arn = invoker.put("layered", layers=[layer])
        assert invoker(arn, {"act": "load", "name": "shared"}).value["word"] == "shared"


def test_a_later_layer_overwrites_an_earlier_one(invoker: Invoker) -> None:
    one = put_layer(invoker, inline={"both.txt": "one", "data/one.txt": "1"})
    two = put_layer(invoker, inline={"both.txt": "two", "data/two.txt": "2"})
    for layers, wanted in (([one, two], "two"), ([two, one], "one")):
        arn = invoker.put("layered", layers=layers)
        texts = [
            invoker(arn, {"act": "read", "name": name}).value["text"]
            for name in ("both.txt", "data/one.txt", "data/two.txt")
        ]
        assert texts == [wanted, "1", "2"]


def test_imports_come_from_the_code_then_layers_then_the_runtime(invoker: Invoker) -> None:
    deep = {
        f"python/lib/python3.{minor}/site-packages/deep.py": "WORD = 'site-packages'\n"
        for minor in range(11, 15)
    }
    layer = put_layer(
        invoker,
        inline={
            **deep,
            "python/deep.py": "WORD = 'python'\n",
            "python/mine.py": "WORD = 'layer'\n",
            "python/boto3/__init__.py": "WORD = 'layer'\n",
        },
    )
    code = build_manifest("x", "layered")["spec"]["code"]["inline"]
    arn = invoker.put(
        "layered", layers=[layer], code={"inline": {**code, "mine.py": "WORD = 'code'\n"}}
    )
    found = {
        name: invoker(arn, {"act": "load", "name": name}).value["word"]
        for name in ("mine", "deep", "boto3")
    }
    assert found == {"mine": "code", "deep": "site-packages", "boto3": "layer"}


def test_a_program_of_a_layer_is_on_the_path(invoker: Invoker) -> None:
    layer = put_layer(invoker, inline={"bin/greet": "#!/bin/sh\necho hello from /opt/bin\n"})
    arn = invoker.put("layered", layers=[layer])
    assert invoker(arn, {"act": "run", "name": "greet"}).value["text"] == "hello from /opt/bin\n"


@pytest.mark.impossible(local="local mode does not isolate (docs/limits.md)")
def test_what_a_layer_brought_cannot_be_written(invoker: Invoker) -> None:
    layer = put_layer(invoker, inline={"python/shared.py": "x = 1\n"})
    arn = invoker.put("layered", layers=[layer])
    for name in ("python/other.py", "python/shared.py"):
        assert invoker(arn, {"act": "write", "name": name}).value["errno"] != 0


def test_a_layer_brings_the_bootstrap_of_a_custom_runtime(invoker: Invoker) -> None:
    if not invoker.target.has_runtime("provided.al2023"):
        skip_impossible("no runtime provided.al2023 is installed")
    layer = put_layer(invoker, inline={"bootstrap": BOOTSTRAP})
    code = {"inline": {"data.txt": "no bootstrap here"}}
    arn = invoker.put("echo", runtime="provided.al2023", layers=[layer], code=code, timeout=10)
    assert invoker(arn, {"a": [1, 2]}).value == {"a": [1, 2]}


def test_an_extension_of_a_layer_is_told_of_invocations(invoker: Invoker) -> None:
    layer = put_layer(invoker, inline={"extensions/witness": EXTENSION})
    name = invoker.new_name()
    arn = invoker.target.put(name, "echo", layers=[layer], memorySize=256)
    answer = invoker(arn, {"a": 1})
    assert not answer.is_error, answer.value
    invoker.wait_for_log(name, f"witness: INVOKE {answer.request_id}")


def test_requests_in_a_layer_serves_two_functions(
    invoker: Invoker, install: Any, tmp_path: Path
) -> None:
    layer = put_layer(invoker, package=push(invoker.target.url, install("requests", tmp_path)))
    for _ in range(2):
        arn = invoker.put("layered", layers=[layer], memorySize=512, timeout=30)
        found = invoker(arn, {"act": "load", "name": "requests"})
        assert "/opt/python/requests/" in found.value["file"]


def test_numpy_in_a_layer_computes_in_512_mb(
    invoker: Invoker, install: Any, tmp_path: Path
) -> None:
    layer = put_layer(invoker, package=push(invoker.target.url, install("numpy", tmp_path)))
    for _ in range(2):
        arn = invoker.put("layered", layers=[layer], memorySize=512, timeout=60)
        assert invoker(arn, {"act": "compute"}).value["sum"] == 45


def test_layers_and_code_may_not_unpack_to_more_than_250_mb(
    invoker: Invoker, tmp_path: Path
) -> None:
    """Each of the two fits; both together do not."""
    with (tmp_path / "noise.bin").open("wb") as file:
        numbers = random.Random(1)
        for _ in range(2_200):
            file.write(numbers.randbytes(6_000) + bytes(54_000))
    package = push(invoker.target.url, tmp_path)
    layers = [put_layer(invoker, package=package) for _ in range(2)]
    alone = invoker.put("layered", layers=layers[:1], memorySize=512, timeout=30)
    assert invoker(alone, {"act": "size", "name": "noise.bin"}).value == {"bytes": 132_000_000}
    both = invoker.put("layered", layers=layers, memorySize=512, timeout=30)
    answer = invoker(both, {})
    assert answer.is_error
    assert (answer.value["errorType"], answer.value["errorMessage"].endswith(TOO_LARGE)) == (
        "Runtime.InvalidCode",
        True,
    )


def test_a_layer_that_does_not_exist_is_said_and_mends_itself(invoker: Invoker) -> None:
    """Level-based: the function works as soon as the layer is there."""
    name, missing = invoker.new_name(), invoker.new_name()
    layers = [{"name": missing, "version": 3}]
    invoker.target.put_object(build_manifest(name, "layered", layers=layers))
    said, end = "", time.monotonic() + PATIENCE_S
    while f"{missing}:3" not in said and time.monotonic() < end:
        try:
            invoker(invoker.target.arn_of(name), {"act": "load", "name": "late"})
        except ClientError as error:
            said = str(error)
    assert "ResourceNotReadyException" in said
    assert "LambdaLayer" in said
    invoker.target.put_object(build_layer(missing, 3, inline={"python/late.py": "WORD = 'late'"}))
    arn = invoker.target.put(name, "layered", layers=layers)
    assert invoker(arn, {"act": "load", "name": "late"}).value["word"] == "late"


def test_a_layer_whose_package_nobody_uploaded_is_named_and_mends_itself(
    invoker: Invoker, tmp_path: Path
) -> None:
    (tmp_path / "late.txt").write_text("late")
    package = hashlib.sha256(read_package(tmp_path)).hexdigest()
    layer, name = put_layer(invoker, package=package), invoker.new_name()
    invoker.target.put_object(build_manifest(name, "layered", layers=[layer]))
    event = {"act": "read", "name": "late.txt"}
    said = invoker.ask_until(name, event, lambda said: package in said)
    for words in ("ResourceNotReadyException", f"which the layer {layer['name']}:1 names"):
        assert words in said
    assert push(invoker.target.url, tmp_path) == package
    later = invoker.ask_until(name, event, lambda said: "ResourceNotReady" not in said)
    assert later == {"text": "late"}


def test_another_version_of_a_layer_rolls_without_a_failed_request(invoker: Invoker) -> None:
    layer, name = invoker.new_name(), invoker.new_name()
    for version in (1, 2):
        text = f"{version}"
        invoker.target.put_object(build_layer(layer, version, inline={"data/v.txt": text}))
    event = {"act": "read", "name": "data/v.txt"}
    first = [{"name": layer, "version": 1}]
    arn = invoker.target.put(name, "layered", layers=first)
    assert invoker(arn, event).value == {"text": "1"}
    invoker.target.put(name, "layered", layers=[{"name": layer, "version": 2}])
    answers = wait_until(invoker, arn, event, {"text": "2"})
    assert [answer for answer in answers if answer not in ({"text": "1"}, {"text": "2"})] == []
    assert answers[-1] == {"text": "2"}


@pytest.mark.impossible(local="a document of local mode that goes takes its layer along")
@pytest.mark.parametrize("form", ["package", "inline"])
def test_a_deleted_layer_stays_with_the_functions_that_use_it(
    invoker: Invoker, form: str, tmp_path: Path
) -> None:
    """Another environment is started after the deletion, by a change of memory."""
    (tmp_path / "kept.txt").write_text("kept")
    content: Any = (
        {"inline": {"kept.txt": "kept"}}
        if form == "inline"
        else {"package": push(invoker.target.url, tmp_path)}
    )
    layer, name = put_layer(invoker, **content), invoker.new_name()
    event = {"act": "read", "name": "kept.txt"}
    arn = invoker.target.put(name, "layered", layers=[layer])
    assert invoker(arn, event).value == {"text": "kept"}
    invoker.target.delete_object(build_layer(layer["name"], 1, inline={"x": "y"}))
    invoker.target.put(name, "layered", layers=[layer], memorySize=256)
    assert invoker(arn, event).value == {"text": "kept"}


def test_the_versions_that_pip_is_asked_for_are_those_of_the_target(invoker: Invoker) -> None:
    """Else a compiled library would be one of another Python."""
    version = find_version(invoker.target.name)
    arn = invoker.put("layered", layers=[put_layer(invoker, inline={"x": "y"})])
    file = invoker(arn, {"act": "load", "name": "json"}).value["file"]
    assert f"python{version}" in file
