"""Further legs in a talk: supervisors and conferences, in virtual time."""

import pytest
from msgspec.structs import replace

from edge.core.calls.call import Call
from edge.core.calls.inputs import Abandoned, ChangeMode, ChangeSound, Drop, Invite, Reserved, Stopped
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import LegSound
from edge.vocabulary.private import Private
from tests.core.calls.desk import CALL, FIRST, OTHER_SPAN, REMOTE, SECOND, TERMS, Desk, ended, incoming, seat
from tests.core.calls.test_key_relay import TALK, key, talking

THIRD, FOURTH = LegId("c1.3"), LegId("c1.4")


def invite(mode="listen", **more) -> Invite:
    return Invite(target=Private("sip:boss@127.0.0.1"), trunk="", caller=Private("edge"), mode=mode, **more)


def answers(desk: Desk, leg: LegId = THIRD, number: int = 2) -> None:
    """Its phone is rung and answered."""
    desk.give(Reserved(leg, OTHER_SPAN, seat(number)))
    desk.give(r.LegRinging(leg, 180, False))
    desk.give(r.LegMedia(leg, REMOTE))
    desk.give(r.LegAnswered(leg))


def joined(mode="listen", desk: Desk | None = None, **more) -> Desk:
    desk = desk or talking()
    desk.give(invite(mode, **more))
    answers(desk)
    return desk


def of_guests(desk: Desk) -> list:
    return [event for event in desk.events if "conference" in str(event.__struct_config__.tag)]


@pytest.mark.parametrize(
    ("mode", "to", "where"),
    [("listen", None, None), ("talk", None, None), ("whisper", None, SECOND), ("whisper", FIRST, FIRST)],
)
def test_a_guest_is_rung_and_joins_in_its_mode(mode, to, where):
    desk = joined(mode, to=to)
    reserved = desk.last(c.ReserveSpan)
    assert (reserved.leg, reserved.target.reveal()) == (THIRD, "sip:boss@127.0.0.1")
    assert desk.last(c.MakeCall).leg == THIRD
    assert desk.last(c.Join) == c.Join(leg=THIRD, other=FIRST, mode=mode, to=where)
    assert of_guests(desk) == [e.ConferenceJoined(leg=THIRD, mode=mode, to=where)]
    assert [event.leg for event in desk.of(e.LegAnswered)] == [SECOND, THIRD]


def test_a_guest_that_goes_leaves_the_others_alone():
    desk = joined("talk")
    desk.give(ended(THIRD, "completed", "callee"))
    assert of_guests(desk)[-1] == e.ConferenceLeft(leg=THIRD)
    assert desk.last(c.CloseLeg).leg == THIRD
    assert desk.bodies(c.Unbridge) == []
    assert desk.call.talking


@pytest.mark.parametrize("mode", ["listen", "whisper"])
def test_who_does_not_talk_goes_with_the_talk(mode):
    desk = joined(mode)
    desk.give(ended(SECOND, "completed", "callee"))
    assert desk.bodies(c.HangUp)[0].leg == THIRD
    assert of_guests(desk)[-1] == e.ConferenceLeft(leg=THIRD)
    ends = {event.leg: event.end for event in desk.of(e.LegEnded)}
    assert (ends[THIRD].outcome, ends[THIRD].text) == ("completed", "the talk is over")
    assert not desk.call.talking


def test_the_talk_goes_on_with_a_guest_who_talks():
    desk = joined("talk")
    desk.give(invite("whisper"))
    answers(desk, FOURTH, 3)
    assert desk.last(c.Join) == c.Join(leg=FOURTH, other=FIRST, mode="whisper", to=SECOND)
    desk.give(ended(SECOND, "completed", "callee"))
    assert desk.call.talking
    assert desk.bodies(c.Unbridge) == []
    assert desk.last(c.Join) == c.Join(leg=FOURTH, other=FIRST, mode="listen", to=None), "whom it whispered to has gone"
    assert desk.of(e.BridgeEnded)[-1] == e.BridgeEnded(leg=FIRST, other=SECOND)
    assert desk.of(e.BridgeStarted)[-1] == e.BridgeStarted(leg=FIRST, other=THIRD)
    desk.give(ChangeMode(FOURTH, "whisper"))
    assert desk.last(c.Join).to == THIRD, "now the one the caller talks with"
    desk.give(ended(THIRD, "completed", "callee"))
    assert desk.count("bridge.started") == desk.count("bridge.ended") == 2
    assert FOURTH in {command.leg for command in desk.bodies(c.HangUp)}
    assert not desk.call.talking


def test_dropping_the_target_leaves_the_conference():
    desk = joined("talk")
    desk.give(Drop(SECOND))
    assert desk.bodies(c.HangUp)[0].leg == SECOND
    assert desk.call.talking
    desk.give(Drop(THIRD))
    assert desk.bodies(c.HangUp)[-1].leg in {THIRD, FIRST}
    assert not desk.call.talking


def test_the_first_leg_is_not_dropped():
    desk = joined("talk")
    desk.give(Drop(FIRST))
    assert desk.call.talking


def test_the_callers_hang_up_ends_it_for_all():
    desk = joined("talk")
    desk.give(ended(FIRST))
    assert {command.leg for command in desk.bodies(c.HangUp)} == {SECOND, THIRD}
    assert desk.types()[-1] == "call.ended"
    assert desk.count("conference.left") == 1


