"""Callers and targets that are not ours: SIPp with audio, and baresip."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import tones
from tests.support.addresses import address as loopback_address
from tests.support.appliance import TONES, appliance
from tests.support.baresip import baresip
from tests.support.waiting import until
from tests.system.conftest import Bench
from tests.system.flows import ended_once, hears

pytestmark = pytest.mark.system

SCENARIOS = Path(__file__).with_name("sipp")
CAPTURES = Path("/usr/share/sip-tester")


@contextmanager
def sipp(folder: Path, at: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """SIPp bound to `at`:5060, ended by its process id."""
    with (folder / f"sipp-{at}.log").open("wb") as log:
        process = subprocess.Popen(
            ["sipp", *words, "-i", at, "-p", "5060", "-mi", at, "-nostdin", "-timeout", "60s", "-timeout_error"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(10)


@pytest.mark.skipif(os.geteuid() != 0, reason="SIPp plays captures through a raw socket, which needs root")
def test_sipp_calls_with_audio_and_a_key(tmp_path: Path) -> None:
    scenario = tmp_path / "caller.xml"
    text = (SCENARIOS / "caller.xml").read_text()
    for capture in ("g711a.pcap", "dtmf_2833_1.pcap"):
        text = text.replace(f'"{capture}"', f'"{CAPTURES / capture}"')
    scenario.write_text(text)
    with (
        loopback_address() as at,
        loopback_address() as sipp_at,
        appliance(at, tmp_path) as edge,
        sipp(tmp_path, sipp_at, f"{at}:5060", "-sf", str(scenario), "-s", "100", "-m", "5", "-r", "2") as process,
    ):
        assert process.wait(60) == 0, (tmp_path / f"sipp-{sipp_at}.log").read_text(errors="replace")[-2000:]
        until(lambda: edge.types().count("call.ended") == 5, 20, "five ends")
        edge.check_histories()
        digits = [e["data"] for e in edge.events() if e["type"] == "dtmf.received"]
        assert [(d["digit"], d["method"]) for d in digits] == [("1", "rfc4733")] * 5
        for done in (e["data"] for e in edge.events() if e["type"] == "recording.completed"):
            samples, _ = soundfile.read(done["path"], dtype="int16")
            # The capture's speech is on the left; when SIPp begins to play it is the machine's affair.
            assert abs(samples[:, 0]).max() > 500
            assert tones.share(samples[4000:10000, 1], TONES["welcome"]) > 0.6


@pytest.mark.shared
def test_sipp_as_the_target_of_a_transfer(bench: Bench, tmp_path: Path) -> None:
    bench.target.close()
    with sipp(tmp_path, bench.target.address, "-sn", "uas", "-rtp_echo", "-mp", "7000"):
        call = bench.caller.call(bench.edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        call.audio.press("9")
        hears(call, 700)  # SIPp echoes what it hears: the caller's own tone
        call.bye()
        ended_once(bench, "completed")


@pytest.mark.shared
def test_baresip_calls(bench: Bench, tmp_path: Path) -> None:
    with baresip(tmp_path / "baresip") as phone:
        phone.command("dial", bench.edge.uri)
        phone.wait_for("CALL_ESTABLISHED")
        bench.edge.wait_event("recording.started")
        until(lambda: heard(phone.heard_files(), TONES["welcome"]), 20, "baresip hears the welcome")
        phone.command("sndcode", "1")
        digit = bench.edge.wait_event("dtmf.received")["data"]
        assert digit["digit"] == "1"
        until(lambda: heard(phone.heard_files(), TONES["one"]), 20, "baresip hears the next prompt")
        phone.command("hangup")
    ended_once(bench, "completed")


def heard(files: list[Path], hz: int) -> bool:
    """Whether the last half second that baresip wrote is the tone `hz`."""
    for path in files:
        data = path.read_bytes()[44:]  # baresip writes the header's sizes at the end of the call
        samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2")[-4000:]
        if samples.size == 4000 and tones.share(samples, hz) > 0.6:
            return True
    return False
