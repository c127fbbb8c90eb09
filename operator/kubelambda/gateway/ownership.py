"""Which gateway owns a function.

Contract: the members and their epoch come in, the owner goes out (``core.routing.choose_owner``).
LIMIT: one member per installation until gateways forward to each other; a chart value of more
replicas is refused there.
"""

from dataclasses import dataclass

from kubelambda.core.function import FunctionRef
from kubelambda.core.routing import choose_owner


@dataclass(frozen=True, slots=True)
class Membership:
    """The gateways that count, under a number that grows with each change."""

    members: tuple[str, ...]
    epoch: int = 1

    def owner(self, ref: FunctionRef) -> str:
        """The member that owns ``ref``."""
        return choose_owner(ref.namespace, ref.name, self.members)
