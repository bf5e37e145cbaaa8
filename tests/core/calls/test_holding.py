"""Hold: whose peer holds, and who hears music meanwhile, in virtual time."""

import pytest
from msgspec.structs import replace

from edge.core.calls.call import Call
from edge.core.calls.inputs import (
    Abandoned,
    Announce,
    ChangeMode,
    ChangeSound,
    Drop,
    Elapsed,
    MediaLost,
    PutOnHold,
    Reserved,
    Resumed,
)
from edge.core.menus.model import Announcement, Gather, HangUp, Menu, Transfer
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import LegSound
from tests.core.calls.desk import CALL, FIRST, OTHER_SPAN, REMOTE, SECOND, TERMS, Desk, ended, incoming, seat, sound
from tests.core.calls.test_guests import answers, invite
from tests.core.calls.test_key_relay import TALK

THIRD = LegId("c1.3")
MUSIC = "/music/hold.wav"
HELD = replace(REMOTE, direction="sendonly")
WITH_MUSIC = replace(TERMS, hold_music={"": MUSIC})

MENU = Menu(
    name="talk",
    version="1",
    start="sales",
    nodes={
        "sales": Transfer(target="sip:sales@127.0.0.1", failed="bye", after="again"),
        "again": Gather(prompt=[sound("again")], choices={"1": "sales"}, failed="bye"),
        "bye": HangUp("goodbye"),
    },
)
SAYING = replace(
    MENU,
    nodes={
        **MENU.nodes,
        "sales": Transfer(
            target="sip:sales@127.0.0.1", failed="bye", after="again",
            announcement=Announcement(sounds=[sound("recorded")], every_ms=15_000),
        ),
    },
)  # fmt: skip


def talking(terms=WITH_MUSIC, menu=MENU, there=REMOTE) -> Desk:
    desk = Desk(incoming(terms=terms), menu=menu).answer()
    desk.reserve()
    desk.give(r.LegMedia(SECOND, there))
    desk.give(r.LegAnswered(SECOND))
    assert desk.last(c.Bridge) == c.Bridge(FIRST, SECOND)
    return desk


def hold(desk: Desk, leg: LegId = SECOND, direction="sendonly", **more) -> None:
    desk.give(r.LegMedia(leg, replace(REMOTE, direction=direction, **more)))


def resume(desk: Desk, leg: LegId = SECOND) -> None:
    desk.give(r.LegMedia(leg, REMOTE))


def hears_music(desk: Desk) -> set[LegId]:
    """Legs whose newest play is music that was not stopped."""
    playing: dict[LegId, c.Play] = {}
    for send in desk.sent:
        if isinstance(send.body, c.Play):
            playing[send.body.leg] = send.body
        elif isinstance(send.body, c.StopPlay) and getattr(playing.get(send.body.leg), "play", "") == send.body.play:
            del playing[send.body.leg]
        elif isinstance(send.body, c.CloseLeg):
            playing.pop(send.body.leg, None)
    return {leg for leg, play in playing.items() if play.files == [MUSIC]}


def told(desk: Desk) -> list:
    return [event for event in desk.events if isinstance(event, e.LegHeld | e.LegResumed)]


def replays(desk: Desk, menu=MENU) -> None:
    twin = Call(CALL, menu)
    actions = [action for now_ms, entry in desk.journal for action in twin.replay(entry, now_ms)]
    assert [(a.id, a.body) for a in actions if hasattr(a, "id")] == [(s.id, s.body) for s in desk.sent]
    assert twin.callseq == desk.call.callseq


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
@pytest.mark.parametrize(("held", "listener"), [(SECOND, FIRST), (FIRST, SECOND)])
def test_the_other_side_hears_music_from_its_start_until_it_is_resumed(held, listener, direction):
    desk = talking()
    hold(desk, held, direction)
    play = desk.last(c.Play)
    assert (play.leg, play.files, play.times, play.mix, play.barge_in) == (listener, [MUSIC], 0, False, False)
    assert hears_music(desk) == {listener}
    desk.now_ms += 7000
    resume(desk, held)
    assert desk.last(c.StopPlay) == c.StopPlay(listener, play.play)
    assert told(desk) == [e.LegHeld(leg=held, direction=direction), e.LegResumed(leg=held, held_ms=7000)]
    assert desk.call.talking
    hold(desk, held, direction)
    assert desk.last(c.Play).play != play.play, "a play of its own: from the start"
    replays(desk)


