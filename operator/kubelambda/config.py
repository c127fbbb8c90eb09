"""Settings of the process roles: the only place where the environment is read.

Contract: every setting is a field followed by a sentence with unit and consequence; its variable is
``KUBELAMBDA_`` and the field's name in capitals. A missing or malformed value ends the start with a
message that names the variable and what it wants.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self, cast

from kubelambda.core.capacity.client_limits import ANSWERS_BYTES_LEAST, ClientLimits
from kubelambda.core.images.reference import AllowedRegistries, ImageReferenceError
from kubelambda.core.wire.keys import MASTER_BYTES_MIN

_PREFIX = "KUBELAMBDA_"


class SettingError(Exception):
    """A setting is missing or malformed; the message names the variable and says what it wants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What all roles share."""

    namespace: str = "kubelambda"
    """Namespace of the release."""
    pod_name: str = "local"
    """Name of this process's own pod; the identity it signs Leases and reports with."""
    region: str = "us-east-1"
    """The one region name of the installation, as it stands in ARNs."""
    scope: Literal["Cluster", "Namespaced"] = "Cluster"
    """Namespaced: only ``watch_namespaces`` are watched, and nothing cluster-wide is read."""
    watch_namespaces: tuple[str, ...] = ()
    """Comma separated; with scope Namespaced at least one, with scope Cluster empty means all."""
    master_secret_file: Path = Path("/etc/kubelambda/master/secret")
    """File with the installation's master secret, at least 32 bytes; without it no role starts."""
    key_generation: int = 1
    """A higher number gives every function a new key."""
    internal_key_generation: int = 1
    """Of the key that signs requests between our processes (docs/installing.md): to be raised by
    one at a time, and only once no process of a release without this setting runs."""
    metrics_port: int = 9002
    """Port of /metrics, /healthz and /readyz, on all addresses."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Threshold of this process's own log."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read every field that the environment sets; SettingError for what cannot be read."""
        values = {}
        for field in fields(cls):
            variable = _PREFIX + field.name.upper()
            if variable in environment:
                values[field.name] = _parse(variable, environment[variable], field.default)
        settings = cls(**values)
        settings.check()
        return settings

    def check(self) -> None:
        """Raise SettingError if values contradict each other."""
        if self.internal_key_generation < 1:
            raise SettingError(
                f"{_PREFIX}INTERNAL_KEY_GENERATION is {self.internal_key_generation}; "
                "it wants 1 or more"
            )
        if self.scope not in ("Cluster", "Namespaced"):
            raise SettingError(f"{_PREFIX}SCOPE is {self.scope!r}; it wants Cluster or Namespaced")
        if self.scope == "Namespaced" and not self.watch_namespaces:
            raise SettingError(f"{_PREFIX}WATCH_NAMESPACES is empty; scope Namespaced wants one")

    def read_master_secret(self) -> bytes:
        """The master secret; SettingError if it is absent or short: there is no "auth off"."""
        try:
            secret = self.master_secret_file.read_bytes().strip()
        except OSError as error:
            raise SettingError(
                f"cannot read the master secret {self.master_secret_file}: {error.strerror}"
            ) from error
        if len(secret) < MASTER_BYTES_MIN:
            raise SettingError(
                f"the master secret {self.master_secret_file} has {len(secret)} bytes; "
                f"it wants at least {MASTER_BYTES_MIN}"
            )
        return secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerSettings(Settings):
    """Settings of ``kubelambda controller``."""

    gateway_address: str = "kubelambda-gateway-internal.kubelambda.svc.cluster.local:9001"
    """host:port that agents dial for the link."""
    demand_port: int = 9003
    """Port on which gateways post their demand."""
    leader_election: bool = True
    """Off only with one replica, and if two writers at the same time do no harm."""
    lease_name: str = "kubelambda-controller"
    """Name of the Lease in the release's namespace."""
    lease_owner: str = ""
    """Deployment of the release that owns the Lease, so that both go together; empty: none."""
    lease_duration_s: float = 4.0
    """A leader that did not renew for so long is replaced; it stops itself after 3/4 of that."""
    lease_renew_s: float = 1.0
    """How often the leader renews; below half the duration."""
    runtimes_config_map: str = ""
    """With scope Namespaced: ConfigMap of the release's namespace with the runtimes as YAML."""
    idle_timeout_s: float = 300.0
    """An environment that has been idle for so long is removed."""
    cpu_request_fraction: float = 0.1
    """CPU request as a fraction of the CPU share; below 1, so that the pod stays Burstable."""
    init_cpu_millis: int = 1000
    """CPU limit during init, or the share if that is larger; 0 if pods cannot be resized."""
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """Pull policy of runtime images and of the agent's."""
    agent_image: str = "kubelambda/agent:latest"
    """Image with nothing but the agent, which is copied into the pods of image functions."""
    allowed_registries: tuple[str, ...] = ()
    """host[:port], or http://host:port without TLS: where image functions may come from.
    LIMIT: one list for the installation, until there is LambdaAccount."""
    image_pull_secrets: tuple[str, ...] = ()
    """Names of Secrets, in each function's namespace, with which the kubelet pulls its image."""
    priority_class: str = ""
    """PriorityClass of functions' pods; empty: none is named."""
    deployment_scale_per_s: float = 10.0
    """Cluster-wide rate of raising Deployments' replicas, in environments a second. Beyond it, pods
    that requests wait for are made without a Deployment."""
    direct_pods_per_s: float = 100.0
    """Cluster-wide rate of such pods, fair between namespaces; Lambda's is 100 a function."""
    dns_selector: str = ""
    """YAML of a NetworkPolicy peer list where DNS is; empty means port 53 anywhere."""
    gateway_selector: str = ""
    """YAML of a NetworkPolicy peer list where the gateways are; empty: the release's namespace."""
    private_cidrs: tuple[str, ...] = (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
    )
    """Ranges that functions may not reach: private, cluster and link-local ones."""
    allowed_code_hosts: tuple[str, ...] = ()
    """host or host:port that code.url and S3 endpoints may name although private or plain http."""

    def check(self) -> None:
        """Raise SettingError if values contradict each other."""
        super(ControllerSettings, self).check()
        self.read_allowed_registries()
        if not 0 < self.lease_renew_s <= self.lease_duration_s / 2:
            raise SettingError(
                f"{_PREFIX}LEASE_RENEW_S is {self.lease_renew_s}; it wants more than 0 and at most "
                f"half of LEASE_DURATION_S, which is {self.lease_duration_s}"
            )

    def read_allowed_registries(self) -> AllowedRegistries:
        """The list, understood; SettingError for an entry that is not a registry."""
        try:
            return AllowedRegistries.parse(self.allowed_registries)
        except ImageReferenceError as error:
            raise SettingError(f"{_PREFIX}ALLOWED_REGISTRIES: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings(Settings):
    """Where asynchronous events wait; shared by all roles that publish or run them."""

    queue_url: str = ""
    """URL of NATS (nats://host:4222); empty: asynchronous invocation is refused."""
    queue_token_file: str = ""
    """File with the token for NATS; empty: none is sent."""
    queue_replicas: int = 1
    """Replicas of the streams; 3 wants a NATS cluster of three."""

    def read_queue_token(self) -> str:
        """The token; SettingError if the file is named and absent or empty."""
        if not self.queue_token_file:
            return ""
        try:
            token = Path(self.queue_token_file).read_text().strip()
        except OSError as error:
            raise SettingError(
                f"cannot read the queue's token {self.queue_token_file}: {error.strerror}"
            ) from error
        if not token:
            raise SettingError(f"the queue's token {self.queue_token_file} is empty")
        return token


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatcherSettings(QueueSettings):
    """Settings of ``kubelambda dispatcher``."""

    gateway_address: str = "kubelambda-gateway-internal.kubelambda.svc.cluster.local:9001"
    """host:port of the gateways' internal listener."""
    drain_s: float = 25.0
    """How long a stopping dispatcher waits for running events; the rest is run elsewhere."""

    def check(self) -> None:
        """Raise SettingError if values contradict each other."""
        super(DispatcherSettings, self).check()
        if not self.queue_url:
            raise SettingError(f"{_PREFIX}QUEUE_URL is empty; it wants the URL of NATS")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings(QueueSettings, ClientLimits):
    """Settings of ``kubelambda gateway``."""

    host: str = "0.0.0.0"  # noqa: S104  # a pod listens on its own address, whatever that is
    """Address of all listeners; local mode uses 127.0.0.1."""
    public_port: int = 9000
    """Port of the Lambda API."""
    internal_port: int = 9001
    """Port of the link and of other gateways."""
    controller_url: str = "http://kubelambda-controller.kubelambda.svc.cluster.local:9003"
    """Where demand is posted."""
    default_namespace: str = "default"
    """The namespace that a bare function name of an anonymous caller means."""
    anonymous_invocation: bool = True
    """Whether anonymous callers may invoke and upload packages; today all callers are anonymous."""
    start_wait_s: float = 30.0
    """How long a request waits for an environment to start before 503 (init plus margin)."""
    api_server_url: str = "https://kubernetes.default.svc"
    """The API server, for the catalog's list and watch."""
    api_ca_file: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")
    """CA of the API server; the process's own trust store is not asked."""
    api_token_file: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    """Bearer token for the API server, read again for each request, since the kubelet renews it."""
    tls_certificate_file: str = ""
    """PEM chain of the public listener; empty: plain HTTP. A renewed file is loaded."""
    tls_key_file: str = ""
    """PEM key of that certificate."""
    pod_ip: str = ""
    """Address under which other gateways and agents reach the internal port; empty: ``host``."""
    peers_name: str = ""
    """DNS name of the headless Service of all gateways; empty: this gateway is alone."""
    linger_s: float = 3.0
    """How long a stopping gateway still takes new requests, until no client is sent to it any more.
    The only gateway then refuses connections for as long again, before its address goes."""
    drain_s: float = 25.0
    """How long a stopping gateway lets requests in flight finish."""
    package_cache: Path = Path("/var/cache/kubelambda/packages")
    """Directory of packages that agents ask for, up to 1 GiB; emptied at the start."""
    link_ping_s: float = 5.0
    """An agent that was sent nothing for so long gets a ping."""
    link_dead_s: float = 20.0
    """An agent that was silent for so long is dead; agents themselves ping every 5 s."""

    def check(self) -> None:
        """Raise SettingError if values contradict each other."""
        super(GatewaySettings, self).check()
        if bool(self.tls_certificate_file) != bool(self.tls_key_file):
            raise SettingError(
                f"{_PREFIX}TLS_CERTIFICATE_FILE and {_PREFIX}TLS_KEY_FILE are set together or not"
            )
        if self.answers_bytes_max < ANSWERS_BYTES_LEAST:
            raise SettingError(
                f"{_PREFIX}ANSWERS_BYTES_MAX is {self.answers_bytes_max}; it wants at least "
                f"{ANSWERS_BYTES_LEAST}, which one answer may need"
            )


def read_environment() -> dict[str, str]:
    """A copy of the whole environment, for roles that pass some of it on to child processes."""
    return dict(os.environ)


def _parse(variable: str, text: str, default: Any) -> Any:
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(default, tuple):
            return tuple(part.strip() for part in text.split(",") if part.strip())
        return cast("Any", type(default))(text)
    except (KeyError, ValueError) as error:
        wants = "true or false" if isinstance(default, bool) else f"a {type(default).__name__}"
        raise SettingError(f"{variable} is {text!r}; it wants {wants}") from error
