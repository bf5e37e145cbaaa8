"""A decision by what a table says of the caller."""

from msgspec import Struct

from edge.core.menus.parts import NodeId
from edge.core.menus.visit import Visit, Way


class Lookup(Struct, frozen=True, tag="lookup", kw_only=True):
    """Go on by whether the caller is in a table, and take the attributes that it has there.

    The tables were asked when the call began, so the node takes no time, and is the same when it is replayed.
    """

    table: str
    known: NodeId
    unknown: NodeId
    blocked: NodeId
    #: Callers who hide their number.
    anonymous: NodeId


class LookupVisit(Visit[Lookup]):
    """Over at once."""

    def enter(self) -> Way:
        """Look at what the table said."""
        facts = self.walk.values.facts
        if not facts.peer:
            return self.node.anonymous
        row = facts.rows.get(self.node.table)
        if row is None:
            return self.node.unknown
        # What a table says is no template: a `${` in it stays what it is, and fits no attribute.
        said = {name: value.reveal() for name, value in row.attributes.items()}
        self.walk.set_values({name: value for name, value in said.items() if "${" not in value})
        return self.node.blocked if row.blocked else self.node.known