def test_each_trunk_has_its_own_and_none_is_none():
    by_trunk = {"demo": "/music/demo.wav", "": MUSIC}
    desk = talking(replace(TERMS, hold_music=by_trunk))
    hold(desk)
    assert desk.last(c.Play).files == ["/music/demo.wav"], "of the trunk that hears it"
    resume(desk)
    hold(desk, FIRST)
    assert desk.last(c.Play).files == [MUSIC], "the other leg was dialled by no trunk"
    desk = Desk(incoming(terms=replace(TERMS, hold_music={"found": "", "": MUSIC})), menu=MENU).answer()
    desk.give(Reserved(SECOND, OTHER_SPAN, seat(1), trunk="found"))
    desk.give(r.LegMedia(SECOND, REMOTE))
    desk.give(r.LegAnswered(SECOND))
    hold(desk, FIRST)
    assert desk.bodies(c.Play) == [], "front found its trunk by the address, and that has none"
    for terms in (TERMS, replace(TERMS, hold_music={"demo": "", "": MUSIC})):
        desk = talking(terms)
        hold(desk)
        assert desk.bodies(c.Play) == []
        assert [type(event) for event in told(desk)] == [e.LegHeld]


def test_who_never_could_hear_does_not_hold():
    desk = talking(there=HELD)  # an announcement server answers so
    assert told(desk) == []
    hold(desk, SECOND, "inactive")
    assert told(desk) == []
    resume(desk)
    hold(desk)
    assert hears_music(desk) == {FIRST}


def test_early_media_is_no_hold():
    desk = Desk(incoming(terms=WITH_MUSIC), menu=MENU).answer()
    desk.reserve()
    desk.give(r.LegMedia(SECOND, HELD))
    desk.give(r.LegRinging(SECOND, 183, True))
    assert desk.bodies(c.Bridge)
    assert (told(desk), desk.bodies(c.Play)) == ([], [])
    resume(desk)
    hold(desk)
    assert told(desk) == [], "nobody has answered"
    desk.give(r.LegAnswered(SECOND))
    assert hears_music(desk) == {FIRST}


def test_hold_of_both_sides_at_once():
    desk = talking()
    hold(desk, FIRST)
    hold(desk, SECOND)
    assert hears_music(desk) == set(), "neither can hear anything"
    resume(desk, FIRST)
    assert hears_music(desk) == {FIRST}
    first = desk.last(c.Play).play
    hold(desk, FIRST)
    resume(desk, SECOND)
    assert hears_music(desk) == {SECOND}
    resume(desk, FIRST)
    assert hears_music(desk) == set()
    words = [str(event.__struct_config__.tag).removeprefix("leg.") for event in told(desk)]
    assert words == ["held", "held", "resumed", "held", "resumed", "resumed"]
    assert first in {stop.play for stop in desk.bodies(c.StopPlay)}
    replays(desk)


def test_another_codec_or_address_with_hold_and_while_held():
    desk = talking()
    hold(desk, codec="PCMA", payload_type=8)
    update = desk.last(c.UpdateLeg)
    assert (update.leg, update.remote.codec, update.remote.direction) == (SECOND, "PCMA", "sendonly")
    plays = len(desk.bodies(c.Play))
    hold(desk, codec="G722", payload_type=9)
    hold(desk, direction="inactive")
    assert len(desk.bodies(c.Play)) == plays, "the music goes on"
    assert len(told(desk)) == 1
    assert hears_music(desk) == {FIRST}
    desk.give(r.LegMedia(FIRST, replace(REMOTE, codec="G722", payload_type=9)))
    assert hears_music(desk) == {FIRST}
    assert len(desk.bodies(c.Play)) == plays
    desk.give(r.LegMedia(SECOND, replace(REMOTE, codec="PCMA", payload_type=8)))
    assert hears_music(desk) == set()


def test_the_one_who_holds_hangs_up():
    desk = talking()
    hold(desk)
    music = desk.last(c.Play)
    desk.give(ended(SECOND, "completed", "callee"))
    assert music.play in {stop.play for stop in desk.bodies(c.StopPlay)}
    assert desk.last(c.Play).files == ["/prompts/again.wav"], "the menu goes on"
    assert told(desk) == [e.LegHeld(leg=SECOND, direction="sendonly")]
    replays(desk)


