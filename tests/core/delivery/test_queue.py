"""The queue against an outbox in a list and a receiver that follows a script, in virtual time."""

import itertools
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.delivery.model import (
    Action,
    Attempt,
    Batch,
    Configured,
    DeadLetter,
    Disabled,
    Enabled,
    Finished,
    Outcome,
    Pending,
    Policy,
    Read,
    Record,
    Result,
    TimePassed,
    Vanished,
    Woken,
)
from edge.core.delivery.progress import Progress
from edge.core.delivery.queue import CUT_AFTER, SKIPPED_RECORD_MS, SinkQueue

Answer = Result | tuple[Result, int]
Receiver = Callable[[Pending, int], Answer]


def accept(_event: Pending, _now_ms: int) -> Answer:
    return "accepted"


class Bench:
    """A shell without I/O: answers reads at once and attempts after `latency_ms`."""

    def __init__(self, events: list[Pending], policy: Policy | None = None, receiver: Receiver = accept) -> None:
        self.events = events
        self.receiver = receiver
        self.latency_ms = 10
        self.now_ms = 1_000_000
        self.recorded = Progress(0)
        self.policy = policy or Policy()
        self.queue = SinkQueue(self.policy, Progress(0))
        self.on_the_wire: list[tuple[int, list[Pending]]] = []
        self.batches: list[list[int]] = []
        self.attempts: list[tuple[int, Pending]] = []
        self.accepted: list[Pending] = []
        self.dead: list[Pending] = []
        self.other: list[Action] = []
        self.most_at_once = 0
        self.jitter = random.Random(1)

    def feed(self, *inputs: object) -> None:
        waiting = list(inputs)
        while waiting:
            given, waiting = waiting, []
            for action in self.queue.handle(given, self.now_ms):  # type: ignore[arg-type]
                match action:
                    case Read(after=after, limit=limit):
                        rest = [e for e in self.events if e.sequence > after]
                        part = rest[:limit]
                        through = part[-1].sequence if part else after
                        waiting.append(Batch(part, through, len(rest) > len(part)))
                    case Attempt(events=events):
                        self._attempt(events)
                    case Record(cursor=cursor, ahead=ahead):
                        self.recorded = Progress(cursor, ahead)
                    case DeadLetter(event=event):
                        self.dead.append(event)
                    case _:
                        self.other.append(action)

    def _attempt(self, events: list[Pending]) -> None:
        assert len(events) <= self.policy.max_batch
        lanes = [e.call for e in events if e.call is not None]
        assert self.policy.atomic or len(set(lanes)) == len(lanes), "two of one call in an attempt"
        for event in events:
            if event.call is not None:
                others = [other.call for _, batch in self.on_the_wire for other in batch]
                assert event.call not in others, "two of one call at once"
                wanted = [e for e in self.events if e.call == event.call and self.policy.wants(e.type)]
                earlier = [e for e in wanted if e.sequence < event.sequence and e not in events]
                assert all(e.sequence in self.recorded or e in self.dead for e in earlier), "before it was recorded"
            self.attempts.append((self.now_ms, event))
        self.batches.append([event.sequence for event in events])
        self.on_the_wire.append((self.now_ms + self.latency_ms, events))
        self.most_at_once = max(self.most_at_once, len(self.on_the_wire))

    def _outcomes(self, events: list[Pending]) -> list[Outcome]:
        said = [self.receiver(event, self.now_ms) for event in events]
        if self.policy.atomic:  # it takes all or nothing
            bad = [one for one in said if one != "accepted"]
            said = [bad[0] if bad else "accepted"] * len(events)
        return [Outcome(*one) if isinstance(one, tuple) else Outcome(one) for one in said]

    def step(self) -> bool:
        """To the next thing that happens; False when nothing ever will."""
        deadline = self.queue.deadline
        answer = min(self.on_the_wire, key=lambda item: item[0], default=None)
        if answer and (deadline is None or answer[0] <= deadline.at_ms):
            self.on_the_wire.remove(answer)
            self.now_ms = max(self.now_ms, answer[0])
            outcomes = self._outcomes(answer[1])
            self.accepted += [e for e, one in zip(answer[1], outcomes, strict=True) if one.result == "accepted"]
            self.feed(Finished(attempt=answer[1][0].sequence, outcomes=outcomes, jitter=self.jitter.random()))
            return True
        if deadline is None:
            return False
        assert deadline.reason
        self.now_ms = max(self.now_ms, deadline.at_ms)
        self.feed(TimePassed())
        return True

    def run(self, limit: int = 100_000) -> None:
        self.feed(Woken())
        for _ in range(limit):
            if not self.step():
                return
        raise AssertionError("it never comes to rest")


