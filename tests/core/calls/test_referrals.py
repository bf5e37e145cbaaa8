"""Peers who want another one in their place (REFER), in virtual time."""

import pytest
from msgspec.structs import replace

from edge.core.calls.inputs import MediaLost, Reserved
from edge.core.calls.succession import MOST
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from tests.core.calls.desk import FIRST, MENU, OTHER_SPAN, REMOTE, SECOND, Desk, ended, heard, incoming, seat, sound
from tests.core.calls.test_guests import invite
from tests.core.calls.test_holding import MENU as TALK_MENU
from tests.core.calls.test_holding import replays, talking

THIRD = LegId("c1.3")


def ask(desk: Desk, leg: LegId, **more) -> None:
    desk.give(r.TransferAsked(leg=leg, target=Private("300"), trunk="demo", **more))


def reserve(desk: Desk, leg: LegId = THIRD, number: int = 2) -> None:
    desk.give(Reserved(leg, OTHER_SPAN, seat(number)))


def answers(desk: Desk, leg: LegId = THIRD) -> None:
    desk.give(r.LegMedia(leg, REMOTE))
    desk.give(r.LegAnswered(leg))


def told(desk: Desk) -> list[tuple[LegId, int]]:
    return [(body.leg, body.code) for body in desk.bodies(c.TellReferrer)]


def hung_up(desk: Desk) -> list[LegId]:
    return [body.leg for body in desk.bodies(c.HangUp)]


def pairs(desk: Desk) -> list[tuple[str, LegId, LegId]]:
    of = {e.BridgeStarted: "on", e.BridgeEnded: "off"}
    return [(of[type(one)], one.leg, one.other) for one in desk.events if type(one) in of]


def test_the_partner_is_sent_on_and_the_talk_lasts_until_then():
    desk = talking()
    ask(desk, SECOND, replaces=Private("x;to-tag=1;from-tag=2"))
    assert desk.of(e.TransferRequested) == [e.TransferRequested(leg=SECOND, target=Private("300"), attended=True)]
    dialled = desk.last(c.ReserveSpan)
    assert (dialled.leg, dialled.target, dialled.trunk, dialled.replaces.reveal()) == (
        THIRD, Private("300"), "demo", "x;to-tag=1;from-tag=2",
    )  # fmt: skip
    assert dialled.caller == Private("100"), "the target sees who is sent to it"
    reserve(desk)
    desk.give(r.LegRinging(THIRD, 180, False))
    desk.give(r.LegRinging(THIRD, 180, False))
    assert desk.call.talking
    assert told(desk) == [(SECOND, 180)]
    answers(desk)
    assert told(desk)[1:] == [(SECOND, 200)]
    assert desk.last(c.Join) == c.Join(leg=THIRD, other=FIRST)
    assert hung_up(desk) == [SECOND]
    assert pairs(desk) == [("on", FIRST, SECOND), ("off", FIRST, SECOND), ("on", FIRST, THIRD)]
    assert desk.of(e.TransferCompleted) == [e.TransferCompleted(leg=SECOND, to=THIRD)]
    assert desk.call.talking
    desk.give(heard("5", desk.now_ms, "rfc4733", FIRST))
    assert desk.last(c.SendDigits).leg == THIRD, "keys go to whom it talks with"
    desk.give(ended(THIRD, by="callee"))
    assert desk.call.run.node == "again", "as after any talk"
    replays(desk)


def test_nobody_comes_and_the_talk_goes_on():
    for how, code in (("busy", 486), ("no answer", 480), ("refused", 404), ("no room", 503)):
        desk = talking()
        ask(desk, SECOND)
        if how == "refused":
            desk.give(r.SpanRefused(THIRD, EndReason(outcome="no_route", ended_by="appliance")))
        elif how == "no room":
            desk.give(Reserved(THIRD, OTHER_SPAN, None))
        else:
            reserve(desk)
            if how == "busy":
                desk.give(ended(THIRD, "busy", "callee", 486))
            else:
                desk.give(r.LegRinging(THIRD, 180, False))
                desk.wait(22_000)
        assert told(desk)[-1] == (SECOND, code), how
        assert [(one.leg, one.sip_code) for one in desk.of(e.TransferFailed)] == [(SECOND, code)]
        assert desk.call.talking
        assert SECOND not in hung_up(desk)
        ask(desk, SECOND)
        assert desk.last(c.ReserveSpan).leg == "c1.4", "it may try again"
        replays(desk)


def test_who_asked_hangs_up_at_once():
    """As most telephones do: the caller hears ringing and then the target."""
    menu = replace(
        TALK_MENU,
        nodes={**TALK_MENU.nodes, "sales": replace(TALK_MENU.nodes["sales"], ringing=[sound("ring")])},
    )
    desk = talking(menu=menu)
    ask(desk, SECOND)
    reserve(desk)
    desk.give(ended(SECOND, by="callee"))
    assert desk.call.run.node == "sales"
    ringing = desk.last(c.Play)
    assert (ringing.leg, ringing.files, ringing.times) == (FIRST, [sound("ring").path], 0)
    assert not desk.call.talking
    answers(desk)
    assert desk.last(c.StopPlay) == c.StopPlay(FIRST, ringing.play)
    assert pairs(desk)[1:] == [("off", FIRST, SECOND), ("on", FIRST, THIRD)]
    assert not told(desk), "it does not listen any more"
    assert desk.call.talking
    replays(desk, menu)


