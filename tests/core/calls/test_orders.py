"""What the API has a call do: its menu waits meanwhile, and goes on where it was."""

import pytest

from edge.core.calls.call import Call
from edge.core.calls.inputs import Ordered, QueueRefused, RecordCall
from edge.core.calls.told_by_operator import why_not
from edge.core.menus.model import Gather, Menu, Node, Play, Press, Queue, Transfer
from edge.core.menus.run import BACK, ORDERED
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.wire import pack, unpacker
from tests.core.calls.desk import CALL, FIRST, MENU, REMOTE, SECOND, Desk, ended, incoming, sound
from tests.core.calls.test_guests import joined
from tests.core.calls.test_key_relay import TALK, talking

PLAY = Play(sounds=[sound("notice")], next=f"{BACK}played")
GATHER = Gather(
    prompt=[sound("account")], min_digits=2, max_digits=2, max_failures=1, next=f"{BACK}matched", failed=f"{BACK}failed"
)
PRESS = Press(digits="12", next=f"{BACK}sent")
TRANSFER = Transfer(target="sip:desk@127.0.0.1", on_outcome={"busy": f"{BACK}busy"}, failed=f"{BACK}failed")
WAYS = {way: f"{BACK}{way}" for way in ("left", "full", "timed_out", "no_agents", "failed")}


def order(node: Node, operation: str = "c1-op1", act: str = "play") -> Ordered:
    return Ordered(operation=operation, act=act, node=node)


def choosing() -> Desk:
    """A caller who is asked what he wants."""
    desk = Desk(incoming()).answer()
    desk.play_ends()
    assert desk.call.run is not None
    assert desk.call.run.node == "choose"
    return desk


def results(desk: Desk) -> list[tuple[str, str]]:
    return [(one.operation, one.result) for one in desk.of(e.OrderEnded)]


def files(desk: Desk) -> list[str]:
    return [play.files[0] for play in desk.bodies(c.Play)]


def replayed(desk: Desk, menu: Menu = MENU) -> Call:
    """The call as switch makes it again after its death: from lines of its journal that were on disk."""
    call = Call(CALL, menu)
    read = unpacker(type(desk.journal[0][1]))
    for at_ms, entry in desk.journal:
        call.replay(read.decode(pack(entry)), at_ms)
    return call


def test_what_is_played_interrupts_the_menu_which_begins_anew_where_it_was() -> None:
    desk = choosing()
    desk.give(order(PLAY))
    assert files(desk)[-1] == "/prompts/notice.wav"
    assert (desk.call.run.node, desk.of(e.OrderStarted)[-1]) == (
        ORDERED,
        e.OrderStarted(operation="c1-op1", act="play", node="choose"),
    )
    assert replayed(desk).run.node == ORDERED
    desk.play_ends()
    assert results(desk) == [("c1-op1", "played")]
    assert files(desk)[-1] == "/prompts/press.wav"
    entered = [one.node for one in desk.of(e.MenuEntered)]
    assert entered == ["greet", "choose", "choose"]
    desk.press("9")
    assert desk.call.end.outcome == "completed"
    assert desk.of(e.CallEnded)[0].path == ["greet", "choose", "choose", "bye"]


def test_keys_pressed_during_it_are_the_menus() -> None:
    desk = choosing()
    desk.give(order(PLAY))
    desk.press("9")
    desk.play_ends()
    assert desk.call.run.state == "over"


def test_a_question_is_answered_and_its_digits_are_the_operations() -> None:
    desk = choosing()
    desk.give(order(GATHER, act="gather"))
    assert files(desk)[-1] == "/prompts/account.wav"
    desk.press("47")
    (end,) = desk.of(e.OrderEnded)
    assert (end.result, end.digits.reveal()) == ("matched", "47")
    assert desk.of(e.MenuInput) == []
    assert desk.call.run.node == "choose"
    assert replayed(desk).run.node == "choose"


def test_a_question_that_nobody_answers_has_failed_and_the_menu_goes_on() -> None:
    desk = choosing()
    desk.give(order(GATHER, act="gather"))
    desk.play_ends()
    desk.wait(6_000)
    assert results(desk) == [("c1-op1", "failed")]
    assert desk.call.run.node == "choose"


def test_digits_are_sent_to_the_far_end() -> None:
    desk = choosing()
    desk.give(order(PRESS, act="press"))
    assert desk.last(c.SendDigits).digits.reveal() == "12"
    desk.give(r.DigitsSent(leg=FIRST))
    assert results(desk) == [("c1-op1", "sent")]


