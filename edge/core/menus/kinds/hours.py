"""A decision by opening hours."""

from msgspec import Struct

from edge.core.menus.calendar import Calendar
from edge.core.menus.parts import NodeId
from edge.core.menus.visit import Visit, Way


class Hours(Struct, frozen=True, tag="hours", kw_only=True):
    """Go on by whether it is open now."""

    #: Its name, for people.
    name: str
    calendar: Calendar
    open: NodeId
    closed: NodeId
    holiday: NodeId


class HoursVisit(Visit[Hours]):
    """Over at once."""

    def enter(self) -> Way:
        """Look at the time that the call was told of."""
        wall_ms = self.walk.values.wall_ms(self.walk.now_ms)
        state = self.node.calendar.state(wall_ms)
        return {"open": self.node.open, "closed": self.node.closed, "holiday": self.node.holiday}[state]
