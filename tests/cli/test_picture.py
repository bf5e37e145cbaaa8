"""The live view in the terminal."""

import io
import json
import socket
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from edge.cli import main
from edge.cli.picture import WIDTH, bar, call_picture
from edge.vocabulary.ids import LegId, PlayId, RecordingId, SlotIndex
from edge.vocabulary.quality import LegView, QualityFigures

CALL = {"id": "c1", "direction": "incoming", "trunk": "main", "phase": "running", "menu": "demo", "node": "welcome"}


def view(**changes: Any) -> dict[str, Any]:
    counts = {"packets_received": 500, "packets_sent": 498, "packets_lost": 3, "packets_late": 1, "packets_refused": 0}
    figures = QualityFigures(**counts, jitter_ms=2.4, mos_received=4.31, loss_received=0.008, round_trip_ms=23.4)
    given = {
        "leg": LegId("c1.1"), "slot": SlotIndex(3), "phase": "open", "codec": "PCMU", "clock_rate": 8000,
        "peer": "192.0.2.7:4000", "level_in_dbm0": -21.4, "talks": True, "buffer_ms": 62.0, "buffer_target_ms": 60.0,
        "plays": PlayId("p7"), "recording": RecordingId("c1-1"), "figures": figures,
    }  # fmt: skip
    found: dict[str, Any] = msgspec.to_builtins(LegView(**given | changes))
    return found


def drawn(*legs: dict[str, Any]) -> str:
    page = io.StringIO()
    Console(file=page, width=100, highlight=False).print(call_picture(CALL, legs))
    return page.getvalue()


def test_a_leg_has_its_facts_levels_and_quality() -> None:
    page = drawn(view())
    for part in (
        "c1 · incoming · main · running · demo welcome", "leg 1 · PCMU/8000 · 192.0.2.7:4000", "-21.4 dBm0", "talks",
        "silent", "62 ms, target 60 ms", "4.31", "0.80 %", "2.4 ms", "RTT 23.4 ms", "lost 3", "plays p7",
        "records c1-1",
    ):  # fmt: skip
        assert part in page, part
    assert "!" not in page


def test_what_is_wrong_is_said() -> None:
    page = drawn(view(faults=["no_sound", "not_received"]))
    assert "! only silence comes" in page
    assert "! the peer receives nothing" in page


def test_a_call_without_media_and_a_leg_without_anything() -> None:
    assert "no leg has media" in drawn()
    empty = QualityFigures(
        packets_received=0, packets_sent=0, packets_lost=0, packets_late=0, packets_refused=0, jitter_ms=0.0
    )
    bare = LegView(leg=LegId("c1.2"), slot=SlotIndex(0), phase="open", figures=empty)
    assert "leg 2 · not negotiated" in drawn(msgspec.to_builtins(bare))


def test_text_of_others_cannot_steer_the_terminal() -> None:
    page = drawn(view(plays="\x1b[2J[red]x"))
    assert "\x1b[2J" not in page
    assert "[red]x" in page


def test_lines_are_of_one_length_whatever_the_figures() -> None:
    loud = view(level_in_dbm0=3.1, level_out_dbm0=-59.9, buffer_ms=1900.0, buffer_target_ms=300.0)
    lengths = {len(line) for line in drawn(loud).splitlines()[1:]}
    assert lengths == {78}


@pytest.mark.parametrize(("share", "cells"), [(-1, 0), (0, 0), (0.5, WIDTH / 2), (1, WIDTH), (7, WIDTH)])
def test_a_bar_is_as_long_as_its_share(share: float, cells: float) -> None:
    assert len(bar(share)) == WIDTH
    assert bar(share).count("█") == cells


def test_a_bar_grows_by_eighths() -> None:
    shown = [bar(n / (8 * WIDTH)) for n in range(8 * WIDTH + 1)]
    assert len(set(shown)) == 8 * WIDTH + 1


class Control(threading.Thread):
    """Answers at a control socket as the supervisor does; the call ends when the answers are used up."""

    def __init__(self, folder: Path, looks: int) -> None:
        super().__init__(daemon=True)
        self.looks, self.asked = looks, []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        folder.mkdir()
        self.listener.bind(str(folder / "control.sock"))
        self.listener.listen()

    def run(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock:
                request = json.loads(sock.makefile().readline())
                self.asked.append((request.get("process", ""), request.get("request", request["what"])))
                sock.sendall(json.dumps(self.answer(request)).encode() + b"\n")

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["what"] == "status":
            names = ("front", "media0", "media1", "media-zygote", "switch")
            return {"ok": True, "body": {"processes": [{"name": name} for name in names]}}
        if request["process"] == "switch":
            self.looks -= 1
            if self.looks < 0:
                return {"ok": True, "body": {"id": "c1", "state": "ended"}}
            return {"ok": True, "body": {**CALL, "state": "open", "legs": [{"id": "c1.1", "slot": 3}], "events": []}}
        return {"ok": True, "body": [view()] if request["process"] == "media1" else []}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def control(state: Path, looks: int) -> Control:
    state.mkdir()
    made = Control(state / "run", looks)
    made.start()
    return made


def test_each_engine_is_asked_and_a_json_line_has_it_all(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    served = control(state, 1)
    assert main(["calls", "show", "c1", "--media", "--json", "--state", str(state)]) == 0
    line = json.loads(capsys.readouterr().out)
    assert [leg["leg"] for leg in line["media"]] == ["c1.1"]
    assert line["media"][0]["figures"]["mos_received"] == 4.31
    assert [one for one in served.asked if one[0].startswith("media")] == [("media0", "legs"), ("media1", "legs")]


def test_watching_goes_on_until_the_call_ends(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    control(state, 2)
    assert main(["calls", "show", "c1", "--media", "--json", "--watch", "--state", str(state)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_picture_without_a_terminal(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    control(state, 1)
    assert main(["calls", "show", "c1", "--media", "--state", str(state)]) == 0
    assert "leg 1 · PCMU/8000" in capsys.readouterr().out


def test_without_media_the_engines_are_not_asked(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    served = control(state, 1)
    assert main(["calls", "show", "c1", "--state", str(state)]) == 0
    assert "incoming" in capsys.readouterr().out
    assert served.asked == [("switch", "call")]


def test_a_call_that_is_over_and_an_appliance_that_does_not_run(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    control(state, 0)
    assert main(["calls", "show", "c1", "--media", "--state", str(state)]) == 1
    assert "has ended" in capsys.readouterr().err
    assert main(["calls", "show", "c1", "--state", str(state / "nowhere")]) == 1
