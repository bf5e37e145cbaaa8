"""How long a phone that is called back rings, and what is read off the end of the call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.core.callbacks.errand import Errand
from edge.core.callbacks.menus import Connection, agent_first, caller_first
from edge.core.calls.attempted import outcome_of
from edge.core.calls.inputs import Elapsed, Originate
from edge.core.menus.model import HangUp, Menu, Play
from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.ids import CallbackId, LegId
from edge.vocabulary.private import Private
from tests.core.calls.desk import FIRST, REMOTE, SECOND, TERMS, Desk, ended, sound

RING_MS = 22_500
ERRAND = Errand(callback=CallbackId("c0.4"), number=Private("+4930123456"), caller=Private("200"), attempt=1)
TO_DESK = caller_first(Connection(target="sip:desk@127.0.0.1", announcement=sound("hello")))
FROM_DESK = agent_first(Connection(trunk="loop", ring_ms=RING_MS))


def calling_back(menu: Menu = TO_DESK, errand: Errand = ERRAND) -> Desk:
    begin = Originate(
        target=errand.number,
        trunk="loop",
        caller=errand.caller,
        terms=TERMS,
        ring_timeout_ms=RING_MS,
        rings_for_ms=0 if errand.agent_first else RING_MS,
        errand=errand,
    )
    return Desk(begin, menu)


def dialled(menu: Menu = TO_DESK, errand: Errand = ERRAND) -> Desk:
    desk = calling_back(menu, errand)
    desk.reserve(FIRST, 0)
    assert desk.bodies(c.MakeCall)
    return desk


def through(desk: Desk, leg: LegId = FIRST) -> None:
    desk.give(r.LegMedia(leg, REMOTE))
    desk.give(r.LegAnswered(leg))


def rang(code: int, leg: LegId = FIRST) -> r.LegRinging:
    return r.LegRinging(leg, code, early_media=code == 183)


#: Provisional responses after so long, and how late deadlines are served: a busy machine, a restart of the process.
provisional = st.lists(st.tuples(st.integers(0, 30_000), st.sampled_from([100, 180, 181, 182, 183, 199])), max_size=6)


@given(provisional, st.integers(0, 2_499), st.booleans())
def test_who_does_not_answer_rings_within_the_standard_whatever_comes(
    told: list[tuple[int, int]], late_ms: int, second: bool
) -> None:
    errand = replace(ERRAND, agent_first=second)
    desk = dialled(FROM_DESK if second else TO_DESK, errand)
    leg = SECOND if second else FIRST
    if second:
        through(desk)
        desk.reserve(SECOND)
    began_ms = desk.now_ms
    first_ms = None
    for after_ms, code in sorted(told):
        if not run_until(desk, began_ms + after_ms, late_ms):
            break
        desk.give(rang(code, leg))
        if code in {180, 183} and first_ms is None and desk.call.end is None:
            first_ms = desk.now_ms
    run_until(desk, began_ms + 120_000, late_ms)
    outcome = outcome_of(desk.call, errand)
    assert (outcome.disposition, outcome.left, outcome.answered) == ("no_answer", True, False)
    if first_ms is None:
        assert outcome.rang_ms is None
        assert desk.call.ended_ms is not None
        assert desk.call.ended_ms - began_ms <= RING_MS + late_ms, "a phone that says nothing may ring all the same"
    else:
        assert outcome.rang_ms is not None
        assert 20_000 < RING_MS <= outcome.rang_ms <= RING_MS + late_ms < 25_000


def run_until(desk: Desk, at_ms: int, late_ms: int) -> bool:
    """Serve deadlines, each late; false: the call ends."""
    while (deadline := desk.call.deadline) is not None and deadline.at_ms + late_ms <= at_ms and desk.call.end is None:
        desk.now_ms = max(desk.now_ms, deadline.at_ms + late_ms)
        desk.give(Elapsed())
    if desk.call.end is not None:
        return False
    desk.now_ms = max(desk.now_ms, at_ms)
    return True


@pytest.mark.parametrize(
    ("outcome", "code", "disposition"),
    [
        ("busy", 486, "busy"),
        ("rejected", 603, "rejected"),
        ("not_found", 404, "unallocated"),
        ("not_found", 410, "changed"),
        ("unreachable", 503, "congestion"),
        ("no_answer", 480, "no_answer"),
    ],
)
def test_what_the_far_end_says(outcome: str, code: int, disposition: str) -> None:
    desk = dialled()
    desk.give(rang(180))
    desk.now_ms += 4000
    desk.give(ended(FIRST, outcome, "callee", code))
    found = outcome_of(desk.call, ERRAND)
    assert (found.disposition, found.left, found.rang_ms, found.counts) == (disposition, True, 4000, True)


def test_no_room_is_no_attempt() -> None:
    desk = calling_back()
    desk.wait(20_000)
    found = outcome_of(desk.call, ERRAND)
    assert (found.disposition, found.left, found.counts, found.rang_ms) == ("failed", False, False, None)


def test_another_address_begins_to_ring_anew() -> None:
    desk = dialled()
    desk.give(rang(180))
    desk.now_ms += 5000
    desk.call.first.trace.moved()
    desk.give(rang(183))
    desk.now_ms += 2000
    through(desk)
    assert desk.call.first.trace.rang_for_ms(desk.call.first.answered_ms, desk.now_ms) == 2000


def test_who_hangs_up_at_the_announcement_did_not_want_it_and_who_waited_was_left_alone() -> None:
    for waits, disposition in ((False, "rejected"), (True, "abandoned")):
        desk = dialled()
        through(desk)
        if waits:
            desk.play_ends()
            desk.wait(1000)
        desk.give(ended(FIRST, "completed", "callee"))
        assert outcome_of(desk.call, ERRAND).disposition == disposition


def test_a_menu_that_is_the_purpose_reaches_who_goes_through_it() -> None:
    menu = Menu(
        name="news",
        version="v",
        start="say",
        nodes={"say": Play(sounds=[sound("news")], next="bye"), "bye": HangUp("")},
    )
    errand = replace(ERRAND, by_menu=True)
    for whole, disposition in ((True, "connected"), (False, "rejected")):
        desk = dialled(menu, errand)
        through(desk)
        if whole:
            desk.play_ends()
        else:
            desk.give(ended(FIRST, "completed", "callee"))
        assert outcome_of(desk.call, errand).disposition == disposition


def test_who_is_called_back_is_shown_our_number_and_the_agent_his() -> None:
    errand = replace(ERRAND, agent_first=True)
    desk = dialled(FROM_DESK, errand)
    through(desk)
    reserved = desk.last(c.ReserveSpan)
    assert isinstance(reserved, c.ReserveSpan)
    assert (reserved.target.reveal(), reserved.caller.reveal(), reserved.trunk) == ("+4930123456", "200", "loop")


def test_a_machine_is_a_machine_whoever_talks_with_it() -> None:
    errand = replace(ERRAND, agent_first=True)
    desk = dialled(FROM_DESK, errand)
    through(desk)
    desk.call.legs[SECOND].amd = {"deadline": 4000}
    desk.reserve(SECOND)
    through(desk, SECOND)
    assert desk.call.talking
    desk.give(
        r.AnswerHeard(
            leg=SECOND, what="machine", cause="long_greeting", start_ms=0, end_ms=3000, at_ms=3000, level_dbm0=-20.0
        )
    )
    desk.give(ended(FIRST, "completed", "caller"))
    assert outcome_of(desk.call, errand).disposition == "machine"
