"""What a call leaves behind: callbacks of callers who asked or were lost, and surveys."""

import pytest
from msgspec.structs import replace

from edge.core.callbacks.errand import Errand
from edge.core.callbacks.rules import Rules
from edge.core.callbacks.window import WindowRule
from edge.core.calls.call import Call
from edge.core.calls.inputs import (
    Abandoned,
    AgentOffered,
    CallbackTerms,
    Entry,
    QueueTold,
    Reserved,
    Stopped,
    Superseded,
)
from edge.core.menus.calendar import UTC_ZONE
from edge.core.menus.model import Callback, Gather, HangUp, Menu, Question, Queue, Set, Survey, Transfer
from edge.vocabulary import events
from edge.vocabulary import reports as r
from edge.vocabulary.identity import Identity
from edge.vocabulary.ids import CallbackId, CallId
from edge.vocabulary.private import Private
from edge.vocabulary.wire import pack, unpacker
from tests.core.calls.desk import (
    CALL,
    FIRST,
    REMOTE,
    SECOND,
    SPAN,
    TERMS,
    Desk,
    ended,
    incoming,
    originate,
    seat,
    sound,
)

SCALE = Gather(prompt=[sound("ask")], failed="", max_failures=1)
MENU = Menu(
    name="main",
    version="v1",
    start="choose",
    nodes={
        "choose": Gather(
            prompt=[sound("press")],
            choices={"1": "why", "2": "back", "3": "later", "4": "rate", "5": "help"},
            failed="bye",
        ),
        "why": Set(values={"reason_code": "bill"}, next="desk"),
        "desk": Transfer(
            target="sip:desk@127.0.0.1",
            ringing=[sound("ring")],
            on_outcome={"busy": "other"},
            failed="bye",
            after="rate",
        ),
        "other": Transfer(target="sip:other@127.0.0.1", failed="choose"),
        "back": Callback(
            offer=Gather(prompt=[sound("offer")], failed=""),
            ask=None,
            confirm=None,
            rules=Rules(),
            window=WindowRule(within_ms=3_600_000),
            zone=UTC_ZONE,
            next="desk",
            declined="bye",
            failed="bye",
            refused="bye",
        ),
        "later": Survey(menu="how-was-it", next="desk"),
        "rate": Survey(
            questions=[
                Question(name="polite", ask=SCALE, least=1, most=5),
                Question(name="quick", ask=SCALE, least=1, most=5),
            ],
            next="bye",
        ),
        "help": Queue(
            queue="sales",
            music=[sound("music")],
            left="bye",
            full="bye",
            timed_out="other",
            no_agents="bye",
            failed="bye",
            after="rate",
        ),
        "bye": HangUp("goodbye"),
    },
)


def terms(**lost) -> object:
    own = CallbackTerms(rules=Rules(), **({"lost_after_ms": 10_000} | lost))
    return replace(TERMS, country="DE", wall_ms=1_795_000_000_000, callbacks=own)


def called(caller: str = "+4930123456", withheld: bool = False, **lost) -> Desk:
    begun = incoming(terms=terms(**lost))
    report = replace(begun.report, identity=Identity(withheld=withheld))
    return Desk(replace(begun, report=report, caller_e164=Private(caller)), MENU).answer()


def requests(desk: Desk) -> list[events.CallbackRequested]:
    return desk.of(events.CallbackRequested)  # type: ignore[return-value]


def waiting(desk: Desk, ms: int, key: str = "1") -> Desk:
    """At the desk, where it rings, for so long."""
    desk.press(key)
    desk.reserve()
    desk.give(r.LegRinging(SECOND, 180, False))
    desk.wait(ms)
    return desk


def talking(desk: Desk) -> Desk:
    desk.give(r.LegAnswered(SECOND))
    desk.give(r.LegMedia(SECOND, REMOTE))
    assert desk.call.talking
    return desk


# --- lost callers


