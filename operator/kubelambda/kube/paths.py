"""Resources of the API server that this installation touches, and their URL paths.

Contract: pure. Names and namespaces are data (rule A7): they are percent-encoded here and
nowhere else.
"""

from dataclasses import dataclass
from urllib.parse import quote

from kubelambda.api.kinds import BY_NAME


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object; ``plural`` is also its metric label."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """As it stands in ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version


PODS = Resource("", "v1", "pods", "Pod")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
NETWORK_POLICIES = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
CRDS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition"
)


def resource_of(name: str) -> Resource:
    """The resource of a kind that has a descriptor."""
    kind = BY_NAME[name]
    return Resource(kind.group, kind.version, kind.plural, kind.name)


SECRETS = resource_of("Secret")
CONFIG_MAPS = resource_of("ConfigMap")
FUNCTIONS = resource_of("LambdaFunction")
VERSIONS = resource_of("LambdaVersion")
ALIASES = resource_of("LambdaAlias")
LAYERS = resource_of("LambdaLayer")
RUNTIMES = resource_of("LambdaRuntime")


def build_path(
    resource: Resource, namespace: str | None = None, name: str = "", subresource: str = ""
) -> str:
    """URL path of a collection (no ``name``), an object or a subresource of it."""
    root = f"/apis/{resource.group}" if resource.group else "/api"
    parts = [root, resource.version]
    if namespace is not None:
        if not namespace:
            raise ValueError("an empty namespace never means all of them")
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(resource.plural)
    if name:
        parts.append(quote(name, safe=""))
    if subresource:
        parts.append(subresource)
    return "/".join(parts)
