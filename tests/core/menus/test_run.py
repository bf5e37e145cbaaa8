"""The menu interpreter in virtual time."""

import typing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.menus.model import (
    VISITS,
    Answered,
    Gather,
    HangUp,
    Listen,
    Menu,
    Node,
    Play,
    Press,
    Target,
    Transfer,
    Wait,
)
from edge.core.menus.run import MAX_NODES_A_SECOND, MenuRun
from edge.core.menus.ways import ways_of
from edge.core.menus.withheld import Withheld
from edge.core.menus.words import (
    AnswerTold,
    Dial,
    Digit,
    DigitsGone,
    End,
    EnterNode,
    InputResult,
    PlayDone,
    PlaySounds,
    PressKeys,
    Resumed,
    SoundChanged,
    Started,
    StopSounds,
    TimeUp,
    TransferEnded,
)
from tests.core.menus.walk import HELLO, HUH, PROMPT, WRONG, Walk


def gather(**changes):
    base = Gather(
        prompt=[PROMPT], choices={"1": "won"}, failed="lost", no_input=[[HUH]], no_match=[[WRONG]], max_failures=3
    )
    return msgspec.structs.replace(base, **changes)


def test_plays_one_after_the_other():
    walk = Walk({"a": Play(sounds=[HELLO], next="b"), "b": Play(sounds=[PROMPT], next="bye")})
    assert walk.actions == [EnterNode("a", "play"), PlaySounds([HELLO], False)]
    assert walk.give(PlayDone()) == [EnterNode("b", "play"), PlaySounds([PROMPT], False)]
    assert walk.give(PlayDone()) == [EnterNode("bye", "hang_up"), End("bye")]
    assert walk.run.path == ["a", "b", "bye"]


def test_play_without_sounds_takes_no_time():
    walk = Walk({"a": Play(sounds=[], next="bye")})
    assert walk.ended == "bye"


def test_barge_in_stops_the_prompt_and_takes_the_key():
    walk = Walk({"a": gather()})
    walk.press("1")
    assert walk.actions[0] == StopSounds()
    assert walk.results() == [("matched", "1")]
    assert walk.ended == "won"


def test_without_barge_in_keys_wait_for_the_end_of_the_prompt():
    walk = Walk({"a": gather(barge_in=False)})
    assert walk.press("1") == []
    walk.give(PlayDone())
    assert walk.run.state == "collecting"
    assert walk.press("1")[0] == InputResult("a", "matched", "1")


def test_first_digit_timeout_starts_at_the_end_of_the_prompt():
    walk = Walk({"a": gather(first_digit_timeout_ms=5000)})
    assert walk.waits is None
    walk.wait(60_000)
    walk.give(PlayDone())
    assert walk.run.deadline == (walk.now + 5000, "first digit")
    assert walk.wait(4999) == []
    assert walk.wait(1) == [InputResult("a", "no_input", ""), PlaySounds([HUH, PROMPT], True)]


def test_no_input_and_no_match_share_the_failures():
    walk = Walk({"a": gather(max_failures=3)})
    walk.give(PlayDone())
    walk.wait(5000)
    walk.press("7")
    assert walk.results() == [("no_match", "7")]
    assert walk.actions[-1] == PlaySounds([WRONG, PROMPT], True)
    walk.give(PlayDone())
    walk.wait(5000)
    assert walk.results() == [("no_input", "")]
    assert walk.ended == "lost"


def test_failures_are_counted_anew_at_each_entry():
    walk = Walk({"a": gather(choices={"1": "a"}, max_failures=2)})
    walk.press("7")
    walk.press("1")
    walk.press("7")
    assert walk.ended is None


def test_prefix_conflict_waits_the_inter_digit_timeout():
    nodes = {"a": gather(choices={"1": "won", "12": "bye"}, max_digits=2, inter_digit_timeout_ms=2000)}
    walk = Walk(nodes)
    walk.press("1")
    assert walk.results() == []
    walk.wait(2000)
    assert walk.ended == "won"
    walk = Walk(nodes)
    walk.press("1")
    walk.wait(1999)
    walk.press("2")
    assert walk.ended == "bye"


