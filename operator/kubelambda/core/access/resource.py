"""What a request is about, in the shape of an ARN.

Contract: values; ``arn`` is for texts, policies compare members. A resource is what the caller
names, whether it exists or not: a decision about it must not tell (F20).
"""

from typing import Final, NamedTuple, Protocol


class Resource(Protocol):
    """Anything that an action may be about."""

    @property
    def arn(self) -> str:
        """Its name in texts."""
        ...


class FunctionResource(NamedTuple):
    """A function, or one of its versions or aliases, as a caller names it.

    A tuple, since there is one for each event and a frozen dataclass takes longer to make.
    """

    region: str
    account_id: str
    namespace: str | None
    """None if ``account_id`` stands for none."""
    function_name: str
    qualifier: str = ""
    """As the caller gave it; empty if there was none, which is not the same as ``$LATEST``."""

    @property
    def arn(self) -> str:
        """Ends with the qualifier only if the caller gave one."""
        arn = f"arn:aws:lambda:{self.region}:{self.account_id}:function:{self.function_name}"
        return f"{arn}:{self.qualifier}" if self.qualifier else arn


class PackageResource(NamedTuple):
    """A package: a zip named by its SHA-256, of no namespace."""

    sha256: str

    @property
    def arn(self) -> str:
        """AWS has no packages; this is written as for things without region and account."""
        return f"arn:aws:kubelambda:::package/{self.sha256}"


class AnyResource(NamedTuple):
    """What an action is about that concerns no single resource, such as a list."""

    @property
    def arn(self) -> str:
        """As AWS writes it."""
        return "*"


ANY_RESOURCE: Final = AnyResource()
