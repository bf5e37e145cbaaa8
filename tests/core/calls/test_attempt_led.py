"""An attempt whose agent is rung first: what counts is the contact's leg, and one that was never begun counts not."""

from msgspec.structs import replace

from edge.config.campaign_menu import agent_menu
from edge.core.calls.inputs import Abandoned, Originate, Reserved
from edge.core.menus.model import Menu
from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.dialing import Next
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from tests.core.calls.desk import FIRST, REMOTE, SPAN, TERMS, Desk, ended, originate, seat
from tests.core.calls.test_attempt import NUMBER, ORDER, end_of

SECOND = LegId("c1.2")
AGENT = Private("sip:anna@192.0.2.7")
MENU: Menu = agent_menu("spring", "carrier", 20_000, [])


def order() -> Originate:
    begun = originate(replace(TERMS, wall_ms=1_800_000_000_000, recordings=""))
    follows = {**ORDER.follows, "cancelled": Next(step="same_number", after_ms=5)}
    attempt = replace(ORDER, agent="anna", queue="sales", hang_up_on=[], follows=follows)
    return replace(begun, attempt=attempt, target=AGENT, trunk="", caller=NUMBER, ring_timeout_ms=15_000)


def rung() -> Desk:
    desk = Desk(order(), MENU)
    desk.give(Reserved(FIRST, SPAN, seat(0)))
    desk.wait(1000)
    desk.give(r.LegRinging(FIRST, 180, False))
    return desk


def at_the_phone() -> Desk:
    """The agent has answered, and the contact is being called."""
    desk = rung()
    desk.wait(2000)
    desk.answer()
    desk.give(r.LegMedia(FIRST, REMOTE))
    desk.give(Reserved(SECOND, SPAN, seat(1)))
    return desk


def test_the_agent_is_rung_and_then_the_number() -> None:
    desk = at_the_phone()
    assert desk.types()[:4] == ["call.started", "dialer.attempt_started", "queue.entered", "queue.agent_offered"]
    first, second = (one.body for one in desk.sent if isinstance(one.body, c.ReserveSpan))
    assert (first.target, first.caller) == (AGENT, NUMBER)
    assert (second.target, second.trunk, second.caller) == (NUMBER, "carrier", ORDER.caller)
    assert desk.call.attempt is not None
    assert desk.call.attempt.state == "dialled"  # the agent's answer is not the contact's


def test_what_a_busy_contact_is() -> None:
    desk = at_the_phone()
    desk.give(ended(SECOND, "busy", "callee", 486))
    desk.give(ended(FIRST, "completed", "appliance"))
    told = end_of(desk)
    assert (told.disposition, told.evidence.decided_by, told.evidence.sip_code) == ("busy", "sip", 486)
    assert told.placed
    assert told.next == Next(step="same_number", after_ms=600_000)


def test_they_talk() -> None:
    desk = at_the_phone()
    desk.give(r.LegRinging(SECOND, 180, False))
    assert desk.call.attempt is not None
    assert desk.call.attempt.state == "ringing"
    desk.wait(9000)
    desk.give(r.LegAnswered(SECOND))
    desk.give(r.LegMedia(SECOND, REMOTE))
    assert desk.call.attempt.state == "connected"
    desk.wait(60_000)
    desk.give(ended(SECOND, "completed", "callee"))
    desk.give(ended(FIRST, "completed", "appliance"))
    told = end_of(desk)
    # However long the agent waited for the answer, nobody was kept waiting for him.
    assert (told.disposition, told.evidence.queue, told.evidence.waited_ms) == ("connected", "connected", 0)
    assert (told.rang_ms, told.talked_ms) == (9000, 60_000)


def test_an_agent_who_does_not_answer_costs_the_contact_nothing() -> None:
    desk = rung()
    desk.give(ended(FIRST, "busy", "callee", 486))
    told = end_of(desk)
    assert (told.disposition, told.placed, told.rang_ms) == ("cancelled", False, None)
    assert desk.count("leg.started") == 0


def test_a_contact_for_whom_the_trunk_has_no_room_was_not_called() -> None:
    desk = rung()
    desk.wait(2000)
    desk.answer()
    desk.give(r.LegMedia(FIRST, REMOTE))
    desk.give(r.SpanRefused(SECOND, EndReason(outcome="no_room", ended_by="appliance", text="its trunk is full")))
    desk.give(ended(FIRST, "completed", "appliance"))
    told = end_of(desk)
    assert (told.placed, told.evidence.outcome) == (False, "no_room")


def test_a_restart_while_the_agent_rings_has_called_nobody() -> None:
    desk = rung()
    desk.give(Abandoned([]))
    assert not end_of(desk).placed


def test_a_restart_while_the_contact_rings_is_held() -> None:
    desk = at_the_phone()
    desk.give(r.LegRinging(SECOND, 180, False))
    desk.give(Abandoned([]))
    told = end_of(desk)
    assert (told.disposition, told.placed) == ("held", True)


def test_the_agent_hangs_up_while_it_rings() -> None:
    desk = at_the_phone()
    desk.give(r.LegRinging(SECOND, 180, False))
    desk.wait(3000)
    desk.give(ended(FIRST, "completed", "callee"))
    desk.give(ended(SECOND, "cancelled", "appliance"))
    told = end_of(desk)
    assert (told.disposition, told.placed, told.rang_ms) == ("cancelled", True, 3000)
    assert told.next == Next(step="same_number", after_ms=5)
    assert desk.count("queue.connected") == 0
