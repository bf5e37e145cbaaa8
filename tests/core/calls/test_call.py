"""The call core in virtual time: what each kind of call does, in which order."""

import pytest
from msgspec.structs import replace

from edge.core.calls.actions import Send
from edge.core.calls.call import ENDING_MS, Call
from edge.core.calls.inputs import Abandoned, Elapsed, MediaLost, Reserved, Restored, Resumed, Stopped, Terms
from edge.core.menus.model import HangUp as HangUpNode
from edge.core.menus.model import Listen, Menu, Press, Wait
from edge.core.menus.sounds import with_sounds
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CommandId
from edge.vocabulary.private import Private
from tests.core.calls.desk import (
    CALL,
    FIRST,
    MENU,
    OTHER_SPAN,
    REMOTE,
    SECOND,
    SPAN,
    TERMS,
    Desk,
    ended,
    heard,
    incoming,
    media_ended,
    originate,
    recording_done,
    seat,
)


def test_answer_does_not_wait_for_an_engine_that_is_there():
    desk = Desk(incoming(engine_up=True), auto=False)
    assert [type(s.body) for s in desk.sent] == [c.OpenLeg, c.Answer]
    desk.answer()
    assert desk.types()[:2] == ["call.started", "call.answered"]
    desk.give(r.CommandDone(desk.sent[0].id))
    assert len(desk.bodies(c.Answer)) == 1
    desk.wait(60_000)
    assert desk.call.phase == "running"


def test_media_that_fails_behind_the_answer_ends_the_call():
    for how in ("refuses", "says nothing"):
        desk = Desk(incoming(engine_up=True), auto=False)
        desk.answer()
        if how == "refuses":
            desk.give(r.CommandDone(desk.sent[0].id, "no such address"))
        else:
            desk.wait(10_000)
        assert len(desk.bodies(c.HangUp)) == 1
        desk.wait(ENDING_MS)
        assert desk.call.over
        assert desk.freed == [0]


def test_an_engine_that_is_away_is_waited_for_before_the_answer():
    desk = Desk(incoming(), auto=False)
    assert [type(s.body) for s in desk.sent] == [c.OpenLeg]
    assert desk.sent[0].to == "media"
    assert desk.sent[0].id == "c1:1:1"
    desk.give(r.CommandDone(desk.sent[0].id))
    assert desk.sent[1].body == c.Answer(FIRST, seat(0).address)
    assert (desk.sent[1].to, desk.sent[1].span) == ("span", SPAN)


def test_menu_and_recording_start_at_the_ack():
    desk = Desk(incoming()).answer()
    assert desk.types() == ["call.started", "call.answered", "menu.node_entered", "recording.started"]
    assert desk.last(c.StartRecording) == c.StartRecording(FIRST, "c1-1", "/rec/2026/11/21/c1-1.wav", guarded=True)
    assert desk.last(c.Play).files == ["/prompts/hello.wav"]


def test_late_offer_waits_for_the_media_facts():
    desk = Desk(incoming(remote=None)).answer()
    assert not desk.bodies(c.Play)
    desk.give(r.LegMedia(FIRST, REMOTE))
    assert desk.bodies(c.UpdateLeg) == [c.UpdateLeg(FIRST, REMOTE)]
    assert len(desk.bodies(c.Play)) == 1


def test_late_offer_without_an_answer_ends_the_call():
    desk = Desk(incoming(remote=None)).answer()
    desk.wait(6000)
    assert desk.events[-1].end.outcome == "media_lost"


def test_caller_hangs_up_during_a_prompt():
    desk = Desk(incoming()).answer()
    desk.give(ended(FIRST))
    assert desk.types()[-3:] == ["recording.completed", "leg.quality", "call.ended"]
    assert desk.call.over
    assert desk.freed == [0]
    assert desk.events[-1].recordings == ["c1-1"]
    assert not desk.bodies(c.HangUp)


def test_menu_hangs_up():
    desk = Desk(incoming()).answer()
    desk.play_ends()
    desk.press("9")
    assert desk.bodies(c.HangUp) == [c.HangUp(FIRST, "goodbye")]
    end = desk.events[-1]
    assert (end.end.outcome, end.end.ended_by, end.end.text) == ("completed", "appliance", "goodbye")
    assert end.path == ["greet", "choose", "bye"]
    assert end.digits_by_method == {"rfc4733": 1}