def calls(*names: str | None) -> list[Pending]:
    return [Pending(i, f"id{i}", name, "call.started") for i, name in enumerate(names, 1)]


def test_all_are_sent_side_by_side_and_in_order_per_call() -> None:
    bench = Bench(calls(*[f"c{i % 7}" for i in range(1200)]))
    bench.run()
    assert Counter(e.sequence for e in bench.accepted) == Counter(range(1, 1201))
    assert bench.most_at_once == 4
    assert (bench.recorded.cursor, bench.recorded.ahead) == (1200, [])
    assert bench.queue.unfinished == 0


def test_the_answers_of_one_turn_are_recorded_once_before_anything_is_sent() -> None:
    queue = SinkQueue(Policy(), Progress(0))
    queue.handle([Woken(), Batch(calls("a", "b", "a", "b", "c"), 5, more=False)], 0)
    answers = [
        Finished(attempt=1, outcomes=[Outcome("accepted")], jitter=0),
        Finished(attempt=2, outcomes=[Outcome("refused")], jitter=0),
        Finished(attempt=5, outcomes=[Outcome("accepted")], jitter=0),
    ]
    record, attempt = queue.handle(answers, 10)
    assert record == Record(cursor=1, ahead=[[5, 5]])
    assert isinstance(attempt, Attempt)
    assert attempt.id == 3


def test_events_without_a_call_have_no_order() -> None:
    bench = Bench(calls(None, None, None, None, None))
    bench.feed(Woken())
    assert [e.sequence for _, e in bench.attempts] == [1, 2, 3, 4]


def test_one_indigestible_event_holds_up_its_own_call_only() -> None:
    events = calls("bad", "bad", *[f"c{i}" for i in range(50)])
    bench = Bench(events, receiver=lambda e, _now: "refused" if e.sequence == 1 else "accepted")
    bench.feed(Woken())
    while len(bench.accepted) < 50:
        assert bench.step()
    assert bench.now_ms < 1_000_000 + 13 * 10 + 20  # four at once, ten each: no pause fell on the others
    assert (bench.recorded.cursor, bench.recorded.ahead) == (0, [[3, 52]])
    for _ in range(40):
        bench.step()
    tries = [at for at, e in bench.attempts if e.sequence == 1]
    assert not any(e.sequence == 2 for _, e in bench.attempts)
    gaps = [b - a for a, b in itertools.pairwise(tries)]
    assert max(gaps) <= 60_000 + 10
    assert all(gap >= 30_000 for gap in gaps[8:])


def test_a_sink_that_is_down_is_tried_by_one_request_at_a_time_and_recovers_at_once() -> None:
    up_at = 1_000_000 + 3_600_000
    bench = Bench(
        calls(*[f"c{i}" for i in range(300)]),
        receiver=lambda _e, now: "accepted" if now >= up_at else "unreachable",
    )
    bench.run()
    assert len(bench.accepted) == 300
    tries = [at for at, _ in bench.attempts if at < up_at]
    assert len(tries) < 4 + 12 + 3600 / 30  # an hour: the growing pauses, then one each 30 to 60 s
    assert bench.now_ms < up_at + 60_000 + 300 / 4 * 10 + 1000
    tried = [e.sequence for at, e in bench.attempts if at < up_at]
    assert len(set(tried)) > 20  # not always the same event


