"""`edge hw probe PORT`: who answers there, and whether a profile knows it."""

import re
from typing import Annotated, Any, Final

from cyclopts import Parameter

from edge.cli.hw_port import PortError, Reply, ask, open_port
from edge.cli.hw_profiles import devices_of, fit_model, fit_usb, knows_firmware, named, site_or_none
from edge.cli.output import BAD, FINE, print_json, print_table
from edge.cli.site import BadSiteError, ConfigOption, JsonOption, UsageError, failed
from edge.core.lines.profile import DeviceProfile, Identify, Serial
from edge.core.lines.texts import decoded, signal_dbm
from edge.runtime import devices

#: Times that AT is sent until somebody must have answered: modems that sleep eat the first.
_TRIES: Final = 3
_REGISTRATION: Final = {
    "0": "not registered, not searching",
    "1": "registered",
    "2": "searching",
    "3": "denied by the network",
    "4": "unknown",
    "5": "registered, roaming",
}


def probe(
    port: Annotated[str, Parameter(help="Port (path, by-path link, or pyserial URL such as socket://HOST:PORT).")],
    /,
    *,
    profile: Annotated[str | None, Parameter(help="Ask as this profile does; else as most modems want it.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Ask a modem who it is: model, firmware, SIM, network, signal, and which profile fits.

    Takes the port for itself meanwhile, so the line that uses it has to rest. Exit code 1: nobody answers, no profile
    fits, or the one that was named does not.
    """
    try:
        profiles = devices_of(site_or_none(config))
        chosen = named(profile, profiles) if profile is not None else None
        found = examine(port, chosen)
    except (UsageError, BadSiteError, PortError) as error:
        return failed(error)
    by_usb, by_model = _fitting(port, found, profiles)
    # The chip may be in many things; the model says more, where it says anything.
    fits = [name for name in by_usb if name in by_model] or by_model or by_usb
    found["profiles"] = fits
    judged = profile if profile is not None else fits[0] if len(fits) == 1 else None
    known = None if judged is None else knows_firmware(profiles[judged], found["firmware"])
    found["firmware_known"] = known
    if json:
        print_json(found)
    else:
        _print(found, judged)
    return FINE if (profile in fits if profile is not None else fits) else BAD


def examine(name: str, profile: DeviceProfile | None = None) -> dict[str, Any]:
    """Ask what can be asked outside of a call. Raises `PortError`."""
    identify = Identify() if profile is None else profile.dialogue.identify
    port = open_port(name, Serial() if profile is None else profile.serial)
    try:
        _wake(port, name)
        found: dict[str, Any] = {"port": name}
        for key in ("vendor", "model", "firmware", "imei"):
            command = getattr(identify, key)
            found[key] = ask(port, command).value() if command else ""
        info = ask(port, "ATI")
        found["information"] = info.lines
        found["model"] = found["model"] or " ".join(info.lines)
        found["sim"] = _sim(ask(port, "AT+CPIN?", 5.0))
        found |= _network(port)
    finally:
        port.close()
    return found


def _wake(port: Any, name: str) -> None:
    """Get an answer to AT. Raises `PortError`."""
    for _ in range(_TRIES):
        reply = ask(port, "AT", 1.0)
        if reply.ok:
            return
    if reply.raw:
        shown = reply.raw[:40].decode("ascii", "backslashreplace")
        raise PortError(
            f"{name}: what comes is no answer to AT: {shown!r}. Another rate, or a port for something else?"
        )
    seen = devices.look(devices.SYSFS, devices.DEV)
    mine = seen.port(name)
    hint = ""
    if mine is not None and mine.usb is not None:
        others = [f"{one.device} (interface {one.interface})" for one in seen.ports_of(mine.usb) if one != mine]
        hint = f"; other ports of this device: {', '.join(others)}" if others else ""
    raise PortError(f"{name}: nobody answers AT{hint}")


def _sim(reply: Reply) -> str:
    """Say how the SIM is; empty: the device has none to ask for (a modem on a telephone line)."""
    if reply.ok:
        return reply.value("+CPIN").lower() or "ready"
    return reply.final.partition(":")[2].strip() if reply.final.startswith("+CME") else ""


def _network(port: Any) -> dict[str, Any]:
    registered = re.search(r"\d+,\s*(\d+)", ask(port, "AT+CREG?").value("+CREG"))
    operator = re.search(r'"([^"]*)', ",".join(ask(port, "AT+COPS?", 10.0).lines))
    signal = re.match(r"(\d+)", ask(port, "AT+CSQ").value("+CSQ"))
    return {
        "network": _REGISTRATION.get(registered[1], registered[1]) if registered else "",
        "operator": decoded(operator[1]) if operator else "",
        "signal_dbm": signal_dbm(int(signal[1])) if signal else None,
    }


def _fitting(name: str, found: dict[str, Any], profiles: dict[str, DeviceProfile]) -> tuple[list[str], list[str]]:
    seen = devices.look(devices.SYSFS, devices.DEV)
    port = seen.port(name)
    by_usb = fit_usb(port.usb, profiles, seen) if port is not None and port.usb is not None else []
    # Voice modems name their chip in the firmware, and say "V90" for a model.
    return by_usb, fit_model(" ".join([found["model"], found["firmware"], *found["information"]]), profiles)


def _print(found: dict[str, Any], judged: str | None) -> None:
    signal = found["signal_dbm"]
    known = {None: "", True: f"known to {judged}", False: f"not among those that {judged} was made for"}
    rows = [
        ("port", found["port"]),
        ("vendor", found["vendor"]),
        ("model", found["model"]),
        (
            "firmware",
            " ".join(word for word in (found["firmware"], _in_brackets(known[found["firmware_known"]])) if word),
        ),
        ("IMEI", found["imei"]),
        ("SIM", found["sim"]),
        ("network", " ".join(word for word in (found["network"], _in_brackets(found["operator"])) if word)),
        ("signal", "" if signal is None else f"{signal} dBm"),
        ("profile", ", ".join(found["profiles"]) or "none fits"),
    ]
    print_table(("", ""), [row for row in rows if row[1]])


def _in_brackets(text: str) -> str:
    return f"({text})" if text else ""
