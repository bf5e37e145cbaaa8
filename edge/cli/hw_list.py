"""`edge hw list`: what is plugged in, which profile fits it, and which line or relay of the site it belongs to."""

from collections.abc import Iterator
from typing import Any

from edge.cli.hw_profiles import claims, devices_of, fit_usb, site_or_none, what_for
from edge.cli.output import BAD, FINE, complain, print_json, print_table, printable
from edge.cli.site import BadSiteError, ConfigOption, JsonOption
from edge.core.lines.profile import DeviceProfile
from edge.runtime import devices
from edge.runtime.devices import Found, Machine, NotFound, UsbDevice

#: Columns of figures.
_FIGURES = ("interface", "inputs", "outputs", "rate")


def list_devices(*, config: ConfigOption = None, json: JsonOption = False) -> int:
    """List serial ports and sound devices: USB ids, plug, interface, profiles that fit, the line that claims each.

    Needs no daemon and no site. Exit code 1: a line or relay of the site has no device, or nothing is there at all.
    """
    try:
        site = site_or_none(config)
        profiles = devices_of(site)
    except BadSiteError as error:
        return error.report()
    seen = devices.look(devices.SYSFS, devices.DEV)
    claimed = {} if site is None else claims(site, profiles, seen)
    missing = [(name, one.text) for name, one in claimed.items() if isinstance(one, NotFound)]
    found = {name: one for name, one in claimed.items() if isinstance(one, Found)}
    ports = [_port(index, seen, profiles, found) for index in range(len(seen.ports))]
    cards = [_card(index, seen, profiles, found) for index in range(len(seen.cards))]
    others = list(_without_driver(seen, profiles))
    sounds = _sounds()
    if json:
        for one in (*ports, *cards, *others, *sounds):
            print_json(one)
    else:
        _print(ports, cards, others, sounds)
    for name, text in missing:
        complain(f"{name}: {text}")
    return BAD if missing or not (ports or cards or sounds) else FINE


def _usb(device: UsbDevice | None) -> dict[str, Any]:
    if device is None:
        return {"usb": None, "usb_path": "", "device": "", "serial_number": ""}
    # Some name their maker twice.
    called = " ".join(word for word in dict.fromkeys((device.manufacturer, device.name)) if word)
    return {"usb": device.ids, "usb_path": device.path, "device": called, "serial_number": device.serial_number}


def _port(index: int, seen: Machine, profiles: dict[str, DeviceProfile], found: dict[str, Found]) -> dict[str, Any]:
    port = seen.ports[index]
    fits = fit_usb(port.usb, profiles, seen) if port.usb is not None else []
    uses = {name: what_for(port, profiles[name]) for name in fits}
    return {
        "kind": "serial_port",
        "name": port.device,
        **_usb(port.usb),
        "interface": port.interface,
        "by_path": port.by_path,
        "by_id": port.by_id,
        "profiles": {name: what for name, what in uses.items() if what},
        "claimed_by": [name for name, one in found.items() if port.device in {one.control, one.sound_port}],
    }


def _card(index: int, seen: Machine, profiles: dict[str, DeviceProfile], found: dict[str, Found]) -> dict[str, Any]:
    card = seen.cards[index]
    fits = fit_usb(card.usb, profiles, seen) if card.usb is not None else []
    return {
        "kind": "sound_card",
        "name": card.hardware,
        "id": card.id,
        **_usb(card.usb),
        "interface": card.interface,
        "profiles": {name: "sound" for name in fits if profiles[name].sound.how == "uac"},
        "claimed_by": [name for name, one in found.items() if one.card == card],
    }


def _without_driver(seen: Machine, profiles: dict[str, DeviceProfile]) -> Iterator[dict[str, Any]]:
    """Give what a profile knows and no driver has taken."""
    driven = seen.devices()
    for device in seen.usb:
        fits = fit_usb(device, profiles, seen)
        if fits and device not in driven:
            yield {"kind": "without_driver", "name": device.ids, **_usb(device), "profiles": dict.fromkeys(fits, "")}


def _sounds() -> list[dict[str, Any]]:
    """Give what PortAudio can open, by the names that a line may say."""
    from edge.cli.desk_sound import NoDeviceError, Sound  # NumPy and PortAudio: not in each command

    try:
        with Sound() as sound:
            return [
                {
                    "kind": "sound_device",
                    "name": one.name,
                    "inputs": one.inputs,
                    "outputs": one.outputs,
                    "rate": one.rate,
                }
                for one in sound.devices()
            ]
    except NoDeviceError as error:
        complain(f"sound devices are not listed: {error}")
        return []


def _fits(one: dict[str, Any]) -> str:
    return ", ".join(f"{name} ({what})" if what else name for name, what in one["profiles"].items())


def _print(
    ports: list[dict[str, Any]],
    cards: list[dict[str, Any]],
    others: list[dict[str, Any]],
    sounds: list[dict[str, Any]],
) -> None:
    columns = ("USB", "plug", "interface", "device", "profiles", "claimed by")
    rest = ("usb", "usb_path", "interface", "device")
    tables: list[tuple[tuple[str, ...], list[tuple[object, ...]]]] = [
        (
            (title, *columns),
            [(_name(one), *(one[key] for key in rest), _fits(one), ", ".join(one["claimed_by"])) for one in rows],
        )
        for title, rows in (("serial port", ports), ("sound card", cards))
    ]
    tables += [
        (
            ("without a driver", "plug", "device", "profiles"),
            [(one["name"], one["usb_path"], one["device"], _fits(one)) for one in others],
        ),
        (
            ("sound device", "inputs", "outputs", "rate"),
            [(printable(one["name"]), one["inputs"], one["outputs"], one["rate"]) for one in sounds],
        ),
        (("serial port", "name that lasts"), [(one["name"], one["by_path"]) for one in ports if one["by_path"]]),
    ]
    for index, (titles, cells) in enumerate((titles, cells) for titles, cells in tables if cells):
        if index:
            print()
        print_table(titles, cells, right=[name for name in _FIGURES if name in titles])


def _name(one: dict[str, Any]) -> str:
    return one["name"] if one["kind"] == "serial_port" else f"{one['name']} {one['id']}"
