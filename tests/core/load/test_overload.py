"""Overload begins before ticks slip, ends with hysteresis, and never by a single slow tick."""

from edge.core.load.overload import LEAST_TICKS, LOOK_MS, WINDOW_MS, Overload, Reading

BOUNDS = (1000, 8000, 12000, 16000, 20000)
#: An index into the buckets each.
FAST, CALM, BUSY, OVER = 0, 2, 3, 4
TICKS = LOOK_MS // 20


class Engine:
    """Counts ticks as the engine does; `run` gives the moments at which the judgement changed."""

    def __init__(self, percent: int = 80) -> None:
        self.overload = Overload(BOUNDS, percent)
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.slipped = self.work_ns = self.now_ms = 0

    def run(self, looks: int, bucket: int = FAST, share: float = 1.0, slipped: int = 0) -> list[tuple[int, bool]]:
        changes = []
        for _ in range(looks):
            slow = round(TICKS * share)
            self.buckets[bucket] += slow
            self.buckets[FAST] += TICKS - slow
            self.slipped += slipped
            self.work_ns += TICKS * 5_000_000
            self.now_ms += LOOK_MS
            if self.overload.seen(Reading(tuple(self.buckets), self.slipped, self.work_ns), self.now_ms):
                changes.append((self.now_ms, self.overload.on))
        return changes


def test_an_engine_with_time_to_spare_is_never_overloaded() -> None:
    engine = Engine()
    assert engine.run(100, BUSY) == [], "up to the limit"
    assert engine.overload.load == 0.25


def test_ticks_beyond_the_limit_begin_it_within_the_window() -> None:
    engine = Engine()
    engine.run(20)
    changes = engine.run(20, OVER, 0.1)
    assert [on for _, on in changes] == [True]
    assert changes[0][0] <= 20 * LOOK_MS + WINDOW_MS


def test_single_slow_ticks_change_nothing() -> None:
    engine = Engine()
    engine.run(20)
    assert engine.run(1, OVER, (LEAST_TICKS - 1) / TICKS) == []
    assert engine.run(40) == []


def test_it_ends_only_when_the_ticks_are_well_below_the_limit() -> None:
    engine = Engine()
    engine.run(20, OVER)
    assert engine.overload.on
    assert engine.run(40, BUSY) == [], "just below the limit is not calm"
    changes = engine.run(20, CALM)
    assert [on for _, on in changes] == [False]
    assert engine.run(40, CALM) == []


def test_it_does_not_flap_at_the_limit() -> None:
    engine = Engine()
    changes = []
    for _ in range(20):
        changes += engine.run(WINDOW_MS // LOOK_MS, OVER, 0.2)
        changes += engine.run(WINDOW_MS // LOOK_MS, BUSY, 0.2)
    assert [on for _, on in changes] == [True]


def test_an_engine_that_others_keep_from_the_processor_is_overloaded() -> None:
    engine = Engine()
    engine.run(20)
    assert engine.run(20, slipped=1) == [], "some are everybody's lot"
    assert [on for _, on in engine.run(20, slipped=3)] == [True]
    assert [on for _, on in engine.run(20)] == [False]


def test_pauses_of_the_machine_are_not_a_load() -> None:
    engine = Engine()
    engine.run(20)
    for _ in range(10):  # of 200 ms each, three in the window
        assert engine.run(1, slipped=10) == []
        assert engine.run(3) == []
    assert [on for _, on in engine.run(8, slipped=10)] == [True], "without an end they are"


def test_the_limit_can_be_changed_and_zero_is_always() -> None:
    engine = Engine()
    engine.run(20)
    engine.overload.percent = 0
    assert [on for _, on in engine.run(5)] == [True]
    engine.overload.percent = 80
    assert [on for _, on in engine.run(20)] == [False]


def test_the_first_second_is_not_judged() -> None:
    engine = Engine(percent=0)
    assert engine.run(2) == []
    assert [on for _, on in engine.run(1)] == [True]


def test_a_counter_that_stands_still_changes_nothing() -> None:
    engine = Engine()
    reading = Reading(tuple(engine.buckets), 0, 0)
    assert not any(engine.overload.seen(reading, now) for now in range(0, 60_000, LOOK_MS))
