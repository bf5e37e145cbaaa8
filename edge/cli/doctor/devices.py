"""Sound and serial devices of lines: whether each is there, meant for one line, and may be opened."""

import contextlib
import grp
import os
from pathlib import Path

import msgspec

from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient
from edge.config.site import Line
from edge.core.lines.profile import DeviceProfile
from edge.runtime.devices import Filters, Found, Machine, NotFound, find, look

#: Talks to every modem that is plugged in, between our commands.
MEDDLER = "ModemManager"
PROC, SOUND = Path("/proc"), Path("/dev/snd")


def examine(patient: Patient, notes: Notes) -> None:
    """Look for the device of each line."""
    lines = patient.site.lines
    if not lines:
        notes.ok("", "the site has no lines")
        return
    machine = look()
    taken: dict[str, str] = {}
    for line in lines:
        _look_at(patient, line, machine, taken, notes)
    if MEDDLER in _processes():
        advice = "systemctl mask --now ModemManager, or the rule of udev that the package brings"
        notes.advice(MEDDLER, "it runs, and talks to modems of lines between our commands", advice)


def _look_at(patient: Patient, line: Line, machine: Machine, taken: dict[str, str], notes: Notes) -> None:
    what = f"line {line.name}"
    profile = msgspec.convert(line.device, DeviceProfile)
    filters = Filters(port=line.port, usb_path=line.usb_path, serial_number=line.serial_number)
    found = find(profile, filters, machine)
    if isinstance(found, NotFound):
        notes.bad(what, found.text, "plug it in, or say which device is meant; the line comes by itself then")
        return
    key = found.control or (f"card {found.card.number}" if found.card is not None else "")
    if key and key in taken:
        notes.bad(what, f"{key} is the device of line {taken[key]}, too", "say by port or usb_path which is whose")
        return
    taken[key] = line.name
    faults = [*_port_faults(patient, found.control), *_port_faults(patient, found.sound_port), *_card_faults(found)]
    for text, advice in faults:
        notes.bad(what, text, advice)
    if not faults:
        card = f", {found.card}" if found.card is not None else ""
        notes.ok(what, f"{found.usb or found.control or 'by its sound devices'}: {found.control or 'no port'}{card}")


def _port_faults(patient: Patient, port: str) -> list[tuple[str, str]]:
    """Say what keeps us from a serial port."""
    if not port or "://" in port:
        return []
    try:
        status = os.stat(port)  # noqa: PTH116 - of the file that the link leads to
    except OSError as error:
        return [(f"{port}: {error.strerror}", "plug it in")]
    if not os.access(port, os.R_OK | os.W_OK):
        group = _group(status.st_gid)
        return [(f"{port} may not be opened (group {group})", f"SupplementaryGroups={group} in the unit, or usermod")]
    if patient.runs:
        return []  # the line has it
    holders = _holders(os.path.realpath(port))
    return (
        [(f"{port} is open in {', '.join(holders)}", "end that: two readers of one port lose half each")]
        if holders
        else []
    )


def _card_faults(found: Found) -> list[tuple[str, str]]:
    if found.card is None:
        return []
    devices = list(SOUND.glob(f"pcmC{found.card.number}D*"))
    if devices and not any(os.access(device, os.R_OK | os.W_OK) for device in devices):
        group = _group(devices[0].stat().st_gid)
        return [(f"{devices[0]} may not be opened (group {group})", f"SupplementaryGroups={group} in the unit")]
    return []


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _processes() -> set[str]:
    found = set()
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                found.add((folder / "comm").read_text().strip())
    return found


def _holders(device: str) -> list[str]:
    """Name the processes that have a device open, as far as we may see them."""
    found = []
    for folder in PROC.iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if any(os.path.realpath(fd) == device for fd in (folder / "fd").iterdir()):
                found.append(f"{(folder / 'comm').read_text().strip()} (pid {folder.name})")
    return found
