"""Functions are completed with the layers that they name."""

import base64
import io
import zipfile
from typing import Any

from kubelambda.catalog.build import build_function
from kubelambda.catalog.index import FunctionIndex
from kubelambda.catalog.layered_index import LayeredIndex
from kubelambda.catalog.layers import LayerVersion, build_layer_version, derive_layer_name
from kubelambda.core.model.code import InlineZip, get_package
from kubelambda.core.model.environment_variables import build_configure
from kubelambda.core.model.function import Function, FunctionRef

PACKAGE = "ab" * 32
REF = FunctionRef("shop", "hello")


def make_layer(name: str, version: int = 1, **more: Any) -> LayerVersion:
    content = more.pop("content", {"inline": {"python/x.py": name}})
    namespace, created = more.pop("namespace", "shop"), more.pop("created", "2027-01-01T00:00:00Z")
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": created}
    return build_layer_version(
        {"metadata": metadata, "spec": {"version": version, "content": content, **more}}
    )


def make_function(
    *layers: tuple[str, int], remembered: list[dict[str, Any]] | None = None
) -> Function:
    return build_function(
        {
            "metadata": {"name": "hello", "namespace": "shop", "uid": "u", "generation": 1},
            "spec": {
                "runtime": "python3.13",
                "handler": "app.h",
                "code": {"inline": {"app.py": "x"}},
                "layers": [{"name": name, "version": version} for name, version in layers],
            },
            "status": {
                "observedGeneration": 1,
                "conditions": [{"type": "Ready", "status": "True"}],
                "layers": remembered or [],
            },
        }
    )


def joined(*layers: LayerVersion) -> tuple[FunctionIndex, LayeredIndex]:
    index = FunctionIndex()
    both = LayeredIndex(index)
    both.replace_layers(layers, None)
    return index, both


def found(index: FunctionIndex) -> Function:
    function = index.get(REF)
    assert function is not None
    return function


def contents(function: Function) -> list[Any]:
    return [get_package(layer.content) or None for layer in function.layers]


def test_a_layer_is_named_by_its_object_without_the_version() -> None:
    names = [("base-3", 3), ("base", 3), ("base-2", 3), ("base-13", 3)]
    assert [derive_layer_name(*name) for name in names] == ["base", "base", "base-2", "base-13"]
    assert make_layer("x-1", layerName="Own_Name").layer.reference == "Own_Name:1"


def test_inline_files_travel_as_their_zip_in_the_functions_order() -> None:
    index, both = joined(make_layer("a"), make_layer("b", content={"package": PACKAGE}))
    both.put_function(make_function(("b", 1), ("a", 1)))
    first, second = build_configure(found(index), "us-east-1")["layers"]
    assert first == {"package": PACKAGE}
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(second["zip"]))) as archive:
        assert archive.read("python/x.py") == b"a"


def test_agents_may_fetch_the_packages_of_layers() -> None:
    index, both = joined(make_layer("b", content={"package": PACKAGE}))
    both.put_function(make_function(("b", 1)))
    assert found(index).packages == {PACKAGE}
    both.put_layer(make_layer("c"))
    both.put_function(make_function(("b", 1), ("c", 1)))
    assert found(index).packages == {PACKAGE, found(index).layers[1].sha256}


def test_the_digest_covers_contents_and_their_order_and_not_their_names() -> None:
    one, two = make_layer("a"), make_layer("b")
    same = make_layer("c", content={"inline": {"python/x.py": "a"}})
    index, both = joined(one, two, same)

    def digest(*layers: tuple[str, int]) -> str:
        both.put_function(make_function(*layers))
        return found(index).config_digest

    none = digest()
    ordered = digest(("a", 1), ("b", 1))
    assert len({none, ordered, digest(("b", 1), ("a", 1)), digest(("a", 1))}) == 4
    assert digest(("a", 1)) == digest(("c", 1))


def test_a_function_waits_for_a_layer_that_is_not_there_and_hears_of_it() -> None:
    index, both = joined()
    both.put_function(make_function(("a", 1)))
    assert found(index).is_pending
    both.put_layer(make_layer("a", namespace="elsewhere"))
    both.put_layer(make_layer("a", version=2))
    assert found(index).is_pending
    both.put_layer(make_layer("a"))
    assert found(index).ready


