"""Run once at a new start, before switch and media: `python -m edge.app.repair SITE` repairs interrupted recordings."""

import sys

from edge.config.mailboxes import roots_of
from edge.media.repair import repair_all
from edge.runtime.logs import logger
from edge.runtime.process import read_site


def main() -> int:
    """Repair all; the exit code is 0 also when there was nothing to do."""
    site = read_site(sys.argv[1])
    log = logger("repair")
    for root in roots_of(site.mailboxes, site.paths.recordings):
        for repaired in repair_all(root):
            log.info("recording repaired", recording=str(repaired))
    return 0


if __name__ == "__main__":
    sys.exit(main())
