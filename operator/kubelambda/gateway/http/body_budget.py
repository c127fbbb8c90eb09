"""How many bytes the bodies of a listener's requests may hold, shared between client addresses.

Contract: a body is charged for the bytes that have arrived, not for those it announced; a refusal
changes nothing. No address can take so much that there is no room for others: it holds at most
ADDRESS_SHARES times what is left over. Small bodies have ``small_bytes`` beyond ``bytes_max``,
which large ones cannot take. Pure bookkeeping, no I/O.
"""

ADDRESS_SHARES = 3
"""One address alone may hold three quarters, a second one three quarters of the rest, and so on."""


class BodyBudget:
    """One kind of body: payloads in memory, or packages on disk."""

    def __init__(self, bytes_max: int, small_bytes: int = 0) -> None:
        self.bytes_max = bytes_max
        self.small_bytes = small_bytes
        self.held_bytes = 0
        self.by_address: dict[str, int] = {}

    def hold(self, address: str, count: int, *, is_small: bool = False) -> bool:
        """Charge ``count`` bytes to ``address``; False if there is no room for them."""
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


class HeldBody:
    """What one body holds of ``budget``, until ``release``."""

    __slots__ = ("_address", "_budget", "_is_small", "held_bytes")

    def __init__(self, budget: BodyBudget, address: str, is_small: bool = False) -> None:
        self._budget = budget
        self._address = address
        self._is_small = is_small
        self.held_bytes = 0

    def add(self, count: int) -> bool:
        """Charge ``count`` bytes more; False if there is no room for them."""
        if not self._budget.hold(self._address, count, is_small=self._is_small):
            return False
        self.held_bytes += count
        return True

    def release(self) -> None:
        """Give everything back; a second call changes nothing."""
        held = self.held_bytes
        if held:
            self.held_bytes = 0
            self._budget.let_go(self._address, held)
