"""What becomes of a call: each fate, time in the menu, misroutes; and beside a slow twin on calls made by chance."""

import random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.callers import CONTROL, SERVED, Habits, call, record
from edge.core.indicators.journey import Fate, Journey
from edge.vocabulary import events
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private

FIRST, SECOND, THIRD = LegId("c.1"), LegId("c.2"), LegId("c.3")


def started(**more):
    given = {"direction": "incoming", "trunk": "t", "caller": Private("100"), "caller_name": Private("")}
    return events.CallStarted(**(given | {"called": Private("200"), "sip_call_id": ""} | more))


def at(node, kind="gather"):
    return events.MenuEntered(menu="main", menu_version="v1", node=node, kind=kind)


def said(node, result):
    return events.MenuInput(node=node, result=result, digits=Private(""))


def dialled(leg=SECOND):
    return events.LegStarted(leg=leg, target=Private("sip:a@b"), trunk="")


def answered(leg=SECOND):
    return events.LegAnswered(leg=leg, after_ms=1)


def bridged(leg=SECOND):
    return events.BridgeStarted(leg=FIRST, other=leg)


def asked(reason="asked"):
    return events.CallbackRequested(number=Private("+4930"), reason=reason, node="c", menu="main", menu_version="v1")


def left():
    return events.VoicemailLeft(
        message="m", mailbox="office", caller=Private(""), node="v", leg=FIRST, path="/x.wav", duration_ms=1,
        gap_ms=0, size_bytes=1, sha256="", ended_by="silence",
    )  # fmt: skip


def rated(value, least=1, most=5, *, reverse=False):
    return events.SurveyAnswered(
        node="s", menu="main", menu_version="v1", question="q", value=value, least=least, most=most, reverse=reverse
    )


def journey(*steps, by="caller", outcome="completed", length_ms=0, served=(), call_started=None):
    """Each step a second after the one before."""
    one = Journey()
    one.take(call_started or started(), 0)
    for number, step in enumerate(steps, 1):
        one.take(step, 1000 * number)
    end = events.CallEnded(end=EndReason(outcome=outcome, ended_by=by), duration_ms=length_ms, answered_ms=length_ms)
    return one.ended(end, 1000 * (len(steps) + 1), served)


@pytest.mark.parametrize(
    ("fate", "steps", "more"),
    [
        ("abandoned", [at("a")], {}),
        ("abandoned", [at("a"), said("a", "matched"), at("t", "transfer"), dialled()], {}),
        ("abandoned", [at("a"), said("a", "matched"), at("balance", "play")], {}),
        ("contained", [at("a"), said("a", "matched"), at("balance", "play")], {"served": ("balance",)}),
        ("contained", [at("a"), said("a", "matched"), at("bye", "hang_up")], {"by": "appliance"}),
        ("contained", [at("a"), said("a", "no_input"), said("a", "matched"), at("bye")], {"by": "appliance"}),
        ("lost", [at("a"), said("a", "no_input"), said("a", "no_match"), at("bye")], {"by": "appliance"}),
        ("lost", [at("a"), at("t", "transfer"), dialled(), at("bye")], {"by": "appliance"}),
        ("contained", [at("b"), at("t", "transfer"), dialled(), at("bye")], {"by": "appliance", "served": ("b",)}),
        ("lost", [at("q", "queue"), at("bye")], {"by": "appliance"}),
        ("deferred", [at("c", "callback"), asked()], {}),
        ("abandoned", [at("t", "transfer"), dialled(), asked("lost")], {}),
        ("deferred", [at("t", "transfer"), dialled(), at("v", "voicemail"), left()], {"by": "appliance"}),
        ("lost", [at("a")], {"by": "network", "outcome": "media_lost"}),
        ("lost", [at("a")], {"by": "appliance", "outcome": "failed"}),
        ("connected", [at("t", "transfer"), dialled(), answered(), bridged()], {}),
        ("connected", [at("t", "transfer"), dialled(), bridged(), answered()], {"by": "callee"}),
        ("connected", [at("b"), at("t", "transfer"), dialled(), bridged(), answered()], {"served": ("b",)}),
        ("abandoned", [at("t", "transfer"), dialled(), bridged()], {}),  # early media only: nobody answered
        ("connected", [at("t"), events.TransferSent(leg=FIRST, target=Private("x"), sip_code=200)], {}),
        ("lost", [at("t"), events.TransferSent(leg=FIRST, target=Private("x"), sip_code=603)], {"by": "appliance"}),
    ],
)
def test_every_call_has_one_fate(fate, steps, more):
    assert journey(*steps, **more).fate == fate


def test_a_call_that_came_to_no_menu_is_not_counted():
    assert journey(by="appliance", outcome="no_room") is None


def test_time_in_the_menu_is_not_that_of_ringing_talking_and_tidying_up():
    steps = [at("a"), at("t", "transfer"), dialled(), answered(), bridged(), at("after")]
    # Node a from 1 to 2 s, node after from 6 s to the end at 6.4 s; call.ended comes at 7 s.
    assert journey(*steps, length_ms=6400).in_menu_ms == 1400
    assert journey(at("a"), length_ms=1500).in_menu_ms == 500
    assert journey(at("a")).in_menu_ms == 1000


