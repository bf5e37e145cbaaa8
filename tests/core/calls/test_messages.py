"""Messages of a call: what media is told, what is kept when nobody decides, and what is told of each, once."""

import pytest
from msgspec.structs import replace

from edge.core.calls.actions import Send
from edge.core.calls.call import Call
from edge.core.calls.inputs import Abandoned, Entry, MediaLost, Restored, Resumed
from edge.core.menus.kinds.record import Room
from edge.core.menus.model import Gather, HangUp, Menu, Play, Record, Review, Voicemail
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.ids import LegId, RecordingId
from edge.vocabulary.wire import pack, unpacker
from tests.core.calls.desk import CALL, FIRST, TERMS, Desk, ended, heard, incoming, sound

M1 = RecordingId("c1-m1")
TERMS_TOO = replace(TERMS, messages="/rec/2026/11/21")
RECORD = Record(beep=[sound("beep")], trouble=[sound("sorry")], next="bye", failed="bye", unavailable="bye")
REVIEW = Review(
    ask=Gather(prompt=[sound("review")], failed=""), listen_key="1", save_key="2", rerecord_key="3", urgent_key="9"
)
BOX = Voicemail(
    mailbox="sales",
    notify=["ann"],
    folder="/box/sales",
    review=REVIEW,
    beep=[sound("beep")],
    next="bye",
    failed="bye",
    unavailable="bye",
)


def speaking(node: Record = RECORD, *, auto: bool = True) -> Desk:
    """A call that is at the caller's message."""
    nodes = {"ask": node, "bye": Play(sounds=[sound("bye")], next="end"), "end": HangUp("done")}
    desk = Desk(incoming(terms=TERMS_TOO), Menu(name="main", version="v1", start="ask", nodes=nodes)).answer()
    desk.auto = auto
    desk.play_ends()
    assert isinstance(desk.last(c.StartMessage), c.StartMessage)
    return desk


def done(
    ms: int = 4000, by: str = "silence", message: RecordingId = M1, leg: LegId = FIRST, path: str = "/box/x.wav"
) -> r.RecordingDone:
    return r.RecordingDone(
        leg=leg,
        recording=message,
        path=path,
        duration_ms=ms,
        gap_ms_left=20,
        gap_ms_right=0,
        size_bytes=44 + 16 * ms,
        sha256="5" * 64,
        ended_by=by,  # type: ignore[arg-type]
    )


def told(desk: Desk) -> list[str]:
    kinds = {"message.recorded", "voicemail.left", "message.discarded", "message.failed"}
    return [kind for kind in desk.types() if kind in kinds]


def test_an_answer_is_recorded_beside_the_call_and_told_once() -> None:
    desk = speaking()
    start = desk.last(c.StartMessage)
    assert start == c.StartMessage(
        leg=FIRST, recording=M1, path="/rec/2026/11/21/c1-m1.wav", silence_ms=4000, longest_ms=180_000
    )
    desk.give(done())
    desk.give(done())
    (event,) = desk.of(e.MessageRecorded)
    assert isinstance(event, e.MessageRecorded)
    assert (event.message, event.node, event.duration_ms, event.gap_ms, event.ended_by) == (
        M1,
        "ask",
        4000,
        20,
        "silence",
    )
    assert desk.last(c.Play).files == ["/prompts/bye.wav"]  # type: ignore[attr-defined]


def test_a_key_ends_it_where_it_was_pressed() -> None:
    desk = speaking()
    desk.now_ms += 3000
    desk.give(heard("#", 1_002_700))
    assert desk.last(c.StopMessage) == c.StopMessage(FIRST, M1, 1_002_700)
    desk.give(done(2600, "stopped"))
    (event,) = desk.of(e.MessageRecorded)
    assert event.ended_by == "key"  # type: ignore[attr-defined]


def test_a_message_says_whose_it_is_and_that_it_is_urgent() -> None:
    desk = speaking(BOX)
    desk.give(done())
    assert told(desk) == []
    desk.press("9")
    (event,) = desk.of(e.VoicemailLeft)
    assert isinstance(event, e.VoicemailLeft)
    assert (event.mailbox, event.notify, event.urgent, event.caller.reveal()) == ("sales", ["ann"], True, "100")
    assert "100" not in repr(event)


def test_the_first_try_is_deleted_when_the_caller_wants_another() -> None:
    desk = speaking(BOX)
    desk.give(done())
    desk.press("3")
    assert desk.last(c.DropMessage) == c.DropMessage(FIRST, M1, "/box/sales/c1-m1.wav")
    desk.play_ends()
    desk.give(done(2000, message=RecordingId("c1-m2")))
    desk.press("2")
    assert told(desk) == ["message.discarded", "voicemail.left"]


@pytest.mark.parametrize(("ms", "kinds"), [(1500, ["voicemail.left"]), (400, ["message.discarded"])])
def test_who_hangs_up_keeps_what_is_long_enough(ms: int, kinds: list[str]) -> None:
    desk = speaking(BOX)
    desk.give(ended(FIRST))
    assert not desk.call.over
    assert desk.last(c.StopMessage)
    desk.give(done(ms, "stopped"))
    assert desk.call.over
    assert told(desk) == kinds
    assert desk.types()[-1] == "call.ended"
    assert bool(desk.bodies(c.DropMessage)) == (kinds == ["message.discarded"])
    if kinds == ["voicemail.left"]:
        assert desk.of(e.VoicemailLeft)[0].ended_by == "hang_up"  # type: ignore[attr-defined]


