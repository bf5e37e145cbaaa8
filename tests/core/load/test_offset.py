"""The send instant gives way to work, comes back carefully, and is left alone by what is not work."""

from edge.core.load.offset import CALM_MS, LONGEST_CALM_MS, MOST_MS, PERIOD_MS, USUAL_MS, SendOffset

LOOK_MS = 500


class Engine:
    """An engine whose work before sending takes `work_ms`, give or take nothing."""

    def __init__(self) -> None:
        self.offset = SendOffset()
        self.now_ms = self.ticks = self.late = 0

    def run(self, duration_ms: int, work_ms: float) -> list[int]:
        """Run for a time; the offsets that were chosen."""
        chosen = []
        for _ in range(duration_ms // LOOK_MS):
            self.now_ms += LOOK_MS
            self.ticks += LOOK_MS // 20
            self.late += LOOK_MS // 20 if work_ms > self.offset.offset_ms + 1 else 0
            if self.offset.seen(self.ticks, self.late, self.now_ms):
                chosen.append(self.offset.offset_ms)
        return chosen


def test_an_engine_that_is_ready_in_time_keeps_the_usual_offset() -> None:
    assert Engine().run(600_000, 3) == []


def test_more_work_moves_the_instant_until_it_is_kept() -> None:
    engine = Engine()
    assert engine.run(10 * PERIOD_MS, 7.5) == [5, 6, 7]
    assert engine.offset.offset_ms == 7


def test_it_never_moves_beyond_the_limit() -> None:
    engine = Engine()
    engine.run(60 * PERIOD_MS, 19)
    assert engine.offset.offset_ms == MOST_MS


def test_less_work_brings_it_back() -> None:
    engine = Engine()
    engine.run(10 * PERIOD_MS, 7.5)
    assert engine.run(20 * CALM_MS, 1)[-1] == USUAL_MS


def test_steps_back_that_were_wrong_become_rare() -> None:
    engine = Engine()
    engine.run(10 * PERIOD_MS, 7.5)
    changes = engine.run(24 * 3_600_000, 7.5)
    assert set(changes) == {6, 7}
    assert len(changes) <= 2 * (24 * 3_600_000 // LONGEST_CALM_MS + 10)


def test_single_late_sends_change_nothing() -> None:
    engine = Engine()
    for _ in range(100):
        engine.run(PERIOD_MS - LOOK_MS, 1)
        engine.late += 1
        assert engine.run(LOOK_MS, 1) == []


def test_a_successor_goes_on_with_the_offset_it_finds() -> None:
    assert SendOffset(9).offset_ms == 9
    assert SendOffset(99).offset_ms == MOST_MS
    assert SendOffset(0).offset_ms == USUAL_MS
