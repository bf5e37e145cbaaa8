"""Serial ports and sound cards by the USB device that they belong to, on made machines."""

from pathlib import Path

import pytest

from edge.runtime import devices
from edge.runtime.devices import Watch, look
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
