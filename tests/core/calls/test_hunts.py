"""Looking for somebody among several targets, and what a target is told before it is connected, in virtual time."""

import itertools

import pytest
from msgspec.structs import replace

from edge.core.calls.actions import AskHunt, HuntTaken
from edge.core.calls.call import Call
from edge.core.calls.inputs import Abandoned, Drop, HuntTold, Reserved, Resumed
from edge.core.menus.model import Gather, HangUp, Menu, Sound, Target, Transfer, Whisper
from edge.core.menus.words import StopDialling
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import FRONT, CallId, LegId
from edge.vocabulary.private import Private
from tests.core.calls.desk import CALL, FIRST, OTHER_SPAN, REMOTE, Desk, ended, heard, incoming, seat, sound

A, B, C = (Target(target=f"sip:{name}@127.0.0.1", ring_timeout_ms=ms) for name, ms in
           (("a", 10_000), ("b", 15_000), ("c", 20_000)))  # fmt: skip
TOLD = Whisper(sounds=[sound("for-sales")], accept="1", decline="2", accept_timeout_ms=8000)
SAID = Whisper(sounds=[sound("for-sales")])


def leg(number: int) -> LegId:
    return LegId(f"c1.{number}")


def hunting(*targets: Target, whisper: Whisper | None = None, **more) -> Desk:
    """A caller whose menu dials these targets; the first of them has the leg c1.2."""
    node = Transfer(
        targets=list(targets or (A, B, C)),
        ringing=[sound("ring")],
        whisper=whisper,
        on_outcome={name: name for name in ("busy", "no_answer", "rejected", "not_accepted")},
        failed="failed",
        **more,
    )
    ends = {name: HangUp(name) for name in ("busy", "no_answer", "rejected", "not_accepted", "failed")}
    menu = Menu(name="m", version="1", start="hunt", nodes={"hunt": node, **ends})
    return Desk(incoming(), menu=menu).answer()


def rings(desk: Desk, number: int, early: bool = False) -> None:
    desk.give(Reserved(leg(number), OTHER_SPAN, seat(number)))
    desk.give(r.LegRinging(leg(number), 183 if early else 180, early))
    if early:
        desk.give(r.LegMedia(leg(number), REMOTE))


def answers(desk: Desk, number: int) -> None:
    desk.give(r.LegMedia(leg(number), REMOTE))
    desk.give(r.LegAnswered(leg(number)))


def picks_up(desk: Desk, number: int) -> None:
    rings(desk, number)
    answers(desk, number)


def refuses(desk: Desk, number: int, outcome: str = "busy", code: int = 486) -> None:
    desk.give(Reserved(leg(number), OTHER_SPAN, seat(number)))
    desk.give(ended(leg(number), outcome, "callee", code))


def presses(desk: Desk, number: int, digit: str) -> None:
    desk.now_ms += 300
    desk.give(heard(digit, desk.now_ms - 100, leg=leg(number)))


def said(desk: Desk, number: int, how: str = "finished", file: str = "") -> None:
    play = next(one for one in reversed(desk.bodies(c.Play)) if one.leg == leg(number))
    desk.give(r.PlayEnded(leg=leg(number), play=play.play, how=how, played_ms=500, file=file))


def dialled(desk: Desk) -> list[str]:
    return [one.target.reveal()[4:5] for one in desk.bodies(c.ReserveSpan)]


def bridges(desk: Desk) -> list[LegId]:
    return [one.other for one in desk.bodies(c.Bridge)]


def ends(desk: Desk) -> dict[LegId, tuple[str, str]]:
    return {one.leg: (one.end.outcome, one.end.text) for one in desk.of(e.LegEnded)}


def node(desk: Desk) -> str:
    return desk.call.run.path[-1]


def hears_ringing(desk: Desk) -> bool:
    """Whether the caller does, by the plays that were begun and stopped."""
    plays = [one for one in desk.sent if isinstance(one.body, c.Play | c.StopPlay) and one.body.leg == FIRST]
    return bool(plays) and isinstance(plays[-1].body, c.Play)


# --- one after the other


