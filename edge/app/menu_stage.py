"""A throw-away appliance in which every call of a menu's test has a world of its own.

The menu is that of the site; what it reaches outside of itself is staged: each test has a copy of it whose SIP targets,
trunks, endpoints and tables are the test's own, on loopback addresses that nobody uses, a trunk that its caller comes
from, and the time that the test begins at (`Site.clocks`). Nothing of the real world is called, asked or written.
"""

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from edge.app.caller import SPARE_SLOTS, free_loopback, free_rtp_port, free_sip_port
from edge.config.errors import Findings
from edge.config.site import Endpoint, GroupMember, Http, Limits, Paths, Recording, Route, Sip, Site, Trunk
from edge.config.tables import Table, made_path, make_tables
from edge.core.menus.facts import Row
from edge.core.menus.model import Menu
from edge.vocabulary.media import Address
from edge.vocabulary.wire import pack, unpacker

#: Legs that a call of a test may have at once.
LEGS = 4
_TARGET = re.compile(r"(?P<scheme>sips?):(?:(?P<user>[^@\s]*)@)?(?P<rest>[^@\s]+)")
_E164 = re.compile(r"\+[0-9]{4,15}")
#: Where texts stand that are no SIP URI, whatever they say.
_TEXTS = frozenset({"label", "labels", "text", "path", "value"})


class Part(Struct, kw_only=True):
    """One call of a test, and what it reaches."""

    menu: Menu
    #: Of the caller in E.164, empty: hidden; and what tables say of it.
    caller: str
    rows: dict[str, Row]
    #: The time that it begins at, milliseconds since 1970.
    wall_ms: int
    #: Country of the numbers of the trunk that the caller comes from.
    country: str = ""
    #: Name of the trunk that the caller comes from, and the caller's address.
    trunk: str = ""
    host: str = ""
    #: What targets are written with behind their user part -> where they are called instead.
    places: dict[str, Address] = field(default_factory=dict)
    #: Trunks that are dialled through -> where those calls go instead.
    trunks: dict[str, Address] = field(default_factory=dict)
    endpoints: list[str] = field(default_factory=list)

    def target(self, dialled: str, trunk: str) -> str:
        """Return a target as the menu's author wrote it, of one that was dialled on the stage."""
        if trunk:
            return dialled
        found = _TARGET.fullmatch(dialled)
        written = found and next((one for one, at in self.places.items() if str(at) == found["rest"]), None)
        if not found or written is None:
            return dialled
        scheme, _, rest = written.partition(":")
        return f"{scheme}:{found['user']}@{rest}" if found["user"] else f"{scheme}:{rest}"


def places_of(menu: Menu) -> list[str]:
    """List what SIP targets of a menu have but their user part: `sip:192.0.2.20`, each once."""
    found = []
    for _, text in _strings(_plain(menu.nodes), ""):
        target = _TARGET.fullmatch(text)
        if target is not None:
            found.append(f"{target['scheme']}:{target['rest']}")
    return list(dict.fromkeys(found))


def named_in(menu: Menu, key: str) -> list[str]:
    """List what nodes of a menu name by a key (`trunk`, `endpoint`), each once."""
    return list(dict.fromkeys(text for name, text in _strings(_plain(menu.nodes), "") if name == key and text))