def test_an_operator_and_the_supervisors_keys_change_the_mode():
    desk = joined("listen", supervises=True)
    for digit, mode, to in (
        ("5", "whisper", SECOND),
        ("6", "talk", None),
        ("4", "listen", None),
        ("9", "listen", None),
    ):
        key(desk, digit, "rfc4733", THIRD)
        assert desk.last(c.Join) == c.Join(leg=THIRD, other=FIRST, mode=mode, to=to)
    assert len(desk.bodies(c.Join)) == 4
    desk.give(ChangeMode(THIRD, "whisper", FIRST))
    assert desk.last(c.Join).to == FIRST
    changes = desk.of(e.ConferenceModeChanged)
    assert [change.mode for change in changes] == ["whisper", "talk", "listen", "whisper"]
    assert desk.bodies(c.SendDigits) == [], "its keys are for us"


def test_keys_of_others_change_nothing():
    desk = joined("talk")
    for leg in (FIRST, SECOND, THIRD):
        key(desk, "4", "rfc4733", leg)
    assert len(desk.bodies(c.Join)) == 1


@pytest.mark.parametrize("to", [THIRD, FOURTH, LegId("c1.9")])
def test_a_whisper_to_nobody_is_listening(to):
    desk = joined("whisper", to=to)
    assert desk.last(c.Join) == c.Join(leg=THIRD, other=FIRST, mode="listen", to=None)


def test_nobody_is_asked_into_a_call_that_does_not_talk():
    desk = Desk(incoming()).answer()
    desk.give(invite())
    assert desk.count("leg.started") == 0
    desk = talking()
    desk.give(ended(SECOND, "completed", "callee"))
    desk.give(invite())
    assert desk.count("leg.started") == 1


@pytest.mark.parametrize(
    ("until", "outcome"), [("reserving", "no_room"), ("ringing", "no_answer"), ("answered", "media_lost")]
)
def test_a_guest_that_does_not_come_is_given_up(until, outcome):
    desk = talking()
    desk.give(invite())
    if until != "reserving":
        desk.give(Reserved(THIRD, OTHER_SPAN, seat(2)))
        desk.give(r.LegRinging(THIRD, 180, False))
    if until == "answered":
        desk.give(r.LegAnswered(THIRD))
    desk.wait(31_000)
    (end,) = [event.end for event in desk.of(e.LegEnded) if event.leg == THIRD]
    assert end.outcome == outcome
    assert of_guests(desk) == []
    assert desk.call.talking


def test_without_a_slot_or_a_span_the_talk_goes_on():
    desk = talking()
    desk.give(invite())
    desk.give(Reserved(THIRD, OTHER_SPAN, None))
    desk.give(invite())
    desk.give(r.SpanRefused(FOURTH, EndReason(outcome="no_route", ended_by="appliance")))
    ends = {event.leg: event.end.outcome for event in desk.of(e.LegEnded)}
    assert ends == {THIRD: "no_room", FOURTH: "no_route"}
    assert desk.call.talking


def test_a_join_that_fails_takes_the_guest_down():
    desk = talking()
    desk.give(invite())
    desk.auto = False
    desk.give(Reserved(THIRD, OTHER_SPAN, seat(2)))
    desk.give(r.CommandDone(desk.sent[-1].id))
    desk.give(r.LegMedia(THIRD, REMOTE))
    desk.give(r.LegAnswered(THIRD))
    joining = next(send for send in desk.sent if isinstance(send.body, c.Join))
    desk.give(r.CommandDone(joining.id, "no leg"))
    assert desk.bodies(c.HangUp)[-1].leg == THIRD
    assert desk.call.talking


def test_mute_and_gain_of_any_leg():
    desk = talking()
    sound = LegSound(muted=True, gain_db=-6.0)
    desk.give(ChangeSound(SECOND, sound))
    desk.give(ChangeSound(SECOND, sound))
    assert desk.bodies(c.SetSound) == [c.SetSound(SECOND, sound)]
    (told,) = desk.of(e.LegSoundChanged)
    assert (told.leg, told.muted, told.gain_db, told.auto_level) == (SECOND, True, -6.0, False)
    desk.give(ended(SECOND, "completed", "callee"))
    desk.give(ChangeSound(SECOND, LegSound()))
    assert len(desk.bodies(c.SetSound)) == 1, "it is not there any more"


def test_quiet_callers_of_a_trunk_are_lifted():
    desk = Desk(incoming(terms=replace(TERMS, auto_level=["demo"])), menu=TALK).answer()
    assert desk.bodies(c.SetSound) == [c.SetSound(FIRST, LegSound(auto_level=True))]
    assert talking().bodies(c.SetSound) == []


@pytest.mark.parametrize("how", ["stopped", "abandoned"])
def test_all_who_joined_have_left_when_the_call_ends(how):
    desk = joined("talk")
    desk.give(Stopped("by hand") if how == "stopped" else Abandoned([]))
    assert desk.types()[-1] == "call.ended"
    assert desk.count("conference.joined") == desk.count("conference.left") == 1
    assert desk.count("leg.started") == desk.count("leg.ended") == 2
    twin = Call(CALL, TALK)
    for now_ms, entry in desk.journal:
        twin.replay(entry, now_ms)
    assert twin.callseq == desk.call.callseq