def test_who_comes_back_to_where_it_was_or_is_transferred_again_was_sent_wrong():
    talk = [at("a"), at("t", "transfer"), dialled(), answered(), bridged()]
    assert not journey(*talk).sent_wrong
    assert not journey(*talk, at("rate", "gather")).sent_wrong, "what follows a talk by plan is no misroute"
    assert not journey(*talk, dialled(THIRD), answered(THIRD)).sent_wrong, "a supervisor came in"
    assert journey(*talk, at("a")).sent_wrong
    assert journey(*talk, at("other"), at("u", "transfer"), dialled(THIRD)).sent_wrong
    assert journey(*talk, events.TransferCompleted(leg=SECOND, to=THIRD)).sent_wrong
    assert not journey(at("a"), at("t", "transfer"), dialled(), at("a"), at("t", "transfer"), dialled(THIRD)).sent_wrong


def test_what_a_survey_says_of_a_call_is_on_one_scale():
    assert journey(at("a")).score is None
    assert journey(at("s", "survey"), rated(5), rated(3)).score == 75
    assert journey(at("s", "survey"), rated(1, 1, 6, reverse=True)).score == 100
    assert journey(at("s", "survey"), rated(None)).score is None
    assert journey(at("a"), at("s", "survey"), rated(2)).in_menu_ms == 1000


def test_the_caller_is_known_by_the_number_that_it_shows():
    assert journey(at("a")).caller == "100"
    assert journey(at("a"), call_started=started(caller_e164=Private("+4930100"))).caller == "+4930100"
    assert journey(at("a"), call_started=started(caller_withheld=True)).caller == ""
    assert journey(at("a"), call_started=started(direction="outgoing")).caller == ""


STEPS = st.sampled_from(
    [at("a"), at("b", "play"), at("t", "transfer"), at("q", "queue"), said("a", "no_input"), said("a", "matched"),
     said("a", "command"), dialled(), dialled(THIRD), answered(), bridged(), bridged(THIRD), asked(), asked("lost"),
     left(), rated(3), rated(None), events.TransferSent(leg=FIRST, target=Private("x"), sip_code=202),
     events.TransferCompleted(leg=SECOND, to=THIRD), started()]
)  # fmt: skip


@given(st.lists(STEPS, max_size=30), st.sampled_from(["caller", "appliance", "callee", "network"]))
def test_any_order_of_events_has_one_fate_and_no_more_time_than_there_was(steps, by):
    one = journey(*steps, by=by)
    if not any(isinstance(step, events.MenuEntered) for step in steps):
        assert one is None
        return
    assert one.fate in get_args(Fate)
    assert 0 <= one.in_menu_ms <= 1000 * (len(steps) + 1)
    assert one.last in one.visited
    assert (one.fate == "connected") >= one.sent_wrong
    assert one.score in {None, 50.0}
    assert set(one.rounds) <= {("a", "no_input"), ("a", "matched")}


def twin(told):
    """The definitions again, each with a look at all events of the call; returns what `CallRecord` has."""
    kinds = [event for event, _ in told]
    begun = told[0][1]
    end, end_ms = kinds[-1], begun + kinds[-1].duration_ms
    nodes = [(event, ms) for event, ms in told if isinstance(event, events.MenuEntered)]
    rounds = [event for event in kinds if isinstance(event, events.MenuInput)]
    legs = {e.leg for e in kinds if isinstance(e, events.LegAnswered)}
    talks = [e for e in kinds if isinstance(e, events.BridgeStarted) and e.other in legs]
    dialled_ = [e for e in kinds if isinstance(e, events.LegStarted)]
    if talks:
        fate = "connected"
    elif any(event.node in SERVED for event, _ in nodes):
        fate = "contained"
    elif end.end.ended_by == "caller":
        fate = "abandoned"
    else:
        fate = "contained" if not dialled_ and not (rounds and rounds[-1].result != "matched") else "lost"
    time = 0
    for number, (event, ms) in enumerate(nodes):
        until = nodes[number + 1][1] if number + 1 < len(nodes) else end_ms
        time += until - ms if event.kind != "transfer" else 0
    wrong = False
    if talks:
        cut = kinds.index(talks[0])
        before = {e.node for e in kinds[:cut] if isinstance(e, events.MenuEntered)}
        after = kinds[cut + 1 :]
        wrong = any(isinstance(e, events.MenuEntered) and e.node in before for e in after)
        wrong = wrong or any(isinstance(e, events.MenuEntered) and e.kind == "transfer" for e in after)
    counted = {(e.node, e.result): sum(x == e for x in rounds) for e in rounds}
    return fate, nodes[-1][0].node, time, bool(dialled_), wrong, {e.node for e, _ in nodes}, counted


def test_beside_a_slow_twin_on_calls_made_by_chance():
    chance = random.Random(20261122)
    seen = set()
    for _ in range(1500):
        told = call(CONTROL, Habits(silent=0.3, wrong=0.25), chance, at_ms=chance.randrange(10**9), caller="100")
        one = record(told)
        found = (one.fate, one.last, one.in_menu_ms, one.transferred, one.sent_wrong, set(one.visited))
        assert (*found, one.rounds) == twin(told)
        seen.add((one.fate, one.sent_wrong))
    assert seen == {
        ("contained", False),
        ("abandoned", False),
        ("lost", False),
        ("connected", False),
        ("connected", True),
    }
