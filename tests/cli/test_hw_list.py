"""`edge hw list` on made machines: what is plugged in, what fits, and whose it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.cli import desk_sound, main
from edge.runtime import devices
from tests.support.excerpts import evened, excerpt
from tests.support.plugged import Plugged

SITE = """
name = "bench"

[paths]
menus = "menus"
state = "state"

[[relays]]
name = "door"
profile = "relay-lcus"
usb_path = "{plug}"
"""

LINE = """
[[lines]]
name = "gsm"
profile = "simcom-sim7600"
usb_path = "1-2"
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugged:
    made = Plugged(tmp_path / "machine")
    monkeypatch.setattr(devices, "SYSFS", made.sysfs)
    monkeypatch.setattr(devices, "DEV", made.dev)

    class NoSound:
        def __init__(self) -> None:
            raise desk_sound.NoDeviceError("nobody hears")

    monkeypatch.setattr(desk_sound, "Sound", NoSound)
    return made


def site(tmp_path: Path, plug: str = "1-4") -> Path:
    (tmp_path / "menus").mkdir()
    file = tmp_path / "site.toml"
    file.write_text(SITE.format(plug=plug))
    return file


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    code = main(["hw", "list", "--json", *arguments])
    said = capsys.readouterr()
    return code, [json.loads(line) for line in said.out.splitlines()], said.err


def test_ports_with_what_fits_them(machine, capsys):
    links = machine.sim7600("1-2", 0)
    machine.device("1-1", "2c7c:0125", names=("Quectel", "EC25"), serial="E1")
    machine.usb_serial("1-1", 2, "ttyUSB7")
    machine.sound("1-1", 6, 1, "EC25")
    code, rows, errors = listed(capsys)
    assert code == 0
    by_name = {Path(row["name"]).name: row for row in rows}
    assert by_name["ttyUSB2"]["profiles"]["simcom-sim7600"] == "commands"
    assert by_name["ttyUSB4"]["profiles"]["simcom-sim7600"] == "sound"
    assert by_name["ttyUSB0"]["profiles"] == {}
    assert (by_name["ttyUSB2"]["by_path"], by_name["ttyUSB2"]["usb"], by_name["ttyUSB2"]["usb_path"]) == (
        links[2], "1e0e:9001", "1-2",
    )  # fmt: skip
    assert by_name["ttyUSB7"]["profiles"] == {"quectel-ec25": "commands"}
    assert by_name["hw:1"]["profiles"] == {"quectel-ec25": "sound"}
    assert (by_name["hw:1"]["serial_number"], by_name["ttyS0"]["usb"]) == ("E1", None)
    assert "nobody hears" in errors


def test_the_table_says_the_same(machine, capsys):
    machine.sim7600("1-2", 0)
    assert main(["hw", "list"]) == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if "ttyUSB2 " in line)
    for word in ("1e0e:9001", "1-2", "SimTech", "simcom-sim7600 (commands)"):
        assert word in row
    assert "pci-0000:00:14.0-usb-0:2:1.2-port0" in out


def test_the_page_shows_what_the_command_says(machine, capsys, tmp_path):
    machine.sim7600("1-2", 0)
    file = site(tmp_path)
    file.write_text(SITE.partition("[[relays]]")[0] + LINE)
    assert main(["hw", "list", "--config", str(file)]) == 0
    said = capsys.readouterr().out.replace(str(machine.dev.parent), "")
    assert excerpt("hardware.md", "$ edge hw list") == evened(said)


def test_what_a_device_says_cannot_steer_the_terminal(machine, capsys):
    machine.device("1-1", "1a86:7523", names=("\x1b[2J", "USB"))
    machine.usb_serial("1-1", 0, "ttyUSB0")
    main(["hw", "list"])
    assert "\x1b" not in capsys.readouterr().out


def test_whose_it_is(machine, capsys, tmp_path):
    for plug, tty in (("1-3", "ttyUSB0"), ("1-4", "ttyUSB1")):
        machine.device(plug, "1a86:7523")
        machine.usb_serial(plug, 0, tty)
    code, rows, errors = listed(capsys, "--config", str(site(tmp_path)))
    assert code == 0, errors
    assert {Path(row["name"]).name: row["claimed_by"] for row in rows if row["usb"]} == {
        "ttyUSB0": [],
        "ttyUSB1": ["relay door"],
    }


def test_a_claim_without_a_device_is_told(machine, capsys, tmp_path):
    machine.device("1-3", "1a86:7523")
    machine.usb_serial("1-3", 0, "ttyUSB0")
    code, _, errors = listed(capsys, "--config", str(site(tmp_path, "1-9")))
    assert code == 1
    assert "relay door: no USB device 1a86:7523 at 1-9; there is 1a86:7523 at 1-3" in errors


def test_a_known_device_that_no_driver_has_taken(machine, capsys):
    machine.device("1-2", "1e0e:9001")
    _, rows, _ = listed(capsys)
    (row,) = [row for row in rows if row["kind"] == "without_driver"]
    assert (row["name"], row["usb_path"], "simcom-sim7600" in row["profiles"]) == ("1e0e:9001", "1-2", True)


def test_a_site_with_faults_is_told(machine, capsys, tmp_path):
    (tmp_path / "site.toml").write_text("nam = 1\n")
    assert main(["hw", "list", "--config", str(tmp_path / "site.toml")]) == 78
    assert "site.toml:1:1" in capsys.readouterr().err
