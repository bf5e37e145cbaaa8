"""Recording callers and taking messages, in virtual time."""

import pytest
from msgspec.structs import replace

from edge.core.menus.expectations import Step, follow
from edge.core.menus.facts import Facts
from edge.core.menus.kinds.record import FINISH_MS, GRACE_MS, LOOK_MS, Room
from edge.core.menus.model import Gather, HangUp, Menu, Record, Review, Sound, Transfer, Voicemail
from edge.core.menus.parts import Attribute
from edge.core.menus.rehearsal import Rehearsal
from edge.core.menus.rehearsed_world import BackendAnswer, World
from edge.core.menus.ways import ways_of
from edge.core.menus.words import (
    DiscardMessage,
    EnterNode,
    KeepMessage,
    LookIntoMailbox,
    MailboxSeen,
    MessageMade,
    PlayDone,
    PlaySounds,
    RecordMessage,
    RefuseMessage,
    Resumed,
    StopMessage,
    StopSounds,
    TakenOver,
    TransferEnded,
)
from tests.core.menus.walk import Walk

ASK, BEEP, HUH, STILL, SORRY, SAVED, MENU_OF_REVIEW, BUSY, FULL = (
    Sound(f"/{name}.wav", name) for name in ("ask", "beep", "huh", "still", "sorry", "saved", "review", "busy", "full")
)
RECORD = Record(
    prompt=[ASK],
    beep=[BEEP],
    no_input=[[HUH], [STILL]],
    trouble=[SORRY],
    finish_on_key="#*",
    into="answer",
    next="won",
    failed="lost",
    unavailable="bye",
)
REVIEW = Review(
    ask=Gather(prompt=[MENU_OF_REVIEW], max_failures=2, failed=""),
    listen_key="1",
    save_key="2",
    rerecord_key="3",
    urgent_key="9",
    saved=[SAVED],
)
ATTRIBUTES = {"answer": Attribute()}


def walk(**changes) -> Walk:
    return Walk({"a": replace(RECORD, **changes)}, attributes=ATTRIBUTES)


def made(number=1, length_ms=4000, error="") -> MessageMade:
    return MessageMade(number=number, message=f"c-m{number}", length_ms=length_ms, path=f"/m{number}.wav", error=error)


def recording(**changes) -> Walk:
    """A walk at which the caller speaks."""
    w = walk(**changes)
    w.give(PlayDone())
    w.give(PlayDone())
    assert w.run.state == "recording"
    return w


def test_prompt_then_beep_then_the_caller():
    w = walk(silence_ms=3000, max_length_ms=20_000, min_length_ms=500)
    assert w.heard() == ["ask"]
    assert w.give(PlayDone()) == [PlaySounds([BEEP], False)]
    assert w.give(PlayDone()) == [
        RecordMessage(
            number=1,
            node="a",
            mailbox="",
            folder="",
            notify=[],
            silence_ms=3000,
            longest_ms=20_000,
            least_ms=500,
        )
    ]


def test_what_was_said_is_kept_and_its_id_is_in_an_attribute():
    w = recording()
    actions = w.give(made())
    assert actions[0] == KeepMessage(1)
    assert w.set_to() == [{"answer": "c-m1"}]
    assert w.entered() == ["won"]


def test_a_key_of_these_ends_it_and_no_other_does():
    w = recording()
    assert w.press("5") == []
    assert w.press("*") == [StopMessage(1, by_key=True)]
    assert w.press("#") == []
    w.give(made())
    assert w.entered() == ["won"]


def test_such_a_key_skips_the_prompt_unless_that_is_not_wanted():
    w = walk()
    assert w.press("7") == []
    assert w.press("#") == [StopSounds(), PlaySounds([BEEP], False)]
    assert walk(barge_in=False).press("#") == []


def test_too_little_is_nothing_and_asked_for_again_up_the_ladder():
    w = recording(min_length_ms=1000)
    assert w.give(made(length_ms=999))[0] == DiscardMessage(1, "too_short")
    assert w.results() == [("no_input", "")]
    assert w.heard() == ["huh", "ask"]
    w.give(PlayDone())
    w.give(PlayDone())
    w.give(made(2, 0))
    assert w.heard() == ["still", "ask"]
    w.give(PlayDone())
    w.give(PlayDone())
    w.give(made(3, 0))
    assert w.entered() == ["lost"]


def test_nothing_can_be_recorded_and_the_caller_is_told():
    w = recording()
    assert w.give(made(error="no room")) == [PlaySounds([SORRY], False)]
    w.give(PlayDone())
    assert w.entered() == ["bye"]


