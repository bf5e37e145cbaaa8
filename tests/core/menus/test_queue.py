"""A place in a queue in virtual time: music, words, keys, agents, and the ways out."""

import pytest
from msgspec.structs import replace

from edge.core.menus.facts import Facts
from edge.core.menus.model import Answered, Attribute, HangUp, Play, Queue, Set
from edge.core.menus.parts import Reading, Sound, Target, Whisper
from edge.core.menus.words import (
    AgentFound,
    AgentMissed,
    AnswerTold,
    Dial,
    JoinQueue,
    LeaveQueue,
    PlaceTold,
    PlayDone,
    PlaySounds,
    QueueClosed,
    Resumed,
    StopDialling,
    StopSounds,
    TakenOver,
    TransferEnded,
    TransferTaken,
)
from tests.core.menus.walk import Walk


def sound(name):
    return Sound(f"/{name}.wav", name)


NUMBERS = {"en": {word: f"/{word}.wav" for word in ("one", "two", "three", "four", "five", "six")}}
POSITION = Sound("", "position", reading=Reading("${queue_position}", "number"))
MINUTES = Sound("", "minutes", reading=Reading("${queue_minutes}", "number"))
NODE = Queue(
    queue="sales",
    music=[sound("music")],
    position=[sound("you-are"), POSITION],
    next_in_line=[sound("next")],
    wait=[MINUTES, sound("minutes")],
    wait_short=[sound("soon")],
    comfort=[[sound("patience")], [sound("website")]],
    comfort_every_ms=40_000,
    callback_offer=[sound("call-back")],
    callback_key="1",
    call_back="called",
    leave_key="#",
    left="left",
    full="full",
    timed_out="late",
    no_agents="nobody",
    failed="lost",
)
ENDS = {name: HangUp(name) for name in ("called", "left", "full", "late", "nobody", "after")}


def waiting(node=NODE, position=3, estimate_ms=150_000, nodes=None, **menu):
    walk = Walk({**ENDS, "a": node, **(nodes or {})}, words=NUMBERS, **menu)
    walk.joined = next((action for action in walk.actions if isinstance(action, JoinQueue)), None)
    walk.give(PlaceTold(position=position, estimate_ms=estimate_ms))
    return walk


def music(walk):
    """From where music was begun, milliseconds."""
    plays = [action for action in walk.actions if isinstance(action, PlaySounds) and action.times == 0]
    return [play.start_ms for play in plays if [one.label for one in play.sounds] == ["music"]]


def found(target="sip:anna@x"):
    return AgentFound(target=target, trunk="", ring_timeout_ms=20_000)


def test_it_joins_with_what_agents_are_chosen_by():
    sets = Set(values={"skill": "billing", "priority": "7"}, next="b")
    walk = Walk({**ENDS, "a": sets, "b": NODE}, facts=Facts(), words=NUMBERS, language="en")
    assert walk.actions[-2:] == [
        JoinQueue("sales", 7, {"skill": "billing", "language": "en"}),
        PlaySounds([sound("music")], barge_in=False, times=0),
    ]
    odd = Walk(
        {**ENDS, "a": NODE}, attributes={"priority": Attribute(type="number", least=-9, default="-3")}, words=NUMBERS
    )
    assert odd.actions[-2].priority == 0


def test_words_interrupt_the_music_which_goes_on_where_it_was():
    walk = waiting()
    walk.wait(3000)
    assert walk.heard() == ["you-are", "three", "three", "minutes"]
    walk.now += 4000
    walk.give(PlayDone())
    assert music(walk) == [3000]
    walk.wait(1000)
    assert walk.actions == []
    walk.wait(32_000)
    assert walk.heard() == ["patience"], "40 s after joining"
    walk.now += 2000
    walk.give(PlayDone())
    assert music(walk) == [36_000]


def test_the_same_is_not_said_twice_and_positions_never_get_worse():
    walk = waiting(replace(NODE, comfort=[], call_back=""))
    walk.wait(3000)
    walk.give(PlayDone())
    assert walk.wait(60_000) == [], "nothing has changed"
    walk.give(PlaceTold(position=5, estimate_ms=250_000))
    walk.wait(60_000)
    assert walk.heard() == ["you-are", "three", "five", "minutes"]
    walk.give(PlayDone())
    walk.give(PlaceTold(position=1, estimate_ms=50_000))
    walk.wait(60_000)
    assert walk.heard() == ["next", "soon"]
    always = waiting(replace(NODE, comfort=[], call_back="", only_changes=False))
    for _ in range(2):
        always.wait(60_000)
        assert always.heard()
        always.give(PlayDone())
    once = waiting(replace(NODE, comfort=[], call_back="", announce_every_ms=0))
    once.wait(3000)
    once.give(PlayDone())
    once.give(PlaceTold(position=1, estimate_ms=0))
    assert once.wait(3_600_000) == []


def test_comfort_comes_in_turn():
    walk = waiting(replace(NODE, position=[], wait=[], next_in_line=[], wait_short=[], call_back=""))
    said = []
    for _ in range(3):
        walk.wait(40_000)
        said += walk.heard()
        walk.give(PlayDone())
    assert said == ["patience", "website", "patience"]


def test_the_callback_counts_from_its_offer_on():
    walk = waiting(replace(NODE, position=[], wait=[], next_in_line=[], wait_short=[], comfort=[]))
    assert walk.press("1") == []
    walk.wait(60_000)
    assert walk.heard() == ["call-back"]
    walk.press("1")
    assert walk.actions[:2] == [StopSounds(), LeaveQueue("callback")]
    assert walk.ended == "called"


