"""`edge run` with a supervisor that starts whoever was killed at once, however often: for runs of many kills.

A process that ends five times within a minute is a crash loop, which the supervisor slows; kills every other second
would measure those pauses and nothing else.
"""

import sys

from edge.app import spans
from edge.app.preparing import Source
from edge.app.running import run
from edge.core.supervision import lifecycle
from edge.core.supervision.restart import Ladder, RestartPolicy

NEVER_SLOWED = Ladder(pauses_ms=(0,), loop_failures=1_000_000)


def _unpunished(_ladder: Ladder | None = None) -> RestartPolicy:
    return RestartPolicy(NEVER_SLOWED)


def main() -> int:
    """Run `unpunished run --config FILE`; returns the exit code."""
    for module in (lifecycle, spans):
        setattr(module, "RestartPolicy", _unpunished)  # noqa: B010 - no type knows that it may be set
    return run(Source(config=sys.argv[-1]))


if __name__ == "__main__":
    sys.exit(main())
