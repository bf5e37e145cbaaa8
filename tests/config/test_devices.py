"""Profiles of devices: those that are shipped can be used, and what is wrong with one is told with its place."""

from pathlib import Path

import pytest

from edge.config.devices import SHIPPED, Devices, is_device
from edge.config.errors import Findings
from edge.config.loader import inspect
from edge.config.sources import read_toml
from edge.core.lines.relays import octets

GOOD = """
vendor = "Acme"
model = "M1"
kind = "modem"
sources = ["Acme AT manual 1.0, section 3"]
[find]
usb = ["1234:abcd"]
control_interface = 2
sound_interface = 3
[dialogue]
init = ["ATE0", { send = "AT+CLIP=1", optional = true, timeout = "2s" }]
unsolicited = [{ match = '\\+KEY: (?P<digit>[0-9*#])', means = "digit" }]
[dialogue.timeouts]
command = "3s"
[sound]
how = "serial_pcm"
"""
NAMES = sorted(path.stem for path in SHIPPED.glob("*.toml") if is_device(read_toml(path, Findings())))  # type: ignore[arg-type]


def read(folder: Path, text: str) -> tuple[Devices, list[str]]:
    folder.mkdir(exist_ok=True)
    (folder / "acme.toml").write_text(text)
    findings = Findings()
    devices = Devices(folder, findings)
    devices.check_own()
    return devices, [str(error).removeprefix(f"{folder}/") for error in findings.errors]


def test_there_is_one_for_each_kind_of_line_and_board() -> None:
    kinds = {Devices(Path("/nowhere"), Findings()).get(name).kind for name in NAMES}  # type: ignore[union-attr]
    assert kinds == {"modem", "fxo_modem", "sound_card", "relay_board", "board"}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shipped_has_no_fault_and_says_where_its_facts_are_from(name: str) -> None:
    findings = Findings()
    profile = Devices(Path("/nowhere"), findings).get(name)
    assert findings.errors == []
    assert findings.warnings == []
    assert profile is not None
    assert profile.sources
    assert all(quirk.what and quirk.reason and quirk.source for quirk in profile.quirks)


def test_units_are_read_and_a_text_is_a_command(tmp_path: Path) -> None:
    devices, errors = read(tmp_path, GOOD)
    assert errors == []
    profile = devices.get("acme")
    assert profile is not None
    assert profile.dialogue.timeouts.command_ms == 3_000
    first, second = profile.dialogue.init
    assert (first.send, first.optional, first.timeout_ms) == ("ATE0", False, None)
    assert (second.send, second.optional, second.timeout_ms) == ("AT+CLIP=1", True, 2_000)


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ('vendor = "Acme"', 'vendr = "Acme"', "2:1: unknown setting 'vendr' (did you mean 'vendor'?)"),
        ('"3s"', "3", "14:11: expected a duration such as '1500ms', '5s', '2m' or '4h', not 3"),
        ('"3s"', '"3 minutes"', "14:11: expected a duration such as '1500ms', '5s', '2m' or '4h', not '3 minutes'"),
        ('"3s"', '"3h"', "14:11: 3h is out of range (from 100ms to 1m)"),
        ('"modem"', '"modm"', "4:8: 'modm' is not allowed here (did you mean 'modem'?)"),
        ('"1234:abcd"', '"1234:ABCD"', "7:8: '1234:ABCD' is not vendor:product in hexadecimal such as 1e0e:9001"),
        ('"ATE0"', '"ATE0\\rAT"', "11:9: contains a character that cannot be printed"),
        ('"ATE0"', '"+CLIP=1"', "11:9: '+CLIP=1' is not a command: AT and printable ASCII"),
        ('"ATE0"', '"AT+X={number}"', "11:9: there is no {number} in this command"),
        (
            "(?P<digit>[0-9*#])",
            "(?P<digit>[0-9*#]",
            "12:26: not a pattern: missing ), unterminated subpattern at position 7",
        ),
        ("(?P<digit>", "(?P<key>", "12:26: 'digit' has no group 'key' (known: digit)"),
        ("(?P<digit>[0-9*#])", "(?P<digit>[0-9*#])((a|aa)+)+b", "12:26: the pattern repeats a group without end"),
        ("[0-9*#])', means", "[0-9*#])', menas", "12:55: unknown setting 'menas' (did you mean 'means'?)"),
        ('"serial_pcm"', '"serial"', "16:7: 'serial' is not allowed here (did you mean 'serial_pcm'?)"),
        ('how = "serial_pcm"', 'how = "uac"\nrate = 44000', "17:8: 44000 is no rate of sound"),
        ("sound_interface = 3\n", "", "6:1: 'sound_interface' is missing: its sound is on a serial port"),
        (
            'how = "serial_pcm"',
            'how = "serial_pcm"\n[board]\ncores = 2',
            "17:1: a profile of kind 'modem' has no [board]",
        ),
        (
            'sources = ["Acme AT manual 1.0, section 3"]',
            "sources = []",
            "5:11: a profile says where its facts are from",
        ),
        (
            'how = "serial_pcm"',
            'how = "control"',
            "16:7: sound in the control stream is for the style 'voice_modem' (V.253)",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(was: str, now: str, told: str, tmp_path: Path) -> None:
    assert was in GOOD
    devices, errors = read(tmp_path, GOOD.replace(was, now, 1))
    assert any(error.startswith(f"acme.toml:{told}") for error in errors), errors
    assert devices.get("acme") is None


@pytest.mark.parametrize("name", ["", "../power", "A B", "$HOME", "a'b", "-x/y"])
def test_a_light_is_a_folder_that_can_stand_in_a_unit(name: str, tmp_path: Path) -> None:
    board = 'vendor = "Acme"\nmodel = "Board"\nkind = "board"\nsources = ["Acme board manual"]\n[board]\n'
    _, errors = read(tmp_path, f'{board}leds = [{{ name = "{name}", shows = "call" }}]\n')
    assert errors == [f"acme.toml:6:18: '{name}' is no folder of /sys/class/leds such as ACT"]


def test_edge_check_reads_profiles_of_the_site_that_no_line_names(tmp_path: Path) -> None:
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "acme.toml").write_text(GOOD.replace('"3s"', "3"))
    (tmp_path / "site.toml").write_text('name = "x"\n[paths]\nprofiles = "profiles"\n')
    found = inspect(tmp_path / "site.toml")
    assert [error.file for error in found.errors] == [str(profiles / "acme.toml")]
    assert str(profiles / "acme.toml") in found.checked


def test_a_trunk_cannot_be_a_device(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(
        'name = "x"\n[[trunks]]\nname = "t"\nsources = ["192.0.2.1"]\nprofile = "quectel-ec25"\n'
    )
    (error,) = inspect(tmp_path / "site.toml").errors
    assert error.message == "'quectel-ec25' is a device, not a gateway"


def test_a_profile_of_the_site_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "quectel-ec25.toml").write_text(GOOD)
    profile = Devices(tmp_path, Findings()).get("quectel-ec25")
    assert profile is not None
    assert profile.vendor == "Acme"


@pytest.mark.parametrize(
    ("template", "channel", "made"),
    [
        ("A0 {channel} 01 {sum}", 1, "a00101a2"),
        ("A0 {channel} 00 {sum}", 1, "a00100a1"),
        ("A0 {channel} 01 {sum}", 8, "a00801a9"),
        ("6F 6E 20 {digit} 0D", 3, b"on 3\r".hex()),
    ],
)
def test_relay_boards_get_their_octets(template: str, channel: int, made: str) -> None:
    assert octets(template, channel).hex() == made