def test_choice_that_nothing_extends_is_taken_at_once():
    walk = Walk({"a": gather(choices={"1": "won", "23": "bye"}, max_digits=2)})
    walk.press("1")
    assert walk.ended == "won"


@pytest.mark.parametrize(
    ("digits", "wait_ms", "result", "end"),
    [
        ("1234", 0, ("matched", "1234"), "won"),
        ("12#", 0, ("matched", "12"), "won"),
        ("1#", 0, ("no_match", "1"), None),
        ("#", 0, ("no_match", ""), None),
        ("12", 2000, ("matched", "12"), "won"),
        ("1", 2000, ("no_match", "1"), None),
    ],
)
def test_free_digits(digits, wait_ms, result, end):
    walk = Walk({"a": gather(choices={}, next="won", min_digits=2, max_digits=4, finish_on_key="#")})
    walk.press(digits)
    if wait_ms:
        walk.wait(wait_ms)
    assert walk.results() == [result]
    assert walk.ended == end


def test_choice_wins_over_next():
    walk = Walk({"a": gather(choices={"11": "won"}, next="bye", max_digits=2)})
    walk.press("11")
    assert walk.ended == "won"
    walk = Walk({"a": gather(choices={"11": "won"}, next="bye", max_digits=2)})
    walk.press("12")
    assert walk.ended == "bye"


def test_finish_key_that_is_a_choice_is_the_choice():
    walk = Walk({"a": gather(choices={"#": "won", "1": "bye"}, finish_on_key="#")})
    walk.press("#")
    assert walk.ended == "won"


def test_type_ahead_is_kept_for_a_gather_with_barge_in():
    walk = Walk({"a": Play(sounds=[HELLO], next="b"), "b": gather(choices={"12": "won"}, max_digits=2)})
    walk.press("12")
    assert walk.actions == []
    walk.give(PlayDone())
    assert not any(isinstance(a, PlaySounds) for a in walk.actions)
    assert walk.ended == "won"


def test_incomplete_type_ahead_goes_on_with_the_inter_digit_timeout():
    walk = Walk({"a": Play(sounds=[HELLO], next="b"), "b": gather(choices={"12": "won"}, max_digits=2)})
    walk.press("1")
    walk.give(PlayDone())
    assert walk.run.deadline == (walk.now + 2000, "inter-digit")
    walk.press("2")
    assert walk.ended == "won"


def test_type_ahead_is_dropped_by_a_gather_without_barge_in():
    walk = Walk({"a": Play(sounds=[HELLO], next="b"), "b": gather(barge_in=False)})
    walk.press("1")
    walk.give(PlayDone())
    assert walk.actions[-1] == PlaySounds([PROMPT], False)


def test_type_ahead_goes_through_two_gathers():
    nodes = {"a": Wait(milliseconds=500, next="b"), "b": gather(choices={"1": "c"}), "c": gather(choices={"2": "won"})}
    walk = Walk(nodes)
    walk.press("12")
    walk.wait(500)
    assert walk.ended == "won"


def test_failed_round_drops_what_was_pressed_ahead():
    nodes = {"a": Wait(milliseconds=500, next="b"), "b": gather(choices={"1": "won"})}
    walk = Walk(nodes)
    walk.press("71")
    walk.wait(500)
    assert walk.run.state == "prompting"
    assert walk.ended is None


def test_type_ahead_is_bounded():
    walk = Walk({"a": Wait(milliseconds=500, next="b"), "b": gather(choices={}, next="won", max_digits=100)})
    walk.press("1" * 100)
    walk.wait(500)
    walk.wait(2000)
    assert walk.results() == [("matched", "1" * 32)]


def test_barge_in_on_a_play_node_takes_the_key_along():
    walk = Walk({"a": Play(sounds=[HELLO], barge_in=True, next="b"), "b": gather()})
    walk.press("1")
    assert walk.actions[0] == StopSounds()
    assert walk.ended == "won"


