"""A function as the data plane sees it, and the digest by which environments and gateways agree.

Contract: plain values; built from the custom resource by ``catalog``. Source of names and defaults:
spec/lambda.md section 6.1.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any

from kubelambda.core.model.log_config import LogConfig

LATEST = "$LATEST"
DIGEST_HEX_DIGITS = 16


@dataclass(frozen=True, slots=True)
class FunctionRef:
    """Namespace and metadata.name: what a function is called inside the installation."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


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
class Code:
    """Where a function's code comes from: exactly one member is set."""

    inline: Mapping[str, str] | None = None
    zip_base64: str | None = None
    directory: str | None = None
    package: str | None = None
    """SHA-256 of an uploaded package, in hexadecimal."""
    url: UrlPackage | None = None
    s3: S3Package | None = None
    config_map: str | None = None
    """Name of a ConfigMap of the same namespace; the kubelet mounts it."""
    image: bool = False
    """The code is in the container's image."""
    version: str = ""
    """Digest of what the controller looked up: the ConfigMap's files, or what is run of the image.
    Empty while unknown."""

    @property
    def is_fetched(self) -> bool:
        """Whether environments fetch it from an address that its owner has chosen."""
        return self.url is not None or self.s3 is not None

    def to_link(self) -> dict[str, Any]:
        """The ``code`` member of a configure frame (docs/link.md, section 4)."""
        forms = {
            "inline": None if self.inline is None else dict(self.inline),
            "zip": self.zip_base64,
            "mounted": None if self.config_map is None else self.version,
            "package": self.package,
            "url": None if self.url is None else asdict(self.url),
            "s3": None if self.s3 is None else asdict(self.s3),
            "image": True if self.image else None,
            "directory": self.directory,
        }
        return {form: value for form, value in forms.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer version that a function names, and its content once that is known."""

    name: str
    version: int
    sha256: str = ""
    """Of the zip, in hexadecimal; empty while nobody knows it, and always of an object of S3."""
    content: Code | None = field(default=None, repr=False)
    remembered: bool = False
    """Known from the function's own status only: its object has gone, or is not seen yet."""
    fetched: bool = False
    """Environments fetch it from an address that its owner has chosen."""

    @property
    def reference(self) -> str:
        """As people write it: ``name:version``."""
        return f"{self.name}:{self.version}"

    @property
    def uses_s3(self) -> bool:
        """Whether environments need the Secret ``kubelambda-s3`` for it."""
        return self.content is not None and self.content.s3 is not None

    @property
    def package(self) -> str:
        """SHA-256 by which environments may ask a gateway for it; empty where they never do."""
        return "" if self.content is not None and self.content.is_fetched else self.sha256

    @property
    def digest(self) -> str:
        """Changes with the content, or else with the object that S3 has; empty while unknown.

        A package and a URL of one content differ: the pods of the one have neither the rules of
        F19 nor credentials. The URL itself may be a credential and is no part of it.
        """
        if not self.fetched:
            return self.sha256
        source = self.content.s3 if self.content is not None else None
        named = ["url", self.sha256] if source is None else ["s3", asdict(source)]
        canonical = json.dumps(named, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


class Stall(Enum):
    """What follows for requests where a function has a ``stalled_reason``."""

    CANNOT_RUN = "cannot run"
    """Its own description, code or runtime is wrong: every request is refused."""
    CANNOT_START = "cannot start"
    """No further environment starts: those that are there serve; without one, refused."""
    NO_ROOM = "no room"
    """No further environment finds room: those that are there serve, and requests wait."""


@dataclass(frozen=True, slots=True)
class Function:
    """One invocable function; ``function_name`` is AWS's name, ``ref`` Kubernetes' one."""

    ref: FunctionRef
    uid: str
    function_name: str
    account_id: str
    runtime: str
    handler: str
    code: Code = field(repr=False)
    memory_mb: int = 128
    timeout_s: int = 3
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    values_from: tuple[Mapping[str, Any], ...] = ()
    layers: tuple[Layer, ...] = ()
    """In the order in which they are unpacked: later ones over earlier ones."""
    reserved_concurrency: int | None = None
    logs: LogConfig = field(default_factory=LogConfig)
    ready: bool = True
    """Judged able to run, whatever else becomes of further environments."""
    stalled_reason: str = ""
    stalled_message: str = ""
    stall: Stall = Stall.CANNOT_RUN
    """How to take ``stalled_reason``, where there is one."""
    config_digest: str = field(init=False, compare=False)
    """Changes exactly when a running environment would no longer be this function's.

    Made once, with the function: it is compared for every event.
    """

    @property
    def packages(self) -> frozenset[str]:
        """SHA-256 of each package that its environments may ask a gateway for."""
        layers = {one.package for one in self.layers if one.package}
        return frozenset(layers | {self.code.package} if self.code.package else layers)

    def find_layer(self, sha256: str) -> Layer | None:
        """Its layer that gateways know by this SHA-256."""
        return next((one for one in self.layers if one.package == sha256), None)

    @property
    def fetches_code(self) -> bool:
        """Whether its environments fetch from addresses that its owner has chosen."""
        return self.code.is_fetched or any(one.fetched for one in self.layers)

    @property
    def uses_s3(self) -> bool:
        """Whether its environments need the Secret ``kubelambda-s3``."""
        return self.code.s3 is not None or any(one.uses_s3 for one in self.layers)

    @property
    def is_pending(self) -> bool:
        """Whether nobody has judged yet if it can work."""
        return not self.ready and not self.cannot_run

    @property
    def cannot_run(self) -> bool:
        """Whether nothing of it may run before its owner changes something."""
        return bool(self.stalled_reason) and self.stall is Stall.CANNOT_RUN

    def __post_init__(self) -> None:
        digest = digest_config(
            runtime=self.runtime,
            # An image's handler is part of its version.
            handler="" if self.code.image else self.handler,
            code=replace(self.code, version="").to_link(),
            memory_mb=self.memory_mb,
            timeout_s=self.timeout_s,
            environment=self.environment,
            values_from=self.values_from,
            logs=self.logs,
        )
        layers = [one.digest for one in self.layers]
        combined = combine_digest(digest, self.code.version, layers)
        object.__setattr__(self, "config_digest", combined)  # frozen for everybody else

    def arn(self, region: str, qualifier: str = "") -> str:
        """The function's ARN, with ``qualifier`` appended where there is one."""
        bare = f"arn:aws:lambda:{region}:{self.account_id}:function:{self.function_name}"
        return f"{bare}:{qualifier}" if qualifier else bare


def digest_config(
    *,
    runtime: str,
    handler: str,
    code: Mapping[str, Any],
    memory_mb: int,
    timeout_s: int,
    environment: Mapping[str, str],
    values_from: Sequence[Mapping[str, Any]],
    logs: LogConfig,
) -> str:
    """16 hex digits over everything that ``configure`` hands to an environment.

    The controller stamps it on the pod, the agent repeats it in hello, the gateway compares: so the
    two agree on which environments are current without a round trip through status.
    """
    canonical = json.dumps(
        [
            runtime,
            handler,
            code,
            memory_mb,
            timeout_s,
            dict(environment),
            [dict(one) for one in values_from],
            logs.list_parts(),
        ],
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(canonical.encode()).hexdigest()[:DIGEST_HEX_DIGITS]


def combine_digest(digest: str, code_version: str, layers: Sequence[str] = ()) -> str:
    """A digest that changes with what the spec only names: a version of the code, layers.

    ``layers`` are their digests, in the function's order.
    """
    if not code_version and not layers:
        return digest
    combined = "\n".join((digest, code_version, *layers)).encode()
    return hashlib.sha256(combined).hexdigest()[:DIGEST_HEX_DIGITS]


def derive_account_id(namespace: str) -> str:
    """The 12 digits that stand for a namespace where nobody chose any."""
    number = int.from_bytes(hashlib.sha256(namespace.encode()).digest()[:8], "big")
    return f"{number % 10**12:012d}"
