"""Which packages are in the store, as far as gateways have told.

Contract: a package that is there is remembered for as long as an object names it, so functions
without a problem cost nothing. What nothing names may be collected (``core.packages.collection``):
an object that names it later asks again. A missing one is asked for again within seconds, many in
one request. While no gateway can be asked, what is known stays known. Lives on one event loop;
``run`` asks until it is cancelled.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kubelambda.controller.packages.package_problem import Presence
from kubelambda.controller.records.keys import WorkKey
from kubelambda.core.backoff import exponential_delay_s
from kubelambda.core.packages.store import PackagesUnavailableError
from kubelambda.core.wire.package_lookup import NAMES_MAX, NoPackageStoreError

logger = logging.getLogger(__name__)

PATIENCE_S = 1.0
"""How long a first look waits for the answer, so that as a rule no status says Progressing."""
MISSING_S_MIN, MISSING_S_MAX = 1.0, 5.0
MISSING_PER_S = 50.0
"""How many missing packages are asked for in a second, all together."""
NO_STORE_S = 15.0
AWAY_S_MIN, AWAY_S_MAX = 0.5, 15.0


Ask = Callable[[Sequence[str]], Awaitable[frozenset[str]]]


@dataclass(slots=True)
class _Wanted:
    """A package that is not known to be there."""

    keys: set[WorkKey] = field(default_factory=set)
    presence: Presence = Presence.UNKNOWN
    due: float = 0.0
    answers: int = 0


class KnownPackages:
    """Asks with ``ask``; calls ``changed`` with the key of each object that an answer affects."""

    def __init__(
        self, ask: Ask, changed: Callable[[WorkKey], None], clock: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._changed = changed
        self._clock = clock
        self._there: dict[str, set[WorkKey]] = {}
        """Packages that are there, and what names them; nothing that is not named."""
        self._wanted: dict[str, _Wanted] = {}
        self._names: dict[WorkKey, frozenset[str]] = {}
        self._away = 0
        """Requests in a row that nobody has answered."""
        self._away_until = 0.0
        self._wake = asyncio.Event()
        self._answered = asyncio.Event()

    async def look(
        self, key: WorkKey, names: Collection[str], trusted: Collection[str] = ()
    ) -> Mapping[str, Presence]:
        """The presence of those of ``names`` that are not known to be there.

        ``changed`` is called with ``key`` until it looks for other names or is forgotten.
        ``trusted`` are there, since an object that needs them is Ready.
        """
        self._note_there(trusted)
        self._note(key, frozenset(names), trusted)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while not self._away and Presence.UNKNOWN in self._presences(names).values():
                    await self._answered.wait()
        return self._presences(names)

    def forget(self, key: WorkKey) -> None:
        """Ask no more on behalf of ``key``."""
        self._note(key, frozenset())

    async def run(self) -> None:
        """Ask for whatever is due, one request at a time, for ever."""
        while True:
            self._wake.clear()
            due = self._list_due()
            if due:
                await self._put_question(due[:NAMES_MAX])
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._next_delay_s()):
                    await self._wake.wait()

    def _presences(self, names: Collection[str]) -> dict[str, Presence]:
        return {name: self._wanted[name].presence for name in names if name in self._wanted}

    def _note(self, key: WorkKey, names: frozenset[str], trusted: Collection[str] = ()) -> None:
        for name in self._names.pop(key, frozenset()) - names:
            self._drop(key, name)
        if names:
            self._names[key] = names
        for name in names:
            if name in trusted:
                self._there.setdefault(name, set())
            if name in self._there:
                self._there[name].add(key)
            else:
                self._wanted.setdefault(name, _Wanted()).keys.add(key)
                self._wake.set()

    def _drop(self, key: WorkKey, name: str) -> None:
        """``key`` does not name ``name`` any more."""
        wanted = self._wanted.get(name)
        keys = wanted.keys if wanted is not None else self._there[name]
        keys.discard(key)
        if not keys:
            self._wanted.pop(name, None)
            self._there.pop(name, None)

    def _note_there(self, names: Iterable[str]) -> None:
        """Tell everybody who waits for ``names`` that they are there."""
        for name in names:
            wanted = self._wanted.pop(name, None)
            if wanted is not None:
                self._there[name] = wanted.keys
                for key in wanted.keys:
                    self._changed(key)

    def _list_due(self) -> list[str]:
        now = self._clock()
        if now < self._away_until:
            return []
        return [name for name, wanted in self._wanted.items() if wanted.due <= now]

    def _next_delay_s(self) -> float | None:
        if not self._wanted:
            return None
        due = max(self._away_until, min(layer.due for layer in self._wanted.values()))
        return max(0.0, due - self._clock())

    async def _put_question(self, names: Sequence[str]) -> None:
        try:
            missing = await self._ask(names)
        except NoPackageStoreError:
            self._take_answer(dict.fromkeys(names, Presence.NO_STORE))
        except PackagesUnavailableError as error:
            self._note_away(str(error))
        except Exception as error:
            # A bug in asking must not end the loop, and with it everybody's answers.
            logger.exception("asking which packages are there failed")
            self._note_away(repr(error))
        else:
            self._take_answer(
                {name: Presence.MISSING if name in missing else Presence.THERE for name in names}
            )
        self._answered.set()
        self._answered = asyncio.Event()

    def _note_away(self, problem: str) -> None:
        if not self._away:
            logger.warning("cannot ask which packages are there: %s; trying again", problem)
        delay_s = exponential_delay_s(self._away, AWAY_S_MIN, AWAY_S_MAX)
        self._away += 1
        self._away_until = self._clock() + delay_s

    def _take_answer(self, answer: Mapping[str, Presence]) -> None:
        self._away = 0
        self._note_there(name for name, presence in answer.items() if presence is Presence.THERE)
        for name, presence in answer.items():
            wanted = self._wanted.get(name)
            if wanted is not None:  # else it is there, or nobody names it any more
                self._postpone(wanted, presence)

    def _postpone(self, wanted: _Wanted, presence: Presence) -> None:
        if wanted.presence is not presence:
            for key in wanted.keys:
                self._changed(key)
        pause_s = NO_STORE_S
        if presence is Presence.MISSING:
            pause_s = exponential_delay_s(wanted.answers, MISSING_S_MIN, MISSING_S_MAX)
            pause_s = max(pause_s, len(self._wanted) / MISSING_PER_S)
        wanted.presence = presence
        wanted.answers += 1
        wanted.due = self._clock() + pause_s
