"""When front says that it falls behind."""

from edge.front.behind import BEHIND_MS, CAUGHT_UP_MS, Behind


def test_a_short_burst_is_nothing() -> None:
    busy = Behind()
    for ms in range(0, BEHIND_MS, 10):
        busy.behind(ms)
    assert busy.look(BEHIND_MS) is None


def test_two_bursts_apart_are_nothing() -> None:
    busy = Behind()
    for start in (0, 5000):
        for ms in range(start, start + BEHIND_MS // 2, 10):
            busy.behind(ms)
        assert busy.look(start + BEHIND_MS) is None


def test_behind_for_long_and_caught_up_again() -> None:
    busy = Behind()
    for ms in range(0, BEHIND_MS + 20, 10):
        busy.behind(ms)
    last = BEHIND_MS + 10
    assert busy.look(last + 5) is True
    assert busy.look(last + 10) is None, "told once"
    assert busy.look(last + CAUGHT_UP_MS - 1) is None
    assert busy.look(last + CAUGHT_UP_MS) is False
    assert busy.look(last + 10 * CAUGHT_UP_MS) is None


def test_a_stretch_that_was_over_before_anybody_looked_counts() -> None:
    busy = Behind()
    for ms in range(0, BEHIND_MS + 20, 10):
        busy.behind(ms)
    assert busy.look(BEHIND_MS + 400) is True
