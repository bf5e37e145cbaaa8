"""Which schema of each file of the state this version knows: `python -m edge.app.schemas`.

A release carries what this prints (`SCHEMAS`), so that whoever goes back to it knows without running it which files are
too new for it.
"""

import sys

from edge.forwarder.store import SCHEMA_VERSION as DELIVERY
from edge.storage.campaigns.schema import VERSION as CAMPAIGNS
from edge.storage.campaigns.store import FILE as CAMPAIGNS_FILE
from edge.storage.store import VERSION as STATE

SCHEMAS = {"state.db": STATE, "delivery.db": DELIVERY, CAMPAIGNS_FILE: CAMPAIGNS}


def main() -> int:
    """Print a line a file: its name and the highest schema that is known."""
    sys.stdout.writelines(f"{name} {number}\n" for name, number in SCHEMAS.items())
    return 0


if __name__ == "__main__":
    sys.exit(main())
