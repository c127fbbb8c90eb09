"""What is run of an image (spec 6.4), and what is no image."""

from typing import Any

import pytest

from kubelambda.core.images.config import (
    ImageConfig,
    OciError,
    ResolvedImage,
    find_config_digest,
    parse_config,
    parse_document,
    pick_platform,
    resolve_command,
)
from kubelambda.core.images.reference import ImageReference

PINNED = ImageReference("r.example", "app", digest="sha256:" + "0a" * 32)
OWN = ImageConfig(("/lambda-entrypoint.sh",), ("app.handler",), "/var/task")

REPLACED = [
    ("nothing", ImageConfig(), ("/lambda-entrypoint.sh", "app.handler"), "app.handler"),
    (
        "the command",
        ImageConfig(command=("b.h", "x")),
        ("/lambda-entrypoint.sh", "b.h", "x"),
        "b.h",
    ),
    ("the entry point", ImageConfig(("/own",)), ("/own", "app.handler"), "app.handler"),
    ("both", ImageConfig(("/own",), ("c",)), ("/own", "c"), "c"),
]


@pytest.mark.parametrize(
    ("wanted", "bootstrap", "handler"), [c[1:] for c in REPLACED], ids=[c[0] for c in REPLACED]
)
def test_each_part_is_replaced_by_itself(
    wanted: ImageConfig, bootstrap: tuple[str, ...], handler: str
) -> None:
    resolved = resolve_command(PINNED, OWN, wanted)
    assert (resolved.bootstrap, resolved.handler) == (bootstrap, handler)
    assert resolved.config.working_directory == "/var/task"
    assert resolved.code_sha256 == "0a" * 32


def test_an_image_without_a_command_wants_one() -> None:
    with pytest.raises(OciError, match=r"imageConfig\.command"):
        resolve_command(PINNED, ImageConfig(), ImageConfig())


def test_a_command_that_no_variable_could_hold_is_refused() -> None:
    with pytest.raises(OciError, match="65536"):
        resolve_command(PINNED, ImageConfig(), ImageConfig(("x" * 70_000,)))
    with pytest.raises(OciError, match="4096"):
        resolve_command(PINNED, ImageConfig(("x",) * 5_000), ImageConfig())
    with pytest.raises(OciError, match="4096"):
        resolve_command(PINNED, ImageConfig(("x",), (), "/" * 5_000), ImageConfig())


def test_the_digest_changes_with_everything_that_is_run() -> None:
    images = [
        ResolvedImage("a@sha256:1", ImageConfig(("a",), ("b",), "/")),
        ResolvedImage("a@sha256:2", ImageConfig(("a",), ("b",), "/")),
        ResolvedImage("a@sha256:1", ImageConfig(("a", "b"), (), "/")),
        ResolvedImage("a@sha256:1", ImageConfig(("a",), ("b",), "/srv")),
    ]
    assert len({image.digest for image in images}) == len(images)


def test_a_configuration_says_command_and_directory() -> None:
    document = {"config": {"Entrypoint": ["/e"], "Cmd": ["c"], "WorkingDir": "srv"}}
    assert parse_config(document) == ImageConfig(("/e",), ("c",), "/srv")
    for empty in ({}, {"config": None}, {"config": {"Entrypoint": None, "Cmd": None}}):
        assert parse_config(empty) == ImageConfig((), (), "/")


MALFORMED = [
    {"config": [1]},
    {"config": {"Cmd": "sh -c x"}},
    {"config": {"Cmd": [1]}},
    {"config": {"Cmd": ["a\0b"]}},
    {"config": {"Cmd": ["\ud800"]}},
    {"config": {"WorkingDir": 3}},
]


@pytest.mark.parametrize("document", MALFORMED, ids=repr)
def test_a_configuration_of_another_shape_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(OciError):
        parse_config(document)


def platform(system: str, architecture: str, digit: str) -> dict[str, Any]:
    described = {"os": system, "architecture": architecture}
    return {"digest": "sha256:" + digit * 64, "platform": described}


INDEX = {
    "manifests": [
        {"digest": "sha256:" + "9" * 64},
        platform("windows", "amd64", "0"),
        platform("linux", "arm64", "1"),
        platform("linux", "amd64", "2"),
    ]
}


def test_the_variant_of_the_nodes_is_picked() -> None:
    assert pick_platform(INDEX, "amd64") == "sha256:" + "2" * 64
    assert pick_platform(INDEX, "arm64") == "sha256:" + "1" * 64
    with pytest.raises(OciError, match="linux/riscv64"):
        pick_platform(INDEX, "riscv64")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a": ' * 100_000], ids=range(6)
)
def test_what_is_no_object_is_refused(content: bytes) -> None:
    with pytest.raises(OciError):
        parse_document(content)


@pytest.mark.parametrize(
    "manifest", [{}, {"config": {}}, {"config": {"digest": "sha256:../../etc"}}, {"config": 1}]
)
def test_a_digest_is_a_digest(manifest: dict[str, Any]) -> None:
    """It becomes part of a URL."""
    with pytest.raises(OciError):
        find_config_digest(manifest)
