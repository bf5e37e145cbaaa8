"""Hunts in menus: orders, what they come to, and how a rehearsal and its tests see them."""

import pytest

from edge.core.menus.drawing import graph_of
from edge.core.menus.expectations import Step, follow
from edge.core.menus.facts import Facts
from edge.core.menus.hunting import in_order, telling
from edge.core.menus.model import HangUp, Menu, Sound, Target, Transfer, Whisper
from edge.core.menus.rehearsal import Rehearsal
from edge.core.menus.rehearsed_world import BackendAnswer, World
from edge.core.menus.words import Dial, TransferTaken
from tests.core.menus.walk import Walk

A, B, C = (Target(target=f"sip:{name}@x", ring_timeout_ms=10_000) for name in "abc")
OUTCOMES = ("busy", "no_answer", "rejected", "not_accepted")


def rehearse(outcomes: dict[str, str], **more) -> Rehearsal:
    node = Transfer(targets=[A, B, C], on_outcome={one: one for one in OUTCOMES}, failed="failed", **more)
    ends = {name: HangUp(name) for name in (*OUTCOMES, "failed")}
    menu = Menu(name="m", version="1", start="t", nodes={"t": node, **ends})
    world = World(
        length_ms=lambda _sound: 2000,
        outcome_of=lambda target: outcomes.get(target[4], ""),
        answer_of=lambda _endpoint: BackendAnswer(),
    )
    return Rehearsal(menu, Facts(), world)


def told(call: Rehearsal) -> list[tuple[int, str]]:
    call.pass_time(200_000)
    return [(line.at_ms, f"{line.what} {line.text}") for line in call.lines if line.what in {"transfer", "whisper"}]


def test_orders():
    dial = Dial(targets=[A, B, C], strategy="round_robin")
    assert in_order(dial, "x") == [0, 1, 2]
    assert in_order(dial, "x", B.key) == [2, 0, 1]
    assert in_order(dial, "x", C.key) == [0, 1, 2]
    assert in_order(Dial(targets=[A, B, C]), "x", B.key) == [0, 1, 2]
    shuffled = Dial(targets=[A, B, C], strategy="random")
    assert sorted(in_order(shuffled, "x")) == [0, 1, 2]
    assert len({tuple(in_order(shuffled, f"call{number}")) for number in range(60)}) == 6


def test_keys_tell_nobody_who_it_is():
    assert A.key != B.key
    assert A.key == Target(target="sip:a@x", trunk="other").key
    assert "a@x" not in A.key


@pytest.mark.parametrize(
    ("outcomes", "which"),
    [(["busy", "no_answer"], 1), (["no_answer", "busy"], 0), (["failed", "unreachable"], 1), (["busy", "failed"], 0)],
)
def test_what_tells_of_a_hunt(outcomes, which):
    assert telling(outcomes) == which


def test_a_rehearsal_dials_one_after_the_other():
    call = rehearse({"a": "busy", "b": "no_answer"})
    assert told(call) == [
        (0, "transfer sip:a@x busy"),
        (3000, "transfer sip:b@x no_answer"),
        (13_000, "transfer sip:c@x"),
    ]
    assert call.lines[-1].at_ms == 13_000 + 3000 + 10_000
    assert call.over


def test_a_rehearsal_without_anybody():
    call = rehearse({"a": "busy", "b": "no_answer", "c": "busy"})
    told(call)
    assert call.lines[-1].text == "no_answer"


def test_a_rehearsal_keeps_to_the_time_of_all():
    call = rehearse({"a": "no_answer", "b": "no_answer"}, hunt_timeout_ms=15_000)
    assert [at for at, _ in told(call)] == [0, 10_000]
    assert (call.lines[-1].at_ms, call.lines[-1].text) == (15_000, "no_answer")


def test_a_rehearsal_leaves_by_an_outcome():
    leaving = [Target(target="sip:a@x", leave_on=["rejected"]), B]
    node = Transfer(targets=leaving, on_outcome={"rejected": "no"}, failed="no")
    world = World(length_ms=lambda _s: 1, outcome_of=lambda _t: "rejected", answer_of=lambda _e: BackendAnswer())
    menu = Menu(name="m", version="1", start="t", nodes={"t": node, "no": HangUp("no")})
    call = Rehearsal(menu, Facts(), world)
    assert len(told(call)) == 1
    assert call.over


def test_a_rehearsal_of_all_at_once():
    call = rehearse({"a": "busy", "b": ""}, strategy="all")
    assert [at for at, _ in told(call)] == [0, 0, 0]
    assert call.lines[-1].at_ms == 13_000
    call = rehearse({"a": "busy", "b": "no_answer", "c": "rejected"}, strategy="all")
    told(call)
    assert (call.lines[-1].at_ms, call.lines[-1].text) == (10_000, "no_answer")


def test_a_rehearsal_whispers():
    whisper = Whisper(sounds=[Sound("/x", "a call for sales")], accept="1", accept_timeout_ms=5000)
    call = rehearse({"a": "not_accepted"}, whisper=whisper)
    assert told(call)[:3] == [
        (0, "transfer sip:a@x not_accepted"),
        (3000, "whisper a call for sales"),
        (3000 + 2000 + 5000, "transfer sip:b@x"),
    ]


def test_steps_about_targets():
    whisper = Whisper(sounds=[Sound("/x", "A call for sales.")])
    steps = [
        Step(transfer="sip:a@x"),
        Step(transfer="sip:b@x"),
        Step(whisper="call for SALES"),
        Step(end=True),
    ]
    assert follow(steps, rehearse({"a": "busy"}, whisper=whisper)) is None
    missed = follow([Step(whisper="support")], rehearse({}, whisper=whisper))
    assert missed is not None
    assert "'support' was not whispered" in missed.message


def test_a_picture_names_the_targets():
    menu = Menu(
        name="m",
        version="12345678",
        start="t",
        nodes={
            "t": Transfer(targets=[A, B], strategy="all", failed="end"),
            "l": Transfer(targets=[A], hunt_list="sales", failed="end"),
            "end": HangUp(""),
        },
    )
    words = {box.name: box.words for box in graph_of(menu).boxes}
    assert words["t"] == "all: sip:a@x, sip:b@x"
    assert words["l"] == "sales (linear): sip:a@x"


def test_targets_that_a_value_is_missing_in_are_left_out():
    node = Transfer(targets=[Target(target="sip:${caller}@x"), B], failed="lost")
    walk = Walk({"a": node})
    assert [one.target for one in walk.actions[-1].targets] == ["sip:b@x"]
    walk.give(TransferTaken(0))
    assert (walk.run.state, walk.ended) == ("transfer", None)
    walk = Walk({"a": Transfer(targets=[Target(target="sip:${caller}@x")], failed="lost")})
    assert walk.ended == "lost"