def test_an_end_that_is_never_told_holds_nobody_up():
    w = recording(max_length_ms=10_000)
    assert w.wait(10_000 + GRACE_MS) == [StopMessage(1)]
    # It may be there after all; then it is no accident that somebody has spoken.
    assert w.wait(FINISH_MS) == [KeepMessage(1), PlaySounds([SORRY], False)]
    w.give(made())
    assert w.entered() == []


def test_what_another_message_or_none_says_changes_nothing():
    w = recording()
    assert w.give(made(7)) == []
    assert walk().give(made()) == []
    assert w.give(PlayDone()) == []
    assert w.give(Resumed()) == []
    assert w.run.state == "recording"


# --- review


def reviewing(**changes) -> Walk:
    w = recording(review=REVIEW, **changes)
    w.give(made())
    assert w.heard() == ["review"]
    return w


def test_the_caller_listens_and_keeps_it():
    w = reviewing()
    w.press("1")
    assert w.heard() == ["message"]
    w.give(PlayDone())
    assert w.heard() == ["review"]
    assert KeepMessage(1) in w.press("2")
    assert w.heard() == ["saved"]
    w.give(PlayDone())
    assert w.entered() == ["won"]


def test_a_key_over_the_message_answers_the_review():
    w = reviewing()
    w.press("1")
    w.press("3")
    assert DiscardMessage(1, "again") in w.actions
    assert w.heard() == ["beep"]


def test_recorded_again_is_another_message():
    w = reviewing()
    w.press("3")
    assert w.heard() == ["beep"]
    (again,) = w.give(PlayDone())
    assert isinstance(again, RecordMessage)
    assert again.number == 2
    w.give(made(2))
    w.press("2")
    w.give(PlayDone())
    assert w.run.attributes == {"answer": "c-m2"}


def test_urgent_is_kept_and_marked():
    assert KeepMessage(1, urgent=True) in reviewing().press("9")


def test_who_does_nothing_in_the_review_keeps_it():
    w = reviewing()
    for _ in range(2):
        w.give(PlayDone())
        w.wait(5000)
    assert KeepMessage(1) in w.actions


def test_keys_of_the_review_are_no_nodes():
    assert ways_of(replace(RECORD, review=REVIEW)) == ["won", "lost", "bye"]


# --- voicemail

VOICEMAIL = Voicemail(
    mailbox="sales",
    folder="/spool/sales",
    notify=["ann"],
    prompt=[ASK],
    greetings={"busy": [BUSY]},
    beep=[BEEP],
    next="won",
    failed="lost",
    unavailable="bye",
)


@pytest.mark.parametrize(("outcome", "greeting"), [("busy", "busy"), ("no_answer", "ask")])
def test_the_greeting_says_why_nobody_answered(outcome, greeting):
    call = Transfer(target="sip:a@b", failed="box")
    w = Walk({"a": call, "box": VOICEMAIL})
    w.give(TransferEnded(outcome))
    assert w.heard() == [greeting]
    w.give(PlayDone())
    (order,) = w.give(PlayDone())
    assert isinstance(order, RecordMessage)
    assert (order.mailbox, order.folder, order.notify) == ("sales", "/spool/sales", ["ann"])


SMALL = replace(VOICEMAIL, room=Room(messages=3, length_ms=60_000), full=[FULL], on_full="bye")


@pytest.mark.parametrize(
    ("messages", "length_ms", "full"), [(0, 0, False), (2, 59_999, False), (3, 0, True), (1, 60_000, True)]
)
def test_a_mailbox_with_limits_is_looked_into_before_its_greeting(messages, length_ms, full):
    w = Walk({"a": SMALL})
    assert w.heard() == []
    assert w.actions[-1] == LookIntoMailbox("sales", "/spool/sales")
    assert w.press("5") == [], "nothing is heard yet that a key could end"
    actions = w.give(MailboxSeen(folder="/spool/sales", messages=messages, length_ms=length_ms))
    if not full:
        assert actions == [PlaySounds([ASK], True)]
        return
    refused = RefuseMessage(node="a", mailbox="sales", notify=["ann"], messages=messages, length_ms=length_ms)
    assert actions == [refused, PlaySounds([FULL], False)]
    assert [one.node for one in w.give(PlayDone()) if isinstance(one, EnterNode)] == ["bye"]