@pytest.mark.parametrize(("code", "outcome"), [(404, "no_route"), (503, "no_room")])
def test_refused_call_has_one_start_and_one_end(code, outcome):
    desk = Desk(incoming(refuse=code, with_seat=False), menu=None)
    assert desk.bodies(c.Reject) == [c.Reject(FIRST, code, "")]
    assert desk.types() == ["call.started", "call.ended"]
    assert (desk.events[-1].end.outcome, desk.events[-1].end.sip_code) == (outcome, code)


def test_cancel_that_crosses_the_answer():
    desk = Desk(incoming(), auto=False)
    desk.give(r.CommandDone(desk.sent[0].id))  # Answer is on its way
    desk.give(ended(FIRST, "cancelled", "caller", 487))
    desk.give(r.LegAnswered(FIRST))
    desk.give(ended(FIRST, "span_lost", "appliance"))
    assert not desk.bodies(c.Play)
    desk.give(media_ended(FIRST))
    assert desk.types() == ["call.started", "leg.quality", "call.ended"]
    assert desk.events[-1].end.outcome == "cancelled"


def test_media_that_never_opens_refuses_the_call():
    desk = Desk(incoming(), auto=False)
    desk.wait(10_000)
    assert desk.bodies(c.Reject)[0].code == 503
    desk.wait(ENDING_MS)
    assert desk.call.over
    assert desk.freed == [0]


def test_no_process_holds_the_end_open():
    desk = Desk(incoming(), auto=False)
    desk.give(r.CommandDone(desk.sent[0].id))
    desk.answer()
    desk.give(Stopped("by hand"))
    assert not desk.call.over
    desk.wait(ENDING_MS - 1)
    assert not desk.call.over
    desk.wait(1)
    assert desk.call.over
    assert desk.types()[-1] == "call.ended"
    assert desk.count("recording.failed") == 1
    assert desk.events[-1].end.outcome == "stopped"
    assert desk.events[-1].duration_ms == 0


def test_longest_call():
    desk = Desk(incoming(terms=Terms(menu="main", max_call_ms=5000))).answer()
    desk.wait(5000)
    assert desk.events[-1].end.outcome == "max_duration"
    assert not desk.bodies(c.StartRecording)


def transferring(terms: Terms = TERMS) -> Desk:
    desk = Desk(incoming(terms=terms)).answer()
    desk.play_ends()
    desk.press("1")
    return desk


def test_transfer_is_dialled_bridged_and_ends_with_the_target():
    desk = transferring()
    assert desk.last(c.ReserveSpan).caller == Private("100")
    desk.reserve()
    assert desk.last(c.OpenLeg) == c.OpenLeg(leg=SECOND, slot=1, remote=None)
    assert desk.last(c.MakeCall) == c.MakeCall(SECOND, seat(1).address)
    assert desk.sent[-1].span == OTHER_SPAN
    desk.give(r.LegRinging(SECOND, 180, False))
    assert desk.last(c.Play).times == 0
    desk.give(r.LegMedia(SECOND, REMOTE))
    assert not desk.bodies(c.Bridge)
    desk.give(r.LegAnswered(SECOND))
    assert [type(s.body).__name__ for s in desk.sent[-3:]] == ["UpdateLeg", "StopPlay", "Bridge"]
    desk.give(ended(SECOND, "completed", "callee"))
    assert desk.types()[-6:] == [
        "leg.ended",
        "bridge.ended",
        "leg.quality",
        "recording.completed",
        "leg.quality",
        "call.ended",
    ]
    assert desk.events[-1].end.ended_by == "callee"
    assert sorted(desk.freed) == [0, 1]


@pytest.mark.parametrize("facts_first", [True, False])
def test_bridge_needs_the_answer_and_the_facts_in_any_order(facts_first):
    desk = transferring()
    desk.reserve()
    steps = [r.LegMedia(SECOND, REMOTE), r.LegAnswered(SECOND)]
    desk.give(steps[0] if facts_first else steps[1])
    assert not desk.bodies(c.Bridge)
    desk.give(steps[1] if facts_first else steps[0])
    assert desk.bodies(c.Bridge) == [c.Bridge(FIRST, SECOND)]


