"""Queues in rehearsals: who has time when, what comes of ringing him, and callers who do not wait for it."""

import pytest
from msgspec.structs import replace

from edge.core.menus.expectations import Step, follow
from edge.core.menus.facts import Facts
from edge.core.menus.model import HangUp, Menu, Transfer
from edge.core.menus.rehearsal import Rehearsal
from edge.core.menus.rehearsed_world import BackendAnswer, FreeAgent, QueueThere, World
from tests.core.menus.test_queue import ENDS, NODE, NUMBERS

ANNA, BOB = FreeAgent(after_ms=20_000, target="sip:anna@x"), FreeAgent(after_ms=25_000, target="sip:bob@x")


def call(there, outcomes=None, node=NODE, **nodes):
    ends = {**ENDS, "lost": HangUp(text="lost"), "a": node, **nodes}
    menu = Menu(name="m", version="1", start="a", nodes=ends, words=NUMBERS)
    world = World(
        length_ms=lambda _sound: 1000,
        outcome_of=lambda target: (outcomes or {}).get(target, ""),
        answer_of=lambda _name: BackendAnswer(),
        queue_of=lambda _name: there,
    )
    return Rehearsal(menu, Facts(), world)


def steps(*written):
    return [Step(**one) for one in written]


def test_somebody_has_time():
    rehearsed = call(QueueThere(ahead=2, moves_ms=5000, agents=[ANNA]))
    wanted = steps({"queue": "sales"}, {"hear": "music"}, {"hear": "you-are three"}, {"transfer": "sip:anna@x"})
    assert follow([*wanted, Step(end=True)], rehearsed) is None
    assert rehearsed.lines[-1].at_ms == 20_000 + 3000 + 10_000, "joined, rung, talked"
    assert [line.text for line in rehearsed.lines if line.what == "end"] == [""]


def test_who_does_not_answer_is_followed_by_the_next_one():
    there = QueueThere(agents=[ANNA, BOB])
    rehearsed = call(there, {"sip:anna@x": "no_answer"}, replace(NODE, after="after"))
    wanted = steps({"transfer": "sip:anna@x"}, {"transfer": "sip:bob@x"}, {"at": "after"}, {"end": True})
    assert follow(wanted, rehearsed) is None
    at_ms = {line.text: line.at_ms for line in rehearsed.lines if line.what == "transfer"}
    assert at_ms == {"sip:anna@x no_answer": 20_000, "sip:bob@x": 40_000}, "one at a time"


def test_who_leaves_hears_no_more_of_it():
    for wait_ms, key, end in ((61_000, "1", "called"), (21_000, "#", "left"), (500, "#", "left")):
        rehearsed = call(QueueThere(agents=[ANNA]), {"sip:anna@x": "no_answer"})
        assert follow(steps({"wait_ms": wait_ms}, {"press": key}, {"at": end}, {"end": True}), rehearsed) is None
    other = Transfer(target="sip:desk@x", failed="lost", after="after")
    rehearsed = call(QueueThere(agents=[ANNA]), {"sip:anna@x": "busy"}, replace(NODE, left="b"), b=other)
    # The agent's line was being rung: what comes of it is none of the next talk's business.
    assert follow(steps({"wait_ms": 20_500}, {"press": "#"}, {"at": "after"}), rehearsed) is None


@pytest.mark.parametrize(("refuses", "end"), [("full", "full"), ("no_agents", "nobody"), ("failed", "lost")])
def test_who_is_not_taken_in(refuses, end):
    assert follow(steps({"at": end}, {"end": True}), call(QueueThere(refuses=refuses))) is None


def test_nobody_waits_for_longer_than_the_queue_lets_him():
    rehearsed = call(QueueThere(max_wait_ms=100_000))
    assert follow(steps({"hear": "patience"}, {"hear": "website"}, {"at": "late"}), rehearsed) is None
    assert rehearsed.now_ms == 100_000
    missed = follow(steps({"queue": "support"}), call(QueueThere()))
    assert missed is not None
    assert "'support' was not joined" in missed.message
