"""What a simulated campaign is like: its callees, its agents and its hours, and what chance draws of them."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from edge.app.simulation.words import Weather

#: Draws that are made at once.
BLOCK = 1 << 15
DAY_S = 86_400

#: How attempts end: without an answer; a person is taken for a machine, a machine for a person; a person.
OVER, REFUSED, MACHINE, LIVE = range(4)


class Scenario(Struct, frozen=True, kw_only=True):
    """A campaign. Of attempts that no person answers, what is neither a machine nor fails rings until the limit."""

    agents: int = 20
    #: Share of attempts that a person would answer, in time or not.
    answer_rate: float = 0.3
    #: Of those that none answers, machines, and
    machines: float = 0.1
    #: busy, unallocated, refused: over within a second or two.
    fails_at_once: float = 0.08
    #: From the beginning of an attempt to an answer: mean, with a gamma distribution of shape 4 on top of 1.5 s.
    ring_s: float = 9.0
    ring_limit_s: float = 22.0
    #: Talks and the work after them: means and coefficients of variation, lognormal.
    talk_s: float = 120.0
    talk_spread: float = 0.8
    wrap_up_s: float = 20.0
    wrap_up_spread: float = 0.5
    #: Whether a detector listens to who answers: how long, how often it takes a person for a machine and the reverse,
    #: and how much of its time lies after the end of a greeting.
    detector: bool = True
    detector_s: float = 2.0
    persons_refused: float = 0.01
    machines_missed: float = 0.05
    after_greeting_s: float = 0.6
    patience_s: float = 2.0
    #: Calls at the same time; 0: no limit.
    lines: int = 0
    calls_per_second: int = 50
    days: float = 1.0
    hours_a_day: float = 8.0
    weather: Weather = "calm"
    #: After how many of a hundred calls an agent pauses, and for how long.
    pauses: float = 3.0
    pause_s: float = 300.0
    #: Agents come and go: the least share of them who are there.
    least_agents: float = 1.0


class Segment(Struct, frozen=True):
    """Half an hour, or less: what holds in it. Factors are of the scenario's figures."""

    begin_ms: int
    answers: float
    talks: float
    agents: int


def segments_of(scenario: Scenario, generator: np.random.Generator, begin_ms: int, length_s: float) -> list[Segment]:
    """Draw a working day, in order; a segment lasts until the next one."""
    made: list[Segment] = []
    answers = talks = 1.0
    jumps = sorted(generator.uniform(0, length_s, int(generator.poisson(3)))) if scenario.weather == "jumps" else []
    moments = sorted({*np.arange(0, length_s, 1800).tolist(), *jumps})
    wave = float(generator.uniform(0, 2 * np.pi))
    for moment in moments:
        if scenario.weather != "calm":
            if moment in jumps:
                answers, talks = np.exp(generator.uniform(np.log(0.25), np.log(3.5))), generator.uniform(0.4, 2.0)
            drift = 1 + 0.35 * np.sin(wave + 2 * np.pi * moment / length_s)
        else:
            drift = 1.0
        there = round(scenario.agents * generator.uniform(scenario.least_agents, 1.0))
        made.append(
            Segment(
                begin_ms + round(moment * 1000), float(answers * drift), float(talks / np.sqrt(drift)), max(there, 1)
            )
        )
    return made


def _endless(make: Callable[[int], Iterable[Any]]) -> Callable[[], Any]:
    """Give one draw after the other, of blocks that are made when they are wanted."""

    def blocks() -> Iterator[Iterable[Any]]:
        while True:
            yield make(BLOCK)

    return chain.from_iterable(blocks()).__next__


class Draws:
    """Chance, a stream for each thing, so that one pacing's attempts do not disturb another's talks."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario = scenario
        #: Attempts that can still be drawn.
        self.left = 1 << 60
        self.weather, attempts, talk, wrap, pause = (
            np.random.default_rng(one) for one in np.random.SeedSequence(seed).spawn(5)
        )
        #: A number from 0 to 1 (below the answer rate: a person answers), how the attempt ends then and after how many
        #: milliseconds, and how and when otherwise.
        self.attempt = _endless(lambda count: self._attempts(attempts, count))
        #: Milliseconds.
        self.talk = _endless(lambda count: _lognormal(talk, scenario.talk_s, scenario.talk_spread, count).tolist())
        self.wrap = _endless(
            lambda count: _lognormal(wrap, scenario.wrap_up_s, scenario.wrap_up_spread, count).tolist()
        )
        self.pause = _endless(lambda count: pause.random(count).tolist())

    def _attempts(self, generator: np.random.Generator, count: int) -> Iterable[tuple[float, int, int, int, int]]:
        scenario = self._scenario
        limit = round(1000 * scenario.ring_limit_s)
        rings = 1500 + 250 * max(scenario.ring_s - 1.5, 0.1) * generator.standard_gamma(4.0, count)
        in_time = rings < limit
        heard = 1000 * generator.uniform(0.5, 1.5, count) * (scenario.detector_s if scenario.detector else 0.0)
        wrong = generator.random(count)
        answered = rings + heard
        live = np.where(wrong < scenario.persons_refused, REFUSED, LIVE) if scenario.detector else np.full(count, LIVE)
        missed = wrong < scenario.machines_missed if scenario.detector else np.full(count, True)
        what = generator.random(count)
        machine = (what < scenario.machines) & in_time
        fails = (what >= scenario.machines) & (what < scenario.machines + scenario.fails_at_once)
        others = np.where(machine, answered, np.where(fails, generator.uniform(300, 2500, count), limit))
        return zip(
            generator.random(count).tolist(),
            np.where(in_time, live, OVER).tolist(),
            np.where(in_time, answered, limit).astype(np.int64).tolist(),
            np.where(machine & missed, MACHINE, OVER).tolist(),
            others.astype(np.int64).tolist(),
            strict=True,
        )


def _lognormal(generator: np.random.Generator, mean_s: float, spread: float, count: int) -> npt.NDArray[Any]:
    """Draw milliseconds with this mean and coefficient of variation."""
    if mean_s <= 0:
        return np.zeros(count)
    variance = np.log(1 + spread * spread)
    return 1000 * mean_s * np.exp(generator.normal(-variance / 2, np.sqrt(variance), count))
