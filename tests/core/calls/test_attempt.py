"""A call that the dialer ordered: what is told of it, and when it hangs up by itself."""

import pytest
from msgspec.structs import replace

from edge.core.calls.call import Call
from edge.core.calls.inputs import Abandoned, GivenAway, Originate, Reserved, Stopped
from edge.core.menus.model import Answered, DoNotCall, HangUp, Menu, Play, Queue
from edge.core.menus.parts import Attribute
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.dialing import AttemptOrder, Next
from edge.vocabulary.endings import EndReason, Outcome
from edge.vocabulary.ids import CallId
from edge.vocabulary.private import Private
from tests.core.calls.desk import FIRST, REMOTE, SPAN, TERMS, Desk, ended, originate, seat, sound
from tests.core.calls.test_answering import said
from tests.core.calls.test_tones import tone

RULES = {"wait": 700}
NUMBER = Private("+493012345678")
ORDER = AttemptOrder(
    attempt="c1",
    campaign="spring",
    listed_in="all",
    contact="17",
    label="home",
    number=NUMBER,
    trunk="carrier",
    caller=Private("+4930555"),
    menu="main",
    ring_timeout_ms=20_000,
    hang_up_on=["machine", "fax"],
    follows={"busy": Next(step="same_number", after_ms=600_000), "machine": Next(step="next_number")},
)
MENU = Menu(
    name="main",
    version="v1",
    start="who",
    attributes={"customer_type": Attribute()},
    nodes={
        "who": Answered(human="hello", machine="bye", fax="bye", unknown="hello", no_beep="bye"),
        "hello": Play(sounds=[sound("hello")], next="bye"),
        "bye": HangUp(""),
    },
)


def order(attributes: dict[str, Private] | None = None, **more) -> Originate:
    begun = originate(replace(TERMS, answering={"": RULES}, tones={"": "us"}, wall_ms=1_800_000_000_000, recordings=""))
    return replace(
        begun,
        attempt=replace(ORDER, **more),
        target=NUMBER,
        ring_timeout_ms=25_000,
        rings_for_ms=20_000,
        attributes=attributes or {},
    )


def dialled(menu: Menu = MENU, **more) -> Desk:
    desk = Desk(order(**more), menu)
    desk.give(Reserved(FIRST, SPAN, seat(0)))
    return desk


def answered(**more) -> Desk:
    desk = dialled(**more)
    desk.wait(1000)
    desk.give(r.LegRinging(FIRST, 180, False))
    desk.wait(3000)
    desk.answer()
    desk.give(r.LegMedia(FIRST, REMOTE))
    return desk


def end_of(desk: Desk) -> e.DialerAttemptEnded:
    assert desk.types()[-2:] == ["dialer.attempt_ended", "call.ended"]
    assert desk.count("dialer.attempt_ended") == 1
    return desk.of(e.DialerAttemptEnded)[0]


def test_it_begins_as_an_attempt() -> None:
    desk = dialled()
    assert desk.types()[:2] == ["call.started", "dialer.attempt_started"]
    begun = desk.of(e.DialerAttemptStarted)[0]
    assert (begun.attempt, begun.campaign, begun.contact, begun.number, begun.ordinal) == (
        "c1",
        "spring",
        "17",
        NUMBER,
        1,
    )


def test_a_busy_line_and_what_follows() -> None:
    desk = dialled()
    desk.give(ended(FIRST, "busy", "callee", 486))
    told = end_of(desk)
    assert (told.disposition, told.evidence.decided_by, told.evidence.sip_code) == ("busy", "sip", 486)
    assert told.next == Next(step="same_number", after_ms=600_000)
    assert (told.rang_ms, told.answered_ms, told.talked_ms) == (None, None, 0)


def test_it_rings_as_long_as_it_may() -> None:
    desk = dialled()
    desk.wait(500)
    desk.give(r.LegRinging(FIRST, 180, False))
    desk.wait(20_000)
    told = end_of(desk)
    assert (told.disposition, told.evidence.outcome) == ("no_answer", "no_answer")
    assert told.rang_ms == 20_000
    assert told.next == Next(step="done")


