"""Which settings a reload can change, and which wait for a restart."""

import os
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import msgspec

from edge.config.site import Site
from edge.vocabulary.wire import pack

#: What sockets, shared memory and folders were made of at start.
FIXED = {
    "name": (),
    "sip": (
        *("address", "address6", "public_address", "public_address6"),
        *("port", "tls_port", "inner_address", "max_spans", "trace_mb", "calls_per_second"),
    ),
    "media": ("address", "address6", "first_port", "slots", "engines", "cores", "prompt_memory_mb"),
    "http": ("address", "port"),
    "speech": ("normalise_files",),
    "dialer": ("database",),
    "paths": ("state", "run", "recordings"),
}


S = TypeVar("S", bound=Site)


class Merged(NamedTuple, Generic[S]):
    """A new site with the fixed settings of the old one, and the names of those that differ."""

    site: S
    needs_restart: list[str]


def merge(old: S, new: S) -> Merged[S]:
    """Take over all that can be: processes restarted later must agree with those that run on."""
    needs_restart: list[str] = []
    changes: dict[str, object] = {}
    for section, names in FIXED.items():
        before, after = getattr(old, section), getattr(new, section)
        if not names:
            if before != after:
                needs_restart.append(section)
                changes[section] = before
            continue
        kept = {name: getattr(before, name) for name in names}
        needs_restart += [f"{section}.{name}" for name in names if getattr(after, name) != kept[name]]
        changes[section] = msgspec.structs.replace(after, **kept)
    if bool(old.sip.certificate) != bool(new.sip.certificate):
        # Its file may change; but the listener is opened, or not, at start.
        needs_restart.append("sip.certificate")
    if bool(old.http.certificate) != bool(new.http.certificate):
        needs_restart.append("http.certificate")
        http = changes["http"]
        changes["http"] = msgspec.structs.replace(http, certificate=old.http.certificate, key=old.http.key)  # type: ignore[type-var]
    return Merged(msgspec.structs.replace(new, **changes), needs_restart)


def with_run_dir(site: S) -> S:
    """Return `site` with `paths.run` filled in."""
    run = site.paths.run or str(Path(site.paths.state) / "run")
    return msgspec.structs.replace(site, paths=msgspec.structs.replace(site.paths, run=run))


def without_secrets(site: S) -> S:
    """Return `site` for processes that need no password and no key: what they don't hold can't leak from them."""
    return msgspec.structs.replace(
        site,
        trunks=[msgspec.structs.replace(trunk, password="") for trunk in site.trunks],
        sinks=[msgspec.structs.replace(sink, secrets={}) for sink in site.sinks],
        dialer=msgspec.structs.replace(site.dialer, database=""),
    )


def of_lines(site: Site) -> Site:
    """Return what processes of lines need of `site`."""
    return Site(name=site.name, sip=site.sip, media=site.media, lines=site.lines)


def secrets_of(site: Site) -> frozenset[str]:
    """Return what `without_secrets` leaves out."""
    found = {trunk.password for trunk in site.trunks}
    found.update(secret for sink in site.sinks for secret in sink.secrets.values())
    found.add(site.dialer.database)
    return frozenset(found - {""})


class SiteMemory:
    """Hands the effective configuration to the children.

    In memory: it holds secrets, and a full disk must not keep an appliance from starting.
    """

    def __init__(self) -> None:
        self._fds: list[int] = []

    def put(self, site: Site) -> str:
        """Keep `site`, and return a path that children can read it from as long as the next but one is not put."""
        fd = os.memfd_create("site", os.MFD_CLOEXEC)
        os.fchmod(fd, 0o600)
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(pack(site))
        self._fds.append(fd)
        # The one before stays: a child that starts right now may be about to read it.
        for old in self._fds[:-2]:
            os.close(old)
        del self._fds[:-2]
        return f"/proc/{os.getpid()}/fd/{fd}"

    def close(self) -> None:
        """Forget it."""
        while self._fds:
            os.close(self._fds.pop())