def test_a_caller_who_hangs_up_while_it_rings_is_lost() -> None:
    desk = waiting(called(), 12_000)
    desk.give(ended(FIRST))
    (request,) = requests(desk)
    assert (request.reason, request.node, request.number) == ("lost", "desk", Private("+4930123456"))
    assert 12_000 <= request.waited_ms < 13_000
    assert (request.menu, request.menu_version, request.latest) == ("main", "v1", "")
    assert request.attributes == {"reason_code": Private("bill")}
    assert desk.types().index("callback.requested") < desk.types().index("call.ended")


def test_waits_add_up_over_targets() -> None:
    desk = waiting(called(), 6_000)
    desk.give(ended(SECOND, "busy", "callee", 486))
    assert desk.call.run.node == "other"
    desk.wait(5_900)
    desk.give(ended(FIRST))
    assert requests(desk)[0].node == "other"
    assert requests(desk)[0].waited_ms >= 11_000


@pytest.mark.parametrize(
    ("desk", "why"),
    [
        (lambda: waiting(called(), 9_000), "too soon"),
        (called, "in the menu"),
        (lambda: waiting(called(withheld=True), 20_000), "a hidden number"),
        (lambda: waiting(called("+33140205050"), 20_000), "a number that may not be called"),
        (lambda: waiting(called(""), 20_000), "an extension"),
        (lambda: waiting(called(lost_after_ms=None), 20_000), "not wanted"),
        (lambda: waiting(called(lost_nodes=["other"]), 20_000), "not here"),
        (lambda: waiting(called(full=True), 20_000), "no room"),
        (lambda: talking(waiting(called(), 20_000)), "served"),
    ],
)
def test_who_is_not_lost(desk, why: str) -> None:
    made = desk()
    made.wait(1)
    made.give(ended(FIRST))
    assert requests(made) == [], why
    assert made.count("call.ended") == 1


def test_who_was_served_and_waits_again_is_not_lost() -> None:
    desk = talking(waiting(called(), 1000))
    desk.give(ended(SECOND))
    desk.press("11")  # both questions of the survey
    assert desk.call.over


def test_a_caller_whom_we_lose_while_he_waits_is_called_back_too() -> None:
    desk = waiting(called(), 20_000)
    desk.auto = False
    desk.give(Abandoned([]))
    assert [one.reason for one in requests(desk)] == ["lost"]
    desk = waiting(called(), 20_000)
    desk.give(ended(FIRST, "span_lost", "appliance"))
    assert [one.reason for one in requests(desk)] == ["lost"]
    desk = waiting(called(), 20_000)
    desk.give(Stopped("by request"))
    assert requests(desk) == []


@pytest.mark.parametrize(("served", "expected"), [(False, [("lost", "help")]), (True, [])])
def test_a_caller_who_hangs_up_in_a_queue_is_lost_unless_he_was_served(served: bool, expected: list) -> None:
    desk = called()
    desk.press("5")
    desk.give(QueueTold(number=1, position=1, estimate_ms=60_000))
    desk.wait(12_000)
    target = Private("sip:anna@127.0.0.1")
    desk.give(AgentOffered(number=1, agent="anna", target=target, trunk="", ring_timeout_ms=15_000))
    desk.reserve()
    if served:
        talking(desk)
        assert desk.call.aftercare._target == target
    desk.give(ended(FIRST))
    assert [(one.reason, one.node) for one in requests(desk)] == expected
    assert all(one.waited_ms >= 12_000 for one in requests(desk))


# --- asked


def test_a_request_is_told_once_and_the_caller_is_not_lost_besides() -> None:
    desk = called()
    desk.press("21")
    (request,) = requests(desk)
    assert (request.reason, request.node, request.number) == ("asked", "back", Private("+4930123456"))
    assert request.not_before.endswith("Z")
    assert request.not_before < request.latest
    desk.wait(15_000)
    desk.give(ended(FIRST))
    assert len(requests(desk)) == 1


