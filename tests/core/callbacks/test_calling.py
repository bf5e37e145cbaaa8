"""Who is called back when, in virtual time: whatever comes, a number rings once at a time, in its window, so often."""

from collections import Counter
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.core.callbacks.calling import Outcome, Policy, Request, after, decide, in_standard
from edge.core.menus.calendar import Calendar
from edge.vocabulary.dialing import Disposition

MINUTE, HOUR = 60_000, 3_600_000
#: A Monday, 06:00 UTC.
BEGIN = 1_795_413_600_000 - 1_795_413_600_000 % (24 * HOUR) + 6 * HOUR
OFFICE = Calendar(week=[[(480, 1020)]] * 7)
NUMBERS = ("+491", "+492", "+493")
POLICY = Policy(on=True)


def request(id_: str = "a", **more: object) -> Request:
    values = {"number": "+491", "begins_ms": BEGIN, "ends_ms": BEGIN + 4 * HOUR, **more}
    return Request(id=id_, **values)  # type: ignore[arg-type]


minutes = st.integers(0, 30 * 60).map(lambda one: one * MINUTE)
requests = st.builds(
    lambda number, begins, length, allowed, urgent, office: request(
        number=number,
        begins_ms=BEGIN + begins,
        ends_ms=BEGIN + begins + MINUTE + length,
        allowed=allowed,
        urgent=urgent,
        calendar=OFFICE if office else None,
    ),
    st.sampled_from(NUMBERS),
    minutes,
    minutes,
    st.integers(0, 9).map(bool),
    st.integers(0, 9).map(lambda one: one == 0),
    st.booleans(),
)
policies = st.builds(
    lambda attempts, gap, at_once: Policy(on=True, attempts=attempts, gap_ms=gap, at_once=at_once),
    st.integers(1, 5),
    st.integers(1, 120).map(lambda one: one * MINUTE),
    st.integers(1, 4),
)
outcomes = st.builds(
    lambda disposition, left, rang: Outcome(
        disposition=disposition,
        left=left,
        rang_ms=rang if left else None,
        answered=left and disposition in {"connected", "machine", "fax", "abandoned", "silence"},
    ),
    st.sampled_from(get_args(Disposition)),
    st.booleans(),
    st.none() | st.integers(0, 60_000),
)
#: How calls end, one after the other: what came of them, and after how many seconds.
ends = st.lists(st.tuples(outcomes, st.integers(1, 1800)), min_size=1, max_size=30)
#: Callers who are on the line by themselves: who, from when on, for how long.
lines = st.lists(st.tuples(st.sampled_from(NUMBERS), minutes, st.integers(1, 60).map(lambda one: one * MINUTE)))


class World:
    """Plays the calls that are decided on, and checks each as it begins."""

    def __init__(
        self,
        policy: Policy,
        open_: list[Request],
        ends: list[tuple[Outcome, int]],
        lines: list[tuple[str, int, int]],
    ) -> None:
        self.policy = policy
        self.requests = {f"r{at}": replace(one, id=f"r{at}") for at, one in enumerate(open_)}
        self.urgent = {one.id for one in self.requests.values() if one.urgent}
        self.ends, self.lines = ends, lines
        self.now = BEGIN
        self.calls: dict[str, int] = {}
        self.counted: Counter[str] = Counter()
        self.closed: dict[str, str] = {}
        self.made = self.over = 0

    def busy(self) -> set[str]:
        return {number for number, begin, length in self.lines if BEGIN + begin <= self.now < BEGIN + begin + length}

    def step(self) -> int | None:
        """Decide; returns when something happens next."""
        for id_ in [id_ for id_, at_ms in self.calls.items() if at_ms <= self.now]:
            self.end(id_)
        decision = decide(self.policy, list(self.requests.values()), self.busy(), self.now)
        for one, by in decision.close:
            del self.requests[one.id]
            self.closed[one.id] = by
        for one in decision.call:
            self.begin(one)
        assert decision.wake_ms is None or decision.wake_ms > self.now
        frees = [BEGIN + begin + length for _, begin, length in self.lines]
        coming = [decision.wake_ms, *self.calls.values(), *frees]
        return min((at_ms for at_ms in coming if at_ms is not None and at_ms > self.now), default=None)

    def begin(self, one: Request) -> None:
        talking = [self.requests[id_].number for id_ in self.calls]
        assert one.number not in talking, "a number is rung twice"
        assert one.number not in self.busy(), "he is on the line"
        assert len(self.calls) < self.policy.at_once
        assert one.state == "open"
        assert one.allowed
        assert self.now < one.ends_ms
        assert self.now >= max(one.begins_ms, one.next_ms)
        assert one.id in self.urgent or one.calendar is None or one.calendar.state(self.now) == "open"
        assert one.attempts < self.policy.attempts
        _, seconds = self.ends[self.made % len(self.ends)]
        self.calls[one.id] = self.now + seconds * 1000
        self.requests[one.id] = replace(one, state="calling", attempts=one.attempts + 1)
        self.made += 1

    def end(self, id_: str) -> None:
        del self.calls[id_]
        outcome, _ = self.ends[self.over % len(self.ends)]
        self.over += 1
        self.counted[id_] += outcome.counts
        following = after(self.policy, self.requests[id_], outcome, self.now)
        assert following.attempts == self.counted[id_] <= self.policy.attempts
        if following.state == "closed":
            del self.requests[id_]
            self.closed[id_] = following.by
            assert (following.by == "reached") == (outcome.disposition == "connected")
        else:
            assert (following.state == "held") == (outcome.disposition == "held")
            self.requests[id_] = replace(
                self.requests[id_], state=following.state, attempts=following.attempts, next_ms=following.next_ms
            )


