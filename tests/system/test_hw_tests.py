"""The tests of the bench against devices without hardware, as an engineer runs them, with somebody who stands by.

What they report is what was set.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.addresses import address
from tests.support.bystander import Bystander
from tests.support.modem import Simulator
from tests.support.sound_server import PATIENCE_MS, sound_server

ROOT = Path(__file__).parents[2]
NUMBER = "+4930123456"
KEYS = "1234567890*#"

pytestmark = [pytest.mark.system]


class Session:
    """`pytest hw_tests` with options; `help_with` is called with each thing that it asks for."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        help_with: Callable[[str], None],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._reports = folder / "reports"
        self._program = subprocess.Popen(
            [sys.executable, "-m", "pytest", "hw_tests", "-p", "no:cacheprovider", "--reports", str(self._reports),
             *options],
            cwd=ROOT,
            env={**os.environ, **(environment or {}), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        self._help_with = help_with
        self.said: list[str] = []
        self.page = ""

    def run(self, code: int = 0) -> dict[str, Any]:
        """Until it is over, with this exit code and no failure; gives its report."""
        try:
            assert self._program.stdout is not None
            for line in self._program.stdout:
                self.said.append(line)
                if line.startswith(">>> "):
                    self._help_with(line.removeprefix(">>> ").strip())
            self._program.wait(30)
        finally:
            if self._program.poll() is None:
                self._program.kill()
                self._program.wait()
        (file,) = self._reports.glob("*.json")
        report: dict[str, Any] = json.loads(file.read_text())
        self.page = file.with_suffix(".md").read_text()
        failed = {name: one for name, one in report["tests"].items() if one["outcome"] == "failed"}
        assert (self._program.returncode, failed) == (code, {}), "".join(self.said)
        return report


class Device(NamedTuple):
    """A device of the bench: what is set, and what therefore has to be found."""

    model: str
    profile: str
    delay_ms: int
    gain_db: float
    #: How it may fail to be asked for what it does not have, test by test.
    skipped: Mapping[str, str] = {}
    #: Its port is behind TCP; its sound is that of a sound card.
    tcp: bool = False
    card: bool = False


IN_SOUND = {"test_keys_by_the_modem": "sends keys as tones"}
SIMCOM = Device("simcom", "simcom-sim7600", 400, -6.0)
#: At 16 kHz.
WIDE = SIMCOM._replace(profile="simcom-sim7600-wide")
HUAWEI = Device("huawei", "huawei-e1750", 1200, -12.0)
VOICE = Device(
    "voice",
    "voice-modem-v253",
    600,
    -3.0,
    {
        **IN_SOUND,
        "test_signal": "a telephone line has no signal",
        "test_a_message_to_itself": "no messages",
        "test_a_call_that_comes_in_is_refused": "nothing can be refused",
    },
)
# PulseAudio's volume is cubic: 18.06 dB below 100 %.
QUECTEL = Device("quectel", "quectel-ec25", 400, -18.06, tcp=True, card=True)


class Found(NamedTuple):
    """What a session has found, and how the modem stands afterwards."""

    report: dict[str, Any]
    page: str
    modem: dict[str, Any]

    def figures(self, test: str) -> dict[str, Any]:
        return dict(self.report["tests"][test]["figures"])


@contextmanager
def at_the_bench(device: Device, folder: Path) -> Iterator[tuple[Simulator, Bystander, list[str], dict[str, str]]]:
    """Plug a simulator in; gives it, who stands by it, the options that name it, and the environment of its sound."""
    with ExitStack() as stack:
        own = f"{stack.enter_context(address())}:5000" if device.tcp else ""
        desk = stack.enter_context(sound_server(folder / "desk")) if device.card else None
        modem = stack.enter_context(Simulator(device.model, folder / "modem", tcp=own))
        modem.do(
            "set",
            loop_delay_ms=device.delay_ms,
            loop_gain_db=device.gain_db,
            rssi=11,
            alert_ms=300,
            answer_ms=1500,
        )
        options = ["--profile", device.profile, "--port", f"socket://{own}" if own else modem.port]
        environment = {}
        if desk is not None:
            desk.loop(device.delay_ms, 50)
            options += ["--sound-in", "pulse", "--sound-out", "pulse"]
            environment = desk.patient
        elif device.model != "voice":
            options += ["--sound-port", modem.sound]
        person = Bystander(device.model, modem, folder, desk)
        stack.callback(person.end)
        yield modem, person, options, environment


def run_bench(device: Device, folder: Path) -> Found:
    """All tests of the bench against one simulator."""
    with at_the_bench(device, folder) as (modem, person, options, environment):
        asked = ("--call", NUMBER, "--sms", NUMBER, "--attended")
        session = Session(folder, *options, *asked, help_with=person.help_with, environment=environment)
        report = session.run()
        return Found(report, session.page, modem.tell())


def check(device: Device, found: Found) -> None:
    """Hold a report against what was set."""
    tests = found.report["tests"]
    skipped = {name: one["reason"] for name, one in tests.items() if one["outcome"] != "passed"}
    assert skipped.keys() == device.skipped.keys(), skipped
    assert all(part in skipped[name] for name, part in device.skipped.items())
    assert found.page.startswith(f"# {device.profile}, ")
    assert found.figures("test_it_is_who_the_profile_says")["firmware_known"] in (True, "any")
    if "test_signal" not in skipped:
        assert found.figures("test_signal")["signal_dbm"] == -91
        assert [number for number, _ in found.modem["sent"]] == [NUMBER]
    # What was set, or more where the machine was busy.
    if device.model != "voice":
        assert found.figures("test_the_answer_is_detected")["answered_after_ringing_s"] > 1.0
    check_loop(device, found.figures("test_loop"))
    keys = found.figures("test_keys_in_the_sound")
    assert keys["heard"] == KEYS
    assert abs(keys["level_dbm0"] - (-7 + device.gain_db)) < 1
    if "test_keys_by_the_modem" not in skipped:
        assert found.modem["keys"] == KEYS
    came = found.figures("test_a_call_that_comes_in_is_answered")
    assert came["keys_in_sound" if device.model == "huawei" else "keys_reported"] == "159#"
    assert came["voice_s"] > 1


def check_loop(device: Device, figures: dict[str, Any]) -> None:
    # What the machine adds comes on top: what is given ahead (60 ms less two steps of 20 ms, or what libpulse keeps),
    # and what a busy one adds.
    least = device.delay_ms + (PATIENCE_MS if device.card else 20)
    assert least <= figures["latency_ms"] <= least + 500
    assert abs(figures["gain_db"] - device.gain_db) < 0.5
    assert figures["gain_in_db"] + figures["gain_out_db"] == pytest.approx(-device.gain_db, abs=1)


@pytest.mark.first
def test_modems_whose_sound_is_in_their_ports(tmp_path):
    devices = (SIMCOM, WIDE, HUAWEI, VOICE)
    with ThreadPoolExecutor(len(devices)) as side_by_side:
        done = [side_by_side.submit(run_bench, device, tmp_path / device.profile) for device in devices]
    for device, one in zip(devices, done, strict=True):
        check(device, one.result())


@pytest.mark.alone
def test_sound_cards_of_a_modem_and_of_a_handset(tmp_path):
    """PulseAudio is sound that somebody else's threads carry: beside other tests it would say how busy they are."""

    def handset() -> dict[str, Any]:
        with sound_server(tmp_path / "handset") as server:
            server.loop(300, 50)
            options = ("--profile", "sound-card-handset", "--sound-in", "pulse", "--sound-out", "pulse")
            session = Session(tmp_path / "h", *options, help_with=pytest.fail, environment=server.patient)
            return session.run()

    with ThreadPoolExecutor(2) as side_by_side:
        modem, card = side_by_side.submit(run_bench, QUECTEL, tmp_path / "modem"), side_by_side.submit(handset)
    check(QUECTEL, modem.result())
    tests = card.result()["tests"]
    check_loop(QUECTEL._replace(delay_ms=300), tests["test_loop"]["figures"])
    assert tests["test_keys_in_the_sound"]["figures"]["heard"] == KEYS
    reasons = {one["reason"] for one in tests.values() if one["outcome"] == "skipped"}
    assert reasons == {"sound-card-handset is no modem"}


def test_without_a_device_all_is_skipped_with_the_reason_and_nothing_passes(tmp_path):
    session = Session(tmp_path, "--profile", "quectel-ec25", "--port", "/dev/none", help_with=pytest.fail)
    tests = session.run(code=pytest.ExitCode.NO_TESTS_COLLECTED)["tests"]
    assert len(tests) > 10
    reason = "the device is absent: quectel-ec25: /dev/none is not there"
    for one in tests.values():
        assert one["outcome"] == "skipped"
        assert reason in one["reason"]
    told = "".join(session.said).partition("NOTHING WAS TESTED")[2]
    assert told.count(reason) >= 1


def test_a_device_that_nobody_says_is_there_is_skipped(tmp_path):
    session = Session(tmp_path, "--profile", "quectel-ec25", help_with=pytest.fail)
    assert {one["outcome"] for one in session.run()["tests"].values()} == {"skipped"}
    assert "NOTHING WAS TESTED" in "".join(session.said)
