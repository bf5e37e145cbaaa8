"""Simulated campaigns as pictures: how a day went, and what agents do by how many they are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge.app.simulation.outcome import Outcome, Sample
from edge.cli.line_chart import Curve, Panel, chart

if TYPE_CHECKING:
    from PIL.Image import Image

Run = tuple[int, str, Outcome]


def over_agents(runs: Sequence[Run], ceiling: float) -> "Image":
    """Draw utilisation, talk, abandoned calls and waits of agents against how many they are, a curve a pacing."""
    ways = list(dict.fromkeys(way for _, way, _ in runs))

    def curves(figure: str, factor: float = 1.0) -> list[Curve]:
        return [
            Curve(way, [(size, factor * one.figures()[figure]) for size, name, one in runs if name == way])
            for way in ways
        ]

    return chart(
        "Agents' time by pacing",
        "agents",
        [
            Panel("utilisation of agents, %", curves("utilisation", 100), low=None, high=100),
            Panel("abandoned, % of live answers, and the ceiling", curves("abandonment", 100), level=100 * ceiling),
            Panel("agents wait for a call, s", curves("agent_wait_s")),
        ],
        even=True,
    )


def over_time(runs: Sequence[Run], ceiling: float) -> "Image":
    """Draw the same over the hours that were worked; abandoned calls are those since the begin."""
    busy, lost, talks = [], [], []
    for _, way, one in runs:
        pairs = list(zip(one.samples, one.samples[1:], strict=False))
        hours = _hours(pairs)
        busy.append(Curve(way, [(at, 100 * _busy(*pair)) for at, pair in zip(hours, pairs, strict=True)]))
        lost.append(
            Curve(way, [(at, 100 * b.abandoned / max(b.live, 1)) for at, (_, b) in zip(hours, pairs, strict=True)])
        )
        talks.append(Curve(way, [(at, _waits(*pair)) for at, pair in zip(hours, pairs, strict=True)]))
    return chart(
        f"{runs[0][0]} agents",
        "hours worked",
        [
            Panel("utilisation of agents, %", busy, high=100),
            Panel("abandoned since the begin, % of live answers, and the ceiling", lost, level=100 * ceiling),
            Panel("agents wait for a call, s", talks),
        ],
    )


def _hours(pairs: list[tuple[Sample, Sample]]) -> list[float]:
    """Nights are left out."""
    hours, worked = [], 0.0
    for before, after in pairs:
        passed = (after.at_ms - before.at_ms) / 3_600_000
        worked += passed if after.agent_ms > before.agent_ms and passed <= 1 else 0.0
        hours.append(round(worked, 3))
    return hours


def _busy(before: Sample, after: Sample) -> float:
    return 1 - (after.idle_ms - before.idle_ms) / max(after.agent_ms - before.agent_ms, 1)


def _waits(before: Sample, after: Sample) -> float:
    served = after.live - after.abandoned - before.live + before.abandoned
    return (after.idle_ms - before.idle_ms) / 1000 / max(served, 1)
