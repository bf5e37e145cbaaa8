"""An engine's clock that stands still is told from a watcher that was away."""

from hypothesis import given
from hypothesis import strategies as st

from edge.core.supervision.ticks import GAP_MS, LOOK_MS, STILL_MS, TickWatch


def still(watch: TickWatch, tick: int, from_ms: int) -> int | None:
    """When a counter that stands still is found out, None: not within ten looks."""
    return next((now for now in range(from_ms, from_ms + 10 * LOOK_MS, LOOK_MS) if watch.seen(tick, now)), None)


def test_an_engine_that_stands_still_is_found_within_the_limit():
    watch = TickWatch()
    assert not any(watch.seen(now // 20, now) for now in range(20, 2000, LOOK_MS))
    found = still(watch, 99, 2020)
    assert found is not None
    assert found - 2020 == STILL_MS


def test_an_engine_that_never_ran_does_not_hang():
    assert still(TickWatch(), 0, 0) is None


def test_one_that_hangs_before_the_first_look_is_found_too():
    assert still(TickWatch(), 5, 0) == STILL_MS


def test_what_was_not_watched_does_not_count():
    watch = TickWatch()
    watch.seen(7, 0)
    watch.seen(7, 200)
    assert not watch.seen(7, 200 + GAP_MS + 1), "we were away"
    assert still(watch, 7, 200 + GAP_MS + 1 + LOOK_MS) == 200 + GAP_MS + 1 + STILL_MS


def test_the_next_engine_begins_with_a_clean_slate():
    watch = TickWatch()
    assert still(watch, 7, 0) == STILL_MS
    watch.forget()
    assert not watch.seen(7, STILL_MS + 100)


@given(st.lists(st.tuples(st.integers(1, 600), st.integers(1, 10)), min_size=2))
def test_an_engine_that_ticks_between_the_looks_never_hangs(looks):
    watch, now, tick = TickWatch(), 0, 1
    for pause, ticks in looks:
        now, tick = now + pause, tick + ticks
        assert not watch.seen(tick, now)
