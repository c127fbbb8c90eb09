"""Why a condition is as it is: defined once, used for status, metrics and documentation.

Contract: the standard library only, since gateways read reasons and load no pydantic.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a condition is as it is."""

    READY = "Ready"
    """Serving, or able to from zero."""
    PROGRESSING = "Progressing"
    """Objects are being made."""
    INVALID_SPEC = "InvalidSpec"
    """The spec breaks a rule (a CRD of an older release let it pass)."""
    FEATURE_NOT_AVAILABLE = "FeatureNotAvailable"
    """The spec sets a field that this release does not act upon."""
    DUPLICATE_FUNCTION_NAME = "DuplicateFunctionName"
    """An older object of the namespace has the same functionName."""
    RUNTIME_NOT_FOUND = "RuntimeNotFound"
    """No LambdaRuntime has this identifier."""
    SUPPORTED = "Supported"
    """The runtime's language gets fixes."""
    SUPPORT_ENDED = "SupportEnded"
    """The runtime's language gets no fixes any more; functions run on."""
    SUPPORT_UNKNOWN = "SupportUnknown"
    """Neither the LambdaRuntime nor AWS says until when its language gets fixes."""
    CODE_NOT_FOUND = "CodeNotFound"
    """The ConfigMap with the code is missing or empty."""
    PACKAGE_NOT_FOUND = "PackageNotFound"
    """No package of the SHA-256 that function or layer names was uploaded; it is looked for."""
    PACKAGE_STORE_MISSING = "PackageStoreMissing"
    """A package is named, and this installation keeps none."""
    REGISTRY_NOT_ALLOWED = "RegistryNotAllowed"
    """code.imageURI names a registry that the installation does not allow."""
    REGISTRY_UNAVAILABLE = "RegistryUnavailable"
    """The registry of code.imageURI does not answer; it is asked again."""
    REGISTRY_ACCESS_DENIED = "RegistryAccessDenied"
    """The registry tells the controller nothing about the image of code.imageURI."""
    IMAGE_NOT_FOUND = "ImageNotFound"
    """The registry has no image of that name; it is looked for every minute."""
    INVALID_IMAGE = "InvalidImage"
    """What the registry has under that name cannot be run."""
    LAYER_NOT_FOUND = "LayerNotFound"
    """No LambdaLayer is the version that the function names."""
    DUPLICATE_LAYER_VERSION = "DuplicateLayerVersion"
    """An older object of the namespace is the same version of the same layer."""
    FUNCTION_NOT_FOUND = "FunctionNotFound"
    """The LambdaFunction of a version or an alias does not exist; it is waited for."""
    FUNCTION_NOT_READY = "FunctionNotReady"
    """The function that is to be published is not Ready; it is waited for."""
    REVISION_MISMATCH = "RevisionMismatch"
    """codeSha256 or revisionId of a version is not the function's."""
    NOT_PINNED = "NotPinned"
    """What the function names could change or vanish, so a version could not stay as it is."""
    DUPLICATE_VERSION = "DuplicateVersion"
    """An older object has the same number and another snapshot."""
    VERSION_NOT_FOUND = "VersionNotFound"
    """A version that an alias names does not exist."""
    DUPLICATE_ALIAS = "DuplicateAlias"
    """An older object is the same alias of the same function."""
    IMAGE_PULL_FAILED = "ImagePullFailed"
    """An image that pods need cannot be pulled."""
    CONTAINER_CONFIG_ERROR = "ContainerConfigError"
    """A Secret or ConfigMap key that the function names is missing."""
    CONTAINER_START_FAILED = "ContainerStartFailed"
    """The container or the agent in it ends at once."""
    UNSCHEDULABLE = "Unschedulable"
    """No node has room."""
    QUOTA_EXCEEDED = "QuotaExceeded"
    """A ResourceQuota of the namespace leaves no room."""
    LIMIT_RANGE = "LimitRange"
    """A LimitRange of the namespace refuses the pod."""
    REFUSED = "Refused"
    """The API server refuses an object of ours."""


CAPACITY_REASONS = frozenset({Reason.UNSCHEDULABLE, Reason.QUOTA_EXCEEDED, Reason.LIMIT_RANGE})
"""There is no room for a further environment; those that are there serve, and requests wait."""
START_REASONS = frozenset(
    {
        Reason.IMAGE_PULL_FAILED,
        Reason.CONTAINER_CONFIG_ERROR,
        Reason.CONTAINER_START_FAILED,
        Reason.REFUSED,
    }
)
"""A further environment would not start; those that are there serve, without one nobody waits."""
