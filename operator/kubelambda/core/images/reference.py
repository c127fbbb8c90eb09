"""Names of container images, and the registries that an installation allows.

Contract: pure. A name is read as docker and the kubelet read it: without a host it means docker.io,
without a tag or digest the tag latest; a digest wins over a tag. Allowed are exactly the hosts that
are listed, ports included; plain http only if the list says so.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

DOCKER_HUB = "docker.io"
_DOCKER_HUB_API = "registry-1.docker.io"
_DEFAULT_TAG = "latest"
_REPOSITORY_MAX = 255
_PORTS = {"https": "443", "http": "80"}

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?")
_PART = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class ImageReferenceError(ValueError):
    """What stands there names no image or no registry; the message says what it wants."""


@dataclass(frozen=True, slots=True)
class ImageReference:
    """One image in one registry, by ``digest`` or, if that is empty, by ``tag``."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def target(self) -> str:
        """What a manifest is asked for by."""
        return self.digest or self.tag

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"


def parse_image_reference(text: str) -> ImageReference:
    """The image that ``text`` names; ImageReferenceError if it names none."""
    name, _, digest = text.partition("@")
    name, tag = _split_tag(name)
    registry, repository = _split_registry(name)
    if (
        _HOST.fullmatch(registry) is None
        or len(repository) > _REPOSITORY_MAX
        or any(_PART.fullmatch(part) is None for part in repository.split("/"))
        or _TAG.fullmatch(tag) is None
        or (("@" in text) and not is_digest(digest))
    ):
        raise ImageReferenceError(
            "not the name of an image: it wants [host[:port]/]repository[:tag][@sha256:digest]"
        )
    return ImageReference(registry, repository, tag, digest)


def is_digest(text: str) -> bool:
    """Whether ``text`` is a SHA-256 as registries write it."""
    return _DIGEST.fullmatch(text) is not None


def _split_tag(name: str) -> tuple[str, str]:
    """A colon behind the last slash begins a tag; one before it, a port."""
    head, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    return f"{head}{slash}{last}", tag if colon else _DEFAULT_TAG


def _split_registry(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first.lower(), rest
    return DOCKER_HUB, name if slash else f"library/{name}"


@dataclass(frozen=True, slots=True)
class AllowedRegistries:
    """The hosts that may be asked, each with the scheme that the list gives it."""

    schemes: Mapping[str, str]

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Self:
        """From ``host[:port]`` or ``http://host[:port]``; else ImageReferenceError."""
        schemes = {}
        for entry in entries:
            scheme, separator, host = entry.rpartition("://")
            if (separator and scheme not in _PORTS) or _HOST.fullmatch(host) is None:
                raise ImageReferenceError(
                    f"{entry!r} is not a registry; it must be host[:port], or http://host[:port] "
                    "for one without TLS"
                )
            schemes[host] = scheme or "https"
        return cls(schemes)

    def find_api(self, registry: str) -> str:
        """The URL below which ``registry`` has its API; empty if it is not allowed."""
        scheme = self.schemes.get(registry)
        if scheme is None:
            return ""
        return f"{scheme}://{_DOCKER_HUB_API if registry == DOCKER_HUB else registry}"

    def permits(self, url: str) -> bool:
        """Whether ``url`` is on an allowed host, with that host's scheme and port."""
        allowed = (f"{scheme}://{host}" for host, scheme in self.schemes.items())
        origin = find_origin(url)
        return origin != "" and any(find_origin(host) == origin for host in allowed)


def find_origin(url: str) -> str:
    """Scheme, host and port of ``url``, all written out; empty if it has a user, or no host."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc:
        return ""
    return f"{parts.scheme}://{host}:{port or _PORTS[parts.scheme]}"
