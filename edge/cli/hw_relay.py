"""`edge hw relay NAME on|off|pulse`: switch a relay of the site."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from edge.cli.hw_port import PortError, open_port
from edge.cli.hw_profiles import devices_of
from edge.cli.output import FINE
from edge.cli.site import BadSiteError, ConfigOption, UsageError, failed, usable_site
from edge.config.errors import did_you_mean
from edge.config.relays import Relay
from edge.core.lines.profile import DeviceProfile, RelayBoard
from edge.core.lines.relays import octets
from edge.runtime import devices
from edge.runtime.devices import Filters, NotFound, find


def relay(
    name: Annotated[str, Parameter(help="Name of the relay, of `[[relays]]` in the site file.")],
    state: Annotated[Literal["on", "off", "pulse"], Parameter(help="`pulse`: on, and off again after its time.")],
    /,
    *,
    config: ConfigOption = None,
) -> int:
    """Switch a relay: a door, a horn, a bypass. Exit code 1: its board is not there, or did not take it.

    A board answers nothing, so what is known afterwards is that the octets have left.
    """
    try:
        chosen, profile, board = _relay(name, config)
        found = find(
            profile,
            Filters(port=chosen.port, usb_path=chosen.usb_path, serial_number=chosen.serial_number),
            devices.look(devices.SYSFS, devices.DEV),
        )
        if isinstance(found, NotFound):
            raise PortError(f"relay '{name}': {found.text}")
        switch(found.control, profile, board, chosen, state)
    except (UsageError, BadSiteError, PortError) as error:
        return failed(error)
    print(f"{name}: {'on, and off again' if state == 'pulse' else state}")
    return FINE


def _relay(name: str, config: Path | None) -> tuple[Relay, DeviceProfile, RelayBoard]:
    site = usable_site(config, demo=False, menus=False).site
    chosen = next((one for one in site.relays if one.name == name), None)
    if chosen is None:
        names = [one.name for one in site.relays]
        hint = did_you_mean(name, names) or (f"there are {', '.join(names)}" if names else "the site has none")
        raise UsageError(f"there is no relay '{name}'; {hint}")
    profile = devices_of(site)[chosen.profile]
    if profile.relays is None:
        raise AssertionError("the loader lets no other profile through")
    return chosen, profile, profile.relays


def switch(port: str, profile: DeviceProfile, board: RelayBoard, chosen: Relay, state: str) -> None:
    """Write what switches it. A pulse ends even when somebody stops us meanwhile. Raises `PortError`."""
    channel = board.first if chosen.channel is None else chosen.channel
    line = open_port(port, profile.serial)
    try:
        try:
            line.write(octets(board.off if state == "off" else board.on, channel))
            line.flush()
            if state == "pulse":
                time.sleep(chosen.pulse_ms / 1000)
        finally:
            if state == "pulse":
                line.write(octets(board.off, channel))
                line.flush()
    except OSError as error:
        raise PortError(f"{port}: {error}") from None
    finally:
        line.close()
