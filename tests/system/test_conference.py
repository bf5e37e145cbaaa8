"""Calls of more than two, with real phones: each party sends a tone of its own, which tells who hears whom."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime

import pytest
import soundfile

from tests.support import tones
from tests.support.addresses import address as loopback_address
from tests.support.appliance import ROOT
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until
from tests.system.conftest import Bench
from tests.system.flows import ended_once, talking

pytestmark = [pytest.mark.system, pytest.mark.shared]

CALLER, TARGET, BOSS = 700, 900, 1900


@pytest.fixture
def boss() -> Iterator[Softphone]:
    """A supervisor's phone."""
    with loopback_address() as at, Softphone(at, port=5060, tone_hz=BOSS, user="boss") as phone:
        yield phone


def edge(bench: Bench, *arguments: str) -> str:
    """Run `edge calls` as an operator does; what it printed."""
    command = [sys.executable, "-m", "edge.cli", "calls", *arguments, "--config", str(bench.edge.site)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done
    return done.stdout.strip()


def heard(call: Call) -> set[int]:
    """Whose tones were in the last half second."""
    samples = call.audio.recorded(0.5)
    return {hz for hz in (CALLER, TARGET, BOSS) if tones.share(samples, hz) > 0.02}


def hear(limit_s: float = 20, **wanted: tuple[Call, set[int]]) -> None:
    """Wait until each hears these and nobody else."""
    state = lambda: {name: heard(call) for name, (call, _) in wanted.items()}  # noqa: E731
    until(lambda: all(heard(call) == set(who) for call, who in wanted.values()), limit_s, f"{wanted}; {state()}")


def test_a_supervisor_listens_whispers_and_barges_in(bench: Bench, boss: Softphone) -> None:
    caller, target = talking(bench)
    id_ = bench.edge.last_call()
    assert edge(bench, "listen", id_, boss.uri) == f"{id_}.3"
    supervisor = boss.expect_call()
    supervisor.accept()
    hear(a=(caller, {TARGET}), b=(target, {CALLER}), s=(supervisor, {CALLER, TARGET}))
    supervisor.audio.press("5")
    hear(a=(caller, {TARGET}), b=(target, {CALLER, BOSS}), s=(supervisor, {CALLER, TARGET}))
    supervisor.audio.press("6")
    hear(a=(caller, {TARGET, BOSS}), b=(target, {CALLER, BOSS}), s=(supervisor, {CALLER, TARGET}))
    edge(bench, "mute", id_, "1")
    hear(a=(caller, {TARGET, BOSS}), b=(target, {BOSS}), s=(supervisor, {TARGET}))
    edge(bench, "unmute", id_, f"{id_}.1")
    hear(b=(target, {CALLER, BOSS}))
    old = bench.edge.kill("media")
    bench.edge.wait_restarted("media", old)
    hear(a=(caller, {TARGET, BOSS}), b=(target, {CALLER, BOSS}), s=(supervisor, {CALLER, TARGET}))
    edge(bench, "whisper", id_, f"{id_}.3", "--to", "1")
    hear(a=(caller, {TARGET, BOSS}), b=(target, {CALLER}))
    supervisor.bye()
    hear(a=(caller, {TARGET}), b=(target, {CALLER}))
    caller.bye()
    target.wait_ended()
    ended_once(bench, "completed")
    modes = [(e["type"], e["data"].get("mode")) for e in bench.edge.events(id_) if e["type"].startswith("conference")]
    assert modes == [
        ("conference.joined", "listen"),
        ("conference.mode_changed", "whisper"),
        ("conference.mode_changed", "talk"),
        ("conference.mode_changed", "whisper"),
        ("conference.left", None),
    ]
    _recording_has_what_the_caller_heard(bench, id_)


def _recording_has_what_the_caller_heard(bench: Bench, id_: str) -> None:
    """Nothing of the whisper to the other side; what the caller says, muted or not."""
    done = bench.edge.wait_event("recording.completed", id_)["data"]
    samples, rate = soundfile.read(done["path"], dtype="int16")
    events = bench.edge.events(id_)
    began = next(_time(e) for e in events if e["type"] == "recording.started")
    barged = next(_time(e) for e in events if e["data"].get("mode") == "talk")
    at = round((barged - began) * rate) - rate // 4
    before, after = samples[at - 2 * rate : at], samples[at + rate : at + 2 * rate]
    assert tones.share(before[:, 1], BOSS) < 0.001
    assert tones.share(after[:, 1], BOSS) > 0.1
    assert tones.share(after[:, 1], TARGET) > 0.1
    assert tones.share(after[:, 0], CALLER) > 0.6
    assert tones.share(samples[:, 0], BOSS) < 0.001


def _time(event: dict[str, str]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def test_a_conference_goes_on_without_the_leg_that_it_began_with(bench: Bench, boss: Softphone) -> None:
    caller, target = talking(bench)
    id_ = bench.edge.last_call()
    edge(bench, "add", id_, boss.uri)
    third = boss.expect_call()
    third.accept()
    hear(a=(caller, {TARGET, BOSS}), b=(target, {CALLER, BOSS}), c=(third, {CALLER, TARGET}))
    edge(bench, "gain", id_, "3", "-20")
    until(lambda: 0 < tones.share(caller.audio.recorded(0.5), BOSS) < 0.02, 20, "the third one lowered")
    edge(bench, "gain", id_, "3", "0")
    hear(a=(caller, {TARGET, BOSS}))
    target.bye()
    hear(a=(caller, {BOSS}), c=(third, {CALLER}))
    assert [row["mode"] for row in bench.edge.live_calls()[0]["legs"]] == ["talk", "", "talk"]
    third.bye()
    caller.wait_ended()
    ended_once(bench, "completed")
    types = [kind for kind in bench.edge.types(id_) if kind.startswith(("conference", "bridge", "leg.sound"))]
    assert types == [
        "bridge.started", "conference.joined", "leg.sound_changed", "leg.sound_changed", "conference.left",
        "bridge.ended", "bridge.started", "bridge.ended",
    ]  # fmt: skip


def test_nobody_is_asked_into_a_call_that_is_not_there(bench: Bench) -> None:
    command = [sys.executable, "-m", "edge.cli", "calls", "listen", "nothing", "sip:boss@127.0.0.1:9"]
    done = subprocess.run(
        [*command, "--config", str(bench.edge.site)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (1, "no such call")
