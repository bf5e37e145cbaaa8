"""Tests of tests: what they see of a call, and that they fail when they should."""

import pytest

from edge.core.callbacks.rules import Rules
from edge.core.callbacks.window import WindowRule
from edge.core.menus.calendar import UTC_ZONE
from edge.core.menus.expectations import Step, follow
from edge.core.menus.facts import Facts
from edge.core.menus.kinds.ask import Ask
from edge.core.menus.model import (
    Answered,
    Callback,
    DoNotCall,
    Gather,
    HangUp,
    Menu,
    Play,
    Question,
    Set,
    Sound,
    Survey,
    Transfer,
    Wait,
)
from edge.core.menus.rehearsal import Rehearsal
from edge.core.menus.rehearsed_world import BackendAnswer, World

HELLO, MAIN, AWAY, GONE = (Sound(f"/{text}.wav", text) for text in ("Good  Morning", "Press 1", "Are you there", "Bye"))
NODES = {
    "hello": Play(sounds=[HELLO], next="main"),
    "main": Gather(prompt=[MAIN], choices={"1": "ask", "2": "desk"}, no_input=[[AWAY]], max_failures=2, failed="gone"),
    "ask": Ask(endpoint="crm", answers={"vip": "mark"}, failed="desk", timeout="gone"),
    "mark": Set(values={"skill": "gold"}, next="desk"),
    "desk": Transfer(target="sip:desk@x", ring_timeout_ms=9000, on_outcome={"busy": "main"}, failed="gone"),
    "gone": Play(sounds=[GONE], next="end"),
    "end": HangUp("done"),
}


def call(start: str = "hello", **world) -> Rehearsal:
    menu = Menu(name="m", version="1", start=start, nodes=NODES)
    return Rehearsal(menu, Facts(caller="+1"), world_of(**world))


def world_of(targets=None, backends=None, length_ms=lambda _sound: 1000, answered=None) -> World:
    return World(
        length_ms=length_ms,
        outcome_of=lambda target: (targets or {}).get(target, ""),
        answer_of=lambda endpoint: (backends or {}).get(endpoint, BackendAnswer(outcome="failed")),
        answered=answered,
    )


def missed(*steps: Step, **world) -> tuple[int, str] | None:
    miss = follow(list(steps), call(**world))
    return None if miss is None else (miss.step, miss.message)


def test_what_happens_is_found_in_its_order_and_the_rest_is_passed_over() -> None:
    assert (
        missed(
            Step(hear="good morning"),
            Step(hear="PRESS"),
            Step(press="1"),
            Step(ask="crm"),
            Step(at="mark"),
            Step(set={"skill": "gold", "language": "en"}),
            Step(transfer="sip:desk@x"),
            Step(end=True),
            backends={"crm": BackendAnswer(answer="vip")},
        )
        is None
    )


@pytest.mark.parametrize(
    ("steps", "index", "message"),
    [
        ([Step(hear="good night")], 0, "'good night' was not heard and the call has ended; heard: 'Good  Morning'"),
        ([Step(hear="press"), Step(hear="good morning")], 1, "'good morning' was not heard"),
        ([Step(at="desk"), Step(press="1")], 0, "'desk' was not entered"),
        ([Step(press="3"), Step(input="matched")], 1, "the input: 'no_match 3'"),
        ([Step(press="2"), Step(transfer="sip:boss@x")], 1, "dialled: 'sip:desk@x'"),
        ([Step(press="1"), Step(ask="erp")], 1, "asked: 'crm'"),
        ([Step(set={"skill": "gold"})], 0, "skill is 'not set', not 'gold'"),
        ([Step(end=True), Step(press="1")], 1, "the call has ended before"),
    ],
)
def test_what_does_not_happen_is_told_with_what_did(steps: list[Step], index: int, message: str) -> None:
    found = missed(*steps)
    assert found is not None
    assert found[0] == index
    assert message in found[1]


def test_an_end_that_does_not_come() -> None:
    menu = Menu(name="m", version="1", start="w", nodes={"w": Wait(milliseconds=600_000, next="e"), "e": HangUp()})
    miss = follow([Step(end=True)], Rehearsal(menu, Facts(), world_of()))
    assert miss is not None
    assert miss.message == "the call is not over within 120 s, and the call is at 'w'"


def test_the_world_is_as_it_is_told() -> None:
    assert missed(Step(press="2"), Step(transfer="sip:desk@x"), Step(at="main"), targets={"sip:desk@x": "busy"}) is None
    assert missed(Step(press="2"), Step(at="gone"), targets={"sip:desk@x": "no_answer"}) is None
    assert missed(Step(press="1"), Step(at="desk")) is None, "a backend that is not named can't be reached"
    late = {"crm": BackendAnswer(outcome="timeout")}
    assert missed(Step(press="1"), Step(at="gone"), backends=late) is None


