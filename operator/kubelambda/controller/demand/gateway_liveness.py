"""Whether scaling decisions can be made: gateways report, or it is known that none is alive.

Contract: lives on one event loop; time comes in. While gateways are silent nothing is known, and
nothing may be decided, until the API server says that no gateway is alive.
"""

import logging
from collections.abc import Callable

from kubelambda.controller.demand.gateway_pods import GatewayPresence
from kubelambda.controller.demand.reported_demand import ReportedDemand
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

SILENT_S = 10.0
"""Gateways report every second; after so much silence the API server is asked for them."""
ASK_S = 5.0
"""How often it is asked then."""


class GatewayLiveness:
    """Asks the API server for gateways after a silence; ``changed`` is called after each time."""

    def __init__(
        self,
        gateways: GatewayPresence,
        reported: ReportedDemand,
        now: float,
        changed: Callable[[], None],
        supervisor: Supervisor,
    ) -> None:
        self._gateways = gateways
        self._reported = reported
        self._changed = changed
        self._supervisor = supervisor
        self._heard_at = now
        self._ask_at = 0.0
        self._is_asking = False
        self.none_alive = False
        """No gateway is alive, as far as the API server knows."""

    def wait_from(self, now: float) -> None:
        """Begin to measure the silence at ``now``."""
        self._heard_at = now

    def note_report(self, now: float) -> None:
        """A gateway has reported."""
        self._heard_at = now
        self.none_alive = False

    def can_decide(self, now: float) -> bool:
        """True while a gateway reports or none is alive; may begin to ask for them."""
        if self._reported.has_reports:
            return True
        if now - self._heard_at >= SILENT_S and now >= self._ask_at and not self._is_asking:
            self._ask_at, self._is_asking = now + ASK_S, True
            self._supervisor.spawn("asking whether a gateway is alive", self._ask())
        return self.none_alive

    async def _ask(self) -> None:
        try:
            none_alive = not await self._gateways.is_any_alive()
            none_alive = none_alive and not self._reported.has_reports
            if none_alive and not self.none_alive:
                logger.warning("no gateway is alive; environments that nobody can use are removed")
            self.none_alive = none_alive
        finally:
            self._is_asking = False
            self._changed()
