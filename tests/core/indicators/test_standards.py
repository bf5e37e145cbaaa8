"""What is expected of a menu, over the last time: which calls are in it, what they add up to, and when it is met."""

import random

import msgspec
import pytest

from edge.config.menu_tables import NodeStandard, Standard
from edge.config.trials import bounds_of
from edge.core.indicators.journey import CallRecord
from edge.core.indicators.standards import SLOTS, Bound, Rolling, Slot, standing_of
from edge.core.indicators.tally import DAY_MS, Tally

SEED = 20261122
BEGIN = 20_000 * DAY_MS
STANDARD = Standard(
    menu="m",
    containment_least=40,
    abandonment_most=30,
    misroutes_most=20,
    repeats_most=5,
    time_in_menu_most_ms=2500,
    nodes=[NodeStandard(node="a", abandonment_most=10, no_input_most=20, no_match_most=15)],
)
BOUNDS = bounds_of(STANDARD)
SLOT_MS = BOUNDS.window_ms // SLOTS


def call(fate="contained", *, time=1000, last="b", wrong=False, visited=("a", "b"), **rounds):
    return CallRecord(
        menu="m", version="v", trial="", arm="", caller="", started_ms=0, ended_ms=5000, fate=fate, last=last,
        in_menu_ms=time, transferred=False, sent_wrong=wrong, visited=frozenset(visited),
        rounds={("a", name): count for name, count in rounds.items()},
    )  # fmt: skip


def drawn(dice):
    fate = dice.choice(["contained", "abandoned", "connected", "lost", "deferred"])
    rounds = {name: dice.randrange(3) for name in ("no_input", "no_match", "matched")}
    visited = dice.choice([("a", "b"), ("b",)])
    return call(
        fate,
        time=dice.randrange(9000),
        last=dice.choice(visited),
        wrong=dice.random() < 0.3,
        visited=visited,
        **({name: count for name, count in rounds.items() if count} if "a" in visited else {}),
    )


def test_what_is_expected_of_repeats_is_left_to_reports():
    assert [(one.node, one.measured, one.value, one.most) for one in BOUNDS.bounds] == [
        ("", "containment", 0.4, False), ("", "abandonment", 0.3, True), ("", "misroutes", 0.2, True),
        ("", "time_in_menu", 2500.0, True), ("a", "abandonment", 0.1, True), ("a", "no_input", 0.2, True),
        ("a", "no_match", 0.15, True),
    ]  # fmt: skip
    assert bounds_of(Standard(menu="m", served_at=["a"])).bounds == ()


def test_within_a_window_the_figures_are_those_of_a_report():
    dice, rolling, tally = random.Random(SEED), Rolling(BOUNDS, BEGIN), Tally()
    for number in range(2000):
        one = drawn(dice)
        tally.take(one)
        rolling.take(one, BEGIN + number * (BOUNDS.window_ms - SLOT_MS) // 2000)
    sums = rolling.sums(BEGIN + BOUNDS.window_ms - SLOT_MS)
    found = {(one.node, one.measured): sums.estimate(one) for one in BOUNDS.bounds}
    assert sums.calls == tally.calls == 2000, f"seed {SEED}"
    assert found["", "containment"].value == tally.fates["contained"] / 2000
    assert found["", "abandonment"].value == tally.fates["abandoned"] / 2000
    assert found["", "time_in_menu"].value == pytest.approx(tally.time.mean)
    assert found["", "time_in_menu"].high - tally.time.mean == pytest.approx(
        1.9611 * (tally.time.variance / 2000) ** 0.5, rel=1e-3
    )
    assert found["a", "abandonment"].value == tally.abandoned_at["a"] / tally.visited["a"]
    for name in ("no_input", "no_match"):
        assert found["a", name].value == tally.rounds_at("a", name) / tally.rounds_at("a")
        assert found["a", name].of == tally.rounds_at("a")


def test_only_connected_calls_are_sent_wrong():
    rolling = Rolling(BOUNDS, BEGIN)
    for one in (call("connected", wrong=True), call("connected"), call("lost", wrong=True), call()):
        rolling.take(one, BEGIN)
    assert rolling.sums(BEGIN).estimate(Bound("", "misroutes", 0.2)).value == 0.5


def test_calls_leave_with_their_slot_and_the_ring_is_bounded():
    rolling = Rolling(BOUNDS, BEGIN)
    for number in range(5 * SLOTS):
        at_ms = BEGIN + number * SLOT_MS
        rolling.take(call(), at_ms)
        assert rolling.sums(at_ms).calls == min(number + 1, SLOTS)
    assert len(rolling._slots) == SLOTS
    last = BEGIN + (5 * SLOTS - 1) * SLOT_MS
    assert rolling.sums(last + 10 * SLOT_MS).calls == SLOTS - 10
    assert rolling.sums(last + BOUNDS.window_ms).calls == 0
    assert rolling.sums(BEGIN).calls == 0, "a clock that was set back shows nothing from later"


def test_what_was_counted_comes_back_from_its_rows_and_of_other_terms_does_not():
    rolling, rows = Rolling(BOUNDS, BEGIN), {}
    for number in range(100):
        place, slot = rolling.take(call(last="a", no_input=1), BEGIN + number * SLOT_MS)
        rows[place] = msgspec.json.encode(slot)
    now = BEGIN + 99 * SLOT_MS
    again = Rolling(BOUNDS, now)
    for text in rows.values():
        again.restore(msgspec.json.decode(text, type=Slot))
    assert again.sums(now) == rolling.sums(now)
    assert again.covered_ms(now) == BOUNDS.window_ms, "since the first life began"
    assert Rolling(BOUNDS, now).covered_ms(now + 5) == 5
    for change in ({"served_at": ["a"]}, {"window_ms": 7_200_000}):
        other = Rolling(bounds_of(msgspec.structs.replace(STANDARD, **change)), now)
        for text in rows.values():
            other.restore(msgspec.json.decode(text, type=Slot))
        assert other.sums(now).calls == 0
    milder = Rolling(bounds_of(msgspec.structs.replace(STANDARD, abandonment_most=50)), now)
    milder.restore(msgspec.json.decode(rows[0], type=Slot))
    assert milder.bounds.what == BOUNDS.what, "another bound needs no new count"


def test_met_and_missed_are_sure():
    rolling = Rolling(BOUNDS, BEGIN)
    abandonment = BOUNDS.bounds[1]

    def standing():
        return standing_of(rolling.sums(BEGIN).estimate(abandonment), abandonment.value, most=True)[1]

    assert standing() == "unsure", "there are no calls"
    for number in range(200):
        rolling.take(call("abandoned" if number < 20 else "contained"), BEGIN)
    assert standing() == "met", "10 % of 200"
    for number in range(200):
        rolling.take(call("abandoned" if number < 100 else "contained"), BEGIN)
    assert standing() == "unsure", "30 % of 400"
    for _ in range(200):
        rolling.take(call("abandoned"), BEGIN)
    assert standing() == "missed", "53 % of 600"
    containment = BOUNDS.bounds[0]
    found = rolling.sums(BEGIN).estimate(containment)
    assert standing_of(found, found.low - 0.01, most=False) == (True, "met")
    assert standing_of(found, found.high + 0.01, most=False) == (False, "missed")