def test_time_is_that_of_the_call() -> None:
    one = call()
    assert follow([Step(at="main"), Step(input="no_input"), Step(hear="are you there")], one) is None
    assert one.now_ms == 1000 + 1000 + 5000, "hello, prompt, first digit"
    one = call(start="desk", targets={"sip:desk@x": "no_answer"})
    assert follow([Step(at="gone")], one) is None
    assert one.now_ms == 9000, "the time that it rings"


def test_a_sound_that_was_stopped_does_not_end_once_more() -> None:
    one = call(start="main", length_ms=lambda _sound: 3000)
    assert follow([Step(wait_ms=500), Step(press="5"), Step(input="no_match")], one) is None
    # The prompt begins anew at 500; the end of the first one, planned at 3000, is not its end.
    assert follow([Step(input="no_input")], one) is None
    assert one.now_ms == 500 + 3000 + 5000


def test_who_answered_is_told_when_it_is_known() -> None:
    nodes = {**NODES, "who": Answered(human="main", machine="gone", fax="gone", unknown="main", no_beep="gone")}
    menu = Menu(name="m", version="1", start="who", nodes=nodes)
    one = Rehearsal(menu, Facts(), world_of(answered="machine"))
    assert follow([Step(at="gone"), Step(end=True)], one) is None


@pytest.mark.parametrize(
    ("who", "wait_for", "node", "at_ms"),
    [
        ("human", "beep", "human", 200),
        ("fax", "beep", "fax", 200),
        ("unknown", "beep", "unknown", 200),
        ("machine", "verdict", "machine", 200),
        ("machine", "greeting", "machine", 5200),
        ("machine", "beep", "machine", 5700),
        ("machine_without_beep", "greeting", "machine", 5200),
        ("machine_without_beep", "beep", "no_beep", 10_200),
    ],
)
def test_what_a_machine_does_after_it_is_known(who: str, wait_for: str, node: str, at_ms: int) -> None:
    ways = {name: name for name in ("human", "machine", "fax", "unknown", "no_beep")}
    nodes = {"who": Answered(wait_for=wait_for, **ways), **dict.fromkeys(ways, Wait(milliseconds=99, next="end"))}
    menu = Menu(name="m", version="1", start="who", nodes={**nodes, "end": HangUp()})
    one = Rehearsal(menu, Facts(), world_of(answered=who))
    assert follow([Step(at=node)], one) is None
    assert one.lines[-1].at_ms == at_ms


def test_ways_that_were_gone() -> None:
    one = call()
    follow([Step(end=True)], one)
    assert one.moves == {("", "hello"), ("hello", "main"), ("main", "gone"), ("gone", "end")}


def test_a_secret_key_is_not_shown() -> None:
    nodes = {**NODES, "card": Gather(prompt=[MAIN], max_digits=2, next="gone", failed="gone", sensitive=True)}
    one = Rehearsal(Menu(name="m", version="1", start="card", nodes=nodes), Facts(), world_of())
    assert follow([Step(press="47"), Step(at="gone")], one) is None
    assert not [line for line in one.lines if "4" in line.text or "7" in line.text]


def test_callbacks_and_surveys() -> None:
    ask = Gather(prompt=[MAIN], failed="")
    nodes = {
        "hello": Callback(
            offer=ask,
            ask=None,
            confirm=None,
            rules=Rules(),
            window=WindowRule(within_ms=1000),
            zone=UTC_ZONE,
            next="rate",
            declined="end",
            failed="end",
            refused="end",
        ),
        "rate": Survey(questions=[Question(name="polite", ask=ask, least=1, most=5)], next="later"),
        "later": Survey(menu="how", next="end"),
        "end": HangUp("done"),
    }
    menu = Menu(name="m", version="1", start="hello", nodes=nodes)
    one = Rehearsal(menu, Facts(peer="+4930123456", country="DE", wall_ms=0), world_of())
    steps = [
        Step(press="1"),
        Step(callback="+4930123456"),
        Step(press="4"),
        Step(survey="polite=4"),
        Step(survey="complete"),
        Step(survey="afterwards how"),
        Step(end=True),
    ]
    assert follow(steps, one) is None
    (line,) = (line for line in one.lines if line.what == "callback")
    assert line.values == {"not_before": "1970-01-01T00:00:00.000Z", "latest": "1970-01-01T00:00:01.000Z"}
    hidden = Rehearsal(menu, Facts(country="DE"), world_of())
    found = follow([Step(callback="+49")], hidden)
    assert found is not None
    assert "was not asked to be called back" in found.message


@pytest.mark.parametrize(("answered", "steps"), [("human", [Step(do_not_call="own")]), (None, [Step(at="gone")])])
def test_who_was_called_is_put_on_the_list(answered: str | None, steps: list[Step]) -> None:
    nodes = {"stop": DoNotCall(next="end", failed="gone"), **NODES}
    played = Rehearsal(Menu(name="m", version="1", start="stop", nodes=nodes), Facts(), world_of(answered=answered))
    assert follow(steps, played) is None
    missed = follow([Step(do_not_call="own"), Step(do_not_call="own")], played)
    assert missed is not None
    assert "put on the list" in missed.message
