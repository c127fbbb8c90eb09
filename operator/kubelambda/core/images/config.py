"""What an image function runs: the image's configuration, and what a function replaces of it.

Contract: pure. What registries answer is read without trust: what does not have the shape of the
OCI image specification is an OciError with a sentence for the function's owner. Lambda's rule
(spec/lambda.md section 6.4): entry point, command and working directory are each replaceable; an
empty list means the image's own.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubelambda.core.images.reference import ImageReference, is_digest

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
BOOTSTRAP_BYTES_MAX = 65536
"""Of the whole command as JSON: it has to fit into one variable of the agent, and into status."""
WORDS_MAX = 4096
DIRECTORY_MAX = 4096
OWN_DIRECTORY = "."
"""The working directory of an image whose configuration nobody could read: the container's own."""

_SYSTEM = "linux"


class OciError(ValueError):
    """A registry's answer that is not an image for us; the message is for the function's owner."""


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """A command, of an image or of ``spec.imageConfig``; what is empty is not set."""

    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_directory: str = ""

    def replace_by(self, other: "ImageConfig") -> "ImageConfig":
        """This one with what ``other`` sets."""
        return ImageConfig(
            other.entry_point or self.entry_point,
            other.command or self.command,
            other.working_directory or self.working_directory,
        )


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """What a function's spec says of its image."""

    uri: str
    wanted: ImageConfig = ImageConfig()


@dataclass(frozen=True, slots=True)
class ResolvedImage:
    """An image by its digest, and what is run of it."""

    image: str
    """Its name with the digest; with the tag only if a registry refused to tell the digest."""
    config: ImageConfig
    bootstrap: tuple[str, ...] = field(init=False)
    """The whole command of the runtime."""

    def __post_init__(self) -> None:
        bootstrap = self.config.entry_point + self.config.command
        object.__setattr__(self, "bootstrap", bootstrap)  # frozen for everybody else

    @property
    def handler(self) -> str:
        """What Lambda calls the handler of an image: the first word of its command."""
        return self.config.command[0] if self.config.command else ""

    @property
    def code_sha256(self) -> str:
        """The image's digest as the Lambda API prints it: in hexadecimal."""
        return self.image.partition("@sha256:")[2]

    @property
    def digest(self) -> str:
        """Changes exactly when an environment would run something else."""
        config = self.config
        identity = [self.image, config.entry_point, config.command, config.working_directory]
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def resolve_command(
    reference: ImageReference, own: ImageConfig, wanted: ImageConfig
) -> ResolvedImage:
    """The image ``reference`` with its ``own`` configuration and what the function replaces."""
    resolved = ResolvedImage(str(reference), own.replace_by(wanted))
    if not resolved.bootstrap:
        raise OciError("has neither ENTRYPOINT nor CMD; set imageConfig.command")
    words, length = len(resolved.bootstrap), len(json.dumps(resolved.bootstrap))
    if words > WORDS_MAX or length > BOOTSTRAP_BYTES_MAX:
        raise OciError(
            f"has a command of more than {BOOTSTRAP_BYTES_MAX} bytes or {WORDS_MAX} words"
        )
    if len(resolved.config.working_directory) > DIRECTORY_MAX:
        raise OciError(f"has a WorkingDir of more than {DIRECTORY_MAX} characters")
    return resolved


def read_image_config(spec: Mapping[str, Any]) -> ImageConfig:
    """``spec.imageConfig`` or ``status.imageConfig``, which have been validated."""
    return ImageConfig(
        tuple(spec.get("entryPoint") or ()),
        tuple(spec.get("command") or ()),
        spec.get("workingDirectory") or "",
    )


def parse_document(content: bytes) -> Mapping[str, Any]:
    """A JSON object; OciError for anything else."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise OciError("has a manifest or configuration that is no JSON") from error
    return _want_object(document)


def find_type(header: str, document: Mapping[str, Any]) -> str:
    """The media type of a manifest: of its answer's header, or of the manifest itself."""
    known = (*INDEX_TYPES, *MANIFEST_TYPES)
    return header if header in known else str(document.get("mediaType", ""))


def pick_platform(index: Mapping[str, Any], architecture: str) -> str:
    """The digest of the image for Linux on ``architecture`` (amd64, arm64)."""
    for entry in _want_list(index.get("manifests")):
        described = _want_object(entry)
        platform = _want_object(described.get("platform") or {})
        if (platform.get("os"), platform.get("architecture")) == (_SYSTEM, architecture):
            return _want_digest(described)
    raise OciError(f"has no variant for {_SYSTEM}/{architecture}; build one for it")


def find_config_digest(manifest: Mapping[str, Any]) -> str:
    """The digest of the configuration of an image."""
    return _want_digest(_want_object(manifest.get("config")))


def parse_config(document: Mapping[str, Any]) -> ImageConfig:
    """Command and working directory of an image's configuration."""
    inner = _want_object(document.get("config") or {})
    directory = inner.get("WorkingDir") or "/"
    if not _is_text(directory):
        raise OciError("has a WorkingDir that is not a text")
    return ImageConfig(
        _want_words(inner.get("Entrypoint")),
        _want_words(inner.get("Cmd")),
        directory if directory.startswith("/") else f"/{directory}",
    )


def _want_object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise OciError("has a manifest or configuration of an unknown shape")
    return value


def _want_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise OciError("has a manifest of an unknown shape")
    return value


def _want_digest(described: Mapping[str, Any]) -> str:
    digest = described.get("digest")
    if not isinstance(digest, str) or not is_digest(digest):
        raise OciError("names something by a digest that is no SHA-256")
    return digest


def _want_words(value: Any) -> tuple[str, ...]:
    words = _want_list(value or [])
    if not all(_is_text(word) for word in words):
        raise OciError("has a command that is not a list of words")
    return tuple(words)


def _is_text(value: Any) -> bool:
    """Text that a command and an object of the API server can both hold."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