def test_the_next_one_is_dialled_until_one_takes_the_call():
    desk = hunting()
    assert dialled(desk) == ["a"]
    refuses(desk, 2)
    assert dialled(desk) == ["a", "b"]
    rings(desk, 3)
    assert hears_ringing(desk)
    desk.wait(14_999)
    assert dialled(desk) == ["a", "b"]
    desk.wait(1)
    assert dialled(desk) == ["a", "b", "c"], "its own ring time is over"
    assert ends(desk)[leg(3)] == ("no_answer", "ring timeout")
    assert hears_ringing(desk), "it goes on between two targets"
    picks_up(desk, 4)
    assert bridges(desk) == [leg(4)]
    assert not hears_ringing(desk)
    assert desk.of(e.HuntStarted) == [e.HuntStarted(hunt_list="", strategy="linear", targets=3)]
    assert desk.of(e.HuntEnded) == [e.HuntEnded(outcome="completed", leg=leg(4), dialled=3, skipped=0, after_ms=15_000)]
    assert [(one.position, one.targets) for one in desk.of(e.LegStarted)] == [(1, 3), (2, 3), (3, 3)]
    desk.give(ended(leg(4), "completed", "callee"))
    assert desk.call.over
    assert desk.call.end.ended_by == "callee"
    assert len(desk.of(e.HuntEnded)) == 1


@pytest.mark.parametrize(
    ("outcomes", "end"),
    [
        (("busy", "busy"), "busy"),
        (("no_answer", "busy"), "no_answer"),
        (("busy", "no_answer"), "no_answer"),
        (("rejected", "busy"), "rejected"),
        (("busy", "unreachable"), "busy"),
        (("unreachable", "not_found"), "failed"),
    ],
)
def test_what_a_hunt_comes_to_without_anybody(outcomes, end):
    desk = hunting(A, B)
    for number, outcome in enumerate(outcomes, 2):
        refuses(desk, number, outcome)
    assert node(desk) == end
    assert desk.of(e.HuntEnded)[0].leg is None
    assert not hears_ringing(desk)


def test_nobody_is_dialled_after_an_outcome_that_leaves():
    desk = hunting(replace(A, leave_on=["rejected"]), B)
    refuses(desk, 2, "rejected", 603)
    assert (dialled(desk), node(desk)) == (["a"], "rejected")


def test_the_whole_hunt_has_a_time():
    desk = hunting(hunt_timeout_ms=18_000)
    rings(desk, 2)
    desk.wait(10_000)
    rings(desk, 3)
    desk.wait(7_999)
    assert desk.call.transfer is not None
    desk.wait(1)
    assert (dialled(desk), node(desk)) == (["a", "b"], "no_answer")
    assert ends(desk)[leg(3)] == ("no_answer", "hunt timeout")


def test_one_target_with_a_time_is_no_hunt():
    desk = hunting(A, hunt_timeout_ms=5000)
    rings(desk, 2)
    desk.wait(5000)
    assert node(desk) == "no_answer"
    assert not desk.of(e.HuntStarted)
    assert desk.of(e.LegStarted)[0].position == 0


def test_a_target_that_no_trunk_or_span_is_there_for_is_passed_over():
    desk = hunting()
    desk.give(r.SpanRefused(leg(2), EndReason(outcome="no_room", ended_by="appliance", text="trunk is full")))
    desk.give(Reserved(leg(3), OTHER_SPAN, None))
    assert dialled(desk) == ["a", "b", "c"]
    assert {one: outcome for one, (outcome, _) in ends(desk).items()} == {leg(2): "no_room", leg(3): "no_room"}


def test_an_operator_drops_one_and_the_next_is_dialled():
    desk = hunting()
    rings(desk, 2)
    desk.give(Drop(leg(2)))
    assert dialled(desk) == ["a", "b"]


def test_early_media_of_one_is_heard_and_the_hunt_goes_on():
    desk = hunting()
    rings(desk, 2, early=True)
    assert bridges(desk) == [leg(2)]
    assert not desk.of(e.HuntEnded)
    desk.give(ended(leg(2), "busy", "callee", 486))
    assert desk.bodies(c.Unbridge) == [c.Unbridge(FIRST)]
    rings(desk, 3)
    assert hears_ringing(desk)
    rings(desk, 3, early=True)
    desk.give(r.LegAnswered(leg(3)))
    assert bridges(desk) == [leg(2), leg(3)]
    assert desk.of(e.HuntEnded)[0].leg == leg(3)
    assert desk.call.talking


def test_the_caller_hangs_up_while_one_rings():
    desk = hunting()
    rings(desk, 2)
    desk.give(ended(FIRST, "completed"))
    assert desk.call.over
    assert ends(desk)[leg(2)][0] == "cancelled"
    assert desk.of(e.HuntEnded)[0].outcome == "cancelled"
    assert dialled(desk) == ["a"]


