"""The stage for media benchmarks: real engines under a real supervisor, peers in C, no signalling."""

import os
import signal
from pathlib import Path

import pytest

from bench.stage import stage
from bench.talkers import build, talkers
from edge.config.site import Media
from tests.support.addresses import address

pytestmark = [pytest.mark.system, pytest.mark.alone]


@pytest.mark.timeout(900)
def test_bridged_legs_on_two_engines_outlive_a_kill_of_one(tmp_path: Path) -> None:
    program = build(tmp_path)
    with (
        address() as host,
        address() as one_at,
        address() as other_at,
        stage(tmp_path / "stage", Media(address=host, slots=4, engines=2, prompt_memory_mb=1)) as made,
        talkers(program, one_at, 10_000, 2) as one,
        talkers(program, other_at, 10_000, 2) as other,
    ):
        for peers, slots in ((one, [0, 1]), (other, [2, 3])):
            peers.bind(1, 4, [0])
            made.open(dict(zip(slots, peers.peers(), strict=True)))
            made.bridge([(slots[0], slots[1])])
            peers.talk([(made.address, made.port(slot)) for slot in slots])
        one.warm()
        (victim,) = made.pids(["media1"])
        os.kill(victim, signal.SIGKILL)
        one.done()
        other.warm()
        other.done()
        heard = [peers.figures() for peers in (one, other)]
        assert made.metrics()["edge_media_engine_starts_total"] == 3
        assert made.pids(["media1"]) != [victim]
    assert [figures["silent_legs"] for figures in heard] == [0, 0]
    assert heard[0]["lost"] == 0
    assert heard[1]["most_lost_of_a_leg"] <= 1
