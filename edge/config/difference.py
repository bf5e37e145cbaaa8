"""What tells two configurations apart, in terms of what people write: tables of the site file and nodes of menus.

Values of secrets are compared and never shown.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from edge.config.compiled import CompiledSite
from edge.core.menus.model import Menu

#: What there may be several of: the field of the site, and what one of them is called.
NAMED = {
    "trunks": "trunk",
    "lines": "line",
    "trunk_groups": "trunk group",
    "hunt_lists": "hunt list",
    "amd_rules": "amd rules",
    "sinks": "sink",
    "endpoints": "endpoint",
    "api_tokens": "token",
    "agents": "agent",
    "queues": "queue",
    "campaigns": "campaign",
    "hours": "hours",
    "tables": "table",
    "mailboxes": "mailbox",
    "trials": "trial",
    "standards": "standard",
}
#: Settings that are secrets, wherever they stand.
SECRET = frozenset({"password", "secrets", "pin", "database", "hash"})
#: What the loader makes of other settings, which are compared themselves.
_MADE = frozenset({"menus", "tried", "whispers", "calendars", "sounds", "source", "clocks"})
_HIDDEN = "********"
_LONGEST = 200

Action = Literal["added", "removed", "changed"]


class Setting(Struct, frozen=True, kw_only=True):
    """A setting that has another value."""

    name: str
    before: Any
    after: Any
    #: It has another value only when the appliance was restarted.
    needs_restart: bool = False


class Effect(Struct, frozen=True, kw_only=True):
    """What a reload does about a change: `registration_renewed`, `cursor_begins` and the like, and in words."""

    kind: str
    text: str


class Change(Struct, frozen=True, kw_only=True):
    """Something that is there, is not there, or is otherwise."""

    #: `trunk`, `menu`, `route`, `sip` and the like.
    what: str
    #: Its name; empty for tables that there is one of.
    name: str = ""
    action: Action = "changed"
    settings: list[Setting] = []
    #: Of a menu: versions, and nodes by what became of them.
    versions: list[str] = []
    nodes: dict[str, list[str]] = {}
    #: Of a menu: sound files that were recorded anew.
    sounds: list[str] = []
    effects: list[Effect] = []


def differences(old: CompiledSite, new: CompiledSite) -> list[Change]:
    """List what `new` has otherwise than `old`, in the order of the reference."""
    found: list[Change] = []
    for name in CompiledSite.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if name in _MADE or before == after:
            continue
        if name in NAMED:
            found += _named(NAMED[name], before, after)
        elif name == "routes":
            found += _listed("route", [one.number for one in before], before, [one.number for one in after], after)
        elif name == "voices":
            found += _listed("voice", [one.language for one in before], before, [one.language for one in after], after)
        elif name == "rulesets":
            found += _rules(before, after)
        elif name == "tls_files":
            found += _renewed(before, after)
        elif isinstance(before, Struct):
            found.append(Change(what=name, settings=_settings(before, after)))
        else:
            found.append(Change(what=name, settings=[_setting(name, before, after)]))
    found += _menus("menu", old.menus, new.menus)
    found += _menus("candidate of trial", old.tried, new.tried)
    return found


def _named(what: str, before: Sequence[Any], after: Sequence[Any]) -> list[Change]:
    return _listed(what, [one.name for one in before], before, [one.name for one in after], after)


def _listed(
    what: str, names: Sequence[str], before: Sequence[Any], new_names: Sequence[str], after: Sequence[Any]
) -> list[Change]:
    old, new = dict(zip(names, before, strict=True)), dict(zip(new_names, after, strict=True))
    found = [Change(what=what, name=name, action="removed") for name in old if name not in new]
    for name, one in new.items():
        if name not in old:
            found.append(Change(what=what, name=name, action="added"))
        elif one != old[name]:
            found.append(Change(what=what, name=name, settings=_settings(old[name], one)))
    kept = [name for name in names if name in new]
    if kept != [name for name in new_names if name in old]:
        order = Setting(name="order", before=kept, after=[name for name in new_names if name in old])
        found.append(Change(what=what, name="(order)", settings=[order]))
    return found


def _rules(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    found = [Change(what="dialing rules", name=name, action="removed") for name in before if name not in after]
    for name, one in after.items():
        if name not in before:
            found.append(Change(what="dialing rules", name=name, action="added"))
        elif one != before[name]:
            found.append(Change(what="dialing rules", name=name, settings=_settings(before[name], one)))
    return found


def _renewed(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    """List files of TLS with other contents; those that a setting brought or took are told with it."""
    return [
        Change(
            what="certificate", name=name, settings=[Setting(name="content", before=before[name][:12], after=one[:12])]
        )
        for name, one in after.items()
        if before.get(name, one) != one
    ]


def _flat(value: Any, name: str) -> dict[str, Any]:
    """Make of nested tables one, with names that have dots."""
    if not isinstance(value, dict):
        return {name: value}
    return {key: one for part, inner in value.items() for key, one in _flat(inner, f"{name}.{part}").items()}


def _settings(before: Any, after: Any) -> list[Setting]:
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    if isinstance(old.get("device"), dict):  # a line: what its profile says
        old, new = (_flat(one.pop("device"), "device") | one for one in (old, new))
    if isinstance(old.get("settings"), dict):  # a sink: its type's settings as if they were its own
        old, new = ({**one.pop("settings"), **one} for one in (old, new))
    names = [*new, *(name for name in old if name not in new)]
    return [_setting(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def _setting(name: str, before: Any, after: Any) -> Setting:
    if name in SECRET:
        return Setting(name=name, before=_HIDDEN if before else "", after=_HIDDEN if after else "")
    return Setting(name=name, before=_short(before), after=_short(after))


def _short(value: Any) -> Any:
    text = str(value)
    return value if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _menus(what: str, before: Mapping[str, Menu], after: Mapping[str, Menu]) -> list[Change]:
    found = [
        Change(what=what, name=name, action="removed", versions=[menu.version])
        for name, menu in before.items()
        if name not in after
    ]
    for name, menu in after.items():
        old = before.get(name)
        if old is None:
            found.append(Change(what=what, name=name, action="added", versions=[menu.version]))
        elif old.version != menu.version:
            versions = [old.version, menu.version]
            found.append(Change(what=what, name=name, versions=versions, nodes=_nodes(old, menu)))
    return found


def _nodes(old: Menu, new: Menu) -> dict[str, list[str]]:
    """Sort the nodes that differ; sounds that are the same under a kept copy's name count as the same."""
    before, after = _plain(old), _plain(new)
    found = {
        "added": [name for name in after if name not in before],
        "removed": [name for name in before if name not in after],
        "changed": [name for name in after if name in before and after[name] != before[name]],
    }
    return {action: names for action, names in found.items() if names}


def _plain(menu: Menu) -> dict[str, Any]:
    plain: dict[str, Any] = _with_origins(msgspec.to_builtins(menu.nodes), menu.origins)
    return plain


def _with_origins(value: Any, origins: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return origins.get(value, value)
    if isinstance(value, list):
        return [_with_origins(one, origins) for one in value]
    if isinstance(value, dict):
        return {key: _with_origins(one, origins) for key, one in value.items()}
    return value