# --- orders


def test_round_robin_begins_after_the_one_who_took_the_last_call():
    desk = hunting(strategy="round_robin", hunt_list="sales")
    assert desk.asked == [AskHunt(call=CALL, name="sales", keys=[])]
    assert dialled(desk) == ["a"], "nobody has taken one yet"
    picks_up(desk, 2)
    assert desk.asked[1:] == [HuntTaken(name="sales", key=A.key)]
    for last, order in ((A, "bca"), (B, "cab"), (C, "abc")):
        desk = started_with(HuntTold(last=last.key), strategy="round_robin", hunt_list="sales")
        for number in (2, 3):
            refuses(desk, number)
        assert dialled(desk) == list(order)


def test_who_has_left_the_list_is_not_waited_for():
    desk = started_with(HuntTold(last="0" * 16), strategy="round_robin")
    assert dialled(desk) == ["a"]
    assert desk.asked[0].name == "m/hunt", "targets in a menu are remembered by their node"


def started_with(told: HuntTold, **more) -> Desk:
    """A hunt whose question is answered so."""
    node = Transfer(targets=[A, B, C], failed="failed", on_outcome={"busy": "busy"}, **more)
    nodes = {"hunt": node, "failed": HangUp("failed"), "busy": HangUp("busy")}
    desk = Desk(incoming(), menu=Menu(name="m", version="1", start="hunt", nodes=nodes))
    desk.told = told
    return desk.answer()


def test_targets_that_talk_already_are_passed_over():
    desk = started_with(HuntTold(busy=[A.key, B.key]), skip_busy=True)
    assert desk.asked == [AskHunt(call=CALL, name="", keys=[A.key, B.key, C.key])]
    assert dialled(desk) == ["c"]
    refuses(desk, 2, "unreachable", 480)
    assert node(desk) == "busy"
    assert (desk.of(e.HuntEnded)[0].dialled, desk.of(e.HuntEnded)[0].skipped) == (1, 2)
    desk = started_with(HuntTold(busy=[A.key, B.key, C.key]), skip_busy=True)
    assert (dialled(desk), node(desk)) == ([], "busy")


def test_who_is_busy_is_asked_before_each_target():
    desk = started_with(HuntTold(busy=[A.key]), skip_busy=True)
    desk.told = HuntTold(busy=[C.key])
    refuses(desk, 2)
    assert dialled(desk) == ["b"]
    assert len(desk.asked) == 2
    assert node(desk) == "busy"


def test_a_reply_that_a_kill_took_is_asked_for_again():
    nodes = {"hunt": Transfer(targets=[A, B], failed="bye", strategy="round_robin"), "bye": HangUp("")}
    call = Call(CALL, Menu(name="m", version="1", start="hunt", nodes=nodes))
    for given in (incoming(), r.LegAnswered(FIRST)):
        actions = call.handle(given, 1_000_000)
    assert isinstance(actions[-1], AskHunt)
    again = call.handle(Resumed(), 1_000_100)
    assert [one for one in again if isinstance(one, AskHunt)] == [actions[-1]]
    assert any(getattr(one, "body", None).__class__ is c.ReserveSpan for one in call.handle(HuntTold(), 1_000_200))


def test_random_orders_depend_on_the_call_alone():
    def order(call: str) -> str:
        nodes = {"hunt": Transfer(targets=[A, B, C], failed="bye", strategy="random"), "bye": HangUp("")}
        core = Call(CallId(call), Menu(name="m", version="1", start="hunt", nodes=nodes))
        first = replace(incoming(), report=replace(incoming().report, leg=LegId(f"{call}.1")))
        found = ""
        inputs = [first, r.LegAnswered(LegId(f"{call}.1"))]
        inputs += [r.SpanRefused(LegId(f"{call}.{n}"), EndReason(outcome="busy", ended_by="callee")) for n in (2, 3)]
        for given in inputs:
            for action in core.handle(given, 1_000_000):
                body = getattr(action, "body", None)
                if isinstance(body, c.ReserveSpan):
                    found += body.target.reveal()[4]
        return found

    orders = {f"call{number}": order(f"call{number}") for number in range(60)}
    assert set(orders.values()) == {"".join(one) for one in itertools.permutations("abc")}
    assert all(order(call) == found for call, found in orders.items())


# --- all at once


