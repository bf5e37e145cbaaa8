"""The tests of the bench against modems without hardware, as an engineer runs them; the report has what was set."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.modem import Simulator

ROOT = Path(__file__).parents[2]
NUMBER = "+4930123456"

pytestmark = [pytest.mark.system, pytest.mark.first]


class Session:
    """`pytest hw_tests` with options; `help_with` is called with each thing that it asks for."""

    def __init__(
        self, folder: Path, *options: str, help_with: Callable[[str], None], environment: dict[str, str] | None = None
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

    def run(self) -> dict[str, Any]:
        """Until it is over; gives its report."""
        assert self._program.stdout is not None
        for line in self._program.stdout:
            self.said.append(line)
            if line.startswith(">>> "):
                self._help_with(line.removeprefix(">>> ").strip())
        self._program.wait(30)
        (file,) = self._reports.glob("*.json")
        report: dict[str, Any] = json.loads(file.read_text())
        failed = {name: one for name, one in report["tests"].items() if one["outcome"] == "failed"}
        assert (self._program.returncode, failed) == (0, {}), "".join(self.said)
        assert file.with_suffix(".md").read_text().startswith(f"# {report['profile']}, ")
        return report

    def end(self) -> None:
        if self._program.poll() is None:
            self._program.kill()
            self._program.wait()


class Network:
    """The network behind a simulator: what is sent to a number comes back as a message of it."""

    def __init__(self, modem: Simulator) -> None:
        self._modem = modem
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._messages)
        self._thread.start()

    def do(self, what: str, **more: Any) -> dict[str, Any]:
        with self._lock:
            return self._modem.do(what, **more)

    def _messages(self) -> None:
        delivered = 0
        while not self._over.wait(0.2):
            sent = self.do("tell")["sent"]
            for number, text in sent[delivered:]:
                self.do("message", number=number, text=text)
            delivered = len(sent)

    def end(self) -> None:
        self._over.set()
        self._thread.join()


def run_bench(tmp_path: Path, model: str, *options: str, **settings: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """All tests of the bench against a simulator; the report, and how the modem stands afterwards."""
    with Simulator(model, tmp_path / "modem") as modem:
        modem.do("set", **settings)
        network = Network(modem)
        session = Session(tmp_path, "--port", modem.port, "--call", NUMBER, *options, help_with=pytest.fail)
        try:
            report = session.run()
        finally:
            session.end()
            network.end()
        return report, modem.tell()


def check_loop(figures: dict[str, Any], delay_ms: int, gain_db: float) -> None:
    # What the machine adds comes on top: what is given ahead (60 ms), two steps of 20 ms, and what a busy one adds.
    assert delay_ms <= figures["latency_ms"] <= delay_ms + 600
    assert abs(figures["gain_db"] - gain_db) < 0.5
    assert figures["gain_in_db"] + figures["gain_out_db"] == pytest.approx(-gain_db, abs=1)


@pytest.mark.parametrize(
    ("model", "profile", "delay_ms", "gain_db"),
    [("simcom", "simcom-sim7600", 400, -6.0), ("huawei", "huawei-e1750", 1200, -12.0)],
)
def test_modems(tmp_path, model, profile, delay_ms, gain_db):
    sound = str(tmp_path / "modem/sound")
    options = ("--profile", profile, "--sound-port", sound, "--sms", NUMBER)
    report, modem = run_bench(
        tmp_path, model, *options, loop_delay_ms=delay_ms, loop_gain_db=gain_db, rssi=11, alert_ms=300, answer_ms=1500
    )
    tests = report["tests"]
    assert all("attended" in one["reason"] or one["outcome"] == "passed" for one in tests.values())
    assert (tests["test_signal"]["figures"]["signal_dbm"], report["profile"]) == (-91, profile)
    assert tests["test_it_is_who_the_profile_says"]["figures"]["firmware_known"] is True
    # What was set, or more where the machine was busy.
    assert tests["test_the_answer_is_detected"]["figures"]["answered_after_ringing_s"] > 1.0
    check_loop(tests["test_loop"]["figures"], delay_ms, gain_db)
    keys = tests["test_keys_in_the_sound"]["figures"]
    assert keys["heard"] == "1234567890*#"
    assert abs(keys["level_dbm0"] - (-7 + gain_db)) < 1
    assert modem["keys"] == "1234567890*#"
    assert tests["test_we_hang_up"]["outcome"] == "passed"
    assert [number for number, _ in modem["sent"]] == [NUMBER]


def test_without_a_device_all_is_skipped_with_the_reason(tmp_path):
    session = Session(tmp_path, "--profile", "quectel-ec25", "--port", "/dev/none", help_with=pytest.fail)
    try:
        tests = session.run()["tests"]
    finally:
        session.end()
    assert len(tests) > 10
    for one in tests.values():
        assert one["outcome"] == "skipped"
        assert "the device is absent: quectel-ec25: /dev/none is not there" in one["reason"]
