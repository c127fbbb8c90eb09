"""Which environment gets which request of a function, and which request waits or is refused.

Contract: an event goes to the environment that was used last and is current. With none idle the
request waits, and the request that has waited longest gets the first environment that is free. A
limit answers 429 at once, with one exception (``_park``). Every request is answered, and its slot
comes back, once. Lives on the event loop and does no I/O.
"""

import asyncio
import logging
from collections.abc import Callable

from kubelambda.core.errors import ApiError, throttled, unavailable
from kubelambda.core.model.function import FunctionRef
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.link.environment import FINISHING_S, Environment
from kubelambda.gateway.pools.function_pool import FunctionPool, FunctionVersions
from kubelambda.gateway.pools.slots import Slots

logger = logging.getLogger(__name__)


class Assigner:
    """Assigns the requests of each pool to its environments.

    ``notify`` is called when the demand of a function has changed, ``drop_if_empty`` when a pool
    may have become empty. ``start_wait_s`` is the longest that a request waits for an environment.
    """

    def __init__(
        self,
        slots: Slots,
        *,
        start_wait_s: float,
        notify: Callable[[FunctionRef], None],
        drop_if_empty: Callable[[FunctionPool], None],
    ) -> None:
        self._slots = slots
        self._start_wait_s = start_wait_s
        self._notify = notify
        self._drop_if_empty = drop_if_empty
        self._loop = asyncio.get_running_loop()

    def submit(self, pool: FunctionPool, invocation: Invocation) -> None:
        """Hand the event to an idle environment, let it wait for one, or refuse it now."""
        if invocation.may_repeat and self._reattach(pool, invocation):
            return
        refusal = pool.find_refusal()
        if refusal is not None:
            self._refuse(pool, invocation, refusal)
        elif not (reason := self._slots.find_throttle(pool)):
            self._accept(pool, invocation)
        elif len(pool.versions.parked) < pool.versions.count_finishing(self._loop.time()):
            self._park(pool, invocation, reason)
        else:
            self._refuse(pool, invocation, throttled(reason))

    def hand_out(self, pool: FunctionPool) -> None:
        """Give requests that wait, the oldest first, to environments that are free."""
        while pool.waiting and (environment := pool.take_idle()) is not None:
            invocation = pool.waiting.popleft()
            invocation.stop_timer()
            _hand_over(environment, invocation)

    def accept_parked(self, versions: FunctionVersions) -> None:
        """Accept parked requests of any version, as far as the limits allow by now."""
        while versions.parked:
            invocation, pool = next(iter(versions.parked.items()))
            if self._slots.find_throttle(pool):
                return
            del versions.parked[invocation]
            invocation.stop_timer()
            self._accept(pool, invocation)

    def refuse_hopeless(self, pool: FunctionPool) -> None:
        """Refuse waiting requests, if no environment can serve them any more."""
        refusal = pool.find_refusal()
        if refusal is not None:
            for invocation in pool.take_pending():
                invocation.finish(refusal)

    def _accept(self, pool: FunctionPool, invocation: Invocation) -> None:
        """Count it; hand it to an idle environment, or let it wait."""
        self._slots.take(pool, invocation)
        environment = pool.take_idle()
        if environment is not None:
            _hand_over(environment, invocation)
            return
        invocation.timer = self._loop.call_later(
            self._start_wait_s, self._give_up, pool, invocation
        )
        if not pool.waiting:
            pool.waiting_since = self._loop.time()
        pool.waiting.append(invocation)
        invocation.on_abandoned = lambda: self._abandon(pool, invocation)
        self._notify(pool.function.ref)
        if pool.count_finishing(self._loop.time()):
            self._loop.call_later(FINISHING_S, self._notify, pool.function.ref)

    def _park(self, pool: FunctionPool, invocation: Invocation, reason: str) -> None:
        """Let it wait, uncounted, for an environment that has answered and is about to be idle.

        So a caller who sends the next request right after an answer is not throttled by the request
        that was answered. Within FINISHING_S it is accepted or throttled.
        """
        pool.versions.parked[invocation] = pool
        invocation.timer = self._loop.call_later(
            FINISHING_S, self._throttle_parked, pool, invocation, reason
        )
        invocation.on_abandoned = lambda: self._throttle_parked(pool, invocation, reason)

    def _throttle_parked(self, pool: FunctionPool, invocation: Invocation, reason: str) -> None:
        if pool.versions.parked.pop(invocation, None) is not None:
            invocation.on_abandoned = None
            self._refuse(pool, invocation, throttled(reason))

    def _reattach(self, pool: FunctionPool, invocation: Invocation) -> bool:
        """Whether this event is already running, or ran at a gateway that is gone."""
        running = pool.versions.find_running(invocation.request_id)
        if running is not None:
            running.share(invocation)
            return True
        for one in pool.versions.pools:
            environment = one.take_recovered(invocation.request_id)
            if environment is not None:
                self._slots.take(one, invocation)
                _hand_over(environment, invocation)
                return True
        return False

    def _give_up(self, pool: FunctionPool, invocation: Invocation) -> None:
        """It has waited in vain."""
        if not invocation.begun and invocation in pool.waiting:
            pool.waiting.remove(invocation)
            invocation.finish(pool.build_wait_error(self._start_wait_s))
            self._notify(pool.function.ref)

    def _abandon(self, pool: FunctionPool, invocation: Invocation) -> None:
        """The client has gone: a request that still waits is dropped, a running one runs on."""
        if not invocation.begun and not invocation.answered:
            pool.waiting.remove(invocation)
            invocation.finish(unavailable("the client has gone"))
            self._notify(pool.function.ref)

    def _refuse(self, pool: FunctionPool, invocation: Invocation, refusal: ApiError) -> None:
        invocation.finish(refusal)
        self._drop_if_empty(pool)


def _hand_over(environment: Environment, invocation: Invocation) -> None:
    """If that fails the environment is ended: the event is answered and its slot comes back."""
    try:
        environment.invoke(invocation)
    except Exception:
        logger.exception("request %s could not be handed over", invocation.request_id)
        environment.abort()
