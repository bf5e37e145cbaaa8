"""How many spans there should be, and which one takes a leg."""

from edge.core.sip.spans import IDLE_MS, LEGS_PER_SPAN, SpanPool
from edge.vocabulary.ids import Incarnation, LegId


def pool(spans: int, limit: int = 100) -> SpanPool:
    made = SpanPool(limit)
    for number in range(spans):
        made.add(Incarnation(f"span-{number}"), 7000 + number, 0)
    made.wanted = spans
    return made


def test_the_fullest_span_with_room_is_taken() -> None:
    spans = pool(3)
    names = [spans.pick(LegId(f"c{n}.1"), n * 100).name for n in range(9)]  # type: ignore[union-attr]
    assert names == ["span-0"] * 4 + ["span-1"] * 4 + ["span-2"]
    spans.free(LegId("c0.1"), 0)
    assert spans.pick(LegId("c9.1"), 900).name == "span-0"  # type: ignore[union-attr]


def test_a_span_is_not_given_more_calls_than_it_can_set_up() -> None:
    spans = pool(2)
    taken = []
    for number in range(120):
        leg = LegId(f"c{number}.1")
        span = spans.pick(leg, 5000 + number)
        assert span is not None
        taken.append(span.name)
        spans.free(leg, 5000 + number)
    assert taken.count(Incarnation("span-0")) == 100
    assert taken.count(Incarnation("span-1")) == 20


def test_one_spare_span_at_rest() -> None:
    spans = SpanPool(100)
    assert spans.grow(0) == 1
    assert spans.grow(0) is None, "asked once"
    spans.add(Incarnation("span-0"), 7000, 0)
    assert spans.grow(0) is None
    spans.pick(LegId("c.1"), 10)
    assert spans.grow(10) == 2


def test_growth_is_ahead_of_the_rate() -> None:
    slow, fast = pool(2), pool(20)
    for number in range(2):
        slow.pick(LegId(f"c{number}.1"), 10_000 + number * 900)
    assert slow.target_free(11_000) == LEGS_PER_SPAN
    for number in range(60):
        fast.pick(LegId(f"c{number}.1"), 10_000 + number)
    assert fast.target_free(10_100) == LEGS_PER_SPAN * 5
    assert fast.grow(10_100) is None
    for number in range(60, 76):
        fast.pick(LegId(f"c{number}.1"), 10_101)
    assert fast.grow(10_102) == 25


def test_growth_has_a_limit() -> None:
    spans = pool(3, limit=4)
    for number in range(12):
        spans.pick(LegId(f"c{number}.1"), number)
    assert spans.grow(20) == 4
    assert spans.grow(20) is None


def test_a_dead_span_is_not_asked_for_twice() -> None:
    spans = pool(3)
    spans.remove(Incarnation("span-0"))
    # The supervisor keeps three running, so one is on its way already.
    assert spans.grow(0) is None


def test_idle_spans_beyond_the_spare_retire_after_a_minute() -> None:
    spans = pool(4)
    assert spans.retire(IDLE_MS - 1) is None
    gone = [spans.retire(IDLE_MS) for _ in range(4)]
    assert [name is not None for name in gone] == [True, True, True, False]
    assert (len(spans.spans), spans.wanted) == (1, 1)


def test_a_span_with_a_leg_does_not_retire() -> None:
    spans = pool(2)
    spans.pick(LegId("c.1"), 0)
    assert spans.retire(IDLE_MS) is None, "the other one is the spare"
    busy = pool(3)
    busy.pick(LegId("c.1"), 0)
    retired = busy.retire(IDLE_MS)
    assert retired in (Incarnation("span-1"), Incarnation("span-2"))
