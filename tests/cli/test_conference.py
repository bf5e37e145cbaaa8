"""`edge calls listen` and its kin: what they ask switch for, and what they say."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main


class Control:
    """A control socket that notes what it is asked and answers what it is told to."""

    def __init__(self, state: Path) -> None:
        (state / "run").mkdir()
        self.asked: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {"ok": True, "body": {"call": "c1", "leg": "c1.3"}}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(state / "run" / "control.sock"))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock, sock.makefile("rwb") as stream:
                self.asked.append(json.loads(stream.readline()))
                stream.write(json.dumps(self.answer).encode() + b"\n")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    server = Control(tmp_path)
    yield server
    server.close()


def edge(tmp_path: Path, *arguments: str) -> int:
    return main(["calls", *arguments, "--state", str(tmp_path)])


BOSS = {"id": "c1", "target": "sip:boss@h", "supervises": True, "trunk": "", "caller": "edge"}


@pytest.mark.parametrize(
    ("arguments", "request_", "body"),
    [
        (["listen", "c1", "sip:boss@h"], "invite", {**BOSS, "mode": "listen"}),
        (["whisper", "c1", "sip:boss@h", "--to", "1"], "invite", {**BOSS, "mode": "whisper", "to": "1"}),
        (["barge", "c1", "44", "--trunk", "t"], "invite", {**BOSS, "target": "44", "mode": "talk", "trunk": "t"}),
        (["add", "c1", "sip:boss@h"], "invite", {**BOSS, "mode": "talk", "supervises": False}),
        (["barge", "c1", "c1.3"], "mode", {"id": "c1", "leg": "c1.3", "mode": "talk", "to": None}),
        (["mute", "c1", "2"], "sound", {"id": "c1", "leg": "2", "muted": True}),
        (["mute", "c1", "2", "--deaf"], "sound", {"id": "c1", "leg": "2", "deaf": True}),
        (["unmute", "c1", "2"], "sound", {"id": "c1", "leg": "2", "muted": False, "deaf": False}),
        (["announce", "c1", "/said.wav", "--to", "caller"], "announce",
         {"id": "c1", "file": "/said.wav", "to": "caller", "duck_db": 12}),
        (["gain", "c1", "2", "-6"], "sound", {"id": "c1", "leg": "2", "gain_db": -6.0}),
        (["gain", "c1", "2", "3", "--heard", "--auto"], "sound",
         {"id": "c1", "leg": "2", "heard_gain_db": 3.0, "auto_level": True}),
        (["drop", "c1", "3"], "drop", {"id": "c1", "leg": "3"}),
    ],
)  # fmt: skip
def test_what_switch_is_asked(
    control: Control,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    request_: str,
    body: dict[str, Any],
) -> None:
    assert edge(tmp_path, *arguments) == 0
    (asked,) = control.asked
    assert (asked["process"], asked["request"]) == ("switch", request_)
    assert asked["body"] == body
    assert capsys.readouterr().out == "c1.3\n"


def test_the_legs_of_a_call(control: Control, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound = {"muted": True, "deaf": False, "gain_db": -6.0, "heard_gain_db": 0.0, "auto_level": True}
    leg = {
        "id": "c1.2",
        "signalling": "up",
        "media": "open",
        "mode": "talk",
        "sound": sound,
        "held": True,
        "on_hold": False,
    }
    control.answer = {"ok": True, "body": {"legs": [leg]}}
    assert edge(tmp_path, "legs", "c1") == 0
    out = capsys.readouterr().out
    assert "muted, -6 dB, automatic level" in out
    assert "talk, holds" in out
    assert edge(tmp_path, "legs", "c1", "--json") == 0
    assert json.loads(capsys.readouterr().out) == leg


def test_a_refusal_is_told(control: Control, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    control.answer = {"ok": False, "error": "nobody is connected with the caller"}
    assert edge(tmp_path, "listen", "c1", "sip:boss@h") == 1
    assert "nobody is connected" in capsys.readouterr().err


def test_without_an_appliance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert edge(tmp_path, "mute", "c1", "1") == 1
    assert "does not run" in capsys.readouterr().err
    assert edge(tmp_path, "gain", "c1", "1", "nan") == 2


@pytest.mark.parametrize(("word", "is_held", "code"), [("hold", True, 0), ("resume", False, 0), ("hold", False, 1)])
def test_a_leg_is_put_on_hold_when_its_peer_agrees(
    control: Control, tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str, is_held: bool, code: int
) -> None:
    leg = {"id": "c1.1", "on_hold": is_held, "hold_asked": None}
    control.answer = {"ok": True, "body": {"leg": "c1.1", "legs": [leg]}}
    assert edge(tmp_path, word, "c1") == code
    assert control.asked[0]["request"] == "hold"
    assert control.asked[0]["body"] == {"id": "c1", "leg": "1", "on": word == "hold"}
    assert control.asked[1]["request"] == "call"
    out, err = capsys.readouterr()
    assert (out, "did not agree" in err) == (("c1.1\n", False) if code == 0 else ("", True))
