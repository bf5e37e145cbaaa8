"""Serial ports and sound cards by the USB device that they belong to, on made machines."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import convert

from edge.core.lines.profile import DeviceProfile
from edge.runtime import devices
from edge.runtime.devices import Filters, Found, NotFound, Watch, find, look
from tests.support.plugged import Plugged


@pytest.fixture
def machine(tmp_path: Path) -> Plugged:
    return Plugged(tmp_path)


def test_what_is_on_usb_is_known_by_plug_and_interface(machine):
    links = machine.sim7600("1-2", 0)
    seen = look(machine.sysfs, machine.dev)
    ports = seen.ports_of(seen.devices()[0])
    assert [(Path(one.device).name, one.interface, one.by_path) for one in ports] == [
        (f"ttyUSB{number}", number, links[number]) for number in range(5)
    ]
    assert str(ports[0].usb) == "1e0e:9001 at 1-2 (SimTech, Incorporated SimTech, Incorporated)"
    assert ports[2].name == links[2]
    assert seen.port(links[2]) == seen.port(str(machine.dev / "ttyUSB2")) == ports[2]


def test_ports_without_a_chip_and_consoles_are_none(machine):
    seen = look(machine.sysfs, machine.dev)
    assert [(Path(one.device).name, one.usb) for one in seen.ports] == [("ttyS0", None)]
    assert [(one.number, one.id, one.hardware, one.usb) for one in seen.cards] == [(0, "PCH", "hw:0", None)]


def test_two_equal_modems_are_told_apart_by_their_plugs(machine):
    """The one that was found last has the lower number, as after a reset; both have the same serial number."""
    first, second = machine.sim7600("1-2", 5), machine.sim7600("1-3.1", 0)
    seen = look(machine.sysfs, machine.dev)
    assert [one.path for one in seen.devices()] == ["1-2", "1-3.1"]
    for device, links, tty in zip(seen.devices(), (first, second), ("ttyUSB7", "ttyUSB2"), strict=True):
        control = seen.ports_of(device)[2]
        assert (Path(control.device).name, control.by_path) == (tty, links[2])


def test_a_device_keeps_its_name_when_its_numbers_change(machine):
    before = machine.sim7600("1-2", 0)
    watch = Watch(machine.sysfs)
    machine.unplug("1-2")
    assert watch.changed()
    assert look(machine.sysfs, machine.dev).devices() == []
    after = machine.sim7600("1-2", 5)
    assert watch.changed()
    assert not watch.changed()
    assert before == after
    port = look(machine.sysfs, machine.dev).port(after[2])
    assert port is not None
    assert Path(port.device).name == "ttyUSB7"


def test_another_device_under_the_same_numbers_is_a_change(machine):
    machine.sim7600("1-2", 0)
    watch = Watch(machine.sysfs)
    machine.unplug("1-2")
    machine.sim7600("1-4", 0)
    assert watch.changed()


def test_an_acm_modem_and_a_sound_card_behind_one_plug(machine):
    machine.device("1-1", "2c7c:0125", names=("Quectel", "EC25"))
    machine.acm("1-1", 2, "ttyACM0")
    machine.sound("1-1", 6, 1, "EC25")
    seen = look(machine.sysfs, machine.dev)
    (device,) = seen.devices()
    (port,) = seen.ports_of(device)
    card = seen.card_of(device)
    assert card is not None
    assert (port.interface, card.number, card.id, card.interface) == (2, 1, "EC25", 6)


@pytest.mark.parametrize("gone", ["idVendor", "device"])
def test_what_vanishes_while_it_is_read_is_not_there(machine, monkeypatch, gone):
    """Between the list of a folder and the look at one of its entries the plug was pulled."""
    machine.sim7600("1-2", 0)
    machine.device("1-3", "1a86:7523", names=("", "USB Serial"))
    machine.usb_serial("1-3", 0, "ttyUSB5")
    entries = devices._entries

    def pulled(folder: Path) -> list[Path]:
        found = entries(folder)
        if folder.name == "tty":
            if gone == "device":
                machine.unplug("1-2")
            else:
                (machine.sysfs / "devices/pci0000:00/0000:00:14.0/usb1/1-2/idVendor").unlink()
        return found

    monkeypatch.setattr(devices, "_entries", pulled)
    seen = look(machine.sysfs, machine.dev)
    assert [one.ids for one in seen.devices()] == ["1a86:7523"]


def test_a_machine_without_sysfs_has_nothing(tmp_path):
    seen = look(tmp_path / "sys", tmp_path / "dev")
    assert (seen.ports, seen.cards) == ([], [])
    assert not Watch(tmp_path / "sys").changed()


def test_texts_of_a_device_that_are_not_utf8_are_read_all_the_same(machine):
    place = machine.device("1-1", "1a86:7523")
    (place / "product").write_bytes(b"USB\xff2.0-Ser!\n")
    machine.usb_serial("1-1", 0, "ttyUSB0")
    (device,) = look(machine.sysfs, machine.dev).devices()
    assert device.name == "USB\N{REPLACEMENT CHARACTER}2.0-Ser!"


# --- the device of a line


def profile(kind: str = "modem", how: str = "serial_pcm", **wanted: Any) -> DeviceProfile:
    """A SIM7600 with its sound on interface 4, or what `wanted` says instead."""
    find = {"usb": ["1e0e:9001"], "control_interface": 2, "sound_interface": 4} | wanted
    return convert(
        {"vendor": "v", "model": "m", "kind": kind, "sources": ["s"], "find": find, "sound": {"how": how}},
        DeviceProfile,
    )


def found(machine: Plugged, wanted: DeviceProfile, **filters: str) -> Found | NotFound:
    return find(wanted, Filters(**filters), look(machine.sysfs, machine.dev))


def test_a_device_is_found_with_its_ports(machine):
    machine.sim7600("1-2", 5)
    one = found(machine, profile())
    assert isinstance(one, Found)
    assert [Path(name).name for name in (one.control, one.sound_port)] == ["ttyUSB7", "ttyUSB9"]
    assert one.usb is not None
    assert one.usb.path == "1-2"


def test_of_two_equal_devices_the_line_says_which(machine):
    machine.sim7600("1-2", 5, "A")
    machine.sim7600("1-3", 0, "B")
    neither = found(machine, profile())
    assert isinstance(neither, NotFound)
    assert "2 devices fit" in neither.text
    assert "1e0e:9001 at 1-3" in neither.text
    for filters in ({"usb_path": "1-3"}, {"serial_number": "B"}, {"port": str(machine.dev / "ttyUSB2")}):
        one = found(machine, profile(), **filters)
        assert isinstance(one, Found)
        assert [Path(name).name for name in (one.control, one.sound_port)] == ["ttyUSB2", "ttyUSB4"]


def test_a_port_may_be_a_url_or_no_hardware_at_all(machine, tmp_path):
    assert found(machine, profile(), port="socket://127.0.0.1:5000") == Found(control="socket://127.0.0.1:5000")
    (tmp_path / "pty").touch()
    assert found(machine, profile(), port=str(tmp_path / "pty")) == Found(control=str(tmp_path / "pty"))
    assert found(machine, profile(), port=str(machine.dev / "ttyS0")) == Found(control=str(machine.dev / "ttyS0"))


@pytest.mark.parametrize(
    ("wanted", "filters", "text"),
    [
        (profile(usb=["2c7c:0125"]), {}, "no USB device 2c7c:0125"),
        (profile(), {"usb_path": "1-9"}, "no USB device 1e0e:9001 at 1-9; there is 1e0e:9001 at 1-2"),
        (profile(usb=["2c7c:0125"]), {"usb_path": "1-2"}, "what is plugged in there is 1e0e:9001 at 1-2"),
        (profile(control_interface=7), {}, "has no serial port on interface 7, it has some on 0, 1, 2, 3, 4"),
        (profile(sound_interface=9), {}, "has no port for sound on interface 9"),
        (profile(control_interface=None), {}, "has no serial port by itself, but on 0, 1, 2, 3, 4"),
        (profile(how="uac"), {}, "has no sound card"),
        (profile(usb=["12d1:1446"]), {}, "12d1:1446 at 1-4 (HUAWEI Mass Storage) has no serial port at all"),
        (profile(), {"port": "/dev/serial/by-path/none"}, "is not there; serial ports: "),
        (profile(), {"port": "ttyUSB2", "usb_path": "1-9"}, "is not the device of usb_path"),
        (profile(usb=[]), {}, "say 'port'"),
        (profile("sound_card", "uac", usb=[], sound_card="Jabra"), {}, "cards are called 'Jabra'; there are: 0 PCH"),
    ],
)  # fmt: skip
def test_why_there_is_none_is_told_with_what_there_is(machine, wanted, filters, text):
    machine.sim7600("1-2", 0)
    machine.device("1-4", "12d1:1446", names=("HUAWEI", "Mass Storage"))
    if filters.get("port") == "ttyUSB2":
        filters = filters | {"port": str(machine.dev / "ttyUSB2")}
    one = found(machine, wanted, **filters)
    assert isinstance(one, NotFound)
    assert text in one.text


def test_a_sound_card_is_found_by_ids_name_or_plug(machine):
    machine.device("1-1", "0d8c:0014", names=("C-Media", "USB Audio Device"))
    machine.sound("1-1", 0, 1, "Device")
    for wanted, filters in (
        (profile("sound_card", "uac", usb=["0d8c:0014"]), {}),
        (profile("sound_card", "uac", usb=[], sound_card="usb audio"), {}),
        (profile("sound_card", "uac", usb=[]), {"usb_path": "1-1"}),
    ):
        one = found(machine, wanted, **filters)
        assert isinstance(one, Found)
        assert one.card is not None
        assert (one.card.hardware, one.control) == ("hw:1", "")
    assert found(machine, profile("sound_card", "uac", usb=[])) == Found()
