"""Relays: doors, horns, bypasses, each a channel of a board that a profile describes."""

from typing import TYPE_CHECKING, Annotated

from msgspec import Struct

from edge.config.annotations import Name, ranging
from edge.config.errors import Findings, did_you_mean
from edge.config.located import Located, place_of

if TYPE_CHECKING:  # every process reads `Relay`; only the loader knows profiles
    from edge.config.devices import Devices
    from edge.config.site import Site


class Relay(Struct, frozen=True, kw_only=True):
    """A relay that `edge hw relay` switches."""

    #: What the command calls it, such as `door`.
    name: Name
    #: Profile of its board, of kind `relay_board`.
    profile: Name
    #: Serial port of the board: a path (of `/dev/serial/by-path`, for others change), or a URL of pyserial such as
    #: `socket://192.0.2.1:4001`. Empty: found by the USB ids of the profile.
    port: str = ""
    #: Plug of the board as `edge hw list` shows it, where several of the same are plugged in.
    usb_path: str = ""
    #: The same by its serial number.
    serial_number: str = ""
    #: Channel of the board as its manual counts; empty: the first.
    channel: Annotated[int | None, ranging(0, 32)] = None
    #: How long `pulse` holds it: long enough for a door, short enough for a burglar.
    pulse_ms: Annotated[int, ranging(50, 60_000)] = 1_000


def check_relays(site: "Site", root: Located, devices: "Devices", findings: Findings) -> None:
    """Check that each has a board with such a channel, and that no two are one."""
    taken: dict[tuple[str, str, str, str, int], str] = {}
    for index, relay in enumerate(site.relays):
        at = ("relays", index)
        if relay.port and "://" not in relay.port and not relay.port.startswith("/"):
            findings.error(place_of(root, (*at, "port")), f"'{relay.port}' is neither a path nor a URL")
        if not relay.profile:
            continue  # missing, and already reported
        known = devices.known(relay.profile)
        if known is None:
            if relay.profile not in devices.names():
                boards = [name for name in devices.names() if name.startswith("relay")]
                hint = did_you_mean(relay.profile, devices.names()) or "known: " + ", ".join(boards)
                findings.follow_up(
                    place_of(root, (*at, "profile")), f"there is no profile '{relay.profile}' of a device", hint
                )
            continue
        board = known.profile.relays
        if board is None:
            findings.follow_up(
                place_of(root, (*at, "profile")),
                f"profile '{relay.profile}' is of kind '{known.profile.kind}', not 'relay_board'",
            )
            continue
        channel = board.first if relay.channel is None else relay.channel
        last = board.first + board.channels - 1
        if not board.first <= channel <= last:
            place = place_of(root, (*at, "channel"))
            findings.follow_up(place, f"the board has the channels {board.first} to {last}, and no {channel}")
        other = taken.setdefault((relay.profile, relay.port, relay.usb_path, relay.serial_number, channel), relay.name)
        if other != relay.name:
            findings.follow_up(place_of(root, (*at, "name")), f"relay '{other}' is the same channel of the same board")