def test_retry_after_stops_the_whole_sink_for_that_long() -> None:
    said: list[int] = []

    def receiver(_event: Pending, now_ms: int) -> Answer:
        if not said:
            said.append(now_ms)
            return "busy", 7000
        return "accepted"

    bench = Bench(calls("a", "b", "c", "d", "e", "f"), Policy(parallel=1), receiver)
    bench.run()
    assert bench.attempts[1][0] == said[0] + 7000
    assert len(bench.accepted) == 6


def test_a_retry_after_beyond_belief_is_cut() -> None:
    bench = Bench(calls("a"), Policy(max_retry_after_ms=5000), lambda _e, now: ("busy", 10**12))
    bench.feed(Woken())
    for _ in range(3):
        bench.step()
    assert bench.attempts[1][0] <= 1_000_010 + 5000


def test_gone_stops_it_until_the_configuration_is_read_again() -> None:
    gone = [True]
    bench = Bench(calls("a", "a", "b"), receiver=lambda _e, _now: "gone" if gone else "accepted")
    bench.run()
    assert bench.other == [Disabled()]
    assert bench.queue.disabled
    assert bench.queue.deadline is None
    bench.events += [Pending(4, "id4", "z", "call.started")]
    bench.feed(Woken())
    assert len(bench.attempts) == 2
    gone.clear()
    bench.feed(Configured(Policy()))
    bench.run()
    assert bench.other == [Disabled(), Enabled()]
    assert sorted(e.sequence for e in bench.accepted) == [1, 2, 3, 4]


def test_dead_letters_only_when_asked_for_and_the_call_goes_on() -> None:
    bench = Bench(calls("a", "a"), Policy(max_attempts=3), lambda e, _now: "refused" if e.sequence == 1 else "accepted")
    bench.run()
    assert [e.sequence for e in bench.dead] == [1]
    assert [e.sequence for e in bench.accepted] == [2]
    assert len(bench.attempts) == 4
    assert bench.recorded.cursor == 2


def test_age_makes_dead_letters() -> None:
    bench = Bench(calls("a"), Policy(max_age_ms=1000))
    bench.feed(Woken())
    bench.on_the_wire.clear()
    bench.feed(Finished(attempt=1, outcomes=[Outcome("failed", age_ms=999)], jitter=0.5))
    assert bench.dead == []
    bench.now_ms += 10_000
    bench.feed(TimePassed())
    bench.feed(Finished(attempt=1, outcomes=[Outcome("failed", age_ms=1000)], jitter=0.5))
    assert [e.sequence for e in bench.dead] == [1]


@pytest.mark.parametrize(
    ("types", "wanted"),
    [
        ((), ["call.started", "call.ended", "callx", "dtmf.received"]),
        (("call.*",), ["call.started", "call.ended"]),
        (("call.ended", "dtmf.*"), ["call.ended", "dtmf.received"]),
        (("*",), ["call.started", "call.ended", "callx", "dtmf.received"]),
        (("call",), []),
    ],
)
def test_types(types: tuple[str, ...], wanted: list[str]) -> None:
    kinds = ["call.started", "call.ended", "callx", "dtmf.received"]
    bench = Bench([Pending(i, str(i), "a", kind) for i, kind in enumerate(kinds, 1)], Policy(types=types))
    bench.run()
    assert [e.type for e in bench.accepted] == wanted
    assert bench.recorded.cursor == 4  # what is skipped is finished, too


