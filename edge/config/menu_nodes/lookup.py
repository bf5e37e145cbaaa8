"""How authors decide by what a table says of the caller."""

from typing import Annotated

from msgspec import Struct

from edge.config.annotations import of_kind
from edge.config.errors import did_you_mean
from edge.config.located import Located, place_of
from edge.config.menu_nodes.parts import Desk, Kind, NodeRef, OptionalNodeRef
from edge.core.menus import model


class LookupNode(Struct, kw_only=True):
    """Go on by whether the caller is in a table of the site, and take the attributes that it has there.

    Of a call that we make, it is the called one that is looked up.
    """

    #: One of the site's `[[tables]]`.
    lookup: Annotated[str, of_kind("name")]
    #: Node when the number is in the table.
    known: NodeRef
    #: Node when it is not.
    unknown: NodeRef
    #: Node when it is there and `blocked`; empty: as `known`.
    blocked: OptionalNodeRef = ""
    #: Node of callers who hide their number; empty: as `unknown`.
    anonymous: OptionalNodeRef = ""


def _compile(node: LookupNode, _located: Located, desk: Desk) -> model.Node:
    return model.Lookup(
        table=node.lookup,
        known=desk.node(node.known),
        unknown=desk.node(node.unknown),
        blocked=desk.node(node.blocked or node.known),
        anonymous=desk.node(node.anonymous or node.unknown),
    )


def _check(node: LookupNode, located: Located, desk: Desk) -> None:
    known = [table.name for table in desk.site.tables]
    if node.lookup and node.lookup not in known:
        advice = did_you_mean(node.lookup, known) or "put it in the site file: [[tables]]"
        desk.findings.error(place_of(located, ("lookup",)), f"there is no table '{node.lookup}'", advice)


LOOKUP = Kind(LookupNode, _compile, _check)
