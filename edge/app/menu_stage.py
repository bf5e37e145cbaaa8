"""A throw-away appliance in which every call of a menu's test has a world of its own.

The menu is that of the site; what it reaches outside of itself is staged: each test has a copy of it whose SIP targets,
trunks, endpoints and tables are the test's own, on loopback addresses that nobody uses, a trunk that its caller comes
from, and the time that the test begins at (`Site.clocks`). Nothing of the real world is called, asked or written.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from edge.app.caller import SPARE_SLOTS, free_loopback, free_rtp_port, free_sip_port
from edge.app.menu_part import TARGET, Apart, Part, own
from edge.app.menu_stage_queues import crowd_of, staged_queues
from edge.config.compiled import CompiledSite
from edge.config.errors import Findings
from edge.config.menu_tables import Table, TrialSource
from edge.config.queues import Agent, Queue
from edge.config.site import Endpoint, Http, Limits, Paths, Recording, Route, Sip, Site
from edge.config.tables import made_path, make_tables
from edge.config.trunk_settings import GroupMember, Trunk
from edge.core.menus.facts import Row
from edge.core.menus.model import HangUp, Menu, Wait
from edge.vocabulary.media import Address
from edge.vocabulary.wire import pack, unpacker

#: Legs that a call of a test may have at once.
LEGS = 4
#: How often trunks are asked that are to be down.
QUALIFY_MS = 300
#: What somebody of the crowd calls who is to fill a trunk that takes one call.
FILL = "fill"
_E164 = re.compile(r"\+[0-9]{4,15}")
#: Where texts stand that are no SIP URI, whatever they say.
_TEXTS = frozenset({"label", "labels", "text", "path", "value"})
#: Messages: more than there will ever be.
_ANY_NUMBER = 1_000_000_000
#: What each part has of its own.
_OWN = frozenset({"trunk", "endpoint", "table", "queue"})
#: What a trial has on the side that its part is not on: nobody gets it.
OTHER_ARM = "other-arm"
_OTHER = Menu(
    name=OTHER_ARM, version="", start="end", nodes={"end": HangUp(text="the call is on the other side of its trial")}
)
#: Who is called by trunks that are to be full.
_FILLER = Menu(
    name=FILL,
    version="",
    start="wait",
    nodes={"wait": Wait(milliseconds=86_400_000, next="end"), "end": HangUp()},
)


def places_of(menu: Menu, others: Iterable[str] = ()) -> list[str]:
    """List what SIP targets of a menu, and others, have but their user part: `sip:192.0.2.20`, each once."""
    found = []
    for text in (*(text for _, text in _strings(_plain(menu.nodes), "")), *others):
        target = TARGET.fullmatch(text)
        if target is not None:
            found.append(f"{target['scheme']}:{target['rest']}")
    return list(dict.fromkeys(found))


def named_in(menu: Menu, key: str) -> list[str]:
    """List what nodes of a menu name by a key (`trunk`, `endpoint`), each once."""
    return list(dict.fromkeys(text for name, text in _strings(_plain(menu.nodes), "") if name == key and text))


def staged(site: CompiledSite, parts: list[Part], folder: Path, backends: tuple[str, str], calls: int) -> CompiledSite:
    """Return the site of the stage; everything that it writes lies below `folder`. Sets `trunk` of each part.

    `backends` are where questions go (`URL/NUMBER/ENDPOINT`) and the file that its certificate is
    verified by, `calls` how many there are at once. Raises `ValueError` when a table of a test cannot be made.
    """
    legs = max((legs_of(part) for part in parts), default=LEGS) * calls
    local, slots = free_loopback(), 2 * legs + SPARE_SLOTS  # a slot rests for a second after a call
    ask_url, authority = backends
    state = folder / "state"
    tables, findings = list[Table](), Findings()
    trunks, groups, menus, routes = list[Trunk](), list[Any](), dict[str, Menu](), list[Route]()
    endpoints, clocks = list[Endpoint](), dict[str, int]()
    agents, queues, trials = list[Agent](), list[Queue](), list[TrialSource]()
    for number, part in enumerate(parts):
        part.number, part.trunk = number, f"caller-{number}"
        clocks[part.trunk] = part.wall_ms
        address = str(part.at) if part.at is not None else ""
        trunks.append(Trunk(name=part.trunk, sources=[part.host], address=address, country=part.country))
        trunks += [_trunk(site, name, number, at) for name, at in part.trunks.items()]
        groups += [
            replace(
                one,
                name=own(one.name, number),
                members=[replace(member, trunk=own(member.trunk, number)) for member in one.members],
            )
            for one in site.trunk_groups
            if all(member.trunk in part.trunks for member in one.members)
        ]
        endpoints += [
            Endpoint(name=own(name, number), url=f"{ask_url}/{number}/{name}", ca_file=authority)
            for name in part.endpoints
        ]
        tables += [_table(name, number, part, folder, state) for name in named_in(part.menu, "table")]
        copy = staged_menu(part, folder)
        menus[copy.name] = copy
        first = copy.name
        if part.trial:
            trials.append(_trial(part, copy.name))
            first = trials[-1].menu
            menus[own(OTHER_ARM, number)] = replace(_OTHER, name=own(OTHER_ARM, number))
        routes.append(Route(number="*", menu=first, trunk=part.trunk))
        if part.crowd_host:
            part.crowd_trunk = f"crowd-{number}"
            trunks.append(Trunk(name=part.crowd_trunk, sources=[part.crowd_host]))
            waits = staged_queues(site, part)
            agents, queues = agents + waits.agents, queues + waits.queues
            menus |= {menu.name: menu for menu in waits.menus}
            routes += waits.routes
        for name, apart in part.apart_trunks.items():
            trunks.append(_apart(name, apart))
            routes.append(Route(number=FILL, menu=FILL, trunk=name))
            menus[FILL] = _FILLER
    make_tables(tables, findings)
    if findings.errors:
        raise ValueError("; ".join(map(str, findings.errors)))
    return replace(
        site,
        name="menu-test",
        sip=Sip(address=local, port=free_sip_port(local), inner_address="127.0.0.1", max_spans=legs // 4 + 2),
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
        agents=agents,
        queues=queues,
        routes=routes,
        endpoints=endpoints,
        tables=tables,
        sinks=[],
        menus=menus,
        trials=trials,
        standards=[],
        campaigns=[],
        callbacks=replace(site.callbacks, dial=False),
        tried={},
        clocks=clocks,
    )


def legs_of(part: Part) -> int:
    """Say how many legs the call of a part may need at once, with those of its crowd."""
    full = sum(apart.why == "no_room" for apart in part.apart.values())
    return LEGS + full + sum(crowd_of(name, there).legs for name, there in part.queues.items())


def no_folder(folder: Path) -> Path:
    """Name a folder that cannot be made, so nothing can be written there: what lies before it is a file."""
    file = folder / "no-disk"
    file.touch()
    return file / "messages"


def members_of(site: Site, trunk: str) -> list[str]:
    """Name the trunks that a trunk or a group stands for."""
    group = next((one for one in site.trunk_groups if one.name == trunk), None)
    members: list[GroupMember] = group.members if group is not None else []
    return [member.trunk for member in members] or [trunk]


def staged_menu(part: Part, folder: Path) -> Menu:
    """Copy the menu of a part, with what it reaches replaced."""

    def changed(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            made = {name: one if name in _TEXTS else changed(one, str(name)) for name, one in value.items()}
            if "trunk" in value and "target" in value:
                made["trunk"] = part.staged_trunk(value["trunk"], value["target"])
            if value.get("room"):  # all calls of the stage share one folder
                made["room"] = {"messages": 0 if value.get("mailbox") in part.full else _ANY_NUMBER}
            if not part.records and "folder" in value:
                made["folder"] = str(no_folder(folder))
            return made
        if isinstance(value, list):
            return [changed(one, key) for one in value]
        if not isinstance(value, str) or not value:
            return value
        if key == "folder":  # of a mailbox
            return str(folder / "messages")
        if key == "strategy":  # as in virtual time
            return "linear" if value == "random" else value
        return own(value, part.number) if key in _OWN else part.staged_target(value)

    plain = _plain(part.menu)
    plain["nodes"] = changed(plain["nodes"], "")
    plain["name"] = own(part.menu.name, part.number)
    return unpacker(Menu).decode(pack(plain))


def _plain(value: Any) -> Any:
    """Return what a compiled thing is made of."""
    return msgspec.msgpack.decode(pack(value), strict=False)


def _strings(value: Any, key: str) -> list[tuple[str, str]]:
    """List all texts of a document, each with the key that it stands at."""
    if isinstance(value, dict):
        return [pair for name, one in value.items() if name not in _TEXTS for pair in _strings(one, str(name))]
    if isinstance(value, list):
        return [pair for one in value for pair in _strings(one, key)]
    return [(key, value)] if isinstance(value, str) else []


def _trunk(site: Site, name: str, number: int, at: Address) -> Trunk:
    """Return a trunk to dial through: that of the site as far as callers could hear or see it, at another address."""
    known = next((one for one in site.trunks if one.name == name), None)
    plain = Trunk(name=own(name, number), address=str(at))
    if known is None:
        return plain
    return replace(
        plain, tones=known.tones, early_media=known.early_media, dtmf=known.dtmf, hold_music=known.hold_music
    )


def _trial(part: Part, menu: str) -> TrialSource:
    """Return a trial in which every call, or none, gets the candidate: the menu of the part is that of its arm."""
    other, name = own(OTHER_ARM, part.number), own(part.trial, part.number)
    if part.arm == "control":
        return TrialSource(name=name, menu=menu, candidate=other, share=0)
    return TrialSource(name=name, menu=other, candidate=menu, share=100)


def _apart(name: str, apart: Apart) -> Trunk:
    """Return a trunk that no call comes through by."""
    plain = Trunk(name=name, address=str(apart.at), sources=[apart.at.host])
    if apart.why == "no_room":
        return replace(plain, max_channels=1)
    return replace(plain, qualify_ms=QUALIFY_MS, qualify_misses=1)


def _table(name: str, number: int, part: Part, folder: Path, state: Path) -> Table:
    """Write a table that says of the caller what the test says, and nothing of anybody else."""
    row: Row | None = part.rows.get(name) if _E164.fullmatch(part.caller) else None
    columns: Mapping[str, str] = {key: value.reveal() for key, value in row.attributes.items()} if row else {}
    file = folder / f"{own(name, number)}.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["number", "blocked", *columns])
        if row is not None:
            writer.writerow([part.caller, "yes" if row.blocked else "no", *columns.values()])
    made = made_path(state, f"{name} {number}".encode() + file.read_bytes())
    return Table(name=own(name, number), file=str(file), made=str(made))