def test_skipped_events_are_recorded_late_but_surely() -> None:
    bench = Bench(calls("a", "b"), Policy(types=("dtmf.*",)))
    bench.feed(Woken())
    assert bench.recorded.cursor == 0
    assert bench.queue.deadline is not None
    assert bench.queue.deadline.at_ms == bench.now_ms + SKIPPED_RECORD_MS
    bench.step()
    assert bench.recorded.cursor == 2


def test_missing_sequences_hold_nothing_up() -> None:
    bench = Bench([Pending(5, "a", "a", "x"), Pending(9, "b", "b", "x")])
    bench.run()
    assert (bench.recorded.cursor, bench.recorded.ahead) == (9, [])


def test_the_window_bounds_what_is_held() -> None:
    bench = Bench(calls(*["a"] * 5000), Policy(window=1000, batch=500), lambda _e, _now: "refused")
    bench.feed(Woken())
    assert bench.queue.unfinished == 1000
    bench.receiver = accept
    bench.run()
    assert bench.recorded.cursor == 5000


def test_an_answer_to_nothing_is_our_own_bug() -> None:
    with pytest.raises(ValueError, match="under way"):
        Bench(calls("a")).feed(Finished(attempt=1, outcomes=[Outcome("accepted")], jitter=0))


@given(
    st.integers(0, 10**6), st.lists(st.integers(0, 5), max_size=60), st.floats(0, 0.9), st.integers(1, 9), st.booleans()
)
def test_whatever_the_receiver_does_and_whenever_we_die_nothing_is_lost_or_out_of_order(
    seed: int, names: list[int], trouble: float, most: int, atomic: bool
) -> None:
    dice = random.Random(seed)
    events = calls(*[f"c{n}" if n else None for n in names])
    results: list[Answer] = ["refused", "failed", "unreachable", "timed_out", "redirected", ("busy", 3000), "busy"]

    def receiver(_event: Pending, _now_ms: int) -> Answer:
        return dice.choice(results) if dice.random() < trouble else "accepted"

    policy = Policy(batch=7, window=21, max_batch=most, atomic=atomic)
    bench = Bench(events[: len(events) // 2], policy, receiver)
    bench.feed(Woken())
    lives = 1
    steps = 0
    while True:
        steps += 1
        assert steps < 20_000, "it hangs"
        if dice.random() < 0.02 and lives < 5:
            # We die: what was not recorded is forgotten, what is on the wire may or may not have arrived.
            lives += 1
            bench.accepted += [e for _, batch in bench.on_the_wire if dice.random() < 0.5 for e in batch]
            bench.on_the_wire.clear()
            bench.queue = SinkQueue(policy, Progress(bench.recorded.cursor, bench.recorded.ahead))
            bench.feed(Woken())
        if len(bench.events) < len(events) and dice.random() < 0.3:
            bench.events = events[: len(bench.events) + 1]
            bench.feed(Woken())
        if not bench.step() and len(bench.events) == len(events):
            break
    assert {e.sequence for e in bench.accepted} == set(range(1, len(events) + 1))
    assert (bench.recorded.cursor, bench.recorded.ahead) == (len(events), [])
    for name in set(names) - {0}:
        got = [e.sequence for e in bench.accepted if e.call == f"c{name}"]
        # A repetition follows its original at once (that of a batch: the whole of it); nothing else goes backwards.
        assert list(dict.fromkeys(got)) == sorted(set(got))
        assert atomic or got == sorted(got)
    if lives == 1:
        assert len(bench.accepted) == len(events)


def test_a_vanished_event_lets_its_call_go_on() -> None:
    bench = Bench(calls("a", "a"))
    bench.feed(Woken())
    bench.on_the_wire.clear()
    bench.feed(Vanished(1, [1]))
    bench.run()
    assert [e.sequence for e in bench.accepted] == [2]
    assert bench.recorded.cursor == 2


def test_a_batch_takes_one_event_of_each_call_where_each_is_answered_for_itself() -> None:
    bench = Bench(calls(*"aabbcd"), Policy(parallel=1, max_batch=3))
    bench.run()
    assert bench.batches == [[1, 3, 5], [6, 2, 4]] or bench.batches == [[1, 3, 5], [2, 4, 6]]
    assert bench.recorded.cursor == 6


def test_a_batch_that_is_taken_as_a_whole_has_all_of_a_call_in_order() -> None:
    bench = Bench(calls(*"ababcd"), Policy(parallel=1, max_batch=4, atomic=True))
    bench.run()
    assert bench.batches == [[1, 2, 3, 4], [5, 6]]


def test_a_batch_is_bounded_by_bytes_and_a_giant_goes_alone() -> None:
    sizes = [40, 40, 40, 500, 40]
    events = [Pending(n, str(n), f"c{n}", "x", size) for n, size in enumerate(sizes, 1)]
    bench = Bench(events, Policy(parallel=1, max_batch=9, max_batch_bytes=100, atomic=True))
    bench.run()
    assert bench.batches == [[1, 2], [3], [4], [5]]


def test_what_was_not_answered_is_sent_again_as_it_was() -> None:
    tries: list[int] = []

    def receiver(_event: Pending, now_ms: int) -> Answer:
        tries.append(now_ms)
        return "unreachable" if len(tries) <= 4 else "accepted"

    bench = Bench(calls(*"abab"), Policy(parallel=1, max_batch=9, atomic=True), receiver)
    bench.feed(Woken())
    bench.events += [Pending(5, "id5", "a", "x"), Pending(6, "id6", "c", "x")]
    bench.run()
    # The pause after it lets one more be tried alone; the batch itself comes back as it was.
    assert bench.batches[0] == [1, 2, 3, 4]
    assert [1, 2, 3, 4] in bench.batches[1:]
    assert sorted(n for batch in bench.batches[1:] for n in batch) == [1, 2, 3, 4, 5, 6]


def test_the_event_that_a_receiver_cannot_digest_is_cut_out_of_its_batch() -> None:
    bench = Bench(
        calls(*"abcabcab"),
        Policy(parallel=1, max_batch=8, max_attempts=6, atomic=True),
        lambda e, _now: "refused" if e.sequence == 5 else "accepted",
    )
    bench.run()
    assert [e.sequence for e in bench.dead] == [5]
    assert {e.sequence for e in bench.accepted} == {1, 2, 3, 4, 6, 7, 8}


def test_a_batch_that_is_never_answered_becomes_smaller() -> None:
    """A receiver that is too slow for the whole batch would else never get on."""
    bench = Bench(calls(*"abcd"), Policy(parallel=1, max_batch=4, atomic=True))
    bench.receiver = lambda _e, _now: "timed_out" if len(bench.batches[-1]) > 1 else "accepted"
    bench.run()
    assert len(bench.accepted) == 4
    assert [len(batch) for batch in bench.batches].count(4) == CUT_AFTER


def test_of_a_batch_some_may_have_vanished() -> None:
    bench = Bench(calls(*"aab"), Policy(parallel=1, max_batch=9, atomic=True))
    bench.feed(Woken())
    bench.on_the_wire.clear()
    bench.feed(Vanished(1, [1, 3]))
    bench.feed(Finished(attempt=1, outcomes=[Outcome("accepted")], jitter=0))
    assert (bench.recorded.cursor, bench.queue.unfinished) == (3, 0)


def test_what_waits_as_a_batch_is_taken_apart_when_the_sink_becomes_another() -> None:
    policy = Policy(parallel=1, max_batch=9, atomic=True)
    bench = Bench(calls(*"aabb"), policy, lambda _e, _now: "unreachable")
    bench.feed(Woken())
    bench.step()
    bench.receiver = accept
    bench.policy = Policy(parallel=1, max_batch=9)
    bench.feed(Configured(bench.policy))
    bench.run()
    assert [sorted(batch) for batch in bench.batches[1:]] == [[1, 3], [2, 4]]
