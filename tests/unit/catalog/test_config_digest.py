"""Configuration digests and the link's code member stay what the release before computes.

Pods carry the digest: one that changed with an upgrade would replace every environment. The numbers
were computed by commit ec0224d.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from kubelambda.catalog.build import build_function
from kubelambda.catalog.layers import LayerRegistry, build_layer_version
from kubelambda.core.model.environment_variables import build_configure

SHA256 = "ab" * 32
ZIP = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="
IN_S3 = {"s3Bucket": "bucket", "s3Key": "key"}
FROM_URL = {"url": "https://x.example/a.zip", "sha256": SHA256}
CASES: dict[str, tuple[Mapping[str, Any], Mapping[str, Any], str]] = {
    "inline files": ({"inline": {"a": "x"}}, {"inline": {"a": "x"}}, "fb938a0cdf653e7f"),
    "a zip": ({"zipFile": ZIP}, {"zip": ZIP}, "acf47c2e97f47ded"),
    "a ConfigMap": ({"configMapRef": {"name": "app"}}, {"mounted": "found"}, "af92fbbb72b4310e"),
    "an uploaded package": ({"package": SHA256}, {"package": SHA256}, "5d5274b085e2f88d"),
    "a URL": (FROM_URL, {"url": FROM_URL}, "efa2e0685704b8a4"),
    "a version of an object of S3": (
        {**IN_S3, "s3ObjectVersion": "7"},
        {"s3": {"bucket": "bucket", "key": "key", "version": "7"}},
        "eab467338a70e46a",
    ),
    "the latest object of S3": (
        IN_S3,
        {"s3": {"bucket": "bucket", "key": "key", "version": ""}},
        "97aeea4691e3efff",
    ),
    "an image": ({"imageURI": "registry.example/app:1"}, {"image": True}, "659683ab14c49840"),
    "a source of a newer release": ({"git": "x"}, {"inline": {}}, "5f0b9a334da6941b"),
}
LAYERS: dict[str, tuple[Mapping[str, Any], str]] = {
    "inline files": ({"inline": {"a": "x"}}, "06f89f3745a7a7ba"),
    "a zip": ({"zipFile": ZIP}, "84a6e9438a4d0f5c"),
    "an uploaded package": ({"package": SHA256}, "e6a39f8a6dbe3fb5"),
    "a URL": (FROM_URL, "95dcdee303fdde0d"),
    "an object of S3": (IN_S3, "ef5e1fd3cff05396"),
}


def build_manifest(code: Mapping[str, Any]) -> Mapping[str, Any]:
    runtime = {"runtime": "python3.13", "handler": "app.handler"}
    value = {"name": "B", "secretKeyRef": {"name": "s", "key": "k"}}
    return {
        "metadata": {"name": "hello", "namespace": "shop", "uid": "u", "generation": 1},
        "spec": {
            "code": code,
            "environment": {"variables": {"A": "1"}, "valuesFrom": [value]},
            **({"packageType": "Image"} if "imageURI" in code else runtime),
        },
        "status": {
            "observedGeneration": 1,
            "codeSha256": "found",
            "imageConfig": {
                "digest": "found too",
                "entryPoint": [],
                "command": ["app.run"],
                "workingDirectory": "",
                "observedGeneration": 1,
            },
        },
    }


@pytest.mark.parametrize("case", CASES)
def test_each_source_of_code_keeps_its_digest_and_its_form(case: str) -> None:
    code, on_the_link, digest = CASES[case]
    function = build_function(build_manifest(code))
    assert build_configure(function, "eu-west-1")["code"] == on_the_link
    assert function.config_digest == digest


@pytest.mark.parametrize("case", LAYERS)
def test_each_content_of_a_layer_keeps_its_digest(case: str) -> None:
    content, digest = LAYERS[case]
    registry = LayerRegistry()
    spec = {"version": 1, "content": content}
    metadata = {"name": "a", "namespace": "shop"}
    registry.put(build_layer_version({"metadata": metadata, "spec": spec}))
    manifest = build_manifest({"inline": {"a": "x"}})
    layers = {"layers": [{"name": "a", "version": 1}]}
    bare = build_function({**manifest, "spec": {**manifest["spec"], **layers}})
    assert registry.complete(bare).config_digest == digest
