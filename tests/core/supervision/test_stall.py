"""A paused machine."""

from edge.core.supervision.stall import EXCUSE_MS, GAP_MS, LOOK_MS, StallWatch


def test_a_loop_that_turns_excuses_nobody() -> None:
    watch = StallWatch(0)
    for now_ms in range(0, 20_000, LOOK_MS):
        watch.seen(now_ms)
        assert not watch.excuses(now_ms + LOOK_MS)
    assert watch.stalls == 0


def test_a_gap_excuses_before_and_after_it_is_noted() -> None:
    watch = StallWatch(0)
    back_ms = GAP_MS + 1
    assert watch.excuses(back_ms), "a deadline looked at before the timer"
    watch.seen(back_ms)
    assert watch.stalls == 1
    assert watch.excuses(back_ms + EXCUSE_MS - 1)
    for now_ms in range(back_ms, back_ms + EXCUSE_MS + 1, LOOK_MS):
        watch.seen(now_ms)
    assert not watch.excuses(back_ms + EXCUSE_MS)
