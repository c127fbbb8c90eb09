"""A function, or a published version of one, as the data plane sees it.

Contract: plain values; built from the custom resource by ``catalog``. Source of names and defaults:
spec/lambda.md section 6.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from kubelambda.core.model.code import (
    Code,
    ContainerImage,
    S3Package,
    encode_code,
    forget_found_digest,
    get_found_digest,
    get_package,
    is_fetched,
)
from kubelambda.core.model.config_digest import combine_digest, digest_config
from kubelambda.core.model.layer import Layer
from kubelambda.core.model.log_config import LogConfig

LATEST = "$LATEST"


class FunctionRef(NamedTuple):
    """Namespace and metadata.name: what a function is called inside the installation.

    A tuple, since one is looked up half a dozen times for each event, and tuples are hashed and
    compared ten times as fast as dataclasses.
    """

    namespace: str
    name: str

    @property
    def is_part(self) -> bool:
        """Whether it is the object of a version or an alias, and not of a function."""
        return "." in self.name

    @property
    def function(self) -> "FunctionRef":
        """Of a version's object ``hello.3``, or an alias's: that of its function, ``hello``.

        No LambdaFunction has a dot in its name, so a function's own is the same again.
        """
        name = self.name
        if "." not in name:
            return self
        return FunctionRef(self.namespace, name.partition(".")[0])

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Stall(Enum):
    """What a function's ``stalled_reason`` means for its requests."""

    CANNOT_RUN = "cannot run"
    """Its spec, code or runtime is wrong: every request is refused."""
    CANNOT_START = "cannot start"
    """New environments fail to start: existing ones serve; without one, requests are refused."""
    NO_ROOM = "no room"
    """New environments cannot be scheduled: existing ones serve, and requests wait."""


@dataclass(frozen=True, slots=True)
class Function:
    """What can be invoked: a function's $LATEST, or a published version of it.

    ``function_name`` is AWS's name. ``ref`` and ``uid`` are those of the LambdaFunction or of the
    LambdaVersion: each has environments of its own, and ``ref.function`` is what they share.
    """

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
    """In the order in which they are unpacked; later ones overwrite files of earlier ones."""
    reserved_concurrency: int | None = None
    logs: LogConfig = field(default_factory=LogConfig)
    ready: bool = True
    """The controller found that it can run, even if new environments cannot start now."""
    stalled_reason: str = ""
    stalled_message: str = ""
    stall: Stall = Stall.CANNOT_RUN
    """What ``stalled_reason`` means, if there is one."""
    version: str = LATEST
    """The number of a published version."""
    function_uid: str = ""
    """Of a published version: the uid of the LambdaFunction that it belongs to."""
    created: str = ""
    """When its object was created: of several that claim to be the same, the oldest counts."""
    config_digest: str = field(init=False, compare=False)
    """Changes exactly when running environments become outdated.

    Computed once, with the function, since it is compared for every event.
    """

    @property
    def packages(self) -> frozenset[str]:
        """SHA-256 of each package that its environments may ask a gateway for."""
        layers = {layer.package for layer in self.layers if layer.package}
        package = get_package(self.code)
        return frozenset(layers | {package} if package else layers)

    def find_layer(self, sha256: str) -> Layer | None:
        """Its layer that gateways know by this SHA-256."""
        return next((layer for layer in self.layers if layer.package == sha256), None)

    @property
    def fetches_code(self) -> bool:
        """Whether its environments fetch from addresses that its owner has chosen."""
        return is_fetched(self.code) or any(layer.fetched for layer in self.layers)

    @property
    def uses_s3(self) -> bool:
        """Whether its environments need the Secret ``kubelambda-s3``."""
        return isinstance(self.code, S3Package) or any(layer.uses_s3 for layer in self.layers)

    @property
    def is_pending(self) -> bool:
        """Whether the controller has not decided yet if it can run."""
        return not self.ready and not self.cannot_run

    @property
    def cannot_run(self) -> bool:
        """Whether no environment of it may run before its owner changes something."""
        return bool(self.stalled_reason) and self.stall is Stall.CANNOT_RUN

    def __post_init__(self) -> None:
        digest = digest_config(
            runtime=self.runtime,
            # An image's handler is part of its digest.
            handler="" if isinstance(self.code, ContainerImage) else self.handler,
            code=encode_code(forget_found_digest(self.code)),
            memory_mb=self.memory_mb,
            timeout_s=self.timeout_s,
            environment=self.environment,
            values_from=self.values_from,
            logs=self.logs,
        )
        layers = [layer.digest for layer in self.layers]
        combined = combine_digest(digest, get_found_digest(self.code), layers)
        object.__setattr__(self, "config_digest", combined)  # frozen for everybody else

    @property
    def owner_uid(self) -> str:
        """The uid of the LambdaFunction: of this very object, unless it is a published version."""
        return self.function_uid or self.uid

    def arn(self, region: str, qualifier: str = "") -> str:
        """The function's ARN, with ``qualifier`` appended if there is one."""
        bare = f"arn:aws:lambda:{region}:{self.account_id}:function:{self.function_name}"
        return f"{bare}:{qualifier}" if qualifier else bare