def test_a_person_gets_the_menu() -> None:
    desk = answered()
    desk.give(said("human", "short_greeting", speech_ms=700))
    desk.play_ends()
    told = end_of(desk)
    assert (told.disposition, told.evidence.verdict, told.rang_ms, told.answered_ms) == (
        "connected",
        "human",
        3000,
        4000,
    )
    assert told.ended_ms - told.started_ms >= 4000


@pytest.mark.parametrize(("who", "disposition"), [("machine", "machine"), ("fax", "fax")])
def test_who_is_no_person_is_hung_up_on(who: str, disposition: str) -> None:
    desk = answered()
    desk.give(said(who, "long_greeting", speech_ms=3000))
    told = end_of(desk)
    assert told.disposition == disposition
    assert desk.bodies(c.HangUp)
    assert told.next.step == ("next_number" if who == "machine" else "done")


def test_a_machine_that_is_wanted_gets_the_menu() -> None:
    desk = answered(hang_up_on=["fax"])
    desk.give(said("machine", "long_greeting", speech_ms=3000))
    assert "bye" in desk.call.run.path
    assert end_of(desk).disposition == "machine"


def test_a_machine_that_paused_is_found_out_and_hung_up_on() -> None:
    desk = answered()
    desk.give(said("human", "short_greeting", speech_ms=700))
    assert not desk.call.over
    desk.give(said("revised", "long_greeting", speech_ms=4000))
    told = end_of(desk)
    assert (told.disposition, told.evidence.revised, told.evidence.decided_by) == ("machine", True, "revised")


def test_tones_are_evidence() -> None:
    desk = dialled()
    desk.give(r.LegRinging(FIRST, 183, True))
    desk.give(tone(FIRST, "sit", meaning="vacant_code"))
    desk.give(ended(FIRST, "unreachable", "callee", 503))
    told = end_of(desk)
    assert (told.disposition, told.evidence.decided_by) == ("unallocated", "tone")
    assert [(one.label, one.meaning, one.early) for one in told.evidence.tones] == [("sit", "vacant_code", True)]


def test_stopped_and_abandoned_by_a_restart() -> None:
    stopped = dialled()
    stopped.give(Stopped("the campaign was stopped"))
    assert end_of(stopped).disposition == "cancelled"
    restarted = dialled()
    restarted.give(Abandoned([]))
    assert end_of(restarted).disposition == "held"


@pytest.mark.parametrize("outcome", ["no_room", "trunk_down", "unreachable"])
def test_what_we_could_not_dial_counts_not(outcome: Outcome) -> None:
    desk = Desk(order(), MENU)
    desk.give(r.SpanRefused(FIRST, EndReason(outcome=outcome, ended_by="appliance", text="its trunk is full")))
    told = end_of(desk)
    assert (told.placed, told.evidence.outcome, told.disposition) == (False, outcome, "cancelled")


def test_who_talked_and_was_given_to_another_call_was_called() -> None:
    desk = answered()
    desk.give(GivenAway(FIRST, CallId("c2")))
    assert end_of(desk).placed


def test_nor_does_what_has_no_slot_or_was_stopped_before() -> None:
    full = Desk(order(), MENU)
    full.give(Reserved(FIRST, SPAN, None))
    assert (end_of(full).placed, end_of(full).evidence.outcome) == (False, "no_room")
    unwritten = Desk(order(), MENU)
    unwritten.give(Stopped("state could not be stored"))
    assert not end_of(unwritten).placed


def test_a_number_that_cannot_be_dialled_and_a_call_that_nobody_knows_of_count() -> None:
    desk = Desk(order(), MENU)
    desk.give(r.SpanRefused(FIRST, EndReason(outcome="no_route", ended_by="appliance", text="bad target")))
    assert (end_of(desk).placed, end_of(desk).disposition) == (True, "failed")
    restarted = Desk(order(), MENU)
    restarted.give(Abandoned([]))
    assert (end_of(restarted).placed, end_of(restarted).disposition) == (True, "held")


def test_what_is_known_of_the_contact_is_known_to_the_menu() -> None:
    attributes = {"customer_type": Private("gold"), "colour": Private("red")}
    desk = answered(attributes=attributes)
    assert desk.call.run.attributes["customer_type"] == "gold"
    assert "colour" not in desk.call.run.attributes