def staged(site: Site, parts: list[Part], folder: Path, backends: tuple[str, str], calls: int) -> Site:
    """Return the site of the stage; everything that it writes lies below `folder`. Sets `trunk` of each part.

    `backends` are where questions go (`URL/NUMBER/ENDPOINT`) and the file that its certificate is
    verified by, `calls` how many there are at once. Raises `ValueError` when a table of a test cannot be made.
    """
    address, slots = free_loopback(), LEGS * calls + SPARE_SLOTS
    ask_url, authority = backends
    state = folder / "state"
    tables, findings = list[Table](), Findings()
    trunks, groups, menus, routes = list[Trunk](), list[Any](), dict[str, Menu](), list[Route]()
    endpoints, clocks = list[Endpoint](), dict[str, int]()
    for number, part in enumerate(parts):
        part.trunk = f"caller-{number}"
        clocks[part.trunk] = part.wall_ms
        trunks.append(Trunk(name=part.trunk, sources=[part.host], country=part.country))
        trunks += [_trunk(site, name, number, at) for name, at in part.trunks.items()]
        groups += [
            replace(
                one,
                name=_own(one.name, number),
                members=[replace(member, trunk=_own(member.trunk, number)) for member in one.members],
            )
            for one in site.trunk_groups
            if all(member.trunk in part.trunks for member in one.members)
        ]
        endpoints += [
            Endpoint(name=_own(name, number), url=f"{ask_url}/{number}/{name}", ca_file=authority)
            for name in part.endpoints
        ]
        tables += [_table(name, number, part, folder, state) for name in named_in(part.menu, "table")]
        copy = staged_menu(part, number, folder)
        menus[copy.name] = copy
        routes.append(Route(number="*", menu=copy.name, trunk=part.trunk))
    make_tables(tables, findings)
    if findings.errors:
        raise ValueError("; ".join(map(str, findings.errors)))
    return replace(
        site,
        name="menu-test",
        sip=Sip(
            address=address, port=free_sip_port(address), inner_address="127.0.0.1", max_spans=calls * LEGS // 4 + 2
        ),
        media=replace(
            site.media,
            address="",
            address6="",
            cores=[],
            engines=1,
            slots=slots,
            first_port=free_rtp_port(slots),
        ),
        http=Http(address="127.0.0.1", port=0),
        paths=Paths(
            state=str(state),
            run=str(folder / "run"),
            recordings=str(folder / "recordings"),
            menus=str(folder),
            prompts=site.paths.prompts,
        ),
        recording=Recording(enabled=True, reserve_mb=16),
        limits=Limits(max_call_seconds=site.limits.max_call_seconds, drain_seconds=5),
        trunks=trunks,
        trunk_groups=groups,
        routes=routes,
        endpoints=endpoints,
        tables=tables,
        sinks=[],
        menus=menus,
        trials=[],
        tried={},
        clocks=clocks,
    )


def members_of(site: Site, trunk: str) -> list[str]:
    """Name the trunks that a trunk or a group stands for."""
    group = next((one for one in site.trunk_groups if one.name == trunk), None)
    members: list[GroupMember] = group.members if group is not None else []
    return [member.trunk for member in members] or [trunk]


def staged_menu(part: Part, number: int, folder: Path) -> Menu:
    """Copy the menu of a part, with what it reaches replaced."""

    def changed(value: Any, key: str) -> Any:
        if key == "whisper" and isinstance(value, dict):
            value = {**value, "accept": ""}  # the phones of the stage press no keys
        if isinstance(value, dict):
            return {name: one if name in _TEXTS else changed(one, str(name)) for name, one in value.items()}
        if isinstance(value, list):
            return [changed(one, key) for one in value]
        if not isinstance(value, str) or not value:
            return value
        if key == "folder":  # of a mailbox
            return str(folder / "messages")
        if key in ("trunk", "endpoint", "table"):
            return _own(value, number)
        target = _TARGET.fullmatch(value)
        at = part.places.get(f"{target['scheme']}:{target['rest']}") if target is not None else None
        if target is None or at is None:
            return value
        return f"sip:{target['user']}@{at}" if target["user"] else f"sip:{at}"

    plain = _plain(part.menu)
    plain["nodes"] = changed(plain["nodes"], "")
    plain["name"] = _own(part.menu.name, number)
    return unpacker(Menu).decode(pack(plain))


def _plain(value: Any) -> Any:
    """Return what a compiled thing is made of."""
    return msgspec.msgpack.decode(pack(value), strict=False)


def _own(name: str, number: int) -> str:
    return f"{name}-{number}" if name else ""


def _strings(value: Any, key: str) -> list[tuple[str, str]]:
    """List all texts of a document, each with the key that it stands at."""
    if isinstance(value, dict):
        return [pair for name, one in value.items() if name not in _TEXTS for pair in _strings(one, str(name))]
    if isinstance(value, list):
        return [pair for one in value for pair in _strings(one, key)]
    return [(key, value)] if isinstance(value, str) else []


def _trunk(site: Site, name: str, number: int, at: Address) -> Trunk:
    """Return a trunk to dial through: that of the site as far as callers could hear or see it, at another address."""
    own = next((one for one in site.trunks if one.name == name), None)
    plain = Trunk(name=_own(name, number), address=str(at))
    if own is None:
        return plain
    return replace(plain, tones=own.tones, early_media=own.early_media, dtmf=own.dtmf, hold_music=own.hold_music)


def _table(name: str, number: int, part: Part, folder: Path, state: Path) -> Table:
    """Write a table that says of the caller what the test says, and nothing of anybody else."""
    row: Row | None = part.rows.get(name) if _E164.fullmatch(part.caller) else None
    columns: Mapping[str, str] = {key: value.reveal() for key, value in row.attributes.items()} if row else {}
    file = folder / f"{_own(name, number)}.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["number", "blocked", *columns])
        if row is not None:
            writer.writerow([part.caller, "yes" if row.blocked else "no", *columns.values()])
    made = made_path(state, f"{name} {number}".encode() + file.read_bytes())
    return Table(name=_own(name, number), file=str(file), made=str(made))