def test_another_order_replaces_the_one_before_and_leads_back_to_the_menu() -> None:
    desk = choosing()
    desk.give(order(GATHER, "c1-op1"))
    desk.give(order(PLAY, "c1-op2"))
    desk.play_ends()
    assert results(desk) == [("c1-op1", "replaced"), ("c1-op2", "played")]
    assert desk.call.run.node == "choose"


def test_a_waiting_call_is_connected_and_ends_with_the_talk() -> None:
    desk = choosing()
    desk.give(order(TRANSFER, act="transfer"))
    desk.reserve()
    assert desk.last(c.MakeCall).leg == SECOND
    desk.give(r.LegMedia(SECOND, REMOTE))
    desk.give(r.LegAnswered(SECOND))
    assert results(desk) == [("c1-op1", "connected")]
    assert desk.call.talking
    desk.give(ended(SECOND, "completed", "callee"))
    assert desk.call.over
    assert results(desk) == [("c1-op1", "connected")]
    assert desk.types()[-1] == "call.ended"


def test_a_transfer_that_fails_leads_back() -> None:
    desk = choosing()
    desk.give(order(TRANSFER, act="transfer"))
    desk.reserve()
    desk.give(ended(SECOND, "busy", "callee", 486))
    assert results(desk) == [("c1-op1", "busy")]
    assert desk.call.run.node == "choose"


def test_who_talks_is_brought_to_somebody_else_and_the_others_go() -> None:
    desk = joined("talk", talking())
    desk.give(order(TRANSFER, act="transfer"))
    assert desk.call.legs[SECOND].signalling == "down"
    assert desk.call.guests.present == {}
    assert desk.count("bridge.ended") == 1
    leg = next(leg for leg in desk.call.legs if desk.call.legs[leg].signalling == "reserving")
    desk.reserve(leg, 3)
    desk.give(r.LegMedia(leg, REMOTE))
    desk.give(r.LegAnswered(leg))
    assert results(desk) == [("c1-op1", "connected")]
    assert desk.call.talks_with(desk.call.first).id == leg
    again = replayed(desk, TALK)
    assert again.talks_with(again.first).id == leg


def test_a_caller_is_sent_to_a_queue_and_back_when_it_is_full() -> None:
    desk = choosing()
    desk.give(order(Queue(queue="sales", **WAYS), act="queue"))  # type: ignore[arg-type]
    assert [one.what for one in desk.news] == ["join"]
    desk.give(QueueRefused(1, "full"))
    assert results(desk) == [("c1-op1", "full")]
    assert desk.call.run.node == "choose"


def test_what_cannot_be_interrupted_is_not() -> None:
    desk = talking()
    assert why_not(desk.call, order(PLAY)) == "the caller talks with somebody, or is being connected"
    desk.give(order(PLAY))  # the core says no by itself, too: what asked may have been late
    assert results(desk) == [("c1-op1", "refused")]
    assert desk.call.talking
    early = Desk(incoming())
    assert why_not(early.call, order(PLAY)) == "the call is in no menu"
    secret = choosing()
    secret.press("2")
    assert secret.call.run.node == "pin"
    for node in (PLAY, TRANSFER):
        assert "nobody else's business" in why_not(secret.call, order(node))
    before = len(secret.bodies(c.Play))
    secret.give(order(PLAY))
    assert len(secret.bodies(c.Play)) == before


def test_an_order_under_way_ends_with_the_call() -> None:
    desk = choosing()
    desk.give(order(GATHER))
    desk.give(ended(FIRST))
    assert desk.call.over
    assert results(desk) == []
    assert desk.types()[-1] == "call.ended"


def test_a_recording_is_ended_and_begun_again_in_a_file_of_its_own() -> None:
    desk = choosing()
    assert desk.call.recorder.on
    desk.give(RecordCall(on=False))
    assert not desk.call.recorder.on
    assert desk.count("recording.completed") == 1
    desk.give(RecordCall(on=False))
    desk.give(RecordCall(on=True))
    desk.give(RecordCall(on=True))
    assert [one.recording for one in desk.of(e.RecordingStarted)] == ["c1-1", "c1-2"]
    assert replayed(desk).recorder.on
    desk.give(ended(FIRST))
    assert desk.count("recording.completed") == 2
    assert desk.of(e.CallEnded)[0].recordings == ["c1-1", "c1-2"]


@pytest.mark.parametrize("node", [PLAY, GATHER, PRESS, TRANSFER])
def test_an_order_fits_in_a_journal_line(node: Node) -> None:
    desk = choosing()
    desk.give(order(node))
    assert replayed(desk).inputs == desk.call.inputs
