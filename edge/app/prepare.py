"""The child of `edge.app.preparing`: `python -m edge.app.prepare SOURCE` writes a `Prepared` to standard output.

`python -m edge.app.prepare SOURCE SOCKET` asks for the site's folders, over that SOCK_SEQPACKET, before it writes.
"""

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge.app.preparing import Order, Prepared, Source
from edge.app.watching import look_at, watched
from edge.config.compiled import CompiledSite, packed
from edge.config.errors import ConfigErrors
from edge.config.site import Site
from edge.config.versions import NoVersionError, Versions
from edge.core.menus.sounds import sound_paths
from edge.runtime.clock import rfc3339, wall_time
from edge.runtime.process import read_site
from edge.storage.reader import Reader
from edge.storage.turn import StorageError
from edge.vocabulary.wire import pack

#: Files are stamped by a clock that may be so much behind.
CLOCK_NS = 20_000_000


def sizes_of(site: Site) -> dict[str, int]:
    """Bytes of the shared memories that the supervisor holds for its children; `media_state` is one engine's."""
    from edge.config.engines import share_of, slots_of
    from edge.front.table import table_size
    from edge.media.state import state_size
    from edge.runtime.key_table import key_table_size
    from edge.runtime.sip_trace import trace_size
    from edge.switch.seats import seats_size

    largest = max(range(site.media.engines), key=lambda engine: len(slots_of(site.media, engine)))
    return {
        "media_state": state_size(share_of(site, largest)),
        "front_table": table_size(site),
        "switch_seats": seats_size(site),
        "key_table": key_table_size(site),
        "sip_trace": trace_size(site),
    }


def prepared(source: Source, claim: Callable[[Site], None] | None = None) -> Prepared:
    """Load `source`; faults of the configuration are returned. `claim`: called before anything is written."""
    from edge.app.demo import demo_found
    from edge.config.loader import load_found

    if source.order is not None:
        return _planned(source) if source.order.what == "plan" else _ordered(source.order)
    began_ns = time.time_ns()
    try:
        if source.demo:
            found = demo_found(source.overrides, claim=claim)
        else:
            found = load_found(Path(source.config), source.overrides, claim=claim)
    except ConfigErrors as errors:
        return Prepared(errors=[str(e) for e in errors.errors], warnings=[str(w) for w in errors.warnings])
    versions = Versions(Path(found.site.paths.state), rfc3339(wall_time()))
    site = versions.take(found.site, found.sources, found.digests, source.by)
    _settle(versions, site)
    look = look_at(watched(site))
    return Prepared(
        site=packed(site),
        sizes=sizes_of(site),
        warnings=[*(str(w) for w in found.warnings), *versions.warnings],
        pins=versions.pins,
        signature=look.signature if look.newest_ns < began_ns - CLOCK_NS else "",
    )


def _planned(source: Source) -> Prepared:
    """Say what a reload would do; nothing is written."""
    from edge.app.planning import plan_of

    assert source.order is not None  # noqa: S101 - the caller has looked
    plan = plan_of(source, read_site(source.order.base, CompiledSite))
    return Prepared(plan=msgspec.json.encode(plan), errors=plan.errors)


def _ordered(order: Order) -> Prepared:
    """Change the configuration in force; that its files may have faults by now does not matter."""
    site = read_site(order.base, CompiledSite)
    versions = Versions(Path(site.paths.state), rfc3339(wall_time()))
    try:
        if order.what == "rollback":
            site = versions.pin(site, order.menu, versions.find(order.menu, order.version))
        else:
            site = versions.release(site, order.menu)
    except NoVersionError as error:
        return Prepared(errors=[str(error)])
    _settle(versions, site)
    return Prepared(site=packed(site), warnings=versions.warnings, pins=versions.pins)


def _settle(versions: Versions, site: CompiledSite) -> None:
    """Write what is kept now, and forget what is too old."""
    reader = Reader(Path(site.paths.state) / "state.db")
    try:
        in_use = reader.versions_in_use()
    except StorageError:
        in_use = None  # who can't tell what calls are on forgets nothing
    finally:
        reader.close()
    if in_use is not None:
        versions.prune(site.reload.keep_versions, {*in_use, *(menu.version for menu in site.tried.values())})
    versions.write()
    if in_use is not None:
        # Calls that begin until the new configuration is in force get the one before it: its menus are kept, too.
        menus = [*site.menus.values(), *site.tried.values()]
        versions.clean_sounds(path for menu in menus for path in sound_paths(menu))


def _claimed(who: socket.socket) -> Callable[[Site], None]:
    """Ask whoever started us for the site's folders; where they are another run's, nothing is written there."""

    def claim(site: Site) -> None:
        who.send(pack(site.paths))
        if not who.recv(1):
            sys.exit(1)

    return claim


def main() -> int:
    """See the module."""
    source = msgspec.json.decode(sys.argv[1], type=Source)
    who = socket.socket(fileno=int(sys.argv[2])) if len(sys.argv) > 2 else None
    # Libraries may print; the answer must be alone in its pipe.
    answer = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(answer, "wb") as pipe:
        told = pack(prepared(source, None if who is None else _claimed(who)))
        if who is not None:
            who.close()  # else who waits for a claim would not read what is told
        pipe.write(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