def test_a_met_request_is_told_in_the_call_that_met_it() -> None:
    desk = talking(waiting(called(), 1000))
    desk.give(Superseded(CallbackId("c0.7"), 5000))
    (told,) = desk.of(events.CallbackSuperseded)
    assert told == events.CallbackSuperseded(callback=CallbackId("c0.7"), after_ms=5000)


# --- surveys


def test_a_survey_after_the_talk_knows_with_whom_it_was() -> None:
    desk = talking(waiting(called(), 1000))
    before = len(desk.sent)
    desk.give(ended(SECOND))
    # The agent is let go before anything is asked: nothing of the survey waits for him, nor he for it.
    assert all(getattr(send.body, "leg", FIRST) != SECOND or send.to == "media" for send in desk.sent[before:])
    desk.press("4")
    answered = desk.of(events.SurveyAnswered)
    assert [(one.question, one.value, one.least, one.most) for one in answered] == [("polite", 4, 1, 5)]
    assert (answered[0].target, answered[0].leg, answered[0].node) == (Private("sip:desk@127.0.0.1"), SECOND, "rate")
    assert answered[0].attributes["reason_code"] == Private("bill")
    desk.give(ended(FIRST))
    (over,) = desk.of(events.SurveyCompleted)
    assert (over.complete, over.asked, over.answered) == (False, ["polite", "quick"], ["polite"])
    assert desk.types().index("survey.completed") < desk.types().index("call.ended")


def test_a_survey_without_a_talk_names_nobody() -> None:
    desk = called()
    desk.press("4")
    desk.press("33")
    (over,) = desk.of(events.SurveyCompleted)
    assert (over.complete, over.target, over.leg) == (True, None, None)


@pytest.mark.parametrize(("talks", "expected"), [(True, ["survey"]), (False, [])])
def test_a_survey_afterwards_is_for_callers_who_talked(talks: bool, expected: list[str]) -> None:
    desk = waiting(called(lost_after_ms=None), 2000, "3")
    if talks:
        talking(desk)
    desk.give(ended(FIRST))
    assert [one.reason for one in requests(desk)] == expected
    asked = [(one.runs, one.node, one.target) for one in requests(desk)]
    assert asked == [("how-was-it", "later", Private("sip:desk@127.0.0.1"))] * len(expected)


def test_a_survey_that_calls_back_says_which_call_it_is_about() -> None:
    about = CallId("c0")
    errand = Errand(
        callback=CallbackId("c0.7"), about=about, number=Private("+4930"), caller=Private("1"), attempt=1, by_menu=True
    )
    desk = Desk(replace(originate(), errand=errand), menu=replace(MENU, start="rate"))
    desk.give(Reserved(FIRST, SPAN, seat(0)))
    desk.give(r.LegMedia(FIRST, REMOTE))
    desk.answer()
    desk.press("45")
    assert [(one.about, one.value) for one in desk.of(events.SurveyAnswered)] == [(about, 4), (about, 5)]
    assert [one.about for one in desk.of(events.SurveyCompleted)] == [about]
    entry = desk.journal[0][1]
    assert unpacker(Entry).decode(pack(entry)) == entry, "a replay knows it, too"
    here = called()
    here.press("4")
    here.press("3")
    assert [one.about for one in here.of(events.SurveyAnswered)] == [""]


# --- replay


def test_a_replay_tells_the_same() -> None:
    desk = talking(waiting(called(), 1000, "21"))
    desk.give(ended(SECOND))
    desk.press("2")
    desk.give(ended(FIRST))
    again = Call(CALL, MENU)
    told = []
    for at_ms, entry in desk.journal:
        kept = unpacker(Entry).decode(pack(entry))
        told += [action.event for action in again.replay(kept, at_ms) if hasattr(action, "event")]
    assert told == desk.events
    assert sum(isinstance(one, events.CallbackRequested) for one in told) == 1
