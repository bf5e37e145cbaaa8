"""Somebody whom a campaign has called does not want to be called any more."""

from msgspec import Struct

from edge.core.menus.parts import NodeId
from edge.core.menus.visit import Visit, Way
from edge.core.menus.words import Suppress


class DoNotCall(Struct, frozen=True, tag="do_not_call", kw_only=True):
    """Put the number that was called on our own list of those that are not to be called."""

    next: NodeId
    #: No campaign has made the call, so nobody knows whose number it is.
    failed: NodeId


class DoNotCallVisit(Visit[DoNotCall]):
    """Over at once; the number is locked until it stands on the list."""

    def enter(self) -> Way:
        """Ask for it."""
        if not self.walk.values.facts.attempt:
            return self.node.failed
        self.walk.do(Suppress(self.walk.node))
        return self.node.next