def test_a_function_that_waits_serves_as_it_was_meanwhile() -> None:
    index, both = joined(make_layer("a"))
    both.put_function(make_function(("a", 1)))
    before = found(index)
    both.put_function(make_function(("a", 2)))
    assert found(index) == before
    both.put_layer(make_layer("second", 2, layerName="a"))
    assert found(index).config_digest != before.config_digest


def test_functions_without_layers_never_wait_for_the_list_of_layers() -> None:
    index = FunctionIndex()
    both = LayeredIndex(index)
    both.put_function(make_function())
    assert found(index).ready
    both.put_function(make_function(("a", 1)))
    both.replace_layers([make_layer("a")], None)
    assert [layer.reference for layer in found(index).layers] == ["a:1"]


def test_a_deleted_layer_stays_with_the_functions_that_remember_it() -> None:
    """AWS: functions that already use a deleted version keep working (spec 6.7)."""
    layer = make_layer("a")
    digest = base64.b64encode(bytes.fromhex(layer.layer.sha256)).decode()
    index, both = joined(layer)
    remembered = [{"name": "a", "version": 1, "codeSha256": digest}]
    both.put_function(make_function(("a", 1), remembered=remembered))
    before = found(index)
    both.remove_layer(layer.key)
    after = found(index)
    assert after.ready
    assert after.config_digest == before.config_digest, "nothing is rolled"
    assert contents(after) == [layer.layer.sha256], "new environments fetch it by its digest"


def test_what_a_function_remembers_counts_only_once_layers_were_listed() -> None:
    index = FunctionIndex()
    both = LayeredIndex(index)
    remembered = [{"name": "a", "version": 1, "codeSha256": "q" * 43 + "="}]
    both.put_function(make_function(("a", 1), remembered=remembered))
    assert found(index).is_pending
    both.replace_layers([], None)
    assert found(index).ready


def test_the_older_of_two_objects_is_the_version() -> None:
    older = make_layer("a", created="2026-01-01T00:00:00Z")
    index, both = joined(make_layer("later", layerName="a"), older)
    both.put_function(make_function(("a", 1)))
    assert found(index).layers == (older.layer,)


def test_a_list_forgets_what_it_does_not_hold() -> None:
    index, both = joined(make_layer("a"))
    both.replace_functions([make_function(("a", 1))], None)
    both.replace_layers([], None)
    both.put_function(make_function(("a", 1)))
    assert found(index).ready, "it serves as it was"
    both.remove_function(("shop", "hello"))
    both.put_function(make_function(("a", 1)))
    assert found(index).is_pending


def test_contents_stay_out_of_the_repr() -> None:
    index, both = joined(make_layer("a", content={"inline": {"x": "s3cret"}}))
    both.put_function(make_function(("a", 1)))
    content = found(index).layers[0].content
    assert isinstance(content, InlineZip)
    assert content.base64[:20] not in repr(found(index))


URL = {"url": "https://x.example/a.zip?signature=s3cret", "sha256": PACKAGE}
S3 = {"s3Bucket": "abc", "s3Key": "a.zip", "s3ObjectVersion": "v1"}


def test_fetched_layers_travel_as_their_source_and_make_their_function_one_that_fetches() -> None:
    index, both = joined(make_layer("a", content=URL), make_layer("b", content=S3))
    both.put_function(make_function(("b", 1), ("a", 1)))
    assert build_configure(found(index), "us-east-1")["layers"] == [
        {"s3": {"bucket": "abc", "key": "a.zip", "version": "v1"}},
        {"url": {"url": "https://x.example/a.zip?signature=s3cret", "sha256": PACKAGE}},
    ]
    assert (found(index).fetches_code, found(index).uses_s3) == (True, True)
    assert found(index).packages == frozenset(), "no gateway gives what is fetched elsewhere"
    assert found(index).find_layer(PACKAGE) is None
    both.put_function(make_function(("a", 1)))
    assert (found(index).fetches_code, found(index).uses_s3) == (True, False)


def test_another_source_is_another_configuration_but_not_another_address_of_one_content() -> None:
    def digest(content: dict[str, Any]) -> str:
        index, both = joined(make_layer("a", content=content))
        both.put_function(make_function(("a", 1)))
        return found(index).config_digest

    moved = {**URL, "url": "https://y.example/"}
    assert digest(URL) == digest(moved)
    contents = [
        {"package": PACKAGE},
        URL,
        {**URL, "sha256": "cd" * 32},
        S3,
        {**S3, "s3Key": "b.zip"},
        {**S3, "s3ObjectVersion": "v2"},
    ]
    assert len({digest(content) for content in contents}) == len(contents)
