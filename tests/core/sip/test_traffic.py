"""Figures of trunks: what counts as answered and effective, and over which time."""

import pytest

from edge.core.sip.actions import Action, Reserve, Seized
from edge.core.sip.traffic import WINDOW_MS, Seizure, Traffic, result_of
from tests.core.sip.steps import LEG, from_bob, span_invite, span_request
from tests.core.sip.test_attempts import FIRST, SECOND, flow, group_world, one, sent
from tests.core.sip.world import SPAN_SDP, World, answer, in_dialog, invite, offer, to_span


@pytest.mark.parametrize(
    ("status", "rang", "result"),
    [
        (200, True, "answered"),
        (486, False, "effective"),
        (603, False, "effective"),
        (480, True, "effective"),
        (487, True, "effective"),
        (487, False, "ineffective"),
        (404, False, "ineffective"),
        (503, True, "ineffective"),
        (0, False, "ineffective"),
    ],
)
def test_results(status: int, rang: bool, result: str) -> None:
    assert result_of(status, rang=rang) == result


def seizure(result: str, talk_ms: int = 0, ring_ms: int = 0) -> Seizure:
    return Seizure(trunk="a", direction="out", result=result, talk_ms=talk_ms, ring_ms=ring_ms)  # type: ignore[arg-type]


def test_figures_of_an_hour() -> None:
    traffic = Traffic()
    assert traffic.figures(0) == {}
    traffic.add(seizure("answered", 60_000, 2_000), 1_000)
    traffic.add(seizure("answered", 120_000, 4_000), 2_000)
    traffic.add(seizure("effective", 0, 9_000), 3_000)
    traffic.add(seizure("ineffective"), 4_000)
    figures = traffic.figures(5_000)["a", "out"]
    assert (figures.seizures, figures.asr, figures.ner, figures.acd_s, figures.ring_s) == (4, 0.5, 0.75, 90.0, 4.0)
    later = traffic.figures(WINDOW_MS + 2_000)["a", "out"]
    assert (later.seizures, later.asr, later.ner, later.acd_s) == (2, 0.0, 0.5, None)
    empty = traffic.figures(WINDOW_MS * 2)["a", "out"]
    assert (empty.seizures, empty.asr, empty.ner, empty.ring_s) == (0, None, None, None)
    traffic.keep_only(set())
    assert traffic.figures(0) == {}


def seizures(actions: list[Action]) -> list[tuple[str, str, str, int, int]]:
    found = [action.seizure for action in actions if isinstance(action, Seized)]
    return [(s.trunk, s.direction, s.result, s.talk_ms, s.ring_ms) for s in found]


def test_each_attempt_is_a_seizure_of_its_trunk() -> None:
    world = group_world()
    world.put(Reserve(LEG, "555", "all", "100"))
    _, first = one(world.span(span_invite()))
    actions = world.peer(from_bob(first, 500), flow(FIRST))
    assert seizures(actions) == [("main", "out", "ineffective", 0, 0)]
    _, second = one(actions)
    world.now_ms += 700
    world.peer(from_bob(second, 180), flow("203.0.113.1"))
    world.now_ms += 5_000
    world.peer(from_bob(second, 200, body=offer("203.0.113.1", 5000)), flow("203.0.113.1"))
    world.span(span_request("ACK"))
    world.now_ms += 61_000
    _, bye = one(world.span(span_request("BYE", cseq=101)), "BYE")
    ended = world.peer(from_bob(bye, 200), flow("203.0.113.1"))
    assert seizures(ended) == [("other", "out", "answered", 61_000, 700)]


def test_refusals_and_silence() -> None:
    world = group_world(codes=(), invite_timeout_ms=4_000)
    world.put(Reserve(LEG, "555", "main", "100"))
    world.span(span_invite())
    assert [s[:3] for s in seizures(world.wait(4_000))] == [("main", "out", "ineffective")]
    _, second = sent(world.actions)[-1]
    assert second.uri.host == SECOND
    actions = world.peer(from_bob(second, 486), flow(SECOND))
    assert [m.status for m in to_span(actions)] == [486]
    assert seizures(world.span(span_request("ACK", branch="z9hG4bKPjone"))) == [("main", "out", "effective", 0, 0)]


def test_a_call_that_comes_in() -> None:
    world = World()
    inner = to_span(world.peer(invite()))[0]
    world.span(answer(inner, 200, body=SPAN_SDP))  # type: ignore[arg-type]
    world.peer(in_dialog("ACK", cseq=1))
    world.now_ms += 30_000
    bye = to_span(world.peer(in_dialog("BYE")))[0]
    assert seizures(world.span(answer(bye, 200))) == [("main", "in", "answered", 30_000, 0)]  # type: ignore[arg-type]
