"""Values of the call, set by the author."""

from msgspec import Struct

from edge.core.menus.parts import NodeId
from edge.core.menus.visit import Visit, Way


class Set(Struct, frozen=True, tag="set", kw_only=True):
    """Set attributes, then go on."""

    #: `${name}` in values is filled. What does not fit the attribute leaves its old value.
    values: dict[str, str]
    next: NodeId


class SetVisit(Visit[Set]):
    """Over at once."""

    def enter(self) -> Way:
        """Set them."""
        self.walk.set_values(self.node.values)
        return self.node.next
