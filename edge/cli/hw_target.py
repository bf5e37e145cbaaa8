"""Which device a command of `edge hw` means: a line of the site, a profile and a port, or sound devices alone."""

from pathlib import Path

from msgspec import Struct, structs

from edge.app.line_keepers import PREFIX
from edge.cli.control import NotRunningError, ask
from edge.cli.hw_port import PortError
from edge.cli.hw_profiles import devices_of, line_named, named, site_or_none
from edge.cli.site import UsageError
from edge.config.site import Site
from edge.core.lines.profile import DeviceProfile
from edge.runtime import devices
from edge.runtime.devices import Filters, Found, NotFound, find


class Target(Struct, frozen=True, kw_only=True):
    """A device, and its sound."""

    name: str
    #: None: sound devices and nothing else is known.
    profile: DeviceProfile | None = None
    found: Found = Found()
    sound_in: str | None = None
    sound_out: str | None = None

    @property
    def is_modem(self) -> bool:
        """Whether it calls numbers."""
        return self.profile is not None and self.profile.kind in {"modem", "fxo_modem"}


def target_of(
    line: str | None,
    config: Path | None,
    *,
    profile: str | None = None,
    port: str | None = None,
    sound_port: str | None = None,
    sound_in: str | None = None,
    sound_out: str | None = None,
) -> Target:
    """Find what was asked for. Raises `UsageError`, `BadSiteError`, and `PortError` when it is not there."""
    if line is not None and (profile is not None or port is not None):
        raise UsageError("a line has its profile and its port in the site file: name it, or them")
    site = site_or_none(config)
    filters = Filters(port=port or "")
    name = profile or "sound devices"
    if line is not None:
        chosen = line_named(line, site)
        _refuse_busy(line, site)
        profile, name = chosen.profile, f"line {line}"
        filters = Filters(port=chosen.port, usb_path=chosen.usb_path, serial_number=chosen.serial_number)
        sound_port = sound_port or chosen.sound_port or None
        sound_in, sound_out = sound_in or chosen.sound_in or None, sound_out or chosen.sound_out or None
    if profile is None:
        if port is not None:
            raise UsageError("--port is of a device: --profile says which")
        return Target(name=name, sound_in=sound_in, sound_out=sound_out)
    known = named(profile, devices_of(site))
    if known.kind in {"relay_board", "board"}:
        raise UsageError(f"profile '{profile}' is of kind '{known.kind}', which has no sound")
    if known.kind == "sound_card" and (sound_in or sound_out):
        found: Found | NotFound = Found()  # the names say which
    else:
        found = find(known, filters, devices.look(devices.SYSFS, devices.DEV))
    if isinstance(found, NotFound):
        raise PortError(f"{name}: {found.text}")
    if sound_port:
        found = structs.replace(found, sound_port=sound_port)
    return Target(name=name, profile=known, found=found, sound_in=sound_in, sound_out=sound_out)


def _refuse_busy(name: str, site: Site | None) -> None:
    """Raise `UsageError` while the appliance has a call on the line; one that does not run has none."""
    if site is None:
        return
    folder = Path(site.paths.run or f"{site.paths.state}/run")
    try:
        answer = ask(folder, {"what": "request", "process": PREFIX + name, "request": "line", "body": {}})
    except NotRunningError:
        return
    if answer["ok"] and answer["body"]["busy"]:
        raise UsageError(f"line '{name}' has a call: what is measured would be heard by those who talk")
