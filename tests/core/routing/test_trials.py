"""Who gets the menu on trial."""

import pytest

from edge.core.menus.calendar import Calendar
from edge.core.routing.trials import Asker, Trial, arm_of, position

NOON, NIGHT = 12 * 3_600_000, 2 * 3_600_000  # 1 January 1970, a Thursday


def trial(**more):
    return Trial(name="t", menu="main", candidate="other", **more)


def asker(number="+4930100", call="c1", wall_ms=NOON, attributes=None):
    return Asker(call=call, number=number, wall_ms=wall_ms, attributes=attributes or {})


def test_a_caller_always_gets_the_same_and_about_as_many_as_wanted_get_the_candidate():
    one = trial(share=20)
    arms = [arm_of(one, asker(f"+49301{number:05}", call=f"c{number}")) for number in range(5000)]
    assert arms == [arm_of(one, asker(f"+49301{number:05}", call="another")) for number in range(5000)]
    assert 0.18 < arms.count("candidate") / 5000 < 0.22


def test_who_hides_the_number_is_drawn_for_each_call():
    one = trial(share=50)
    arms = {arm_of(one, asker("", call=f"c{number}")) for number in range(20)}
    assert arms == {"control", "candidate"}
    assert {arm_of(one, asker("", call="c1")) for _ in range(20)} == {arm_of(one, asker("", call="c1"))}


def test_trials_draw_independently_of_each_other():
    both = sum(position("a", str(n)) < 0.5 and position("b", str(n)) < 0.5 for n in range(4000))
    assert 0.22 < both / 4000 < 0.28


def test_more_share_keeps_those_who_had_the_candidate():
    had = [n for n in range(500) if arm_of(trial(share=10), asker(str(n))) == "candidate"]
    assert had
    assert all(arm_of(trial(share=30), asker(str(n))) == "candidate" for n in had)


def test_by_hours():
    one = trial(hours=Calendar(week=[[(8 * 60, 18 * 60)]] * 7))
    assert arm_of(one, asker(wall_ms=NOON)) == "candidate"
    assert arm_of(one, asker(wall_ms=NIGHT)) == "control"


@pytest.mark.parametrize(
    ("number", "arm"), [("+4930100", "candidate"), ("+498912", "candidate"), ("+4930101", "control"), ("", "control")]
)
def test_by_callers(number, arm):
    assert arm_of(trial(callers=["+4930100", "+4989*"]), asker(number)) == arm


def test_by_what_a_table_says():
    one = trial(table="vips", attribute="kind", value="gold")
    assert arm_of(one, asker(attributes={"kind": "gold"})) == "candidate"
    assert arm_of(one, asker(attributes={"kind": "silver"})) == "control"
    assert arm_of(one, asker()) == "control"


def test_its_time():
    assert trial().runs_at(5)
    one = trial(from_ms=10, until_ms=20)
    assert [one.runs_at(at) for at in (9, 10, 19, 20)] == [False, True, True, False]
