"""When a front door that does not answer is replaced, and when nothing helps."""

from edge.core.supervision.probing import ASK_MS, DEAF_MS, LOST_MS, ProbeWatch


def _silence(watch: ProbeWatch, from_ms: int, until_ms: int, dropped: int = 0) -> None:
    for _ in range(from_ms, until_ms, ASK_MS):
        watch.asked(dropped)


def test_one_that_answered_and_falls_silent_is_deaf_and_then_lost() -> None:
    watch = ProbeWatch(0)
    watch.asked(0)
    watch.answered(1000, 0)
    _silence(watch, 1000, 1000 + DEAF_MS)
    assert not watch.deaf(999 + DEAF_MS, 0)
    assert watch.deaf(1000 + DEAF_MS, 0)
    assert not watch.lost(999 + LOST_MS, 0)
    assert watch.lost(1000 + LOST_MS, 0)


def test_a_successor_has_its_own_time_but_the_appliance_has_not() -> None:
    watch = ProbeWatch(0)
    watch.answered(0, 0)
    watch.successor()
    assert not watch.deaf(LOST_MS, 0), "it has not answered yet: it may be starting"
    assert watch.lost(LOST_MS, 0)
    watch.answered(LOST_MS, 0)
    assert not watch.lost(LOST_MS + 1, 0)
    assert watch.deaf(LOST_MS + DEAF_MS, 0)


def test_a_flood_that_the_kernel_drops_proves_nothing() -> None:
    watch = ProbeWatch(0)
    watch.answered(0, 100)
    _silence(watch, 0, DEAF_MS, 100)
    assert watch.deaf(DEAF_MS, 105), "as many as we have asked: these are our own"
    assert not watch.deaf(DEAF_MS, 5000)
    assert not watch.lost(LOST_MS, 5000)


def test_who_stood_still_asks_again_first() -> None:
    watch = ProbeWatch(0)
    watch.answered(0, 0)
    watch.excused(60_000)
    assert not watch.deaf(60_000, 0)
    assert not watch.lost(60_000, 0)
    assert watch.lost(60_000 + LOST_MS, 0)