def test_the_first_of_all_who_answers_has_the_call():
    desk = hunting(strategy="all")
    assert dialled(desk) == ["a", "b", "c"]
    for number in (2, 3):
        rings(desk, number)
    assert hears_ringing(desk)
    answers(desk, 3)
    assert bridges(desk) == [leg(3)]
    assert not hears_ringing(desk)
    gone = {one.leg: one for one in desk.bodies(c.HangUp)}
    assert gone[leg(2)].text == "call completed elsewhere"
    assert desk.bodies(c.ReleaseSpan) == [c.ReleaseSpan(leg(4))], "one that front had no span for yet"
    assert ends(desk) == {leg(number): ("cancelled", "call completed elsewhere") for number in (2, 4)}
    assert desk.of(e.HuntEnded)[0].leg == leg(3)


def test_who_answers_a_moment_later_is_hung_up_on():
    desk = hunting(strategy="all")
    desk.auto = False
    for number in (2, 3):
        desk.give(Reserved(leg(number), OTHER_SPAN, seat(number)))
        opened = next(s for s in desk.sent if isinstance(s.body, c.OpenLeg) and s.body.leg == leg(number))
        desk.give(r.CommandDone(opened.id))
        desk.give(r.LegMedia(leg(number), REMOTE))
    desk.give(r.LegAnswered(leg(3)))
    assert [one.leg for one in desk.bodies(c.HangUp)] == [leg(2)]
    desk.give(r.LegAnswered(leg(2)))  # its answer has crossed our CANCEL
    assert bridges(desk) == [leg(3)]
    assert not any(one.leg == leg(2) for one in desk.of(e.LegAnswered))
    desk.give(ended(leg(2), "completed", "appliance"))
    assert ends(desk)[leg(2)] == ("cancelled", "call completed elsewhere")
    assert desk.call.talking


def test_who_answers_first_and_cannot_be_heard_does_not_keep_the_call():
    desk = hunting(strategy="all")
    for number in (2, 3):
        rings(desk, number)
    desk.give(r.LegAnswered(leg(2)))  # its media facts are missing
    answers(desk, 3)
    assert bridges(desk) == [leg(3)]
    assert ends(desk)[leg(2)] == ("cancelled", "call completed elsewhere")


def test_all_refuse():
    desk = hunting(strategy="all")
    for number in (2, 3, 4):
        assert node(desk) == "hunt"
        refuses(desk, number)
    assert node(desk) == "busy"


def test_all_ring_for_their_own_time():
    desk = hunting(strategy="all")
    for number in (2, 3, 4):
        rings(desk, number, early=True)
    assert bridges(desk) == [], "of several none can be heard before one has answered"
    desk.wait(15_000)
    assert sorted(ends(desk)) == [leg(2), leg(3)]
    desk.wait(5000)
    assert node(desk) == "no_answer"


def test_one_of_all_leaves_for_all():
    desk = hunting(A, replace(B, leave_on=["rejected"]), strategy="all")
    rings(desk, 2)
    refuses(desk, 3, "rejected", 603)
    assert node(desk) == "rejected"
    assert ends(desk)[leg(2)][0] == "cancelled"


# --- whisper


def test_a_target_is_told_and_then_connected():
    desk = hunting(A, whisper=SAID)
    picks_up(desk, 2)
    play = desk.last(c.Play)
    assert (play.leg, play.files, play.times) == (leg(2), ["/prompts/for-sales.wav"], 1)
    assert bridges(desk) == []
    assert hears_ringing(desk), "the caller hears ringing meanwhile"
    desk.now_ms += 2500
    said(desk, 2)
    assert bridges(desk) == [leg(2)]
    assert not hears_ringing(desk)
    assert desk.of(e.WhisperEnded) == [e.WhisperEnded(leg=leg(2), result="accepted", after_ms=2500)]
    assert not desk.of(e.HuntEnded), "one target is no hunt"


@pytest.mark.parametrize("after", [True, False])
def test_a_target_takes_the_call_by_a_key_also_before_all_is_said(after):
    desk = hunting(A, whisper=TOLD)
    picks_up(desk, 2)
    if after:
        said(desk, 2)
    presses(desk, 2, "5")
    assert bridges(desk) == []
    presses(desk, 2, "1")
    assert bridges(desk) == [leg(2)]
    stopped = [one for one in desk.bodies(c.StopPlay) if one.leg == leg(2)]
    assert [one.play for one in stopped] == [desk.bodies(c.Play)[-1].play]
    assert desk.bodies(c.SendDigits) == [], "the key is for us"
    presses(desk, 2, "1")
    assert len(desk.bodies(c.SendDigits)) == 1, "now it is for the caller"


