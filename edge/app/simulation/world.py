"""The world of a simulated campaign: discrete events, each a number in a heap, so that a million attempts are seconds.

An event is one integer: its moment (ms) in the upper bits, then its kind, then 20 bits that tell whom it is about.
"""

import heapq
from collections import deque

from edge.app.simulation.outcome import Outcome
from edge.app.simulation.scenario import DAY_S, LIVE, Draws, Scenario, Segment, segments_of
from edge.core.dialer.ages import Ages
from edge.core.dialer.pacing import (
    RINGING_CELLS,
    TALKING_CELLS,
    WRAP_UP_CELLS,
    Observation,
    PacingState,
    PacingTerms,
    decide,
)

#: Kinds of events, beside those of attempts.
_PAUSED, _WRAPPED, _TALKED, _GONE, _SEGMENT, _CLOSED, _TICK = range(4, 11)
_SHIFT, _KIND_SHIFT = 24, 20
_WHOM = (1 << _KIND_SHIFT) - 1
#: Time between two decisions: the next thing that happens after it brings one, at the latest a tick. Half of it wins
#: agents 0.05 % of their time.
TICK_MS = LEAST_MS = 1000
#: What an agent says to a machine that the detector has missed.
_MACHINE_TALK_MS = 8000
#: First working day: a Monday, 08:00 UTC.
BEGIN_MS = 1_767_600_000_000 // 1000 // DAY_S * DAY_S * 1000 + 8 * 3_600_000


