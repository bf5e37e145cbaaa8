"""`edge hw probe` against modems without hardware: who answers, what fits, and what is said when nobody does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial

from edge.cli import main
from tests.support.addresses import address
from tests.support.excerpts import evened, excerpt
from tests.support.modem import Simulator

PORT = "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.2-port0"


@pytest.fixture
def modem(tmp_path: Path) -> Iterator[Simulator]:
    with Simulator("simcom", tmp_path / "modem") as plugged:
        yield plugged


def probed(capsys: pytest.CaptureFixture[str], port: str, *options: str) -> tuple[int, dict[str, Any], str]:
    code = main(["hw", "probe", port, "--json", *options])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else {}, said.err


def test_the_page_shows_what_the_command_says(modem, capsys):
    assert main(["hw", "probe", modem.port, "--profile", "simcom-sim7600"]) == 0
    assert excerpt("hardware.md", "$ edge hw probe") == evened(capsys.readouterr().out.replace(modem.port, PORT))


def test_without_a_profile_the_one_that_fits_is_named(modem, capsys):
    modem.do("set", rssi=11, registration=5, operator="Käse")
    code, found, _ = probed(capsys, modem.port)
    assert (code, found["profiles"]) == (0, ["simcom-sim7600", "simcom-sim7600-wide"])
    assert (found["signal_dbm"], found["network"], found["operator"]) == (-91, "registered, roaming", "Käse")
    assert (found["sim"], found["imei"], found["firmware"]) == ("ready", "861234567890123", "LE20B04SIM7600M22")


def test_another_device_than_was_named_is_told(modem, capsys):
    code, found, _ = probed(capsys, modem.port, "--profile", "quectel-ec25")
    assert (code, found["firmware_known"]) == (1, False)
    assert "quectel-ec25" not in found["profiles"]


@pytest.mark.parametrize(
    ("setting", "sim"), [({"sim": False}, "10"), ({"pin": True}, "sim pin")], ids=["no SIM", "locked"]
)
def test_how_the_sim_is(modem, capsys, setting, sim):
    modem.do("set", **setting)
    assert probed(capsys, modem.port)[1]["sim"] == sim


def test_a_modem_on_a_telephone_line_has_neither_sim_nor_signal(tmp_path, capsys):
    with address() as own, Simulator("voice", tmp_path / "modem", tcp=f"{own}:5000"):
        code, found, _ = probed(capsys, f"socket://{own}:5000", "--profile", "voice-modem-v253")
    assert (code, found["sim"], found["signal_dbm"], found["network"]) == (0, "", None, "")
    assert "CX93001" in found["firmware"]


@pytest.mark.parametrize(
    ("setting", "told"),
    [({"silent": True}, "nobody answers AT"), ({"babbling": True}, "what comes is no answer to AT")],
)
def test_who_does_not_answer_as_a_modem_does(modem, capsys, setting, told):
    modem.do("set", **setting)
    code, found, errors = probed(capsys, modem.port)
    assert (code, found) == (1, {})
    assert told in errors


def test_who_holds_the_port_is_named(modem, capsys):
    with serial.Serial(modem.port, exclusive=True):
        code, _, errors = probed(capsys, modem.port)
    assert code == 1
    assert f"{modem.port} is in use by " in errors


def test_what_is_not_there(tmp_path, capsys):
    code, _, errors = probed(capsys, str(tmp_path / "ttyUSB9"))
    assert code == 1
    assert "is not there: `edge hw list` shows the ports that are" in errors
    with address() as own:
        code, _, errors = probed(capsys, f"socket://{own}:5000")
    assert code == 1
    assert "nobody listens there" in errors