def test_the_callers_keys_decide_nothing():
    desk = hunting(A, whisper=TOLD)
    picks_up(desk, 2)
    desk.press("12")
    assert bridges(desk) == []


@pytest.mark.parametrize(
    ("how", "result", "outcome"),
    [
        ("declines", "declined", "rejected"),
        ("is silent", "timeout", "not_accepted"),
        ("hangs up", "gone", "not_accepted"),
        ("media is lost", "gone", "failed"),
    ],
)
def test_who_does_not_take_the_call(how, result, outcome):
    desk = hunting(A, whisper=TOLD)
    picks_up(desk, 2)
    said(desk, 2)
    if how == "declines":
        presses(desk, 2, "2")
    elif how == "is silent":
        desk.wait(7999)
        assert node(desk) == "hunt"
        desk.wait(1)
    elif how == "hangs up":
        desk.give(ended(leg(2), "completed", "callee"))
    else:
        desk.call.legs[leg(2)].no_rtp_ms = 1000
        desk.give(r.AudioStopped(leg=leg(2), silent_ms=1000, fault="no_packets"))
        desk.wait(1)
    assert node(desk) == outcome
    assert bridges(desk) == []
    assert [one.result for one in desk.of(e.WhisperEnded)] == [result]
    assert desk.call.legs[leg(2)].gone


def test_the_hunt_goes_on_after_a_voicemail():
    desk = hunting(A, B, whisper=TOLD)
    picks_up(desk, 2)
    said(desk, 2)
    desk.wait(8000)
    assert dialled(desk) == ["a", "b"]
    assert ends(desk)[leg(2)] == ("not_accepted", "nobody took the call")
    assert hears_ringing(desk)
    picks_up(desk, 3)
    presses(desk, 3, "1")
    assert bridges(desk) == [leg(3)]
    assert [one.result for one in desk.of(e.WhisperEnded)] == ["timeout", "accepted"]


def test_the_caller_hangs_up_during_the_whisper():
    desk = hunting(A, whisper=TOLD)
    picks_up(desk, 2)
    desk.give(ended(FIRST, "completed"))
    assert leg(2) in [one.leg for one in desk.bodies(c.HangUp)]
    assert ends(desk)[leg(2)][0] == "cancelled"
    assert [one.result for one in desk.of(e.WhisperEnded)] == ["gone"]
    assert desk.call.over


def test_who_thinks_about_it_has_its_own_time():
    desk = hunting(A, B, whisper=TOLD, hunt_timeout_ms=3000)
    picks_up(desk, 2)
    desk.wait(2000)
    said(desk, 2)
    desk.wait(7999)
    assert node(desk) == "hunt"
    presses(desk, 2, "1")
    assert bridges(desk) == [leg(2)]
    desk = hunting(A, B, whisper=TOLD, hunt_timeout_ms=3000)
    picks_up(desk, 2)
    desk.wait(3000)
    presses(desk, 2, "2")
    assert (dialled(desk), node(desk)) == (["a"], "rejected"), "nobody else is dialled when the time is over"


def test_several_are_told_and_the_first_to_accept_has_the_call():
    desk = hunting(strategy="all", whisper=TOLD)
    for number in (2, 3):
        picks_up(desk, number)
    rings(desk, 4)
    assert desk.count("whisper.started") == 2
    presses(desk, 3, "1")
    assert bridges(desk) == [leg(3)]
    assert {one.leg: one.result for one in desk.of(e.WhisperEnded)} == {leg(2): "gone", leg(3): "accepted"}
    assert {one.leg for one in desk.bodies(c.HangUp)} == {leg(2), leg(4)}
    presses(desk, 2, "1")
    assert bridges(desk) == [leg(3)]


def test_without_a_key_the_first_answer_has_the_call():
    desk = hunting(strategy="all", whisper=SAID)
    for number in (2, 3, 4):
        rings(desk, number)
    answers(desk, 3)
    assert {one.leg for one in desk.bodies(c.HangUp)} == {leg(2), leg(4)}
    assert bridges(desk) == []
    said(desk, 3)
    assert bridges(desk) == [leg(3)]


