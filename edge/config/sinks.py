"""Sinks of a site file: each table is read by the class of its type, ours or that of an installed package."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from edge.config import kinds
from edge.config.errors import Findings, did_you_mean
from edge.config.located import Located, place_of
from edge.config.shape import Shaper
from edge.config.sink_settings import (
    AmqpSettings,
    FileSettings,
    JournaldSettings,
    MqttSettings,
    NatsSettings,
    RedisSettings,
    SinkSettings,
    StdoutSettings,
    SyslogSettings,
    VconFileSettings,
    VconWebhookSettings,
    WebhookSettings,
)
from edge.config.site import Sink, Site
from edge.core.delivery.room import SHEDDABLE

#: Group of entry points under which packages bring types of sinks: `name = "module:Class"`.
GROUP = "edge.sinks"
#: The type of a table that names none.
DEFAULT = "webhook"

#: Our own, by type.
SETTINGS: dict[str, type[SinkSettings]] = {
    "webhook": WebhookSettings,
    "nats": NatsSettings,
    "mqtt": MqttSettings,
    "amqp": AmqpSettings,
    "redis": RedisSettings,
    "file": FileSettings,
    "stdout": StdoutSettings,
    "syslog": SyslogSettings,
    "journald": JournaldSettings,
    "vcon_file": VconFileSettings,
    "vcon_webhook": VconWebhookSettings,
}
#: Schemes of addresses, by type: first those that can be read on the way.
SCHEMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "nats": (("nats",), ("tls",)),
    "mqtt": (("mqtt",), ("mqtts",)),
    "amqp": (("amqp",), ("amqps",)),
    "redis": (("redis",), ("rediss",)),
    "syslog": (("udp", "tcp"), ("tls", "unix")),
}


class NoSuchTypeError(LookupError):
    """No sink has this type, or the package that brings it can't be used; the text says which."""


def installed() -> dict[str, EntryPoint]:
    """Return the types that packages bring, without loading any. Our own names can't be taken."""
    return {one.name: one for one in entry_points(group=GROUP) if one.name not in SETTINGS}


def brought(kind: str) -> Any:
    """Load the class of a type that a package brings. Raises NoSuchTypeError."""
    found = installed().get(kind)
    if found is None:
        raise NoSuchTypeError(f"there is no type of sink '{kind}'")
    try:
        return found.load()
    except Exception as error:  # other people's code
        raise NoSuchTypeError(f"the package of sinks of type '{kind}' can't be loaded: {error!r}"[:300]) from error


def settings_of(kind: str) -> type[SinkSettings]:
    """Return the class of settings of a type. Raises NoSuchTypeError."""
    if kind in SETTINGS:
        return SETTINGS[kind]
    found = getattr(brought(kind), "settings", None)
    if not (isinstance(found, type) and issubclass(found, SinkSettings)):
        raise NoSuchTypeError(f"the class of sinks of type '{kind}' has no 'settings' made from SinkSettings")
    return found


def read_sink(shaper: Shaper, findings: Findings, node: Located) -> Sink:
    """Read one table of `[[sinks]]`; what is wrong with it becomes findings."""
    if node.table is None:
        findings.error(node.place, "expected a table")
        return Sink(name="", type="")
    told = node.table.get("type")
    kind = DEFAULT if told is None else told.value
    try:
        if not isinstance(kind, str):
            raise NoSuchTypeError("the type of a sink is a text")
        return shaper.shape(settings_of(kind), node).sink()
    except NoSuchTypeError as error:
        known = sorted([*SETTINGS, *installed()])
        advice = did_you_mean(str(kind), known)
        findings.error((told or node).place, str(error), advice or "installed: " + ", ".join(known))
    except (TypeError, ValueError) as error:  # settings of a package that no file can give
        findings.error(node.place, f"settings of type '{kind}' can't be read: {error}"[:300])
    name = node.table.get("name")
    return Sink(name=name.value if name is not None and isinstance(name.value, str) else "", type="")


def check_sinks(site: Site, root: Located, findings: Findings, event_types: list[str]) -> None:
    """Check what no table can say alone: names of events, and what leaves the machine unencrypted."""
    groups = sorted({f"{name.split('.')[0]}.*" for name in event_types})
    for index, sink in enumerate(site.sinks):
        for at, name in enumerate(sink.settings.get("types", ())):
            if name and name not in event_types and name not in groups:
                findings.follow_up(
                    place_of(root, ("sinks", index, "types", at)),
                    f"there is no event type '{name}'",
                    did_you_mean(name, [*event_types, *groups]) or "groups: " + ", ".join(groups),
                )
        _check_calls(site, index, sink, root, findings)
        url = str(sink.settings.get("url", ""))
        place = place_of(root, ("sinks", index, "url"))
        plain, safe = SCHEMES.get(sink.type, ((), ()))
        if plain and url and url.partition("://")[0] not in plain + safe:
            known = " or ".join(f"{scheme}://" for scheme in plain + safe)
            findings.follow_up(place, f"a sink of type '{sink.type}' has an address with {known}")
        elif leaves_in_the_clear(url, plain):
            better = safe[0] if safe else "https"
            findings.warning(place, "events leave the machine unencrypted", f"use {better}://")


def _check_calls(site: Site, index: int, sink: Sink, root: Located, findings: Findings) -> None:
    """Check the names of trunks and campaigns; menus that are gone may still have calls."""
    there = {"trunks": [one.name for one in site.trunks], "campaigns": [one.name for one in site.campaigns]}
    for key, names in there.items():
        for at, name in enumerate(sink.settings.get(key, ())):
            if name not in names:
                advice = did_you_mean(name, names) or (f"{key}: {', '.join(names)}" if names else "")
                findings.follow_up(
                    place_of(root, ("sinks", index, key, at)), f"there is no {key[:-1]} '{name}'", advice
                )


def check_events(site: Site, root: Located, findings: Findings) -> None:
    """Check what may be shed."""
    groups = sorted({f"{name.split('.')[0]}.*" for name in SHEDDABLE})
    for at, name in enumerate(site.events.shed):
        if name and name not in SHEDDABLE and name not in groups:
            findings.follow_up(
                place_of(root, ("events", "shed", at)),
                f"'{name}' can't be shed",
                did_you_mean(name, [*SHEDDABLE, *groups]) or "groups: " + ", ".join(groups),
            )


def leaves_in_the_clear(url: str, schemes: tuple[str, ...] = ("nats",)) -> bool:
    """Say whether what is sent to an address could be read on the way: no encryption, and not this machine."""
    scheme, found, rest = url.partition("://")
    if not found or scheme not in ("http", *schemes):
        return False
    split = kinds.split_host_port(rest.partition("/")[0])
    return split is None or not (split[0] == "localhost" or split[0].startswith("127.") or split[0] == "::1")
