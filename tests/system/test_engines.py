"""Several media engines: calls are spread, a conversation is on one of them, and a kill is nobody else's business."""

import urllib.request
import wave

import pytest

from tests.support.appliance import TONES
from tests.system.conftest import Bench
from tests.system.flows import hears, in_menu, talking

pytestmark = [pytest.mark.system, pytest.mark.parametrize("bench", [{"media": "engines = 2"}], indirect=True)]


def slots_of(bench: Bench) -> list[list[int]]:
    """Slots of the legs of each call, the oldest call first."""
    calls = sorted(bench.edge.live_calls(), key=lambda call: call["started"])
    return [[leg["slot"] for leg in call["legs"]] for call in calls]


def metric(bench: Bench, name: str) -> float:
    with urllib.request.urlopen(f"http://{bench.edge.address}:8080/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


def test_calls_are_spread_and_a_killed_engine_disturbs_only_its_own(bench: Bench) -> None:
    other = in_menu(bench)
    call, there = talking(bench)
    (first,), (caller, target) = slots_of(bench)
    assert first < 20 <= min(caller, target), "40 slots, a half for each engine"
    assert metric(bench, "edge_media_legs") == 3
    bench.edge.wait_restarted("media1", bench.edge.kill("media1"))
    hears(call, 900)
    hears(there, 700)
    hears(other, TONES["welcome"])
    assert other.audio.lost() == 0
    assert call.audio.lost() <= 1
    assert metric(bench, "edge_media_engine_starts_total") == 3
    for one in (call, other):
        one.bye()
    there.wait_ended()
    for number in (1, 2):
        done = bench.edge.wait_event("recording.completed", count=number)["data"]
        with wave.open(done["path"]) as recording:
            assert abs(recording.getnframes() / 8 - done["duration_ms"]) <= 20
    bench.edge.wait_event("call.ended", count=2)