def test_barge_in_inside_the_engine_comes_before_the_key():
    walk = Walk({"a": Play(sounds=[HELLO], barge_in=True, next="b"), "b": gather()})
    walk.give(PlayDone())
    walk.press("1")
    assert walk.ended == "won"


@pytest.mark.parametrize(("outcome", "end"), [("busy", "won"), ("no_answer", "lost"), ("", None)])
def test_transfer_goes_on_by_outcome(outcome, end):
    walk = Walk({"a": Transfer(target="sip:x@y", on_outcome={"busy": "won"}, failed="lost")})
    assert walk.actions[-1] == Dial(targets=[Target(target="sip:x@y")])
    walk.give(TransferEnded(outcome))
    assert walk.ended == (end or "")


def test_transfer_with_a_node_after_it():
    walk = Walk({"a": Transfer(target="sip:x@y", failed="lost", after="won")})
    walk.give(TransferEnded(""))
    assert walk.ended == "won"


def test_listen_for_sound_and_quiet():
    walk = Walk({"a": Listen(next="b", failed="lost"), "b": Listen(for_sound=False, next="won", failed="lost")})
    walk.give(SoundChanged(False))
    assert walk.run.node == "a"
    walk.give(SoundChanged(True))
    assert walk.run.node == "b"
    walk.give(SoundChanged(False))
    assert walk.ended == "won"


def test_listen_for_quiet_waits_until_it_is_known():
    walk = Walk({"a": Listen(for_sound=False, next="won", failed="lost", timeout_ms=700)})
    assert walk.ended is None
    walk.wait(700)
    assert walk.ended == "lost"


def test_sound_before_the_listen_node_counts():
    walk = Walk({"a": Wait(milliseconds=100, next="b"), "b": Listen(next="won", failed="lost")})
    walk.give(SoundChanged(True))
    walk.wait(100)
    assert walk.ended == "won"


def test_press_goes_on_when_sent_or_after_its_time():
    nodes = {"a": Press(digits="12", next="won")}
    walk = Walk(nodes)
    assert walk.actions[-1] == PressKeys("12", 100, 100)
    walk.give(DigitsGone())
    assert walk.ended == "won"
    walk = Walk(nodes)
    walk.wait(5399)
    assert walk.run.state == "pressing"
    walk.wait(1)
    assert walk.ended == "won"


def test_loop_without_a_pause_ends_the_call():
    walk = Walk({"a": Play(sounds=[], next="b"), "b": Play(sounds=[], next="a")})
    assert walk.actions[-1] == End("menu loop", fault=True)
    assert len(walk.run.path) == MAX_NODES_A_SECOND


def test_loop_of_missing_files_ends_the_call():
    walk = Walk({"a": Play(sounds=[HELLO], next="a")})
    for _ in range(MAX_NODES_A_SECOND):
        walk.give(PlayDone())
    assert walk.run.state == "over"


def test_unknown_node_ends_the_call():
    assert Walk({"a": Play(sounds=[], next="nowhere")}).actions[-1] == End("no such node", fault=True)


SECRET = {
    "a": Play(sounds=[HELLO], next="b"),
    "b": gather(choices={"1234": "won"}, next="bye", min_digits=4, max_digits=4, sensitive=True),
}


def test_sensitive_digits_are_masked():
    walk = Walk(SECRET, start="b")
    walk.press("1234")
    assert walk.results() == [("matched", "****")]
    assert walk.ended == "won"


def test_keys_pressed_ahead_of_a_sensitive_gather_are_sensitive():
    walk = Walk(SECRET)
    assert walk.run.sensitive
    assert not Walk({"a": Play(sounds=[HELLO], next="b"), "b": gather()}).run.sensitive


def test_loop_of_plays_is_not_sensitive():
    walk = Walk({"a": Play(sounds=[HELLO], next="b"), "b": Play(sounds=[HELLO], next="a")})
    assert not walk.run.sensitive


