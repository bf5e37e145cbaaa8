"""Starts a supervisor over fake processes: `python -m tests.app.start SITE_JSON [SITE_FILE]`.

With a site file a reload loads it, as `edge run --config` does.
"""

import sys

import msgspec

from edge.app.composition import APPLIANCE, Composition
from edge.app.preparing import Prepared, Source
from edge.app.running import run_prepared
from edge.config.site import Site

FAKES = "tests.app.fakes"


def composition() -> Composition:
    """The real one with a fake in place of every package."""
    changed = {
        name: getattr(APPLIANCE, name)._replace(module=FAKES)
        for name in ("front", "switch", "media", "span", "forwarder", "web")
    }
    return APPLIANCE._replace(**changed, repair="tests.app.repair")


if __name__ == "__main__":
    site = msgspec.json.decode(sys.argv[1], type=Site)
    prepared = Prepared(
        site=site, sizes={"media_state": 4096, "front_table": 8192, "switch_seats": 64, "key_table": 4096}
    )
    source = Source(config=sys.argv[2]) if len(sys.argv) > 2 else None
    sys.exit(run_prepared(prepared, source, composition()))