@given(policies, st.lists(requests, max_size=6), ends, lines)
def test_whatever_comes(
    policy: Policy,
    open_: list[Request],
    ends: list[tuple[Outcome, int]],
    lines: list[tuple[str, int, int]],
) -> None:
    world = World(policy, open_, ends, lines)
    for _ in range(20_000):
        next_ms = world.step()
        if next_ms is None:
            break
        world.now = next_ms
    assert world.calls == {}
    assert {one.state for one in world.requests.values()} <= {"held"}, "all others have come to an end"
    assert len(world.closed) + len(world.requests) == len(open_)


def test_nothing_is_done_where_the_site_calls_nobody_back() -> None:
    late = request(ends_ms=BEGIN - HOUR, begins_ms=BEGIN - 2 * HOUR)
    decision = decide(replace(POLICY, on=False), [late], (), BEGIN)
    assert (decision.call, decision.close, decision.wake_ms) == ([], [], None)


def test_who_is_late_first_comes_first_and_a_persons_wish_before_all() -> None:
    rows = [
        request("late", number="+491", ends_ms=BEGIN + 3 * HOUR),
        request("later", number="+492", ends_ms=BEGIN + 5 * HOUR),
        request("now", number="+493", ends_ms=BEGIN + 9 * HOUR, urgent=True, calendar=OFFICE),
    ]
    called = decide(replace(POLICY, at_once=2), rows, (), BEGIN).call
    assert [one.id for one in called] == ["now", "late"]


def test_a_window_of_opening_time_over_a_night_is_not_used_at_night() -> None:
    row = request(begins_ms=BEGIN, ends_ms=BEGIN + 48 * HOUR, calendar=OFFICE)
    evening = BEGIN + 12 * HOUR
    decision = decide(POLICY, [row], (), evening)
    assert (decision.call, decision.wake_ms) == ([], BEGIN + 26 * HOUR)
    assert decide(POLICY, [row], (), BEGIN + 26 * HOUR).call == [row]


def test_both_bounds_are_out_of_the_standard() -> None:
    rang = {20_000: False, 20_001: True, 24_999: True, 25_000: False, None: None}
    for rang_ms, within in rang.items():
        assert in_standard(POLICY, Outcome(disposition="no_answer", rang_ms=rang_ms)) is within
    assert in_standard(POLICY, Outcome(disposition="connected", rang_ms=3000, answered=True)) is None


def test_what_was_taken_back_before_it_rang_is_no_attempt() -> None:
    row = request(state="calling", attempts=3)
    taken_back = Outcome(disposition="cancelled")
    assert after(POLICY, row, taken_back, BEGIN).state == "open"
    assert after(POLICY, row, taken_back, BEGIN).attempts == 2
    assert after(POLICY, row, replace(taken_back, rang_ms=4000), BEGIN).state == "closed"
