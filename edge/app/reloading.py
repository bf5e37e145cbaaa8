"""Which settings a reload can change, and which wait for a restart."""

from pathlib import Path
from typing import NamedTuple

import msgspec

from edge.config.site import Site
from edge.vocabulary.wire import pack

#: What sockets, shared memory and folders were made of at start.
FIXED = {
    "name": (),
    "sip": ("address", "port", "inner_address", "max_spans"),
    "media": ("address", "first_port", "slots", "prompt_memory_mb"),
    "http": ("address", "port"),
    "paths": ("state", "run", "recordings"),
}


class Merged(NamedTuple):
    """A new site with the fixed settings of the old one, and the names of those that differ."""

    site: Site
    needs_restart: list[str]


def merge(old: Site, new: Site) -> Merged:
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
    return Merged(msgspec.structs.replace(new, **changes), needs_restart)


def with_run_dir(site: Site) -> Site:
    """Return `site` with `paths.run` filled in."""
    run = site.paths.run or str(Path(site.paths.state) / "run")
    return msgspec.structs.replace(site, paths=msgspec.structs.replace(site.paths, run=run))


def write_site(site: Site, run_dir: Path, number: int) -> str:
    """Write the effective configuration (mode 0600, it holds secrets) and return its path; older ones are removed."""
    path = run_dir / f"site.{number}.msgpack"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(pack(site))
    for old in run_dir.glob("site.*.msgpack"):
        # The one before stays: a child that starts right now may be about to read it.
        if old.name not in {path.name, f"site.{number - 1}.msgpack"}:
            old.unlink(missing_ok=True)
    return str(path)
