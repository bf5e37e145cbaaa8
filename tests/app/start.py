"""Starts a supervisor over fake processes: `python -m tests.app.start SITE_JSON`."""

import sys

import msgspec

from edge.app.composition import APPLIANCE, Composition
from edge.app.preparing import Prepared
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
    prepared = Prepared(site=site, sizes={"media_state": 4096, "front_table": 8192})
    sys.exit(run_prepared(prepared, None, composition()))