def test_the_one_who_hears_music_hangs_up():
    desk = talking()
    hold(desk)
    desk.give(ended(FIRST))
    assert desk.types()[-1] == "call.ended"
    assert len(told(desk)) == 1
    desk = talking()
    hold(desk, FIRST)
    desk.give(ended(SECOND, "completed", "callee"))
    assert [s.body.leg for s in desk.sent if isinstance(s.body, c.StopPlay)] == [], "its media is closed already"
    assert desk.call.first.held
    desk.press("1")
    desk.reserve(THIRD, 2)
    desk.give(r.LegMedia(THIRD, REMOTE))
    desk.give(r.LegAnswered(THIRD))
    assert hears_music(desk) == {THIRD}, "transferred while it holds"
    resume(desk, FIRST)
    assert hears_music(desk) == set()


def test_the_caller_holds_while_the_target_rings():
    desk = Desk(incoming(terms=WITH_MUSIC), menu=MENU).answer()
    desk.reserve()
    desk.give(r.LegRinging(SECOND, 180, False))
    hold(desk, FIRST)
    assert told(desk) == [e.LegHeld(leg=FIRST, direction="sendonly")]
    assert hears_music(desk) == set()
    desk.give(r.LegMedia(SECOND, REMOTE))
    desk.give(r.LegAnswered(SECOND))
    assert hears_music(desk) == {SECOND}


def test_a_guest_who_talks_ends_the_music_and_its_leaving_brings_it_back():
    desk = talking()
    hold(desk)
    desk.give(invite("talk"))
    assert hears_music(desk) == {FIRST}, "it rings"
    answers(desk)
    assert hears_music(desk) == set()
    desk.give(ended(THIRD, "completed", "callee"))
    assert hears_music(desk) == {FIRST}
    replays(desk)


def test_a_conference_hears_no_music_neither_ours_nor_that_of_who_holds():
    desk = talking()
    desk.give(invite("talk"))
    answers(desk)
    plays = len(desk.bodies(c.Play))
    hold(desk)
    assert len(desk.bodies(c.Play)) == plays
    assert desk.last(c.SetSound) == c.SetSound(SECOND, LegSound(muted=True))
    desk.give(ChangeSound(SECOND, LegSound(gain_db=-6.0)))
    assert desk.last(c.SetSound) == c.SetSound(SECOND, LegSound(gain_db=-6.0, muted=True))
    assert desk.of(e.LegSoundChanged)[-1].muted is False, "what an operator set"
    resume(desk)
    assert desk.last(c.SetSound) == c.SetSound(SECOND, LegSound(gain_db=-6.0))
    hold(desk, THIRD)
    assert desk.last(c.SetSound) == c.SetSound(THIRD, LegSound(muted=True))
    desk.give(Drop(SECOND))
    assert hears_music(desk) == {FIRST}, "two are left, one holds"
    assert desk.last(c.SetSound) == c.SetSound(THIRD, LegSound())
    replays(desk)


def test_an_operators_mute_stays_when_the_hold_is_over():
    desk = talking()
    desk.give(invite("talk"))
    answers(desk)
    hold(desk)
    desk.give(ChangeSound(SECOND, LegSound(muted=True)))
    sounds = len(desk.bodies(c.SetSound))
    resume(desk)
    assert len(desk.bodies(c.SetSound)) == sounds
    assert desk.last(c.SetSound) == c.SetSound(SECOND, LegSound(muted=True))


@pytest.mark.parametrize("mode", ["listen", "whisper"])
def test_a_supervisor_does_not_change_what_the_caller_hears(mode):
    desk = talking()
    desk.give(invite(mode, supervises=True))
    answers(desk)
    hold(desk)
    assert hears_music(desk) == {FIRST}
    assert desk.bodies(c.SetSound) == []
    desk.give(ChangeMode(THIRD, "whisper", FIRST))
    assert hears_music(desk) == set(), "somebody speaks to it"
    desk.give(ChangeMode(THIRD, "listen"))
    assert hears_music(desk) == {FIRST}
    resume(desk)
    hold(desk, FIRST)
    assert hears_music(desk) == {SECOND}