def test_one_limit_is_enough_and_no_room_is_always_full():
    assert Room(messages=3).is_full(3, 0)
    assert not Room(messages=3).is_full(2, 10**9)
    assert Room(length_ms=60_000).is_full(1, 60_000)
    assert not Room(length_ms=60_000).is_full(10**6, 59_999)
    assert Room(messages=0).is_full(0, 0)


def test_a_caller_whose_mailbox_nobody_looks_into_is_let_in():
    w = Walk({"a": SMALL})
    assert w.wait(LOOK_MS) == [PlaySounds([ASK], True)]
    assert w.give(MailboxSeen(folder="/spool/sales", messages=9, length_ms=0)) == [], "it is too late to be refused"
    w.give(PlayDone())
    assert any(isinstance(one, RecordMessage) for one in w.give(PlayDone()))
    assert w.give(MailboxSeen(folder="/spool/sales", messages=9, length_ms=0)) == []


def test_who_is_in_his_place_is_told_anew():
    w = Walk({"a": SMALL})
    w.give(MailboxSeen(folder="/spool/sales", messages=0, length_ms=0))
    assert w.give(TakenOver())[-1] == LookIntoMailbox("sales", "/spool/sales")


# --- rehearsed


def rehearsed(*steps: Step, records: bool = True, **changes) -> tuple[int, str] | None:
    node = replace(VOICEMAIL, **{"trouble": [SORRY], "silence_ms": 3000, "min_length_ms": 1000, **changes})
    ends = {"won": HangUp("won"), "lost": HangUp("lost"), "bye": HangUp("bye")}
    menu = Menu(name="m", version="1", start="a", nodes={"a": node, **ends})
    world = World(
        length_ms=lambda _sound: 1000,
        outcome_of=lambda _target: "",
        answer_of=lambda _endpoint: BackendAnswer(),
        records=records,
    )
    miss = follow(list(steps), Rehearsal(menu, Facts(), world))
    return None if miss is None else (miss.step, miss.message)


def test_a_test_speaks_and_sees_what_comes_of_it():
    assert rehearsed(Step(hear="ask"), Step(speak_ms=4000), Step(message="kept"), Step(at="won")) is None
    assert rehearsed(Step(speak_ms=500), Step(message="too_short"), Step(speak_ms=2000), Step(message="kept")) is None
    assert rehearsed(Step(speak_ms=2000), Step(wait_ms=2000), Step(speak_ms=2000), Step(message="kept")) is None
    assert rehearsed(Step(speak_ms=2000), Step(press="#"), Step(at="won")) is None
    assert rehearsed(Step(wait_ms=60_000), Step(at="lost")) is None
    assert rehearsed(Step(hear="sorry"), Step(at="bye"), records=False) is None
    said = (Step(speak_ms=2000), Step(hear="review"), Step(press="1"), Step(hear="message"), Step(press="9"))
    assert rehearsed(*said, Step(message="urgent"), review=REVIEW) is None


def test_a_test_has_full_mailboxes():
    room = {"room": SMALL.room, "full": [FULL], "on_full": "bye"}
    node = replace(VOICEMAIL, silence_ms=3000, **room)
    ends = {"won": HangUp("won"), "lost": HangUp("lost"), "bye": HangUp("bye")}
    menu = Menu(name="m", version="1", start="a", nodes={"a": node, **ends})
    refused = [Step(message="full"), Step(hear="full"), Step(at="bye")]
    kept = [Step(hear="ask"), Step(speak_ms=2000), Step(message="kept"), Step(at="won")]
    for full, steps in ((["sales"], refused), ([], kept), (["other"], kept)):
        world = World(
            length_ms=lambda _sound: 1000,
            outcome_of=lambda _target: "",
            answer_of=lambda _endpoint: BackendAnswer(),
            full=full,
        )
        assert follow(steps, Rehearsal(menu, Facts(), world)) is None


def test_a_test_fails_when_it_should():
    assert rehearsed(Step(speak_ms=500), Step(message="kept"), Step(end=True)) is not None
    index, message = rehearsed(Step(speak_ms=2000), Step(at="won"), Step(speak_ms=1000)) or (0, "")
    assert index == 2
    assert "nothing is recorded" in message


def test_what_is_kept_secret_is_forgotten_before_a_caller_is_recorded():
    card = Gather(prompt=[ASK], max_digits=4, next="a", failed="lost", sensitive=True, keep="card")
    w = Walk({"card": card, "a": RECORD}, start="card", attributes=ATTRIBUTES)
    w.press("1234")
    assert (w.run.node, w.run.state) == ("a", "prompting")
    assert not w.run.sensitive