def test_early_media_of_a_trunk_that_nobody_is_to_hear():
    desk = transferring(replace(TERMS, own_ringing=[""]))
    desk.reserve()
    desk.give(r.LegMedia(SECOND, REMOTE))
    desk.give(r.LegRinging(SECOND, 183, True))
    assert not desk.bodies(c.Bridge)
    assert desk.last(c.Play).leg == FIRST
    desk.give(r.LegAnswered(SECOND))
    assert len(desk.bodies(c.Bridge)) == 1


def test_early_media_of_the_target_replaces_the_ringing():
    desk = transferring()
    desk.reserve()
    desk.give(r.LegRinging(SECOND, 180, False))
    ringing = desk.last(c.Play)
    desk.give(r.LegMedia(SECOND, REMOTE))
    desk.give(r.LegRinging(SECOND, 183, True))
    assert desk.last(c.StopPlay) == c.StopPlay(FIRST, ringing.play)
    assert len(desk.bodies(c.Bridge)) == 1
    desk.give(r.LegAnswered(SECOND))
    assert len(desk.bodies(c.Bridge)) == 1


def test_busy_target_goes_on_in_the_menu():
    desk = transferring()
    desk.reserve()
    desk.give(ended(SECOND, "busy", "callee", 486))
    assert desk.call.run.node == "choose"
    assert [event.node for event in desk.of(e.MenuEntered)] == ["greet", "choose", "sales", "choose"]
    desk.give(ended(FIRST))
    assert desk.call.over
    assert desk.count("leg.ended") == 1


def test_target_that_does_not_answer():
    desk = transferring()
    desk.reserve()
    desk.wait(20_000)
    assert desk.bodies(c.HangUp)[0].leg == SECOND
    second = desk.of(e.LegEnded)[0]
    assert (second.end.outcome, second.end.ended_by, second.end.sip_code) == ("no_answer", "appliance", 487)
    assert desk.call.over  # `failed` is the node that hangs up
    assert desk.events[-1].end.outcome == "completed"


def test_no_span_for_the_target():
    desk = transferring()
    desk.give(r.SpanRefused(SECOND, EndReason(outcome="no_room", ended_by="appliance")))
    assert desk.call.over
    assert not desk.bodies(c.ReleaseSpan)
    assert desk.events[-1].path[-1] == "bye"


def test_caller_hangs_up_while_the_target_is_reserved():
    desk = transferring()
    desk.give(ended(FIRST))
    assert desk.bodies(c.ReleaseSpan) == [c.ReleaseSpan(SECOND)]
    assert desk.call.over
    assert desk.freed == [0]


def test_caller_hangs_up_while_the_target_rings():
    desk = transferring()
    desk.reserve()
    desk.give(r.LegRinging(SECOND, 180, False))
    desk.give(ended(FIRST))
    assert desk.bodies(c.HangUp)[-1].leg == SECOND
    assert desk.of(e.LegEnded)[0].end.outcome == "cancelled"
    assert desk.count("call.ended") == 1
    assert desk.call.over


def test_caller_hangs_up_during_the_talk():
    desk = transferring()
    desk.reserve()
    desk.give(r.LegMedia(SECOND, REMOTE))
    desk.give(r.LegAnswered(SECOND))
    desk.give(ended(FIRST))
    assert desk.count("bridge.ended") == 1
    assert desk.of(e.LegEnded)[0].end == EndReason(outcome="completed", ended_by="caller", sip_code=487)
    assert desk.call.over


def test_reservation_that_is_never_answered_is_released():
    desk = transferring()
    desk.wait(6000)
    assert desk.bodies(c.ReleaseSpan) == [c.ReleaseSpan(SECOND)]
    assert desk.of(e.LegEnded)[0].end.outcome == "no_room"
    desk.reserve()
    assert desk.events[-1].path[-1] == "bye"


def test_digits_of_a_sensitive_node_are_nowhere():
    desk = Desk(incoming()).answer()
    desk.play_ends()
    desk.press("2")
    desk.press("1234")
    assert desk.call.run.node == "sales"
    digits = [event.digit.reveal() for event in desk.of(e.DtmfReceived)]
    assert digits == ["2", "*", "*", "*", "*"]
    assert [event.digits.reveal() for event in desk.of(e.MenuInput)] == ["2", "****"]
    hidden = [entry.input.digit.reveal() for _, entry in desk.journal if isinstance(entry.input, r.DigitHeard)]
    assert hidden == ["2", "", "", "", ""]


