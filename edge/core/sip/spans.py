"""Which span takes the next leg, how many spans there should be, and which may go.

Legs are packed: the fullest span with room is taken, so that whole spans become idle and can be retired. A leg counts
from its reservation until its dialog is over on both sides.
"""

from collections import deque

from msgspec import Struct, field

from edge.vocabulary.ids import Incarnation, LegId

#: What the signalling stack holds at the most.
LEGS_PER_SPAN = 4
#: New calls one span may get in a second.
CALLS_PER_SECOND = 100
#: One more span is kept free for each so many new calls a second.
CALLS_PER_SPARE = 15
IDLE_MS = 60_000
_LOOK_AGAIN_MS = 5_000
_NEVER_MS = 2**62


class Span(Struct):
    """One span and its legs."""

    name: Incarnation
    port: int
    idle_since_ms: int
    legs: set[LegId] = field(default_factory=set)
    starts: deque[int] = field(default_factory=deque)


class SpanPool:
    """All spans that live."""

    def __init__(self, max_spans: int) -> None:
        self._max = max_spans
        self.spans: dict[Incarnation, Span] = {}
        self._by_port: dict[int, Span] = {}
        self._of_leg: dict[LegId, Span] = {}
        self._arrivals: deque[int] = deque()
        self.wanted = 0
        #: Spans that are kept free.
        self.spare = 1
        #: When some span may have been idle long enough: asked at every message, so it is kept, not searched.
        self._look_ms = _NEVER_MS

    def add(self, name: Incarnation, port: int, now_ms: int) -> None:
        """Take in a span that takes calls."""
        if name not in self.spans:
            span = Span(name, port, now_ms)
            self.spans[name] = span
            self._by_port[port] = span
            self._look_ms = min(self._look_ms, now_ms + IDLE_MS)

    def remove(self, name: Incarnation) -> Span | None:
        """Drop a span; returns it, with the legs that it held."""
        span = self.spans.pop(name, None)
        if span is not None:
            if self._by_port.get(span.port) is span:
                del self._by_port[span.port]
            for leg in span.legs:
                self._of_leg.pop(leg, None)
        return span

    def at_port(self, port: int) -> Span | None:
        """Return the span that lives on `port`."""
        return self._by_port.get(port)

    def pick(self, leg: LegId, now_ms: int) -> Span | None:
        """Give `leg` a slot; None: no room."""
        self._note_arrival(now_ms)
        best = None
        for span in self.spans.values():
            used = len(span.legs)
            if used < LEGS_PER_SPAN and (best is None or used > len(best.legs)) and self._has_rate(span, now_ms):
                best = span
        if best is not None:
            best.starts.append(now_ms)
            self.hold(leg, best)
        return best

    @staticmethod
    def _has_rate(span: Span, now_ms: int) -> bool:
        while span.starts and span.starts[0] <= now_ms - 1000:
            span.starts.popleft()
        return len(span.starts) < CALLS_PER_SECOND

    def _note_arrival(self, now_ms: int) -> None:
        self._arrivals.append(now_ms)
        # The rate matters up to the point where all spans are wanted anyway.
        if len(self._arrivals) > self._max * CALLS_PER_SPARE:
            self._arrivals.popleft()

    def hold(self, leg: LegId, span: Span) -> None:
        """Count `leg` on `span` (also after a restart, from the table)."""
        span.legs.add(leg)
        self._of_leg[leg] = span

    def free(self, leg: LegId, now_ms: int) -> None:
        """Leg over: its slot is free."""
        span = self._of_leg.pop(leg, None)
        if span is not None:
            span.legs.discard(leg)
            if not span.legs:
                span.idle_since_ms = now_ms
                self._look_ms = min(self._look_ms, now_ms + IDLE_MS)

    @property
    def free_slots(self) -> int:
        """Legs that would find room now."""
        return LEGS_PER_SPAN * len(self.spans) - len(self._of_leg)

    def target_free(self, now_ms: int) -> int:
        """Slots that should be free: the spare spans, and more when calls come fast."""
        while self._arrivals and self._arrivals[0] <= now_ms - 1000:
            self._arrivals.popleft()
        return LEGS_PER_SPAN * (self.spare + len(self._arrivals) // CALLS_PER_SPARE)

    def grow(self, now_ms: int) -> int | None:
        """Return the number of spans to ask for, or None when enough are there or on their way."""
        coming = max(0, self.wanted - len(self.spans))
        missing = self.target_free(now_ms) - self.free_slots - coming * LEGS_PER_SPAN
        if missing <= 0 and self.wanted:
            return None
        wanted = min(self._max, max(1, self.wanted, len(self.spans) + coming + -(-max(0, missing) // LEGS_PER_SPAN)))
        if wanted == self.wanted:
            return None
        self.wanted = wanted
        return wanted

    def retire(self, now_ms: int) -> Incarnation | None:
        """Take one span out that was idle long enough and is beyond the spare; call again for more."""
        if now_ms < self._look_ms:
            return None
        idle = [span.idle_since_ms + IDLE_MS for span in self.spans.values() if not span.legs]
        self._look_ms = max(now_ms + _LOOK_AGAIN_MS, min(idle)) if idle else _NEVER_MS
        spare = self.free_slots - self.target_free(now_ms)
        if spare < LEGS_PER_SPAN or len(self.spans) <= 1:
            return None
        for span in self.spans.values():
            if not span.legs and now_ms - span.idle_since_ms >= IDLE_MS:
                self.remove(span.name)
                self.wanted = max(1, self.wanted - 1)
                self._look_ms = now_ms  # there may be more
                return span.name
        return None

    def next_retirement_ms(self) -> int | None:
        """When the longest idle span may be looked at again."""
        return self._look_ms if self._look_ms < _NEVER_MS and len(self.spans) > 1 else None
