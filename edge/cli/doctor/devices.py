"""Devices of lines and relays: whether each is there, meant for one line, may be opened, and what a modem says.

A running line is asked by its process; while none runs, modems are asked over their ports.
"""

import contextlib
import grp
import os
from pathlib import Path

import msgspec

from edge.cli.control import NotRunningError
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient
from edge.cli.hw_port import PortError
from edge.cli.hw_probe import examine as probe
from edge.cli.hw_profiles import claims, devices_of, knows_firmware
from edge.config.trunk_settings import Line
from edge.core.lines.profile import DeviceProfile
from edge.runtime.devices import Filters, Found, Machine, NotFound, find, look

#: Talks to every modem that is plugged in, between our commands.
MEDDLER = "ModemManager"
PROC, SOUND = Path("/proc"), Path("/dev/snd")
#: Below it calls are bad.
WEAK_DBM = -95
#: Huawei's dongles before usb_modeswitch has made modems of them.
DISGUISED = "12d1:1446"
#: What to do about a line that is not ready.
_STATES = {
    "absent": "plug it in; edge hw list shows what is there",
    "starting": "wait a minute, and ask again",
    "no_sim": "put a SIM in",
    "pin_needed": "take the PIN off the SIM, in a telephone",
    "no_service": "look at antenna and contract",
    "failed": "look at the log of the line: which command its modem refused",
}


def examine(patient: Patient, notes: Notes) -> None:
    """Look for the device of each line."""
    lines, relays = patient.site.lines, patient.site.relays
    if not lines and not relays:
        notes.ok("", "the site has no lines and no relays")
        return
    machine = look()
    taken: dict[str, str] = {}
    for line in lines:
        _look_at(patient, line, machine, taken, notes)
    if relays:
        _look_at_boards(patient, machine, notes)
    if not lines:
        return
    if MEDDLER in _processes():
        advice = "run systemctl mask --now ModemManager, or install the udev rule of the package (systemd/edge.rules)"
        notes.advice(MEDDLER, "it runs, and talks to modems of lines between our commands", advice)


def _look_at(patient: Patient, line: Line, machine: Machine, taken: dict[str, str], notes: Notes) -> None:
    what = f"line {line.name}"
    profile = msgspec.convert(line.device, DeviceProfile)
    filters = Filters(port=line.port, usb_path=line.usb_path, serial_number=line.serial_number)
    found = find(profile, filters, machine)
    if isinstance(found, NotFound):
        notes.bad(what, found.text, _missing(profile, machine))
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
        if patient.runs:
            _ask_line(patient, line, profile, notes)
        elif profile.kind == "modem":
            _ask_modem(what, found.control, profile, notes)


def _missing(profile: DeviceProfile, machine: Machine) -> str:
    disguised = next((one for one in machine.usb if one.ids == DISGUISED), None)
    if disguised is not None and any(ids.startswith("12d1:") for ids in profile.find.usb):
        return (
            f"apt install usb-modeswitch: what is plugged in at {disguised.path} ({DISGUISED}) is a CD-ROM until then"
        )
    return "plug it in, or say which device is meant; the line comes by itself then"


def _ask_line(patient: Patient, line: Line, profile: DeviceProfile, notes: Notes) -> None:
    """Ask the line's process how it stands."""
    what = f"line {line.name}: its state"
    try:
        one = patient.request(f"line-{line.name}", "line")
    except NotRunningError as error:
        notes.bad(what, str(error), f"see the log of line-{line.name}; where it is new: edge reload")
        return
    state, text = one["state"].replace("_", " "), f": {one['text']}" if one["text"] else ""
    if one["state"] == "ready":
        notes.ok(what, f"ready, {'a call is on it' if one['busy'] else 'free'}")
    else:
        notes.bad(what, f"{state}{text}", _STATES[one["state"]])
    _judge_modem(f"line {line.name}", profile, one["identity"].get("firmware", ""), one["signal"]["dbm"], notes)


def _ask_modem(what: str, port: str, profile: DeviceProfile, notes: Notes) -> None:
    """Ask a modem that no line has open: SIM, network, signal."""
    try:
        found = probe(port, profile)
    except PortError as error:
        notes.bad(
            f"{what}: its modem", str(error), "unplug it and plug it in again; edge hw list shows which port is which"
        )
        return
    if profile.dialogue.sim and found["sim"] != "ready":
        text = f"SIM: {found['sim'] or 'it says nothing'}"
        notes.bad(f"{what}: its modem", text, "put a SIM in that asks for no PIN")
    elif profile.dialogue.registration and not found["network"].startswith("registered"):
        text = f"network: {found['network'] or 'it says nothing'}"
        notes.bad(f"{what}: its modem", text, "look at antenna and contract")
    else:
        notes.ok(f"{what}: its modem", f"SIM {found['sim']}, {found['network']} ({found['operator']})")
    _judge_modem(what, profile, found["firmware"], found["signal_dbm"], notes)


def _judge_modem(what: str, profile: DeviceProfile, firmware: str, dbm: int | None, notes: Notes) -> None:
    if firmware and knows_firmware(profile, firmware) is False:
        text = f"{firmware} is not among those that the profile's facts are from ({', '.join(profile.firmware)})"
        notes.advice(f"{what}: its firmware", text, "try it with hw_tests before callers do")
    elif firmware:
        notes.ok(f"{what}: its firmware", firmware)
    if dbm is not None and dbm < WEAK_DBM:
        notes.advice(f"{what}: its signal", f"{dbm} dBm", "move the antenna: calls break below -100 dBm")
    elif dbm is not None:
        notes.ok(f"{what}: its signal", f"{dbm} dBm")


def _look_at_boards(patient: Patient, machine: Machine, notes: Notes) -> None:
    """Look for the board of each relay."""
    for name, found in claims(patient.site, devices_of(patient.site), machine).items():
        if not name.startswith("relay "):
            continue
        if isinstance(found, NotFound):
            notes.bad(name, found.text, "plug the board in, or say by port or usb_path which is meant")
            continue
        faults = _port_faults(patient, found.control)
        for text, advice in faults:
            notes.bad(name, text, advice)
        if not faults:
            notes.ok(name, f"{found.usb or found.control}: {found.control}")


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
        return [
            (
                f"{port} may not be opened (group {group})",
                f"set SupplementaryGroups={group} in the unit, or usermod -aG {group} USER",
            )
        ]
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
        return [(f"{devices[0]} may not be opened (group {group})", f"set SupplementaryGroups={group} in the unit")]
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
