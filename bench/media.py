"""`edge bench media`: what a leg costs the media engine, beside rtpengine in user space, and what a kill costs.

The engines run under a real supervisor without signalling (`bench.stage`); the peers are one C process, pinned to a
core of its own. Ours and the peer run in turn, three times; the figure is the median.
"""

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from bench import usage
from bench.rtpengine import rtpengine
from bench.rtpengine import there as rtpengine_there
from bench.stage import Stage, stage
from bench.talkers import Talkers, build, talkers, void
from edge.config.site import Media
from tests.support.addresses import address

TURNS = 3
LEGS = 200
WARM_S = 4
KILLS = 5
_REFUSED = "edge_media_packets_refused_total"
Emit = Callable[..., None]


class Place(NamedTuple):
    """Where everything of a bench is."""

    folder: Path
    program: Path
    generator_cores: Sequence[int]
    engine_cores: Sequence[int]
    #: Length of a run, and runs of each side.
    seconds: float
    turns: int


class Run(NamedTuple):
    """One measurement."""

    #: Of one core, percent a leg.
    cpu_per_leg: float
    talkers: dict[str, Any]


@contextmanager
def place(seconds: float, turns: int = TURNS) -> Iterator[Place]:
    """A folder, the peers' program, and the cores: the first is the generator's, the others the engines'."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="edge-bench-") as name:
        folder = Path(name)
        yield Place(folder, build(folder), cores[:1], cores[1:] or cores, seconds, turns)


def prompt(folder: Path) -> Path:
    """30 s of noise in syllables."""
    path = folder / "prompt.wav"
    at = np.arange(30 * 8000)
    noise = np.random.default_rng(1).standard_normal(at.size) * 0.1 * (0.55 + 0.45 * np.sin(at * 2 * np.pi * 4 / 8000))
    soundfile.write(path, noise, 8000, subtype="PCM_16")
    return path


def measure(emit: Emit, *, quick: bool) -> None:
    """Make all runs; `quick` keeps them short and makes each once, for a look."""
    with place(3, 1) if quick else place(10) as at:
        _relay(emit, at)
        _ivr(emit, at)
        _srtp(emit, at)
        _kill(emit, at)


def watch(peers: Talkers, targets: Sequence[tuple[str, int]], cpu_s: Callable[[], float]) -> Run:
    """Let bound peers talk, and measure who is asked by `cpu_s`."""
    peers.talk(targets)
    peers.warm()
    before, began = cpu_s(), time.monotonic()
    peers.done()
    used, took = cpu_s() - before, time.monotonic() - began
    return Run(100 * used / took / peers.count, peers.figures())


def _ours(at: Place, made: Stage, prepare: Callable[[list[int]], None]) -> Run:
    """One run of `LEGS` legs on a stage: opened, prepared, measured, closed."""
    with address() as host, talkers(at.program, host, 10_000, LEGS) as peers:
        peers.bind(WARM_S, at.seconds, at.generator_cores)
        slots = list(range(LEGS))
        made.open(dict(zip(slots, peers.peers(), strict=True)))
        prepare(slots)
        run = watch(peers, [(made.address, made.port(slot)) for slot in slots], made.cpu_s)
        made.close(slots)
    return run


def _emit(emit: Emit, name: str, runs: list[Run], others: list[Run] | None = None, peer: str = "") -> None:
    bad = [reason for run in [*runs, *(others or [])] for reason in void(run.talkers)]
    more: dict[str, Any] = {"void": bad} if bad else {}
    cost = round(statistics.median(run.cpu_per_leg for run in runs), 4)
    beside = {}
    if others:
        theirs = round(statistics.median(run.cpu_per_leg for run in others), 4)
        beside = {"peer": peer, "peer_value": theirs, "ratio": round(cost / theirs, 2)}
    emit(f"{name}_cpu_per_leg", cost, "% of a core", **beside, **more)
    emit(f"{name}_rtp_lost", sum(run.talkers["lost"] for run in runs), "packets", **more)
    emit(f"{name}_silent_legs", sum(run.talkers["silent_legs"] for run in runs), "legs", **more)
    emit(f"{name}_rtp_spacing_off_p99", max(run.talkers["spacing_off_p99"] for run in runs), "ms", **more)
    emit(f"{name}_generator_cpu", round(statistics.median(r.talkers["cpu"] for r in runs), 4), "cores", **more)


def _relay(emit: Emit, at: Place) -> None:
    """Two legs each, bridged; rtpengine relays the same."""
    ours: list[Run] = []
    theirs: list[Run] = []
    with address() as host:
        media = Media(address=host, slots=LEGS, inband_dtmf="never", prompt_memory_mb=1, cores=list(at.engine_cores))
        with stage(at.folder / "relay", media) as made:
            for _ in range(at.turns):
                ours.append(_ours(at, made, lambda slots: made.bridge(zip(slots[::2], slots[1::2], strict=True))))
                if rtpengine_there():
                    theirs.append(_rtpengine(at))
    _emit(emit, "relay", ours, theirs, "rtpengine in user space")
    if theirs:
        ratio = statistics.median(r.cpu_per_leg for r in ours) / statistics.median(r.cpu_per_leg for r in theirs)
        emit("relay_beside_rtpengine", round(ratio, 2), "times its cost")
        emit("relay_peer_rtp_spacing_off_p99", max(run.talkers["spacing_off_p99"] for run in theirs), "ms")
        emit("relay_peer_rtp_lost", sum(run.talkers["lost"] for run in theirs), "packets")


def _rtpengine(at: Place) -> Run:
    with (
        address() as host,
        address() as own,
        rtpengine(host, at.folder, at.engine_cores[0]) as engine,
        talkers(at.program, own, 10_000, LEGS) as peers,
    ):
        peers.bind(WARM_S, at.seconds, at.generator_cores)
        where = peers.peers()
        targets: list[tuple[str, int]] = []
        for i in range(0, LEGS, 2):
            targets += engine.call(f"bench-{i}", where[i], where[i + 1])
        return watch(peers, targets, lambda: sum(usage.cpu_by_name([engine.pid]).values()))


def _ivr(emit: Emit, at: Place) -> None:
    """A prompt for each leg with in-band detection; then recorded, too."""
    sound = prompt(at.folder)
    plain: list[Run] = []
    recorded: list[Run] = []
    with address() as host:
        media = Media(address=host, slots=LEGS, prompt_memory_mb=4, cores=list(at.engine_cores))
        with stage(at.folder / "ivr", media) as made:

            def record(slots: list[int]) -> None:
                made.play(slots, sound)
                made.record(slots)

            for _ in range(at.turns):
                plain.append(_ours(at, made, lambda slots: made.play(slots, sound)))
                recorded.append(_ours(at, made, record))
    _emit(emit, "ivr", plain)
    _emit(emit, "recorded_ivr", recorded)


def _srtp(emit: Emit, at: Place) -> None:
    """Legs of one engine that face each other, each playing a prompt: in the clear, and by SRTP. No generator."""
    sound = prompt(at.folder)
    costs: dict[bool, list[float]] = {False: [], True: []}
    refused = 0.0
    with address() as host:
        media = Media(address=host, slots=LEGS, prompt_memory_mb=4, cores=list(at.engine_cores))
        with stage(at.folder / "srtp", media) as made:
            for turn in range(2 * at.turns):
                secure = turn % 2 == 1
                cost, missed = _facing(at, made, sound, turn * LEGS + 1 if secure else 0)
                costs[secure].append(cost)
                refused += missed
    plain, secured = (round(statistics.median(costs[secure]), 4) for secure in (False, True))
    ratio = round(secured / plain, 2)
    emit("srtp_cpu_per_leg", secured, "% of a core", peer="the same in the clear", peer_value=plain, ratio=ratio)
    emit("srtp_packets_refused", refused, "packets")


def _facing(at: Place, made: Stage, sound: Path, first_handle: int) -> tuple[float, float]:
    slots = list(range(LEGS))
    facing = {slot: (made.address, made.port(slot ^ 1)) for slot in slots}
    crypto: dict[int, int] = {}
    if first_handle:
        crypto = {slot: first_handle + slot for slot in slots}
        made.secure([(crypto[slot], crypto[slot + 1]) for slot in slots[::2]])
    made.open(facing, crypto)
    made.play(slots, sound)
    time.sleep(WARM_S)
    metrics, before, began = made.metrics(), made.cpu_s(), time.monotonic()
    time.sleep(at.seconds)
    used, took = made.cpu_s() - before, time.monotonic() - began
    refused = made.metrics()[_REFUSED] - metrics[_REFUSED]
    made.close(slots)
    return 100 * used / took / LEGS, refused


def _kill(emit: Emit, at: Place) -> None:
    """`kill -9` of the engine under bridged legs, again and again, as the peers see it."""
    with address() as host:
        media = Media(address=host, slots=LEGS, prompt_memory_mb=1, cores=list(at.engine_cores))
        with (
            stage(at.folder / "kill", media) as made,
            address() as own,
            talkers(at.program, own, 10_000, LEGS) as peers,
        ):
            peers.bind(WARM_S, 2 * KILLS + 2, at.generator_cores)
            slots = list(range(LEGS))
            made.open(dict(zip(slots, peers.peers(), strict=True)))
            made.bridge(zip(slots[::2], slots[1::2], strict=True))
            peers.talk([(made.address, made.port(slot)) for slot in slots])
            peers.warm()
            private = usage.memory_private_mb(made.pids([f"{name}-standby" for name in made.engines]))
            for _ in range(KILLS):
                time.sleep(1.7)
                os.kill(made.pids(made.engines)[0], signal.SIGKILL)
            peers.done()
            found = peers.figures()
            metrics = made.metrics()
    more = {"void": bad} if (bad := void(found)) else {}
    emit("kill_kills", metrics["edge_media_engine_starts_total"] - 1, "kills", **more)
    emit("kill_sequence_gaps", found["gaps"], "gaps", **more)
    emit("kill_rtp_lost", found["lost"], "packets", **more)
    emit("kill_most_lost_of_a_leg", found["most_lost_of_a_leg"], "packets", **more)
    emit("kill_longest_gap", found["longest_gap_ms"], "ms", **more)
    emit("kill_silent_legs", found["silent_legs"], "legs", **more)
    emit("standby_private", round(private, 1), "MB")
