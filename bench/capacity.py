"""`edge bench capacity`: legs that one core carries before ticks slip, and what a second engine adds.

Legs are added in steps to engines whose loops are bound to a core each. A step counts when no tick was missed, at most
one in a thousand began half a tick late, no packet was lost on the way, and every leg was heard.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.media import Place, place, prompt
from bench.stage import Stage, stage
from bench.talkers import Talkers, talkers, void
from edge.config.site import Media
from tests.support.addresses import address

#: What to reach: recorded calls on one core.
GOAL = 800
STEP = 200
MOST = 2400
SETTLE_S = 2
Emit = Callable[..., None]


def measure(emit: Emit, *, quick: bool) -> None:
    """Make all runs; `quick` keeps them short, for a look."""
    with place(2 if quick else 5) as at:
        step = 2 * STEP if quick else STEP
        legs, last = _climb(at, [at.engine_cores[0]], [at.generator_cores], GOAL - step, step, recorded=True)
        emit("recorded_ivr_legs_per_core", legs, "legs", **_void(last))
        _tell(emit, "recorded_ivr", last)
        # One engine and two, each core with the same share of generator.
        cores = [at.generator_cores[0], at.engine_cores[0]]
        found = []
        for count in (1, 2):
            used = cores[:count]
            legs, last = _climb(
                at, used, [[core] for core in used], (GOAL - step) * count, step * count, recorded=False
            )
            found.append(legs)
            emit(f"ivr_legs_{count}_engines", legs, "legs", **_void(last))
            _tell(emit, f"ivr_{count}_engines", last)
        if found[0]:
            emit("two_engines_ratio", round(found[1] / found[0], 2), "times the legs of one")


def _void(figures: dict[str, Any]) -> dict[str, Any]:
    return {"void": figures["void"]} if figures.get("void") else {}


def _tell(emit: Emit, name: str, figures: dict[str, Any]) -> None:
    if "load" in figures:
        emit(f"{name}_at_that_load", round(figures["load"], 3), "of a tick", **_void(figures))
        emit(f"{name}_spacing_off_p99", figures["spacing_off_p99"], "ms", **_void(figures))
        emit(f"{name}_generator_cpu", round(figures["generator_cpu"], 3), "cores", **_void(figures))


def _climb(
    at: Place,
    engine_cores: Sequence[int],
    generators: Sequence[Sequence[int]],
    first: int,
    step: int,
    *,
    recorded: bool,
) -> tuple[int, dict[str, Any]]:
    """Add legs until a step does not count; the last number that did, and its figures."""
    engines, best = len(engine_cores), 0
    figures: dict[str, Any] = {}
    name = f"climb-{engines}-{'recorded' if recorded else 'plain'}"
    sound = prompt(at.folder)
    with address() as host:
        media = Media(
            address=host, slots=MOST * engines, engines=engines, cores=list(engine_cores), first_port=16384,
            prompt_memory_mb=4, overload_percent=100,
        )  # fmt: skip
        with stage(at.folder / name, media) as made:
            for legs in range(max(first, step), media.slots + 1, step):
                try:
                    found = _step(at, made, generators, legs // engines, sound, recorded=recorded)
                except RuntimeError as error:  # commands that engines had no time for: somebody took the machine
                    figures = {**figures, "void": [*figures.get("void", []), str(error)]}
                    break
                if not found["counts"]:
                    break
                best, figures = legs, found
    return best, figures


def _step(
    at: Place, made: Stage, generators: Sequence[Sequence[int]], per_engine: int, sound: Path, *, recorded: bool
) -> dict[str, Any]:
    engines = made.media.engines
    with ExitStack() as stack:
        groups: list[tuple[Talkers, list[int]]] = []
        for engine in range(engines):
            host = stack.enter_context(address())
            peers = stack.enter_context(talkers(at.program, host, 10_000, per_engine))
            peers.bind(SETTLE_S, at.seconds, generators[engine])
            start = engine * made.media.slots // engines
            groups.append((peers, list(range(start, start + per_engine))))
        slots = [slot for _, group in groups for slot in group]
        for peers, group in groups:
            made.open(dict(zip(group, peers.peers(), strict=True)))
        made.play(slots, sound)
        if recorded:
            made.record(slots)
        for peers, group in groups:
            peers.talk([(made.address, made.port(slot)) for slot in group])
        for peers, _ in groups:
            peers.warm()
        before = _metrics(made)
        for peers, _ in groups:
            peers.done()
        after = _metrics(made)
        heard = [peers.figures() for peers, _ in groups]
        found = _judge(before, after, heard)
        if found["counts"]:  # else it was the last one
            made.close(slots)
    return found


def _metrics(made: Stage) -> dict[str, float]:
    """Return all figures; none from a machine that has no time to tell them."""
    try:
        return made.metrics()
    except OSError:
        return {}


def _judge(before: dict[str, float], after: dict[str, float], heard: list[dict[str, Any]]) -> dict[str, Any]:
    if not {"edge_media_ticks_total"} <= before.keys() & after.keys():
        return {"counts": False}  # not even the figures could be had in time

    def grown(name: str) -> float:
        return after[f"edge_media_{name}_total"] - before[f"edge_media_{name}_total"]

    ticks = grown("ticks")
    counts = (
        grown("missed_ticks") == 0
        and grown("slipped_ticks") <= ticks / 1000
        and grown("recording_overrun_frames") == 0
        and all(one["lost"] == one["silent_legs"] == 0 for one in heard)
    )
    return {
        "counts": counts,
        "load": max(value for name, value in after.items() if name.startswith("edge_media_load_ratio")),
        "spacing_off_p99": max(one["spacing_off_p99"] for one in heard),
        "generator_cpu": max(one["cpu"] for one in heard),
        "void": [reason for one in heard for reason in void(one)],
    }