def test_replay_without_the_digits_decides_the_same():
    live, replayed = Withheld(), Withheld()
    ends = {name: HangUp(name) for name in ("won", "bye", "lost")}
    menu = Menu(name="m", version="1", start="a", nodes={**SECRET, **ends})
    run, twin = MenuRun(menu, live), MenuRun(menu, replayed)
    for step in (Started(), Digit("1"), Digit("2"), PlayDone(), Digit("3"), Digit("4")):
        secret = run.sensitive
        live.live()
        actions = run.handle(step, 1000)
        assert not set("1234") & set("".join(live.notes).replace("to:", ""))
        replayed.replay(live.notes)
        shown = twin.handle(Digit("") if isinstance(step, Digit) and secret else step, 1000)
        assert shown == actions
    assert run.node == twin.node == "won"


def test_replay_of_a_journal_without_notes_is_loud():
    withheld = Withheld()
    withheld.replay([])
    with pytest.raises(LookupError):
        withheld.decide(True, lambda: "more")


def test_resumed_in_a_sensitive_node_begins_it_again():
    walk = Walk(SECRET, start="b")
    walk.press("12")
    assert walk.give(Resumed()) == [PlaySounds([PROMPT], True)]
    walk.press("1234")
    assert walk.ended == "won"


def test_resumed_elsewhere_changes_nothing():
    walk = Walk({"a": gather(choices={"12": "won"}, max_digits=2)})
    walk.press("1")
    assert walk.give(Resumed()) == []
    walk.press("2")
    assert walk.ended == "won"


def who(**more) -> Answered:
    ways = {name: name for name in ("human", "machine", "fax", "unknown", "no_beep")}
    return Answered(**{**ways, **more})


def asked(*told, detects=True, **more):
    """A walk whose first node asks who answered, and waits 1 s before that; `told` comes before it asks."""
    ends = {name: HangUp(name) for name in ("human", "machine", "fax", "unknown", "no_beep")}
    walk = Walk({"a": Wait(milliseconds=100, next="b"), "b": who(**more), **ends}, detects=detects)
    walk.give(*(AnswerTold(what) for what in told))
    walk.wait(100)
    return walk


@pytest.mark.parametrize("what", ["human", "machine", "fax", "unknown"])
@pytest.mark.parametrize("before", [True, False])
def test_who_answered(what, before):
    walk = asked(*([what] if before else []))
    if not before:
        assert walk.ended is None
        walk.give(AnswerTold(what))
    assert walk.ended == what


def test_who_answers_a_call_that_came_in_is_unknown_at_once():
    assert asked(detects=False).ended == "unknown"
    assert asked("human", detects=False).ended == "unknown"


def test_no_verdict_in_time():
    walk = asked(timeout_ms=700)
    walk.wait(699)
    assert walk.ended is None
    walk.wait(1)
    assert walk.ended == "unknown"


def test_only_the_first_verdict_counts():
    assert asked("unknown", "machine").ended == "unknown"


@pytest.mark.parametrize("what", ["human", "fax", "unknown"])
def test_only_machines_beep(what):
    assert asked(what, wait_for="beep").ended == what


def test_the_beep_is_waited_for_behind_the_greeting():
    walk = asked(wait_for="beep", timeout_ms=5000, greeting_timeout_ms=20_000, beep_timeout_ms=3000)
    walk.wait(4900)
    walk.give(AnswerTold("machine"))
    walk.wait(19_900)
    walk.give(AnswerTold("greeting_ended"))
    walk.wait(2900)
    assert walk.ended is None
    walk.give(AnswerTold("beep"))
    assert walk.ended == "machine"


def test_a_beep_within_the_greeting_is_enough():
    walk = asked("machine", wait_for="greeting")
    assert walk.ended is None
    walk.give(AnswerTold("beep"))
    assert walk.ended == "machine"