def test_music_that_an_engine_lost_begins_anew_and_unreadable_music_does_not():
    desk = talking()
    hold(desk)
    first = desk.last(c.Play)
    desk.give(r.PlayEnded(leg=FIRST, play=first.play, how="stopped", played_ms=4000))
    again = desk.last(c.Play)
    assert again.play != first.play
    assert hears_music(desk) == {FIRST}
    desk.give(r.PlayEnded(leg=FIRST, play=first.play, how="stopped", played_ms=4000))
    desk.give(r.PlayEnded(leg=FIRST, play=again.play, how="missing", played_ms=0, file=MUSIC))
    desk.give(r.PlayEnded(leg=FIRST, play=again.play, how="finished", played_ms=0))
    assert desk.last(c.Play) == again
    assert desk.of(e.PromptMissing) == [e.PromptMissing(node="sales", file=MUSIC)]
    resume(desk)
    hold(desk)
    assert desk.last(c.Play) != again, "the next hold tries again"
    replays(desk)


def test_a_new_life_of_switch_and_the_loss_of_media():
    desk = talking()
    hold(desk)
    plays = len(desk.bodies(c.Play))
    desk.give(Resumed())
    assert len(desk.bodies(c.Play)) == plays, "it plays on; what was not done is sent again by its id"
    resume(desk)
    assert hears_music(desk) == set()
    hold(desk)
    desk.give(MediaLost(SECOND))
    assert not desk.call.talking
    assert desk.last(c.Play).files == ["/prompts/again.wav"]
    desk = talking()
    hold(desk)
    desk.give(Abandoned([]))
    assert desk.types()[-1] == "call.ended"
    replays(desk)


# --- audio that is missing ----------------------------------------------------------------------------------------


def missing(desk: Desk) -> list:
    return [event for event in desk.events if isinstance(event, e.AudioStopped | e.AudioResumed)]


def test_a_phone_that_holds_may_be_silent():
    desk = talking()
    hold(desk)
    desk.give(r.AudioStopped(SECOND, 30_000))
    desk.give(r.AudioStopped(FIRST, 30_000))
    assert missing(desk) == [e.AudioStopped(leg=FIRST, silent_ms=30_000)], "this one does not hold"
    resume(desk)
    desk.wait(4999)
    desk.give(r.AudioResumed(leg=SECOND, fault="no_packets", missing_ms=40_000))
    desk.wait(60_000)
    assert len(missing(desk)) == 1


def test_a_phone_that_stays_silent_after_its_hold_is_told():
    desk = talking()
    hold(desk)
    desk.give(r.AudioStopped(SECOND, 30_000))
    desk.give(r.AudioStopped(SECOND, 30_000))
    resume(desk)
    hold(desk)
    desk.wait(6000)
    assert missing(desk) == [], "it holds again"
    resume(desk)
    desk.wait(4999)
    assert missing(desk) == []
    desk.wait(1)
    assert missing(desk) == [e.AudioStopped(leg=SECOND, silent_ms=30_000)]
    desk.give(r.AudioResumed(leg=SECOND, fault="no_packets", missing_ms=50_000))
    assert missing(desk)[1:] == [e.AudioResumed(leg=SECOND, missing_ms=50_000, fault="no_packets")]
    hold(desk)
    desk.give(r.AudioStopped(SECOND, 30_000))
    resume(desk)
    desk.give(ended(SECOND, "completed", "callee"))
    desk.wait(6000)
    assert len(missing(desk)) == 2, "it has gone"
    replays(desk)


# --- announcements ------------------------------------------------------------------------------------------------


def said(desk: Desk) -> list[LegId]:
    """Legs that an announcement was played to, in order."""
    return [play.leg for play in desk.bodies(c.Play) if play.mix]


def test_an_announcement_is_mixed_over_the_talk_from_its_beginning_again_and_again():
    desk = talking(menu=SAYING)
    assert said(desk) == [FIRST, SECOND]
    play = desk.last(c.Play)
    assert (play.files, play.times, play.mix, play.duck_db) == (["/prompts/recorded.wav"], 1, True, 12)
    desk.wait(14_999)
    assert said(desk) == [FIRST, SECOND]
    desk.wait(1)
    assert said(desk) == [FIRST, SECOND] * 2
    for one in desk.bodies(c.Play):
        desk.give(r.PlayEnded(leg=one.leg, play=one.play, how="finished", played_ms=900))
    desk.wait(30_000)
    assert said(desk) == [FIRST, SECOND] * 4
    assert len({play.play for play in desk.bodies(c.Play)}) == 8
    replays(desk, SAYING)


