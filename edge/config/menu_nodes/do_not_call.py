"""How authors let people say that they do not want to be called any more."""

from typing import Annotated, Literal

from msgspec import Struct

from edge.config.located import Located
from edge.config.menu_nodes.parts import Desk, Kind, NodeRef, OptionalNodeRef, short_form
from edge.core.menus import model


class DoNotCallSettings(Struct, kw_only=True):
    """Short form: nothing, or the list."""

    #: Our own list, which every campaign asks, whatever its rules.
    list: Literal["own"] = "own"


class DoNotCallNode(Struct, kw_only=True):
    """Put the number that a campaign has called on the list of those that are not to be called; its contact is done."""

    do_not_call: Annotated[DoNotCallSettings, short_form("list")]
    #: Node when it is on its way there: no campaign calls the number before it stands on the list.
    next: NodeRef
    #: Node of calls that no campaign has made; empty: as `next`.
    failed: OptionalNodeRef = ""


def _compile(node: DoNotCallNode, _located: Located, desk: Desk) -> model.Node:
    return model.DoNotCall(next=desk.node(node.next), failed=desk.node(node.failed or node.next))


DO_NOT_CALL = Kind(DoNotCallNode, _compile)
