"""Whether a process was silent because it got no processor: one that waits for its turn does not hang.

A successor would only wait for the same. What is read is the time that the main thread, which beats, was ready to run
and did not.
"""

from collections import deque
from typing import Final, NamedTuple

#: Of a silence, the share that was waited for a processor at least.
SHARE: Final = 0.5
#: So many silences in a row are excused; a loop that never ends waits for a processor on a busy machine, too.
MOST: Final = 4


class Share(NamedTuple):
    """What a thread has had of the processors since it began."""

    ran_ms: int
    #: Ready to run, before it ran: the present wait is not in it.
    waited_ms: int
    #: It is ready now.
    ready: bool


class _Look(NamedTuple):
    at_ms: int
    share: Share


class StarveWatch:
    """Watches one life. `seen` is called now and then, at least once between two silences, `excuses` at their ends."""

    def __init__(self) -> None:
        self._looks: deque[_Look] = deque(maxlen=2)
        self._excused = 0

    def begin(self) -> None:
        """Begin anew: another life."""
        self._looks.clear()
        self._excused = 0

    def heard(self) -> None:
        """Note a sign of life."""
        self._excused = 0

    def seen(self, share: Share, now_ms: int) -> None:
        """Take note of what it has had."""
        self._looks.append(_Look(now_ms, share))

    def excuses(self, share: Share, silent_ms: int, now_ms: int) -> bool:
        """Judge a silence of `silent_ms` that is over now."""
        before = [one for one in self._looks if one.at_ms <= now_ms - silent_ms] or list(self._looks)
        self.seen(share, now_ms)
        if not before or self._excused >= MOST:
            return False
        was = before[-1].share
        # Who got none at all has no wait that is over; but is ready, and has not run.
        unended_ms = silent_ms - (share.ran_ms - was.ran_ms) if share.ready else 0
        starved = max(share.waited_ms - was.waited_ms, unended_ms) >= SHARE * silent_ms
        self._excused += starved
        return starved
