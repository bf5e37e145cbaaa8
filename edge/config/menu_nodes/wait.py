"""How authors write silence."""

from typing import Annotated

from msgspec import Struct

from edge.config.annotations import lasting
from edge.config.located import Located
from edge.config.menu_nodes.parts import Desk, Kind, NodeRef
from edge.core.menus import model


class WaitNode(Struct, kw_only=True):
    """Stay silent."""

    #: How long.
    wait: Annotated[int, lasting(20, 3_600_000)]
    #: Node that follows.
    next: NodeRef


def _compile(node: WaitNode, _located: Located, desk: Desk) -> model.Node:
    return model.Wait(milliseconds=node.wait, next=desk.node(node.next))


WAIT = Kind(WaitNode, _compile)