@pytest.mark.parametrize(("to", "hearers"), [("caller", [FIRST]), ("target", [SECOND]), ("both", [FIRST, SECOND])])
def test_an_announcement_that_is_for_one_and_once(to, hearers):
    nodes = {
        "sales": replace(TALK.nodes["sales"], announcement=Announcement(sounds=[sound("x")], to=to, duck_db=20)),
        "keys": HangUp("bye"),
    }
    desk = talking(menu=replace(TALK, nodes=nodes))
    assert said(desk) == hearers
    assert desk.last(c.Play).duck_db == 20
    desk.wait(600_000)
    assert said(desk) == hearers


def test_nothing_is_announced_before_the_answer():
    desk = Desk(incoming(), menu=SAYING).answer()
    desk.reserve()
    desk.give(r.LegMedia(SECOND, REMOTE))
    desk.give(r.LegRinging(SECOND, 183, True))
    assert desk.bodies(c.Bridge)
    assert said(desk) == []
    desk.give(r.LegAnswered(SECOND))
    assert said(desk) == [FIRST, SECOND]


def test_an_announcement_waits_while_somebody_holds():
    desk = talking(menu=SAYING)
    hold(desk)
    assert hears_music(desk) == {FIRST}
    desk.wait(60_000)
    assert said(desk) == [FIRST, SECOND]
    assert hears_music(desk) == {FIRST}
    resume(desk)
    assert said(desk) == [FIRST, SECOND] * 2, "it was time meanwhile"
    desk.wait(15_000)
    assert said(desk) == [FIRST, SECOND] * 3


def test_a_conference_hears_announcements_but_who_holds_or_only_listens():
    desk = talking(menu=SAYING)
    desk.give(invite("talk"))
    answers(desk)
    desk.wait(15_000)
    assert said(desk)[2:] == [FIRST, SECOND, THIRD]
    hold(desk)
    desk.wait(15_000)
    assert said(desk)[5:] == [FIRST, THIRD]
    desk.give(ChangeMode(THIRD, "listen"))
    resume(desk)
    desk.wait(15_000)
    assert said(desk)[7:] == [FIRST, SECOND]


def test_announcements_end_with_the_talk_and_begin_with_the_next():
    desk = talking(menu=SAYING)
    last = desk.last(c.Play)
    desk.give(ended(SECOND, "completed", "callee"))
    stopped = desk.bodies(c.StopPlay)
    assert [stop.leg for stop in stopped] == [FIRST]
    assert last.play not in {stop.play for stop in stopped}, "the other leg is closed"
    desk.give(Elapsed())
    desk.wait(3000)
    assert len(said(desk)) == 2
    desk.press("1")
    desk.reserve(THIRD, 2)
    desk.give(r.LegMedia(THIRD, REMOTE))
    desk.give(r.LegAnswered(THIRD))
    assert said(desk)[2:] == [FIRST, THIRD]
    desk.give(ended(FIRST))
    assert desk.call.over
    replays(desk, SAYING)


def say(desk: Desk, to="both") -> None:
    desk.give(Announce(Announcement(sounds=[sound("ask")], to=to, duck_db=6)))


def test_an_operators_announcement_is_said_once_and_goes_before_that_of_the_menu():
    desk = talking(menu=SAYING)
    say(desk, "target")
    play = desk.last(c.Play)
    assert (play.leg, play.files, play.mix, play.duck_db) == (SECOND, ["/prompts/ask.wav"], True, 6)
    hold(desk)
    desk.wait(20_000)
    say(desk)
    assert len(said(desk)) == 3
    resume(desk)
    assert [p.files for p in desk.bodies(c.Play)[-2:]] == [["/prompts/ask.wav"]] * 2
    desk.wait(14_999)
    assert len(said(desk)) == 5, "the menu's is not said on top of it"
    desk.wait(1)
    assert [p.files for p in desk.bodies(c.Play)[-2:]] == [["/prompts/recorded.wav"]] * 2
    replays(desk, SAYING)


def test_an_operators_announcement_that_waits_goes_with_the_talk():
    desk = talking()
    hold(desk)
    say(desk)
    desk.give(ended(SECOND, "completed", "callee"))
    desk.press("1")
    say(desk)
    desk.reserve(THIRD, 2)
    desk.give(r.LegMedia(THIRD, REMOTE))
    desk.give(r.LegAnswered(THIRD))
    assert said(desk) == []
    say(desk)
    assert said(desk) == [FIRST, THIRD]
    last = next(play for play in reversed(desk.bodies(c.Play)) if play.leg == FIRST)
    desk.give(ended(THIRD, "completed", "callee"))
    assert c.StopPlay(FIRST, last.play) in desk.bodies(c.StopPlay)
    replays(desk)


