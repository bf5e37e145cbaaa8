"""What a call is told whose caller's leg another call borrows."""

from msgspec import Struct

from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CallId, LegId


class LegLent(Struct, frozen=True, tag=True, kw_only=True):
    """The caller's leg talks with `other` in call `by` from now on, until `LegReturned`."""

    operation: str
    by: CallId
    other: LegId
    #: Where the menu goes on then (it begins with `menus.run.BACK`); empty: the call ends.
    after: str = ""


class LegReturned(Struct, frozen=True, tag=True):
    """The talk is over. `end`: why the other call ended, if that was it."""

    end: EndReason | None = None
