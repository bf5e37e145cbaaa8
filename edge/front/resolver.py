"""Names of dialled targets, looked up beside the loop: a slow name server costs calls in progress nothing."""

import threading
from collections.abc import Callable
from typing import NamedTuple

from edge.core.sip.actions import Place, Transport
from edge.front.names import DEADLINE_S, Found, Names, NoAnswerError, UnknownNameError
from edge.runtime.clock import monotonic_ms
from edge.runtime.pump import Pump
from edge.vocabulary.media import Address

#: Look-ups at the same time; more are answered from memory at once.
LIMIT = 8
#: A name that can't be looked up now is taken from an earlier answer of at most this age.
REMEMBERED_MS = 3_600_000
_NAMES = 256
_DEADLINE_MS = int(DEADLINE_S * 1000)

#: For each place its addresses, and what is spoken there.
Answer = Callable[[tuple[tuple[Address, ...], ...], tuple[Transport, ...]], None]


class _Known(NamedTuple):
    addresses: list[Address]
    transport: Transport
    at_ms: int
    #: Not asked for again before.
    fresh_until_ms: int


class Resolver:
    """Answers in the loop, at once or within 2 s."""

    def __init__(self, pump: Pump, names: Names) -> None:
        self._pump = pump
        self.names = names
        self._known: dict[Place, _Known] = {}
        #: Who waits for a look-up that is under way.
        self._waiting: dict[Place, list[Callable[[], None]]] = {}

    def look_up(self, places: tuple[Place, ...], answer: Answer) -> None:
        """Call `answer` with the addresses of each of `places`; one that is not known has none."""
        now_ms = monotonic_ms()
        missing = {place for place in places if not self._is_fresh(place, now_ms)}
        if not missing:
            answer(*self._answer(places))
            return
        done = False

        def finish() -> None:
            nonlocal done
            if not done:
                done = True
                timer.cancel()
                answer(*self._answer(places))

        def one_came(place: Place) -> None:
            missing.discard(place)
            if not missing:
                finish()

        timer = self._pump.at(now_ms + _DEADLINE_MS, finish)
        for place in list(missing):
            self._ask(place, lambda place=place: one_came(place))  # type: ignore[misc]

    def _is_fresh(self, place: Place, now_ms: int) -> bool:
        known = self._known.get(place)
        return known is not None and now_ms < known.fresh_until_ms

    def _answer(self, places: tuple[Place, ...]) -> tuple[tuple[tuple[Address, ...], ...], tuple[Transport, ...]]:
        oldest_ms = monotonic_ms() - REMEMBERED_MS
        nothing = [_Known([], place.transport, oldest_ms, 0) for place in places]
        known = [self._known.get(place, empty) for place, empty in zip(places, nothing, strict=True)]
        addresses = tuple(tuple(one.addresses) if one.at_ms >= oldest_ms else () for one in known)
        return addresses, tuple(one.transport for one in known)

    def _ask(self, place: Place, came: Callable[[], None]) -> None:
        if place in self._waiting:
            self._waiting[place].append(came)
        elif len(self._waiting) >= LIMIT:
            self._pump.at(monotonic_ms(), came)
        else:
            self._waiting[place] = [came]
            threading.Thread(target=self._work, args=(place, self.names), name="resolver", daemon=True).start()

    def _work(self, place: Place, names: Names) -> None:
        known: Found | None = None
        gone = False
        try:
            known = names.look_up(place)
        except UnknownNameError:
            gone = True
        except NoAnswerError:
            pass
        self._pump.post(lambda: self._done(place, known, gone=gone))

    def _done(self, place: Place, found: Found | None, *, gone: bool) -> None:
        now_ms = monotonic_ms()
        if found is not None:
            self._known.pop(place, None)
            if len(self._known) >= _NAMES:
                self._known.pop(next(iter(self._known)))
            fresh_until_ms = now_ms + int(found.seconds * 1000)
            self._known[place] = _Known(found.addresses, found.transport, now_ms, fresh_until_ms)
        elif gone:
            # Name servers that say so are believed; only silence is bridged (RFC 8767 section 4).
            self._known.pop(place, None)
        for came in self._waiting.pop(place, ()):
            came()