def test_a_replay_tells_the_same() -> None:
    desk = answered()
    desk.give(said("machine", "long_greeting", speech_ms=3000))
    again, told = Call(desk.call.id, MENU), []
    for at_ms, entry in desk.journal:
        told += [action.event for action in again.replay(entry, at_ms) if hasattr(action, "event")]
    assert told == desk.events


def test_an_abandoned_person_waited_from_the_end_of_his_greeting_on() -> None:
    ways = dict.fromkeys(("left", "full", "timed_out", "no_agents", "failed"), "alone")
    nodes = {
        "who": Answered(human="agent", machine="bye", fax="bye", unknown="agent", no_beep="bye"),
        "agent": Queue(queue="sales", give_up_ms=1900, **ways),
        "alone": Play(sounds=[sound("message")], next="bye"),
        "bye": HangUp(""),
    }
    desk = answered(menu=Menu(name="main", version="v1", start="who", nodes=nodes))
    desk.give(said("human", "short_greeting", speech_ms=700))  # 600 ms after it ended
    desk.wait(1299)
    assert desk.bodies(c.Play) == []
    desk.wait(1)
    assert [play.files for play in desk.bodies(c.Play)] == [[sound("message").path]]
    left = desk.of(e.QueueLeft)[0]
    assert (left.reason, left.waited_ms) == ("timed_out", 1300)
    desk.play_ends()
    told = end_of(desk)
    assert (told.disposition, told.evidence.queue, told.evidence.waited_ms) == ("abandoned", "timed_out", 1900)


def test_who_opts_out_is_not_called_on_another_number_either() -> None:
    nodes = {"hello": Play(sounds=[sound("hello")], next="stop"), "stop": DoNotCall(next="again", failed="bye")}
    nodes |= {"again": DoNotCall(next="last", failed="bye"), "last": Play(sounds=[sound("bye")], next="bye")}
    menu = Menu(name="main", version="v1", start="hello", nodes={**nodes, "bye": HangUp("")})
    desk = answered(menu=menu, follows={"connected": Next(step="next_number")})
    desk.play_ends()
    suppressed = desk.of(e.DialerSuppressed)
    assert [(one.attempt, one.campaign, one.contact, one.number, one.node) for one in suppressed] == [
        ("c1", "spring", "17", NUMBER, "stop")
    ], "once, at once"
    desk.give(said("human", "short_greeting", speech_ms=700))
    desk.play_ends()
    told = end_of(desk)
    assert (told.disposition, told.evidence.opted_out, told.next) == ("connected", True, Next(step="done"))


def test_a_call_that_no_campaign_made_suppresses_nobody() -> None:
    menu = Menu(
        name="main",
        version="v1",
        start="stop",
        nodes={"stop": DoNotCall(next="yes", failed="no"), "yes": HangUp("yes"), "no": HangUp("no")},
    )
    desk = Desk(originate(TERMS), menu)
    desk.give(Reserved(FIRST, SPAN, seat(0)))
    desk.answer()
    desk.give(r.LegMedia(FIRST, REMOTE))
    assert desk.of(e.DialerSuppressed) == []
    assert desk.call.end.text == "no"


@pytest.mark.parametrize(
    ("left", "waited_ms", "abandoned"),
    [("timed_out", 2000, True), ("hung_up", 900, False), ("hung_up", 2500, True), ("left", 100, True)],
)
def test_how_far_a_wait_for_an_agent_has_come(left: str, waited_ms: int, abandoned: bool) -> None:
    desk = answered()
    attempt = desk.call.attempt
    assert attempt is not None
    assert attempt.state == "answered"
    attempt.saw(e.QueueEntered(queue="sales", position=1, estimate_ms=0))
    assert (attempt.state, attempt.abandoned) == ("waiting", False)
    attempt.saw(e.QueueLeft(queue="sales", reason=left, waited_ms=waited_ms, position=1))  # type: ignore[arg-type]
    assert (attempt.state, attempt.abandoned) == ("missed", abandoned)
