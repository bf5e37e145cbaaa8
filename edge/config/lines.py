"""Lines of modems and sound cards, as the site file has them, and the trunks that they are for all other processes.

A line's process speaks SIP with front over loopback; so whatever a trunk can, a line can, too.
"""

import zlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from edge.config.devices import Devices
from edge.config.errors import Findings, did_you_mean
from edge.config.located import Located, find, place_of
from edge.config.site import Site
from edge.config.trunk_settings import UNSAID, Line, Trunk
from edge.core.lines.profile import DeviceProfile

#: Kinds of devices that carry calls.
CARRIERS: Final = frozenset({"modem", "fxo_modem", "sound_card"})
#: Where the user agents of lines listen: a port by the line's name, so that it stays when other lines come and go.
_FIRST_PORT, _PORTS = 5100, 800
#: OPTIONS say whether the line is ready.
_QUALIFY_MS = 5_000
#: A process on this machine that does not answer is not there.
_INVITE_TIMEOUT_MS = 2_000


#: Settings of a line that are those of its trunk.
_OWN: Final = ("country", "dial_as", "tones", "amd")
#: Settings of its trunk by the words of a profile's `[dsp]`.
_OF_PROFILE: Final = {
    "dtmf": "dtmf",
    "inband_dtmf": "inband_dtmf",
    "tones": "tones",
    "auto_level": "auto_level",
    "min_tone": "dtmf_min_tone_ms",
    "min_pause": "dtmf_min_pause_ms",
}
#: What all trunks of lines have in common.
_OF_ALL: Final = (
    *("address", "sources", "max_channels", "codecs", "qualify_ms", "invite_timeout_ms"),
    *("session_expires_seconds", "no_rtp_hangup_seconds", "reliable_provisionals"),
)


def host_of(site: Site) -> str:
    """Return the address that lines and front speak on: loopback, of the family of SIP."""
    return "::1" if ":" in site.sip.address else site.sip.inner_address


def with_lines(site: Site, root: Located, devices: Devices, findings: Findings) -> tuple[list[Line], list[Trunk]]:
    """Return the lines with their devices filled in, and the trunk of each, in the same order."""
    lines: list[Line] = []
    trunks: list[Trunk] = []
    taken = {site.sip.port, site.sip.tls_port, site.http.port, *(line.sip_port for line in site.lines)}
    for index, line in enumerate(site.lines):
        profile = _profile_of(line, index, root, devices, findings)
        port = line.sip_port or _free_port(line.name, taken)
        device = msgspec.to_builtins(profile) if profile is not None else {}
        lines.append(msgspec.structs.replace(line, sip_port=port, device=device))
        trunks.append(
            _trunk_of(lines[-1], profile or DeviceProfile(vendor="", model="", kind="modem", sources=[]), site)
        )
    return lines, trunks


def _free_port(name: str, taken: set[int]) -> int:
    first = zlib.crc32(name.encode()) % _PORTS
    port = next(at for step in range(_PORTS) if (at := _FIRST_PORT + (first + step) % _PORTS) not in taken)
    taken.add(port)
    return port


def _profile_of(line: Line, index: int, root: Located, devices: Devices, findings: Findings) -> DeviceProfile | None:
    if not line.profile:
        return None  # missing or malformed, and already reported
    profile = devices.get(line.profile)
    if profile is not None and line.imei and not (profile.kind == "modem" and profile.dialogue.identify.imei):
        findings.error(place_of(root, ("lines", index, "imei")), f"a device of profile '{line.profile}' has no IMEI")
    place = place_of(root, ("lines", index, "profile"))
    if profile is None:
        if line.profile not in devices.names():
            known = [name for name in devices.names() if (one := devices.get(name)) and one.kind in CARRIERS]
            advice = did_you_mean(line.profile, known) or "known: " + ", ".join(known)
            findings.follow_up(place, f"there is no profile '{line.profile}' of a device", advice)
        return None
    if profile.kind not in CARRIERS:
        findings.follow_up(place, f"a {profile.kind.replace('_', ' ')} carries no calls", "a modem or sound card does")
        return None
    return profile


