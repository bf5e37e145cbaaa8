"""Starts a supervisor over fake processes: `python -m tests.app.start SITE_JSON [SITE_FILE]`.

With a site file a reload loads it, as `edge run --config` does. The processes that the variable REAL names are real.
"""

import os
import sys

import msgspec

from edge.app.composition import APPLIANCE, Composition
from edge.app.preparing import Prepared, Source
from edge.app.running import run_prepared
from edge.config.compiled import packed
from edge.config.site import Site
from edge.front.table import table_size
from edge.runtime.key_table import key_table_size
from edge.runtime.sip_trace import trace_size
from edge.switch.seats import seats_size

FAKES = "tests.app.fakes"


def composition() -> Composition:
    """The real one with a fake in place of every package but those in REAL."""
    real = os.environ.get("REAL", "").split()
    changed = {
        name: getattr(APPLIANCE, name)._replace(module=FAKES)
        for name in ("front", "switch", "media", "span", "forwarder", "web", "dialer")
        if name not in real
    }
    return APPLIANCE._replace(**changed, repair="tests.app.repair")


if __name__ == "__main__":
    site = msgspec.json.decode(sys.argv[1], type=Site)
    small = {"media_state": 4096, "front_table": 8192, "switch_seats": 64, "key_table": 4096}
    if "REAL" in os.environ:
        small = {
            **small,
            "front_table": table_size(site),
            "switch_seats": seats_size(site),
            "key_table": key_table_size(site),
            "sip_trace": trace_size(site),
        }
    prepared = Prepared(site=packed(site), sizes=small)
    source = Source(config=sys.argv[2]) if len(sys.argv) > 2 else None
    sys.exit(run_prepared(prepared, source, composition()))