def test_the_end_of_the_greeting_is_enough_where_that_is_wanted():
    walk = asked("machine", wait_for="greeting")
    walk.give(AnswerTold("greeting_ended"))
    assert walk.ended == "machine"


def test_no_beep():
    walk = asked("machine", wait_for="beep", beep_timeout_ms=3000)
    walk.give(AnswerTold("greeting_ended"))
    walk.wait(2999)
    assert walk.ended is None
    walk.wait(1)
    assert walk.ended == "no_beep"


def test_a_greeting_without_end():
    walk = asked("machine", wait_for="beep", greeting_timeout_ms=9000)
    walk.wait(9000)
    assert walk.ended == "no_beep"


def test_what_is_pressed_while_it_is_asked_is_kept():
    walk = Walk({"a": who(human="b"), "b": gather(choices={"1": "won"})}, detects=True)
    walk.press("1")
    walk.give(AnswerTold("human"))
    assert walk.ended == "won"


def test_a_human_that_was_a_machine_is_one_for_the_next_that_asks():
    ends = {name: HangUp(name) for name in ("human", "machine", "fax", "unknown", "no_beep")}
    play = Play(sounds=[HELLO], next="again")
    walk = Walk({**ends, "a": who(human="b"), "b": play, "again": who(human="won", machine="lost")}, detects=True)
    walk.give(AnswerTold("human"))
    assert not walk.ended
    walk.give(AnswerTold("revised"))
    walk.give(PlayDone())
    assert walk.ended == "lost"


def test_keys_are_secret_where_any_way_leads_to_a_sensitive_gather():
    secret = gather(next="won", sensitive=True)
    assert Walk({"a": who(no_beep="b"), "b": secret}, detects=True).run.sensitive
    plain = dict.fromkeys(("human", "machine", "fax", "unknown", "no_beep"), "bye")
    assert not Walk({"a": who(**plain)}, detects=True).run.sensitive


def test_every_kind_of_node_can_be_visited():
    assert set(VISITS) == set(typing.get_args(Node))


def test_ways_are_read_off_the_types():
    assert ways_of(gather(choices={"1": "x", "2": "y", "3": "x"}, next="z")) == ["x", "y", "z", "lost"]
    assert ways_of(Transfer(target="sip:x@y", on_outcome={"busy": "b"}, failed="f")) == ["b", "f"]
    assert ways_of(HangUp()) == []
    assert ways_of(who()) == ["human", "machine", "fax", "unknown", "no_beep"]


INPUTS = st.sampled_from(
    [
        Started(),
        *(Digit(d) for d in "12#*"),
        PlayDone(),
        SoundChanged(True),
        SoundChanged(False),
        Started(detects_answer=True),
        *(AnswerTold(what) for what in ("human", "machine", "fax", "unknown", "greeting_ended", "beep")),
        DigitsGone(),
        TransferEnded("busy"),
        TransferEnded(""),
        TimeUp(),
        Resumed(),
    ]
)


@given(st.lists(INPUTS, max_size=60), st.booleans(), st.booleans())
def test_any_order_of_inputs_is_survived(inputs, barge_in, sensitive):
    nodes = {
        "a": Play(sounds=[HELLO], barge_in=barge_in, next="b"),
        "b": gather(
            choices={"1": "c", "12": "d", "#": "e"}, max_digits=2, barge_in=barge_in, sensitive=sensitive, failed="a"
        ),
        "c": Transfer(target="sip:x@y", failed="b", after="a"),
        "d": Listen(next="e", failed="a"),
        "e": Press(digits="1", next="f"),
        "f": Wait(milliseconds=100, next="g"),
        "g": who(wait_for="beep", human="b", machine="b", fax="a", unknown="f", no_beep="c"),
    }
    walk = Walk(nodes)
    for one in inputs:
        walk.now += 50
        walk.give(one)
        waits_for_time = walk.run.state in {"collecting", "listening", "answering", "pressing", "waiting"}
        assert (walk.waits is not None) == waits_for_time
        assert isinstance(walk.run.node, str)