def test_sounds_that_are_not_there_keep_nobody_waiting():
    desk = hunting(A, whisper=SAID)
    picks_up(desk, 2)
    said(desk, 2, "missing", "for-sales.wav")
    assert [one.file for one in desk.of(e.PromptMissing)] == ["for-sales.wav"]
    assert bridges(desk) == []
    said(desk, 2)
    assert bridges(desk) == [leg(2)]


@pytest.mark.parametrize("how", ["refused", "never told"])
def test_a_play_that_comes_to_nothing(how):
    desk = hunting(A, whisper=SAID)
    rings(desk, 2)
    desk.auto = False
    answers(desk, 2)
    if how == "refused":
        play = next(one for one in reversed(desk.sent) if isinstance(one.body, c.Play))
        desk.give(r.CommandDone(play.id, "no leg"))
    else:
        desk.wait(60_000)
    assert bridges(desk) == [leg(2)]


def test_without_sounds_the_key_is_waited_for_at_once():
    desk = hunting(A, whisper=Whisper(sounds=[], accept="1", accept_timeout_ms=4000))
    picks_up(desk, 2)
    assert [one for one in desk.bodies(c.Play) if one.leg == leg(2)] == []
    desk.wait(4000)
    assert node(desk) == "not_accepted"


def test_values_of_the_call_are_read_out_to_the_target():
    ask = Gather(prompt=[sound("number")], choices={"7": "hunt"}, failed="bye")
    whisper = replace(TOLD, sounds=[Sound("", "", pieces={"en": [sound("for"), sound("you")]})])
    nodes = {"a": ask, "hunt": Transfer(target="sip:a@127.0.0.1", whisper=whisper, failed="bye"), "bye": HangUp("")}
    desk = Desk(incoming(), menu=Menu(name="m", version="1", start="a", nodes=nodes)).answer()
    desk.press("7")
    picks_up(desk, 2)
    assert desk.last(c.Play).files == ["/prompts/for.wav", "/prompts/you.wav"]


# --- what dies meanwhile


def test_a_span_dies_under_a_whisper_and_under_a_ringing_phone():
    desk = hunting(whisper=TOLD)
    rings(desk, 2)
    desk.give(ended(leg(2), "span_lost", "appliance"))
    assert dialled(desk) == ["a", "b"], "what was not answered is lost with its span"
    picks_up(desk, 3)
    desk.give(r.LegAdopted(leg(3), FRONT))
    presses(desk, 3, "1")
    assert bridges(desk) == [leg(3)]
    assert desk.call.legs[leg(3)].span == FRONT


def test_a_restart_of_the_appliance_tells_all_ends():
    desk = hunting(whisper=TOLD)
    picks_up(desk, 2)
    desk.give(Abandoned([]))
    assert desk.call.over
    assert (desk.count("whisper.ended"), desk.count("hunt.ended")) == (1, 1)


def test_a_menu_may_give_up_what_it_dialled_unless_somebody_has_the_call():
    for taken in (False, True):
        desk = hunting()
        rings(desk, 2)
        if taken:
            answers(desk, 2)
        desk.call.fx.begin(desk.now_ms)
        desk.call.perform([StopDialling()])
        hung_up = [one.body.leg for one in desk.call.fx.take() if isinstance(getattr(one, "body", None), c.HangUp)]
        assert hung_up == ([] if taken else [leg(2)])
        assert desk.call.talking == taken


def test_who_takes_the_callers_place_waits_in_its_stead():
    ask = Gather(prompt=[sound("number")], choices={"7": "hunt"}, failed="bye")
    hunt = Transfer(targets=[A, B], ringing=[sound("ring")], failed="bye")
    nodes = {"a": ask, "hunt": hunt, "bye": HangUp("")}
    desk = Desk(incoming(), menu=Menu(name="m", version="1", start="a", nodes=nodes)).answer()
    desk.give(r.TransferAsked(leg=FIRST, target=Private("300"), trunk="demo"))
    desk.press("7")
    rings(desk, 3)
    assert desk.last(c.Play).leg == FIRST
    picks_up(desk, 2)
    assert (desk.last(c.Play).leg, desk.last(c.Play).files) == (leg(2), ["/prompts/ring.wav"])
    assert bridges(desk) == []
    assert FIRST in [one.leg for one in desk.bodies(c.HangUp)]
    answers(desk, 3)
    assert desk.bodies(c.Bridge) == [c.Bridge(leg(2), leg(3))]
    assert desk.last(c.StopPlay).leg == leg(2)
