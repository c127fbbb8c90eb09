"""Where the code of a function, or the content of a layer, comes from: exactly one source.

Contract: plain values; whoever needs to know which source it is matches on the type. The members of
the link's configure frame, ``encode_code``, are part of configuration digests: they stay as they
are. Source: docs/link.md section 4.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, assert_never


@dataclass(frozen=True, slots=True)
class InlineFiles:
    """Text files that stand in the object itself, by their relative paths."""

    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class InlineZip:
    """A zip that stands in the object itself, in base64."""

    base64: str


@dataclass(frozen=True, slots=True)
class UploadedPackage:
    """A package that was uploaded to a gateway; ``sha256`` in hexadecimal is its name."""

    sha256: str


@dataclass(frozen=True, slots=True)
class UrlPackage:
    """A package at an address that the function's owner has chosen; ``sha256`` in hexadecimal."""

    url: str
    sha256: str


@dataclass(frozen=True, slots=True)
class S3Package:
    """A package that is an object of a bucket; without a version the latest one."""

    bucket: str
    key: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class ConfigMapFiles:
    """A ConfigMap of the function's namespace, which the kubelet mounts."""

    name: str
    digest: str = ""
    """Of the files, as the controller found them; empty while it has not looked."""


@dataclass(frozen=True, slots=True)
class ContainerImage:
    """The image that the function's container runs; its code is in there."""

    digest: str = ""
    """Of what is run of the image, as the controller found it; empty while it has not looked."""


Code = (
    InlineFiles
    | InlineZip
    | UploadedPackage
    | UrlPackage
    | S3Package
    | ConfigMapFiles
    | ContainerImage
)

NO_CODE = InlineFiles({})
"""Of a function whose source of code this release does not know."""


def is_fetched(code: Code | None) -> bool:
    """Whether environments fetch it from an address that its owner has chosen."""
    return isinstance(code, UrlPackage | S3Package)


def get_package(code: Code | None) -> str:
    """SHA-256 of the uploaded package that it is, in hexadecimal; empty for any other source."""
    return code.sha256 if isinstance(code, UploadedPackage) else ""


def get_found_digest(code: Code) -> str:
    """What the controller found if the spec only names the code; empty for any other source."""
    return code.digest if isinstance(code, ConfigMapFiles | ContainerImage) else ""


def forget_found_digest(code: Code) -> Code:
    """The same source, as the spec alone describes it."""
    return replace(code, digest="") if isinstance(code, ConfigMapFiles | ContainerImage) else code


def encode_code(code: Code) -> dict[str, Any]:
    """The ``code`` member of a configure frame (docs/link.md, section 4)."""
    member: tuple[str, Any]
    match code:
        case InlineFiles(files):
            member = ("inline", dict(files))
        case InlineZip(base64):
            member = ("zip", base64)
        case UploadedPackage(sha256):
            member = ("package", sha256)
        case UrlPackage():
            member = ("url", asdict(code))
        case S3Package():
            member = ("s3", asdict(code))
        case ConfigMapFiles(_, digest):
            member = ("mounted", digest)
        case ContainerImage():
            member = ("image", True)
        case _:
            assert_never(code)
    return dict([member])