def test_keys_lead_out_also_while_an_agent_is_rung():
    walk = waiting()
    assert walk.press("25") == []
    walk.give(found())
    walk.press("#")
    assert walk.actions[:3] == [StopSounds(), StopDialling(), LeaveQueue("left")]
    assert walk.ended == "left"


@pytest.mark.parametrize(
    ("reason", "end"), [("full", "full"), ("timed_out", "late"), ("no_agents", "nobody"), ("failed", "lost")]
)
def test_ways_out(reason, end):
    walk = Walk({**ENDS, "a": NODE}, words=NUMBERS)
    walk.give(QueueClosed(reason))
    assert walk.ended == end
    assert walk.actions[0] == StopSounds()


def test_an_agent_who_does_not_answer_costs_nothing():
    walk = waiting()
    walk.give(found())
    (dial,) = walk.actions
    assert dial.targets == [Target(target="sip:anna@x", ring_timeout_ms=20_000)]
    assert (dial.ringing, dial.early_media, dial.is_hunt) == ([], False, False)
    assert walk.waits is None, "nothing is said while somebody is rung"
    walk.wait(10_000)
    assert walk.give(found("sip:bob@x")) == [], "one at a time"
    walk.give(TransferEnded("no_answer"))
    assert walk.actions == [AgentMissed("no_answer")]
    walk.wait(0)
    assert walk.heard()[:1] == ["you-are"], "what was due meanwhile"
    walk.give(found("sip:bob@x"))
    assert isinstance(walk.actions[0], Dial)


def test_an_agent_is_told_whose_call_it_is():
    walk = waiting(replace(NODE, whisper=Whisper(sounds=[sound("sales"), POSITION], accept="1")))
    walk.give(found())
    (dial,) = walk.actions
    assert [one.label for one in dial.whisper.sounds] == ["sales", "three"]
    assert dial.whisper.accept == "1"
    walk.give(TransferEnded("not_accepted"))
    assert walk.actions == [AgentMissed("not_accepted")]


def test_a_talk_and_what_follows_it():
    for after, end in (("", ""), ("after", "after")):
        walk = waiting(replace(NODE, after=after))
        walk.wait(3000)
        walk.give(found())
        walk.give(TransferTaken(0))
        assert walk.actions == [StopSounds()]
        assert walk.run.state == "transfer"
        assert walk.press("1#") == [], "keys are for the agent now"
        assert walk.wait(3_600_000) == [], "the time of the menu stands still"
        walk.give(TransferEnded(""))
        assert walk.ended == end


def test_music_that_cannot_be_played_is_not_asked_for_again_and_again():
    walk = waiting()
    walk.now += 20
    assert walk.give(PlayDone()) == []
    walk.wait(3000)
    assert walk.heard()[:1] == ["you-are"]
    walk.now += 3000
    walk.give(PlayDone())
    assert music(walk), "after words it is tried again"
    walk.now += 5000
    walk.give(PlayDone())
    assert len(music(walk)) == 1, "an engine has lost it"
    silent = waiting(replace(NODE, music=[]))
    silent.wait(3000)
    silent.give(PlayDone())
    assert silent.actions == []


def test_a_new_life_and_another_caller_go_on():
    walk = waiting()
    assert walk.give(Resumed()) == []
    walk.give(TakenOver())
    assert [type(action).__name__ for action in walk.actions] == ["EnterNode", "JoinQueue", "PlaySounds"]


def test_it_keeps_no_keys_for_the_next_gather():
    walk = waiting(replace(NODE, left="b"), nodes={"b": Play(sounds=[sound("bye")], next="won")})
    walk.press("123#")
    assert walk.run.node == "b"
    assert walk.heard() == ["bye"]


def test_what_was_told_is_a_value_for_later():
    walk = waiting(position=2, estimate_ms=60_000)
    assert walk.run._walk.values.get("queue_position", walk.now) == "2"
    assert walk.run._walk.values.get("queue_minutes", walk.now) == "1"


CALLED = {
    "who": Answered(human="a", machine="after", fax="after", unknown="a", no_beep="after"),
    "a": replace(NODE, give_up_ms=1900),
}


@pytest.mark.parametrize(("over_ms", "waits_ms"), [(0, 1900), (700, 1200), (5000, 1000)])
def test_who_was_called_waits_from_the_end_of_his_greeting_on(over_ms: int, waits_ms: int) -> None:
    walk = Walk({**ENDS, **CALLED}, start="who", detects=True, words=NUMBERS)
    walk.give(AnswerTold("human", over_ms))
    assert walk.wait(waits_ms - 1) == []
    left = walk.wait(1)
    assert LeaveQueue("timed_out") in left
    assert walk.ended == "late"


def test_an_agent_who_rings_does_not_keep_who_was_called_waiting() -> None:
    walk = Walk({**ENDS, **CALLED}, start="who", detects=True, words=NUMBERS)
    walk.give(AnswerTold("human", 700))
    walk.wait(100)
    walk.give(AgentFound(target="sip:anna@x", trunk="", ring_timeout_ms=20_000))
    assert [one for one in walk.wait(1100) if isinstance(one, StopDialling | LeaveQueue)] == [
        StopDialling(),
        LeaveQueue("timed_out"),
    ]
    assert walk.ended == "late"


def test_who_talks_with_an_agent_is_not_given_up() -> None:
    walk = Walk({**ENDS, **CALLED}, start="who", detects=True, words=NUMBERS)
    walk.give(AnswerTold("human", 700))
    walk.give(AgentFound(target="sip:anna@x", trunk="", ring_timeout_ms=20_000))
    walk.give(TransferTaken(0))
    assert walk.waits is None
    assert walk.wait(60_000) == []
