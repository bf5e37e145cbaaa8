"""Profiles of devices for the commands of `edge hw`, with or without a site: which there are, and which fit."""

import re
from pathlib import Path
from typing import Final

from edge.cli.site import DEFAULT_FILE, BadSiteError, UsageError, usable_site
from edge.config.devices import Devices
from edge.config.errors import Findings, did_you_mean
from edge.config.site import Paths, Site
from edge.config.trunk_settings import Line
from edge.core.lines.profile import DeviceProfile
from edge.runtime.devices import Filters, Found, Machine, NotFound, SerialPort, UsbDevice, find, fitting

#: Words of a model's name that tell it from others have a figure and so many characters.
_LEAST: Final = 4


def site_or_none(config: Path | None) -> Site | None:
    """Read the site; None: there is none, and none was named. Raises `BadSiteError`."""
    if config is None and not DEFAULT_FILE.is_file():
        return None
    return usable_site(config, demo=False, menus=False).site


def devices_of(site: Site | None) -> dict[str, DeviceProfile]:
    """Read all profiles of devices, shipped and the site's. Raises `BadSiteError`."""
    folder = Path(site.paths.profiles if site is not None else Paths().profiles)
    findings = Findings()
    known = Devices(folder, findings)
    profiles = {name: known.get(name) for name in known.names()}
    if findings.error_count:
        raise BadSiteError(findings.errors)
    return {name: profile for name, profile in profiles.items() if profile is not None}


def named(name: str, profiles: dict[str, DeviceProfile]) -> DeviceProfile:
    """Find a profile. Raises `UsageError`."""
    if name not in profiles:
        hint = did_you_mean(name, profiles) or "known: " + ", ".join(sorted(profiles))
        raise UsageError(f"there is no profile '{name}' of a device; {hint}")
    return profiles[name]


def line_named(name: str, site: Site | None) -> Line:
    """Find a line of the site. Raises `UsageError`."""
    if site is None:
        raise UsageError("there is no site file: --config FILE, or --profile and --port without one")
    chosen = next((one for one in site.lines if one.name == name), None)
    if chosen is None:
        names = [one.name for one in site.lines]
        hint = did_you_mean(name, names) or (f"there are {', '.join(names)}" if names else "the site has none")
        raise UsageError(f"there is no line '{name}'; {hint}")
    return chosen


def fit_usb(device: UsbDevice, profiles: dict[str, DeviceProfile], machine: Machine) -> list[str]:
    """List the profiles that have a device's ids."""
    return [name for name, profile in profiles.items() if device in fitting(profile, machine)]


def fit_model(model: str, profiles: dict[str, DeviceProfile]) -> list[str]:
    """List the profiles in whose model there is a word that a device says of itself."""
    said = model.upper()
    return [
        name
        for name, profile in profiles.items()
        if any(word in said for word in re.findall(r"[A-Z0-9]+", profile.model.upper()) if _tells(word))
    ]


def _tells(word: str) -> bool:
    return len(word) >= _LEAST and any(letter.isdigit() for letter in word)


def what_for(port: SerialPort, profile: DeviceProfile) -> str:
    """Say what a port of a device is for by its profile; empty: nothing."""
    if profile.find.control_interface is None or port.interface == profile.find.control_interface:
        return "commands"
    return "sound" if port.interface == profile.find.sound_interface else ""


def knows_firmware(profile: DeviceProfile, firmware: str) -> bool | None:
    """Tell whether the facts of a profile were found for this firmware; None: for any."""
    if not profile.firmware:
        return None
    return any(version.upper() in firmware.upper() for version in profile.firmware)


def claims(site: Site, profiles: dict[str, DeviceProfile], machine: Machine) -> dict[str, Found | NotFound]:
    """Find the device of each line and relay of a site, by its name."""
    return {
        f"{kind} {one.name}": find(
            profiles[one.profile],
            Filters(port=one.port, usb_path=one.usb_path, serial_number=one.serial_number),
            machine,
        )
        for kind, listed in (("line", site.lines), ("relay", site.relays))
        for one in listed
        if one.profile in profiles
    }
