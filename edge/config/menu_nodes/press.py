"""How authors write digits for the far end."""

from typing import Annotated

from msgspec import Struct

from edge.config.annotations import lasting
from edge.config.located import Located
from edge.config.menu_nodes.parts import Desk, Digits, Kind, NodeRef, short_form
from edge.core.menus import model


class PressSettings(Struct, kw_only=True):
    """Short form: the digits alone."""

    #: Digits that are sent.
    digits: Digits
    #: Length of a digit.
    duration: Annotated[int, lasting(40, 5000)] = 100
    #: Pause after a digit.
    gap: Annotated[int, lasting(40, 5000)] = 100


class PressNode(Struct, kw_only=True):
    """Send digits to the far end."""

    press: Annotated[PressSettings, short_form("digits")]
    #: Node that follows.
    next: NodeRef


def _compile(node: PressNode, _located: Located, desk: Desk) -> model.Node:
    own = node.press
    return model.Press(digits=own.digits, duration_ms=own.duration, gap_ms=own.gap, next=desk.node(node.next))


PRESS = Kind(PressNode, _compile)