def _trunk_of(line: Line, profile: DeviceProfile, site: Site) -> Trunk:
    host = host_of(site)
    shown = f"[{host}]" if ":" in host else host
    dsp = profile.dsp
    changes: dict[str, Any] = {
        name: value
        for name, value in {"dtmf_min_tone_ms": dsp.min_tone_ms, "dtmf_min_pause_ms": dsp.min_pause_ms}.items()
        if value is not None
    }
    return Trunk(
        name=line.name,
        address=f"{shown}:{line.sip_port}",
        sources=[host],
        source_port=line.sip_port,
        max_channels=1,
        codecs=["L16"],
        qualify_ms=_QUALIFY_MS,
        invite_timeout_ms=_INVITE_TIMEOUT_MS,
        dtmf=dsp.dtmf,
        inband_dtmf=dsp.inband_dtmf,
        tones=line.tones or ((line.country.lower() if line.country else "any") if dsp.tones else ""),
        amd=line.amd,
        auto_level=dsp.auto_level,
        country=line.country,
        dial_as=line.dial_as,
        session_expires_seconds=0,
        no_rtp_hangup_seconds=5,
        reliable_provisionals="when_required",
        **changes,
    )


def origins_of(site: Site, root: Located, devices: Devices) -> dict[str, dict[str, str]]:
    """Say of each setting of each line's trunk where it is from; `line`: all trunks of lines have it so."""
    return {line.name: dict(_origins(line, index, root, devices)) for index, line in enumerate(site.lines)}


def _origins(line: Line, index: int, root: Located, devices: Devices) -> Iterator[tuple[str, str]]:
    known = devices.known(line.profile) if line.profile else None
    of_profile = {setting: word for word, setting in _OF_PROFILE.items()}
    for name in Trunk.__struct_fields__:
        if name in UNSAID:
            continue
        written = _table(root, ("lines",), index).get(name) if name in _OWN else None
        word = of_profile.get(name, "")
        said = find(known.root, ("dsp", word)) if known is not None and word else None
        if written is not None:
            yield name, str(written.place)
        elif said is not None:
            yield name, str(said.place)
        else:
            yield name, "line" if name in _OF_ALL else "default"


def _table(root: Located, path: tuple[str, ...], index: int) -> dict[str, Located]:
    tables = find(root, path)
    items = (tables.items if tables is not None else None) or []
    return (items[index].table if index < len(items) else None) or {}


def check_lines(site: Site, root: Located, findings: Findings) -> None:
    """Check that each line has a name and a device of its own."""
    trunks = {trunk.name for trunk in site.trunks if not trunk.source_port} | {one.name for one in site.trunk_groups}
    names: dict[str, int] = {}
    ports: dict[int, int] = {}
    claims: dict[tuple[str, str], int] = {}
    for index, line in enumerate(site.lines):
        at = ("lines", index)
        if line.name in trunks:
            findings.follow_up(place_of(root, (*at, "name")), f"there is a trunk or group '{line.name}', too")
        if line.name in names:
            first = place_of(root, ("lines", names[line.name], "name"))
            findings.follow_up(
                place_of(root, (*at, "name")), f"there are two lines '{line.name}'; the first is at {first}"
            )
        names.setdefault(line.name, index)
        if line.sip_port in ports:
            findings.follow_up(
                place_of(root, (*at, "sip_port")),
                f"lines '{site.lines[ports[line.sip_port]].name}' and '{line.name}' have the same port",
            )
        ports.setdefault(line.sip_port, index)
        claim = _claim(line)
        if claim is not None and claim in claims:
            other = site.lines[claims[claim]].name
            findings.follow_up(
                place_of(root, (*at, claim[0])),
                f"lines '{other}' and '{line.name}' claim one device",
                "name its own port, usb_path or serial_number for each",
            )
        elif claim is not None:
            claims[claim] = index
        if line.device and line.device.get("kind") == "sound_card" and line.port:
            findings.follow_up(place_of(root, (*at, "port")), "a sound card has no port for commands")


def _claim(line: Line) -> tuple[str, str] | None:
    """Return what a line is known to take for itself: the setting and its value; None: only its process can tell."""
    for name in ("port", "usb_path", "serial_number", "imei"):
        if value := getattr(line, name):
            return name, value
    if line.sound_in or line.sound_out:
        name = "sound_out" if line.sound_out else "sound_in"
        return name, getattr(line, name)
    return ("profile", line.profile) if line.profile else None
