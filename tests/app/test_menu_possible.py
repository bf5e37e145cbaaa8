"""What no stage can be made to do is said before anybody is called."""

import pytest

from edge.app.menu_possible import AHEAD_MOST, impossible
from edge.core.menus.model import Dial, Gather, HangUp, Menu, Queue, Sound, Target, Transfer, Whisper
from edge.core.menus.rehearsed_world import FreeAgent, QueueThere

WAYS = dict.fromkeys(("left", "full", "timed_out", "no_agents", "failed"), "end")
ASKS = Whisper(sounds=[Sound("/w.wav", "for you")], accept="1")
TELLS = Whisper(sounds=[Sound("/w.wav", "for you")])
BOTH = [Target(target="sip:b@192.0.2.1"), Target(target="100", trunk="t")]
MENU = Menu(
    name="m",
    version="",
    start="uri",
    nodes={
        "uri": Transfer(target="sip:a@192.0.2.1", failed="end"),
        "asked": Transfer(
            targets=[Target(target="sip:b@192.0.2.1"), Target(target="100", trunk="t")], whisper=ASKS, failed="end"
        ),
        "told": Transfer(target="sip:c@192.0.2.1", whisper=TELLS, failed="end"),
        "sent": Transfer(target="sip:d@192.0.2.1", by="refer", failed="end"),
        "typed": Dial(
            ask=Gather(prompt=[], failed="end"),
            extensions={"7": "207", "8": "sip:e@192.0.2.1"},
            transfer=Transfer(trunk="t", failed="end"),
        ),
        "filled": Transfer(target="${digits}", trunk="t", failed="end"),
        "queue": Queue(queue="q", whisper=ASKS, **WAYS),
        "end": HangUp(),
    },
)
NO_KEY, NOT_KNOWN, NO_TRUNK = "nobody is asked there", "known in the call only", "not called by a trunk"


@pytest.mark.parametrize(
    ("target", "outcome", "reason"),
    [
        *(("sip:a@192.0.2.1", how, "") for how in ("busy", "no_answer", "failed", "rejected", "answered", "no_room")),
        ("sip:a@192.0.2.1", "trunk_down", NO_TRUNK),
        ("sip:a@192.0.2.1", "not_accepted", ""),  # as an agent of the queue he may be asked
        ("100", "trunk_down", ""),
        ("100", "no_room", ""),
        ("100", "not_accepted", ""),
        ("sip:d@192.0.2.1", "busy", ""),
        ("sip:d@192.0.2.1", "no_room", NOT_KNOWN),
        ("207", "trunk_down", ""),
        ("+49301234", "no_room", NOT_KNOWN),
    ],
)
def test_outcomes(target: str, outcome: str, reason: str) -> None:
    said = impossible(MENU, {target: outcome}, {"q": QueueThere(agents=[FreeAgent(after_ms=0, target="x")])})
    assert (reason in said and target in said) if reason else not said


def test_who_is_not_asked_cannot_refuse_to_be() -> None:
    for target in ("sip:c@192.0.2.1", "sip:a@192.0.2.1", "sip:d@192.0.2.1"):
        assert NO_KEY in impossible(MENU, {target: "not_accepted"}, {})


def test_a_crowd_has_its_limit() -> None:
    assert not impossible(MENU, {}, {"q": QueueThere(ahead=AHEAD_MOST)})
    assert "callers before" in impossible(MENU, {}, {"q": QueueThere(ahead=AHEAD_MOST + 1)})
    assert not impossible(MENU, {}, {"q": QueueThere(ahead=AHEAD_MOST + 1, refuses="full")})