def test_a_missing_announcement_is_told_and_changes_nothing():
    desk = talking(menu=SAYING)
    play = desk.last(c.Play)
    file = "/prompts/recorded.wav"
    desk.give(r.PlayEnded(leg=SECOND, play=play.play, how="missing", played_ms=0, file=file))
    desk.give(r.PlayEnded(leg=SECOND, play=play.play, how="finished", played_ms=0))
    assert desk.of(e.PromptMissing) == [e.PromptMissing(node="sales", file=file)]
    assert desk.call.talking
    desk.wait(15_000)
    assert len(said(desk)) == 4


# --- by us ------------------------------------------------------------------------------------------------------------


def put_on_hold(desk: Desk, leg: LegId = FIRST, on: bool = True) -> None:
    desk.give(PutOnHold(leg, on))


def agrees(desk: Desk, leg: LegId = FIRST, direction="recvonly", error=None) -> None:
    """The peer's answer, then the end of the command."""
    if error is None:
        desk.give(r.LegMedia(leg, replace(REMOTE, direction=direction)))
    command = [send for send in desk.sent if isinstance(send.body, c.Hold) and send.body.leg == leg][-1]
    desk.give(r.CommandDone(command.id, error))


def calm(desk: Desk) -> Desk:
    """From now on commands are not done by themselves."""
    desk.auto = False
    return desk


@pytest.mark.parametrize("leg", [FIRST, SECOND])
def test_who_is_put_on_hold_hears_music_and_is_heard_by_nobody(leg):
    desk = calm(talking())
    put_on_hold(desk, leg)
    assert desk.last(c.Hold) == c.Hold(leg, "sendonly")
    assert not hears_music(desk), "not before its peer has agreed"
    put_on_hold(desk, leg, False)
    assert len(desk.bodies(c.Hold)) == 1, "one at a time"
    agrees(desk, leg)
    assert hears_music(desk) == {leg}
    assert desk.last(c.SetSound) == c.SetSound(leg, LegSound(muted=True))
    assert told(desk) == [e.LegHeld(leg=leg, direction="sendonly", by="appliance")]
    desk.now_ms += 3000
    put_on_hold(desk, leg, False)
    assert desk.last(c.Hold) == c.Hold(leg, "sendrecv")
    agrees(desk, leg, "sendrecv")
    assert not hears_music(desk)
    assert desk.last(c.SetSound) == c.SetSound(leg, LegSound())
    assert told(desk)[1:] == [e.LegResumed(leg=leg, held_ms=3000, by="appliance")]
    replays(desk)


def test_without_music_nothing_is_sent_and_that_is_no_hold_of_the_peer():
    desk = calm(talking(TERMS))
    put_on_hold(desk)
    assert desk.last(c.Hold) == c.Hold(FIRST, "inactive")
    agrees(desk, direction="inactive")
    assert told(desk) == [e.LegHeld(leg=FIRST, direction="inactive", by="appliance")]
    assert not desk.call.first.held
    hold(desk, FIRST, "sendonly")
    assert told(desk)[-1] == e.LegHeld(leg=FIRST, direction="sendonly"), "its own hold, on top"
    replays(desk)


def test_a_peer_that_refuses_is_not_held():
    desk = calm(talking())
    put_on_hold(desk)
    agrees(desk, error="the peer refused it: 488")
    failed = e.LegHoldFailed(leg=FIRST, hold=True, why="the peer refused it: 488")
    assert desk.of(e.LegHoldFailed) == [failed]
    assert not hears_music(desk)
    assert not desk.call.first.on_hold
    put_on_hold(desk)
    assert len(desk.bodies(c.Hold)) == 2, "it may be asked again"
    replays(desk)


def test_the_end_of_the_talk_resumes_it():
    desk = calm(talking())
    put_on_hold(desk)
    agrees(desk)
    desk.give(ended(SECOND, by="callee"))
    assert desk.last(c.Hold) == c.Hold(FIRST, "sendrecv")
    agrees(desk, direction="sendrecv")
    assert [type(event) for event in told(desk)] == [e.LegHeld, e.LegResumed]
    replays(desk)


def test_nobody_is_put_on_hold_in_a_menu():
    desk = Desk(incoming()).answer()
    put_on_hold(desk)
    assert not desk.bodies(c.Hold)
