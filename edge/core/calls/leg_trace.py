"""What a dialled leg came to, in times: when its INVITE left, how long it rang, and how it ended.

It rings from the first provisional response that says so: 180, or 183 where a network plays the ringing itself (RFC
3261 section 21.1). 181 and 182 say that it does not yet. A leg that goes on to another address begins to ring anew.
"""

from edge.vocabulary.endings import EndReason

#: Provisional responses that no phone rings with.
NOT_RINGING = frozenset({100, 181, 182, 199})


class Trace:
    """Of one leg; CLOCK_MONOTONIC milliseconds, None: not so far."""

    def __init__(self) -> None:
        #: The command to send the INVITE.
        self.left_ms: int | None = None
        self.rings_ms: int | None = None
        #: We gave it up, or it ended.
        self.stopped_ms: int | None = None
        self.end: EndReason | None = None
        #: Who answered: `human`, `machine`, `fax`, `unknown`; empty: nobody was asked, or it is not known yet.
        self.who = ""

    def left(self, now_ms: int) -> None:
        """Its INVITE is on its way, as soon as the input is on disk."""
        self.left_ms = now_ms

    def rang(self, code: int, now_ms: int) -> None:
        """Take a provisional response."""
        if self.rings_ms is None and code not in NOT_RINGING:
            self.rings_ms = now_ms

    def moved(self) -> None:
        """Another address is called."""
        self.rings_ms = None

    def stopped(self, now_ms: int) -> None:
        """Take the first moment of its end."""
        if self.stopped_ms is None:
            self.stopped_ms = now_ms

    def heard(self, what: str) -> None:
        """Take who answered; `revised`: it was a machine."""
        if what in {"human", "machine", "fax", "unknown"}:
            self.who = what
        elif what == "revised":
            self.who = "machine"

    def rang_for_ms(self, answered_ms: int | None, now_ms: int) -> int | None:
        """Give how long it rang, until its answer, its end or now; None: it did not ring."""
        if self.rings_ms is None:
            return None
        until_ms = answered_ms if answered_ms is not None else self.stopped_ms
        return max(0, (until_ms if until_ms is not None else now_ms) - self.rings_ms)
