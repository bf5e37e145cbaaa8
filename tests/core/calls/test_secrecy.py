"""What a caller presses and says in a sensitive node: withheld, and private in the media, and told so."""

import pytest

from edge.core.calls.actions import Emit
from edge.core.calls.call import Call
from edge.core.calls.inputs import Resumed
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.ids import RecordingId
from edge.vocabulary.private import Private
from tests.core.calls.desk import CALL, FIRST, MENU, Desk, heard, incoming

RECORDING = RecordingId(f"{CALL}-1")


@pytest.fixture
def desk():
    """A caller who is asked for a PIN."""
    desk = Desk(incoming()).answer()
    desk.play_ends()
    desk.press("2")
    assert desk.call.run.node == "pin"
    return desk


def written(desk):
    return [
        entry.input.digit.reveal() for _, entry in desk.journal if isinstance(entry.input, r.DigitHeard | r.InfoDigit)
    ]


def replayed(desk):
    """The events that the journal alone leads to."""
    call, found = Call(CALL, MENU), []
    for at_ms, entry in desk.journal:
        found += [action.event for action in call.replay(entry, at_ms) if isinstance(action, Emit)]
    assert call.run.node == desk.call.run.node
    return found


def test_the_leg_is_private_for_the_time_of_the_node(desk):
    entered_ms = desk.now_ms
    assert desk.bodies(c.SetPrivate) == [c.SetPrivate(leg=FIRST, on=True, since_ms=entered_ms - 200)]
    desk.press("1234")
    assert desk.call.run.node == "sales"
    assert desk.bodies(c.SetPrivate)[1:] == [c.SetPrivate(leg=FIRST, on=False)]
    assert desk.last(c.StartRecording).guarded


def test_it_lasts_through_failed_rounds_and_a_new_life_of_switch(desk):
    desk.press("1")
    desk.give(Resumed())
    desk.press("99")
    desk.wait(3000)
    assert desk.call.run.node == "pin"
    assert len(desk.bodies(c.SetPrivate)) == 1


@pytest.mark.parametrize(
    "belated",
    [
        lambda ms: heard("4", ms - 90, "inband"),
        lambda ms: r.InfoDigit(FIRST, Private("4"), 160, ms + 900),
        lambda ms: r.InfoDigit(FIRST, Private("3"), 160, ms + 700),
        lambda ms: heard("7", ms - 20, "inband"),  # a fifth key of a quick hand
    ],
    ids=["tone of the last key", "INFO of the last key", "INFO of the key before", "a key more"],
)
def test_what_is_told_of_its_presses_after_its_end_is_withheld(desk, belated):
    desk.press("1234")
    before = desk.types()
    desk.give(belated(desk.now_ms))
    assert written(desk) == ["2", "", "", "", "", ""]
    assert desk.call.run.node == "sales"
    assert [event.digit.reveal() for event in desk.of(e.DtmfReceived)[1:]] in (["*"] * 4, ["*"] * 5)
    assert set(desk.types()[len(before) :]) <= {"dtmf.received"}
    assert replayed(desk) == desk.events


def test_an_info_press_of_its_own_right_after_is_no_secret(desk):
    desk.press("1234")
    desk.give(r.InfoDigit(FIRST, Private("8"), 160, desk.now_ms + 500))
    assert written(desk)[-1] == "8"
    assert replayed(desk) == desk.events


def test_silence_in_the_recording_is_told_once_each_way(desk):
    muted = r.RecordingMuted(leg=FIRST, recording=RECORDING, on=True, at_ms=1200)
    for report in (muted, muted, r.RecordingMuted(leg=FIRST, recording=RECORDING, on=False, at_ms=9000)):
        desk.give(report)
    assert desk.of(e.RecordingMuted) == [e.RecordingMuted(recording=RECORDING, leg=FIRST, at_ms=1200)]
    assert desk.of(e.RecordingUnmuted) == [e.RecordingUnmuted(recording=RECORDING, leg=FIRST, at_ms=9000)]


def test_what_cannot_be_silenced_is_not_recorded_any_further():
    desk = Desk(incoming(), auto=False)
    for _ in range(3):
        for send in list(desk.sent):
            desk.give(r.CommandDone(send.id))
        desk.answer()
    desk.play_ends()
    desk.press("2")
    private = next(s for s in desk.sent if isinstance(s.body, c.SetPrivate))
    desk.give(r.CommandDone(private.id, "the engine is stuck"))
    assert desk.bodies(c.StopRecording) == [c.StopRecording(FIRST, RECORDING)]
