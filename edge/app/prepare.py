"""The child of `edge.app.preparing`: `python -m edge.app.prepare SOURCE` writes a `Prepared` to standard output."""

import os
import sys
from pathlib import Path

import msgspec

from edge.app.preparing import Prepared, Source
from edge.config.errors import ConfigErrors
from edge.config.site import Site
from edge.vocabulary.wire import pack


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


def prepared(source: Source) -> Prepared:
    """Load `source`; faults of the configuration are returned."""
    from edge.app.demo import demo_site
    from edge.config.loader import load

    try:
        site = demo_site(source.overrides) if source.demo else load(Path(source.config), source.overrides)
    except ConfigErrors as found:
        return Prepared(errors=[str(e) for e in found.errors], warnings=[str(w) for w in found.warnings])
    return Prepared(site=site, sizes=sizes_of(site))


def main() -> int:
    """See the module."""
    source = msgspec.json.decode(sys.argv[1], type=Source)
    # Libraries may print; the answer must be alone in its pipe.
    answer = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(answer, "wb") as pipe:
        pipe.write(pack(prepared(source)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