def test_one_that_does_not_end_by_itself_is_stopped_and_not_at_an_old_key() -> None:
    desk = speaking()
    desk.press("5")
    desk.wait(200_000)
    assert desk.last(c.StopMessage) == c.StopMessage(FIRST, M1, 0)


def test_who_hangs_up_in_the_review_keeps_it() -> None:
    desk = speaking(BOX)
    desk.give(done())
    desk.give(ended(FIRST))
    assert told(desk) == ["voicemail.left"]
    assert desk.call.over


def test_a_full_disk_is_told_and_said() -> None:
    desk = speaking()
    desk.give(
        r.RecordingFailed(leg=FIRST, recording=M1, path="/rec/x.wav", duration_ms=700, error="No space left on device")
    )
    (event,) = desk.of(e.MessageFailed)
    assert (event.duration_ms, event.error) == (700, "No space left on device")  # type: ignore[attr-defined]
    assert desk.last(c.Play).files == ["/prompts/sorry.wav"]  # type: ignore[attr-defined]


def test_a_command_that_could_not_be_carried_out_counts_as_that() -> None:
    desk = speaking(auto=False)
    start = next(send for send in desk.sent if isinstance(send.body, c.StartMessage))
    desk.give(r.CommandDone(start.id, "no leg"))
    assert told(desk) == ["message.failed"]
    assert desk.last(c.Play).files == ["/prompts/sorry.wav"]  # type: ignore[attr-defined]


def test_a_leg_that_media_lost_ends_its_message() -> None:
    desk = speaking()
    desk.give(MediaLost(FIRST))
    assert told(desk) == ["message.failed"]
    assert desk.call.over


@pytest.mark.parametrize("left", [True, False])
def test_after_a_restart_of_the_appliance_what_was_repaired_is_told(left: bool) -> None:
    desk = speaking(BOX)
    restored = Restored(
        recording=M1,
        path="/box/sales/c1-m1.wav",
        duration_ms=900,
        gap_ms_left=None,
        gap_ms_right=None,
        size_bytes=14444,
        sha256="6" * 64,
        repaired=True,
    )
    before = len(desk.sent)
    desk.give(Abandoned([restored] if left else []))
    assert desk.call.over
    assert len(desk.sent) == before, "nobody is left who could carry out a command"
    assert told(desk) == ["voicemail.left" if left else "message.failed"]
    if left:
        event = desk.of(e.VoicemailLeft)[0]
        assert (event.repaired, event.ended_by, event.gap_ms) == (True, "restart", None)  # type: ignore[attr-defined]


def test_a_call_is_rebuilt_in_the_middle_of_a_message() -> None:
    desk = speaking(BOX)
    desk.give(done())
    entry = unpacker(Entry)
    again = Call(CALL, desk.call.run.menu if desk.call.run else None)
    sends: list[Send] = []
    for at_ms, line in desk.journal:
        sends += [a for a in again.replay(entry.decode(pack(line)), at_ms) if isinstance(a, Send)]
    assert [send.id for send in sends] == [send.id for send in desk.sent]
    again.handle(Resumed(), desk.now_ms)
    actions = again.handle(heard("2", desk.now_ms), desk.now_ms)
    assert any(isinstance(getattr(a, "event", None), e.VoicemailLeft) for a in actions)


def test_messages_are_no_recordings_of_the_call() -> None:
    desk = speaking()
    desk.give(done())
    desk.give(ended(FIRST))
    event = desk.events[-1]
    assert isinstance(event, e.CallEnded)
    assert event.recordings == ["c1-1"]
    assert desk.count("recording.completed") == 1


SMALL = replace(BOX, room=Room(messages=2), full=[sound("full")], on_full="bye")


@pytest.mark.parametrize(("messages", "full"), [(1, False), (2, True)])
def test_a_full_mailbox_is_told_to_the_caller_and_to_the_backend(messages: int, full: bool) -> None:
    nodes = {"ask": SMALL, "bye": Play(sounds=[sound("bye")], next="end"), "end": HangUp("done")}
    menu = Menu(name="main", version="v1", start="ask", nodes=nodes)
    desk = Desk(incoming(terms=TERMS_TOO), menu).answer()
    assert desk.last(c.LookIntoMailbox) == c.LookIntoMailbox(FIRST, "/box/sales")
    assert desk.bodies(c.Play) == []
    desk.give(r.MailboxSeen(leg=FIRST, folder="/box/sales", messages=messages, length_ms=7000))
    events = desk.of(e.VoicemailFull)
    if full:
        (event,) = events
        assert (event.mailbox, event.notify, event.node) == ("sales", ["ann"], "ask")
        assert (event.messages, event.length_ms, event.leg) == (2, 7000, FIRST)
        assert desk.last(c.Play).files == ["/prompts/full.wav"]
        desk.play_ends()
        assert desk.last(c.Play).files == ["/prompts/bye.wav"]
        assert desk.bodies(c.StartMessage) == []
    else:
        assert events == []
        assert desk.last(c.Play).files == ["/prompts/beep.wav"], "it has no greeting"
        desk.play_ends()
        assert desk.bodies(c.StartMessage)
    entry = unpacker(Entry)
    again = Call(CALL, menu)
    sends: list[Send] = []
    for at_ms, line in desk.journal:
        sends += [a for a in again.replay(entry.decode(pack(line)), at_ms) if isinstance(a, Send)]
    assert [send.id for send in sends] == [send.id for send in desk.sent], "how full it was is in the journal"