class World:
    """One campaign. `run` makes its attempts and returns what became of them."""

    def __init__(self, scenario: Scenario, terms: PacingTerms, draws: Draws, *, oracle: bool = False) -> None:
        self._scenario = scenario
        self._draws = draws
        self._state = PacingState(terms)
        self._attempt_ended = self._state.attempt_ended
        self._oracle = oracle
        self._heap: list[int] = []
        self._now = BEGIN_MS
        self._open = False
        self._segment = Segment(BEGIN_MS, 1.0, 1.0, scenario.agents)
        self._segments: deque[Segment] = deque()
        self._answer_rate = 0.0
        self._talking, self._wrap_up = Ages(*TALKING_CELLS), Ages(*WRAP_UP_CELLS)
        self._ringing = Ages(*RINGING_CELLS)
        #: By agent: since when he does what he does.
        self._since = [0] * scenario.agents
        #: Who is ready, longest first; who waits for him, by number and since when.
        self._ready: deque[int] = deque()
        self._waiting: dict[int, tuple[int, bool]] = {}
        self._waited = 0
        #: Agents who are logged in or pause; who has gone home.
        self._there = 0
        self._home = list(range(scenario.agents - 1, -1, -1))
        self._last_decision = self._second = 0
        self._patience_ms = round(
            1000 * (scenario.patience_s - (scenario.after_greeting_s if scenario.detector else 0))
        )
        self._lines = scenario.lines or 1 << 30
        self._bucket, self._bucket_at = float(scenario.calls_per_second), 0
        self.outcome = Outcome()

    @property
    def state(self) -> PacingState:
        """What pacing has learnt."""
        return self._state

    def run(self, most_attempts: int = 1 << 60) -> Outcome:
        """Let the days pass, or as many attempts."""
        handlers = (
            self._over, self._refused, self._machine, self._live, self._paused, self._wrapped, self._talked, self._gone,
            self._next_segment, self._close, self._tick,
        )  # fmt: skip
        heap, pop, outcome = self._heap, heapq.heappop, self.outcome
        length_ms = round(3_600_000 * self._scenario.hours_a_day)
        days = self._scenario.days
        for day in range(-int(-days // 1)):
            part_ms = round(min(days - day, 1.0) * length_ms)
            self._begin_day(BEGIN_MS + day * DAY_S * 1000, part_ms)
            while heap:
                event = pop(heap)
                self._now = event >> _SHIFT
                if self._now >= self._second:
                    self._grow_older()
                handlers[event >> _KIND_SHIFT & 15](event & _WHOM)
                if self._open and self._now - self._last_decision >= LEAST_MS:
                    self._dial()
                    if outcome.attempts >= most_attempts or not self._draws.left:
                        self._close(0)
            if outcome.attempts >= most_attempts or not self._draws.left:
                break
        return outcome

    def _grow_older(self) -> None:
        self._second = (self._now // 1000 + 1) * 1000
        for ages in (self._ringing, self._talking, self._wrap_up):
            ages.advance(self._now)

    def _push(self, at_ms: int, kind: int, whom: int = 0) -> None:
        heapq.heappush(self._heap, at_ms << _SHIFT | kind << _KIND_SHIFT | whom)

    # --- days, shifts and pauses

    def _begin_day(self, begin_ms: int, length_ms: int) -> None:
        self._now, self._open = begin_ms, True
        self._last_decision = begin_ms
        self._segments = deque(segments_of(self._scenario, self._draws.weather, begin_ms, length_ms / 1000))
        for number, segment in enumerate(self._segments):
            self._push(segment.begin_ms, _SEGMENT, number)
        self._push(begin_ms + length_ms, _CLOSED)
        self._push(begin_ms + 1, _TICK)

    def _next_segment(self, _whom: int) -> None:
        if not self._open:
            return
        self.outcome.sample(self._now)
        self._segment = self._segments.popleft()
        self._answer_rate = min(self._scenario.answer_rate * self._segment.answers, 0.97)
        while self._there < self._segment.agents and self._home:
            self._there += 1
            self._become_ready(self._log_in())
        while self._there > self._segment.agents and self._ready and not self._ringing.total:
            self._leave(self._ready.pop())

    def _log_in(self) -> int:
        agent = self._home.pop()
        self.outcome.logged_in(self._now)
        return agent

    def _leave(self, agent: int) -> None:
        """`agent` was ready, or would be now."""
        self._home.append(agent)
        self._there -= 1
        self.outcome.logged_out(self._now)

    def _close(self, _whom: int) -> None:
        if not self._open:
            return
        self._open = False
        self.outcome.sample(self._now)
        if not self._ringing.total:
            self._send_home()

    def _maybe_send_home(self) -> None:
        if not self._open and not self._ringing.total and not self._waiting:
            self._send_home()

    def _send_home(self) -> None:
        while self._ready:
            agent = self._ready.pop()
            self.outcome.idle_ms += self._now - self._since[agent]
            self._leave(agent)

    def _paused(self, agent: int) -> None:
        self.outcome.logged_in(self._now)
        self._become_ready(agent)

    def _become_ready(self, agent: int) -> None:
        if self._there > self._segment.agents or not (self._open or self._ringing.total or self._waiting):
            self._leave(agent)
            return
        self._since[agent] = self._now
        if self._waiting:
            caller, (since, person) = next(iter(self._waiting.items()))
            del self._waiting[caller]
            self._talk(agent, self._now - since, person=person)
        elif self._oracle and self._open:
            self._foresee()
            self._talk(agent, 0, person=True)
        else:
            self._ready.append(agent)

    # --- agents

    def _talk(self, agent: int, waited_ms: int, *, person: bool) -> None:
        now, outcome = self._now, self.outcome
        outcome.idle_ms += now - self._since[agent]
        lasts = int(self._draws.talk() * self._segment.talks) if person else _MACHINE_TALK_MS
        self._since[agent] = now
        self._talking.add(now)
        self._push(now + lasts, _TALKED, agent)
        if person:
            outcome.talk_ms += lasts
            outcome.connected(now, waited_ms)
            self._state.served(now)
        else:
            outcome.machines_to_agents += 1

    def _talked(self, agent: int) -> None:
        now, since = self._now, self._since[agent]
        self._talking.remove(since)
        self._state.talked(now - since)
        self._since[agent] = now
        self._wrap_up.add(now)
        self._push(now + int(self._draws.wrap()), _WRAPPED, agent)

    def _wrapped(self, agent: int) -> None:
        now, since = self._now, self._since[agent]
        self._wrap_up.remove(since)
        self._state.wrapped_up(now - since)
        if self._open and self._draws.pause() * 100 < self._scenario.pauses:
            self.outcome.logged_out(now)
            self._push(now + round(1000 * self._scenario.pause_s), _PAUSED, agent)
        else:
            self._become_ready(agent)

    # --- calls

    def _tick(self, _whom: int) -> None:
        if self._open:
            self._push(self._now + TICK_MS, _TICK)

    def _dial(self) -> None:
        now = self._now
        self._last_decision = now
        busy = self._ringing.total + self._talking.total + len(self._waiting)
        rate = self._scenario.calls_per_second
        self._bucket = min(self._bucket + (now - self._bucket_at) * rate / 1000, rate)
        self._bucket_at = now
        room = min(self._lines - busy, int(self._bucket), self._draws.left)
        if room <= 0 or self._oracle:
            return
        leaving = max(self._there - self._segment.agents, 0)
        seen = Observation(
            ready=max(len(self._ready) - leaving, 0),
            talking=self._talking,
            wrap_up=self._wrap_up,
            ringing=self._ringing,
            waiting=len(self._waiting),
            room=room,
        )
        found = decide(self._state, seen, now)
        self.outcome.decided(found.because)
        self._bucket -= found.dial
        for _ in range(found.dial):
            self._attempt()

    def _attempt(self) -> None:
        """Dial one: what becomes of it is drawn now, and told when it happens."""
        now = self._now
        self.outcome.attempts += 1
        self._ringing.add(now)
        drawn, kind, lasts, other_kind, other_lasts = self._draws.attempt()
        if drawn >= self._answer_rate:
            kind, lasts = other_kind, other_lasts
        heapq.heappush(self._heap, now + lasts << _SHIFT | kind << _KIND_SHIFT | lasts)

    def _end_ringing(self, lasted_ms: int, *, live: bool) -> None:
        self._ringing.remove(self._now - lasted_ms)
        self.outcome.line_ms += lasted_ms
        self._attempt_ended(lasted_ms, live=live)
        if not self._open:
            self._maybe_send_home()

    def _over(self, lasted_ms: int) -> None:
        self._end_ringing(lasted_ms, live=False)

    def _refused(self, lasted_ms: int) -> None:
        """Hang up on a person whom the detector has taken for a machine."""
        self.outcome.persons_refused += 1
        self._end_ringing(lasted_ms, live=False)

    def _machine(self, lasted_ms: int) -> None:
        """Take a machine for a person."""
        self._answered(lasted_ms, person=False)

    def _live(self, lasted_ms: int) -> None:
        self._answered(lasted_ms, person=True)

    def _answered(self, lasted_ms: int, *, person: bool) -> None:
        if self._ready:
            self._talk(self._ready.popleft(), 0, person=person)
        else:
            self._waited = (self._waited + 1) & _WHOM
            self._waiting[self._waited] = (self._now, person)
            self._push(self._now + self._patience_ms, _GONE, self._waited)
        self._end_ringing(lasted_ms, live=True)

    def _gone(self, caller: int) -> None:
        if self._waiting.pop(caller, None) is None:
            return
        # Nobody can tell a machine from a person who was abandoned: both count as one.
        self.outcome.abandoned(self._now)
        self._state.abandoned(self._now)
        self._maybe_send_home()

    def _foresee(self) -> None:
        """Have known which of the next contacts answers, and have dialled it so that it answers now."""
        while self._draws.left:
            self.outcome.attempts += 1
            drawn, kind, lasts, _, _ = self._draws.attempt()
            if drawn < self._answer_rate and kind == LIVE:
                self.outcome.line_ms += lasts
                return