def test_who_asked_hangs_up_and_nobody_comes():
    desk = talking()
    ask(desk, SECOND)
    reserve(desk)
    desk.give(ended(SECOND, by="callee"))
    desk.give(ended(THIRD, "busy", "callee", 486))
    assert desk.call.run.node == "bye", "as a transfer that failed"
    assert [one.sip_code for one in desk.of(e.TransferFailed)] == [486]
    assert desk.call.over
    replays(desk)


def test_the_caller_hangs_up_meanwhile():
    for early in (False, True):
        desk = talking()
        ask(desk, SECOND)
        reserve(desk)
        if early:
            desk.give(ended(SECOND, by="callee"))
        desk.give(ended(FIRST))
        assert THIRD in hung_up(desk)
        assert [one.outcome for one in desk.of(e.TransferFailed)] == ["cancelled"]
        assert desk.call.over
        assert desk.types()[-1] == "call.ended"
        replays(desk)


def test_the_partner_of_a_caller_who_asked_goes_on_as_the_call():
    desk = talking()
    ask(desk, FIRST)
    reserve(desk)
    answers(desk)
    assert desk.last(c.Join) == c.Join(leg=THIRD, other=SECOND)
    assert hung_up(desk) == [FIRST]
    assert pairs(desk)[1:] == [("off", FIRST, SECOND), ("on", THIRD, SECOND)]
    stopped, began = desk.last(c.StopRecording), desk.last(c.StartRecording)
    assert (stopped.leg, stopped.recording) == (FIRST, "c1-1")
    assert (began.leg, began.recording, began.path) == (THIRD, "c1-2", "/rec/2026/11/21/c1-2.wav")
    assert [one.leg for one in desk.of(e.LegEnded)] == [FIRST], "it is not the end of the call"
    assert not desk.call.over
    assert desk.freed == [0]
    desk.give(ended(THIRD, by="callee"))
    assert desk.call.over
    assert desk.events[-1].recordings == ["c1-1", "c1-2"]
    assert desk.count("recording.completed") == 2
    assert sorted(desk.freed) == [0, 1, 2]
    replays(desk)


def test_a_caller_who_asked_hangs_up_at_once():
    desk = talking()
    ask(desk, FIRST)
    reserve(desk)
    desk.give(ended(FIRST))
    assert not desk.call.over
    answers(desk)
    assert pairs(desk)[1:] == [("off", FIRST, SECOND), ("on", THIRD, SECOND)]
    assert desk.count("recording.completed") == 1
    desk.give(ended(SECOND, by="callee"))
    assert desk.call.run.node == "again", "the menu is the new one's"
    assert desk.last(c.Play).leg == THIRD
    replays(desk)


@pytest.mark.parametrize("who", [SECOND, THIRD])
def test_a_caller_who_asked_has_left_and_so_does_the_other(who):
    desk = talking()
    ask(desk, FIRST)
    reserve(desk)
    desk.give(ended(FIRST))
    desk.give(ended(who, "busy", "callee", 486))
    assert desk.call.over
    assert desk.events[-1].end.outcome in {"busy", "rejected"}
    replays(desk)


def test_a_caller_in_the_menu_has_another_one_take_its_place_there():
    desk = Desk(incoming()).answer()
    desk.play_ends()
    ask(desk, FIRST)
    reserve(desk, SECOND, 1)
    answers(desk, SECOND)
    assert desk.call.run.node == "choose"
    assert desk.last(c.Play).leg == SECOND
    assert hung_up(desk) == [FIRST]
    desk.give(heard("9", desk.now_ms, "rfc4733", SECOND))
    assert desk.call.run.node == "bye"
    replays(desk, MENU)


def test_what_cannot_be_done_is_told():
    desk = talking()
    ask(desk, SECOND)
    ask(desk, FIRST)
    assert told(desk) == [(FIRST, 491)]
    desk = talking()
    desk.give(invite())
    ask(desk, SECOND)
    assert told(desk) == [(SECOND, 603)]
    assert [(one.leg, one.outcome, one.sip_code) for one in desk.of(e.TransferFailed)] == [(SECOND, "rejected", 603)]
    desk = Desk(incoming(), menu=TALK_MENU).answer()
    ask(desk, FIRST)
    assert told(desk) == [(FIRST, 491)], "the menu's own transfer is not answered yet"


def test_two_who_send_each_other_calls_come_to_an_end():
    desk = talking()
    for number in range(MOST):
        ask(desk, SECOND)
        desk.give(ended(LegId(f"c1.{3 + number}"), "busy", "callee", 486))
    ask(desk, SECOND)
    assert told(desk)[-1] == (SECOND, 482)
    assert len(desk.bodies(c.ReserveSpan)) == 1 + MOST


def test_media_has_lost_who_asked():
    desk = talking()
    ask(desk, SECOND)
    reserve(desk)
    desk.give(MediaLost(SECOND))
    assert THIRD in hung_up(desk)
    assert desk.call.run.node == "again", "as after any talk"
    replays(desk)
