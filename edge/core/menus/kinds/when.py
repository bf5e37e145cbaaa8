"""A decision by values of the call."""

from msgspec import Struct

from edge.core.menus.parts import NodeId, is_number
from edge.core.menus.visit import Visit, Way


class Case(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One value looked at, and where the call goes when it fits. One of the tests is set."""

    value: str
    #: It is one of these; "" is a value that is not set.
    is_one_of: list[str] = []
    #: It begins with one of these.
    begins: list[str] = []
    #: It is in this range, the ends included: numbers as numbers, times and dates as they are written.
    least: str = ""
    most: str = ""
    next: NodeId

    def fits(self, value: str) -> bool:
        """Say whether the call goes here."""
        if self.least or self.most:
            return self._in_range(value)
        if self.begins:
            return value.startswith(tuple(self.begins))
        return value in self.is_one_of

    def _in_range(self, value: str) -> bool:
        if is_number(value):
            low = not self.least or (is_number(self.least) and int(self.least) <= int(value))
            return low and (not self.most or (is_number(self.most) and int(value) <= int(self.most)))
        # 08:30 and 2026-05-01 rise as they are written. A number is not compared with such a text.
        if not value or is_number(self.least or self.most):
            return False
        if self.least > self.most and self.most:  # from the evening into the morning
            return value >= self.least or value <= self.most
        return self.least <= value and (not self.most or value <= self.most)


class When(Struct, frozen=True, tag="when", kw_only=True):
    """Go on by the first case that fits."""

    cases: list[Case]
    otherwise: NodeId


class WhenVisit(Visit[When]):
    """Over at once."""

    def enter(self) -> Way:
        """Decide."""
        values, now_ms = self.walk.values, self.walk.now_ms
        fitting = (one.next for one in self.node.cases if one.fits(values.get(one.value, now_ms)))
        return next(fitting, self.node.otherwise)
