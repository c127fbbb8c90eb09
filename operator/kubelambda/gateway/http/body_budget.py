"""How many bytes the bodies of a listener's requests may hold, shared between client addresses.

Contract: a body is charged for the bytes that have arrived, not for those it announced; a refusal
changes nothing. No address can take so much that others find no room: it holds at most
ADDRESS_SHARES times what is left over. Small bodies have ``small_bytes`` beyond ``bytes_max``,
which large ones cannot take. Pure bookkeeping, no I/O.
"""

from dataclasses import dataclass, field

ADDRESS_SHARES = 3
"""One address alone may hold three quarters, a second one three quarters of the rest, and so on."""


@dataclass(slots=True)
class BodyBudget:
    """One kind of body: payloads in memory, or packages on disk."""

    bytes_max: int
    small_bytes: int = 0
    held_bytes: int = 0
    by_address: dict[str, int] = field(default_factory=dict)

    def hold(self, address: str, count: int, *, is_small: bool = False) -> bool:
        """Charge ``count`` bytes to ``address``; False where there is no room for them."""
        own = self.by_address.get(address, 0) + count
        room = self.bytes_max + (self.small_bytes if is_small else 0)
        left = room - self.held_bytes - count
        if left < 0 or own > ADDRESS_SHARES * left:
            return False
        if own:
            self.by_address[address] = own
        self.held_bytes += count
        return True

    def let_go(self, address: str, count: int) -> None:
        """Give ``count`` bytes of ``address`` back."""
        self.held_bytes -= count
        left = self.by_address.get(address, 0) - count
        if left > 0:
            self.by_address[address] = left
        else:
            self.by_address.pop(address, None)


@dataclass(slots=True, eq=False)
class HeldBody:
    """What one body holds of ``budget``, until ``release``."""

    budget: BodyBudget
    address: str
    is_small: bool = False
    held_bytes: int = 0

    def add(self, count: int) -> bool:
        """Charge ``count`` bytes more; False where there is no room for them."""
        if not self.budget.hold(self.address, count, is_small=self.is_small):
            return False
        self.held_bytes += count
        return True

    def release(self) -> None:
        """Give everything back; a second call changes nothing."""
        held, self.held_bytes = self.held_bytes, 0
        if held:
            self.budget.let_go(self.address, held)