def test_one_key_by_three_methods_is_one_event():
    desk = Desk(incoming()).answer()
    desk.play_ends()
    start = desk.now_ms
    desk.give(heard("1", start))
    desk.give(heard("1", start + 30, "inband"))
    desk.give(r.InfoDigit(FIRST, Private("1"), 160, start + 300))
    assert desk.count("dtmf.received") == 1
    desk.give(ended(FIRST))
    assert desk.events[-1].digit_duplicates == 2


def test_missing_prompt_goes_on_with_an_event():
    desk = Desk(incoming()).answer()
    desk.play_ends("missing", "/prompts/hello.wav")
    assert desk.of(e.PromptMissing) == [e.PromptMissing(node="greet", file="/prompts/hello.wav")]
    assert desk.call.run.node == "choose"


def test_of_a_kept_copy_that_is_missing_the_authors_file_is_named():
    kept = with_sounds(MENU, {"/prompts/hello.wav": "/state/5e1f.wav"})
    desk = Desk(incoming(), menu=kept).answer()
    desk.play_ends("missing", "/state/5e1f.wav")
    told = e.PromptMissing(node="greet", file="/state/5e1f.wav", source="/prompts/hello.wav")
    assert desk.of(e.PromptMissing) == [told]


def test_play_that_media_refuses_goes_on():
    desk = Desk(incoming(), auto=False)
    desk.give(r.CommandDone(desk.sent[0].id))
    desk.answer()
    play = next(s for s in desk.sent if isinstance(s.body, c.Play))
    desk.give(r.CommandDone(play.id, "no such leg"))
    assert desk.call.run.node == "choose"


def test_play_end_of_a_replaced_play_is_ignored():
    desk = Desk(incoming()).answer()
    first = desk.last(c.Play)
    desk.play_ends()
    desk.give(r.PlayEnded(leg=FIRST, play=first.play, how="finished", played_ms=1))
    assert desk.call.run.state == "prompting"


def test_media_lost_ends_the_call():
    desk = Desk(incoming()).answer()
    desk.give(MediaLost(FIRST))
    assert desk.events[-1].end.outcome == "media_lost"
    assert desk.call.over
    assert desk.freed == [0]


def test_answer_that_the_span_refuses():
    desk = Desk(incoming(), auto=False)
    desk.give(r.CommandDone(desk.sent[0].id))
    answer = desk.sent[-1]
    desk.give(r.CommandDone(answer.id, "unknown leg"))
    desk.give(media_ended(FIRST))
    assert desk.call.over
    assert desk.events[-1].end.outcome == "failed"


def test_restart_of_the_appliance():
    desk = Desk(incoming()).answer()
    before = len(desk.sent)
    restored = Restored(
        recording="c1-1",
        path="/x.wav",
        duration_ms=900,
        gap_ms_left=None,
        gap_ms_right=None,
        size_bytes=44,
        sha256="",
        repaired=True,
    )
    desk.give(Abandoned([restored]))
    assert desk.call.over
    assert len(desk.sent) == before
    assert desk.of(e.RecordingCompleted)[0].repaired
    assert desk.events[-1].end.outcome == "appliance_restart"


def test_restart_with_nothing_left_of_the_recording():
    desk = transferring()
    desk.reserve()
    desk.give(r.LegMedia(SECOND, REMOTE))
    desk.give(r.LegAnswered(SECOND))
    desk.give(Abandoned([]))
    assert desk.types()[-4:] == ["recording.failed", "bridge.ended", "leg.ended", "call.ended"]


CALLER_MENU = Menu(
    name="script",
    version="1",
    start="hear",
    nodes={
        "hear": Listen(next="key", failed="bye"),
        "key": Press(digits="12", next="stay"),
        "stay": Wait(milliseconds=3000, next="bye"),
        "bye": HangUpNode(),
    },
)


def test_originated_call_walks_its_script():
    desk = Desk(originate(), menu=CALLER_MENU)
    desk.give(Reserved(FIRST, SPAN, seat(0)))
    assert desk.last(c.MakeCall) == c.MakeCall(FIRST, seat(0).address)
    desk.give(r.LegRinging(FIRST, 180, False))
    desk.give(r.LegMedia(FIRST, REMOTE))
    desk.answer()
    desk.give(r.SoundHeard(FIRST, True, desk.now_ms))
    assert desk.last(c.SendDigits).digits == Private("12")
    desk.give(r.DigitsSent(FIRST))
    desk.wait(3000)
    assert desk.call.over
    assert desk.events[0].direction == "outgoing"
    assert desk.events[-1].end.outcome == "completed"


def test_originated_call_that_is_refused():
    desk = Desk(originate(), menu=CALLER_MENU)
    desk.give(Reserved(FIRST, SPAN, seat(0)))
    desk.give(ended(FIRST, "busy", "callee", 486))
    assert desk.call.over
    assert (desk.events[-1].end.outcome, desk.events[-1].end.sip_code) == ("busy", 486)


def test_originated_call_without_a_span():
    desk = Desk(originate(), menu=CALLER_MENU)
    desk.wait(10_000)
    assert desk.call.over
    assert desk.events[-1].end.outcome == "no_room"


def test_an_hour_of_hold_music_is_quick_and_bounded():
    desk = Desk(incoming()).answer()
    for _ in range(200):
        desk.play_ends()
        desk.wait(5000)
        if desk.call.over:
            break
    assert desk.call.over
    assert desk.events[-1].path == ["greet", "choose", "bye"]


def test_replay_makes_the_same_call_and_the_same_commands():
    desk = transferring()
    desk.reserve()
    desk.give(ended(SECOND, "busy", "callee", 486))
    desk.play_ends()
    desk.press("2")
    desk.press("12")
    twin = Call(CALL, MENU)
    actions = [action for now_ms, entry in desk.journal for action in twin.replay(entry, now_ms)]
    assert [a.id for a in actions if hasattr(a, "id")] == [s.id for s in desk.sent]
    assert (twin.callseq, twin.inputs, twin.phase) == (desk.call.callseq, desk.call.inputs, desk.call.phase)
    assert twin.deadline == desk.call.deadline
    # The digits are gone, so the node begins again.
    again = twin.handle(Resumed(), desk.now_ms)
    assert again[0].body.files == ["/prompts/pin.wav"]


def test_inputs_after_the_end_change_nothing():
    desk = Desk(incoming()).answer()
    desk.give(ended(FIRST))
    seen = len(desk.events)
    for late in (ended(FIRST), media_ended(FIRST), recording_done(FIRST, "c1-1"), Elapsed(), incoming(), Resumed()):
        assert desk.give(late) == []
    assert len(desk.events) == seen


def test_terms_are_in_the_last_event():
    desk = Desk(incoming(terms=TERMS)).answer()
    desk.give(ended(FIRST))
    assert (desk.events[-1].menu, desk.events[-1].menu_version) == ("main", "v1")


def test_a_life_that_lost_inputs_gives_no_command_an_id_of_the_life_before():
    opened = r.CommandDone(CommandId("c1:1:1"))
    ids = []
    # The first life takes one input more, which a kill loses with the CommandDone; then the numbers would be the same.
    for between in (r.AudioStopped(FIRST, 1), Resumed()):
        call = Call(CALL, MENU)
        call.handle(incoming(), 0)
        call.handle(between, 1)
        ids += [action.id for action in call.handle(opened, 2) if isinstance(action, Send)]
    assert ids == ["c1:3:1", "c1:3r1:1"]


def test_a_call_rings_before_it_is_answered() -> None:
    for engine_up in (True, False):
        desk = Desk(incoming(terms=replace(TERMS, answer_after_ms={"demo": 3000}), engine_up=engine_up))
        assert desk.bodies(c.Ring) == [c.Ring(FIRST)]
        assert not desk.bodies(c.Answer)
        desk.wait(2999)
        assert not desk.bodies(c.Answer)
        desk.wait(1)
        assert len(desk.bodies(c.Answer)) == 1
        assert desk.answer().call.phase == "running"
    desk = Desk(incoming(terms=replace(TERMS, answer_after_ms={"demo": 3000})))
    desk.give(ended(FIRST, "cancelled"))
    desk.wait(60_000)
    assert not desk.bodies(c.Answer)
    assert desk.call.over
