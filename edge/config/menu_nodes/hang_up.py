"""How authors write the end of a call."""

from typing import Annotated

from msgspec import Struct

from edge.config.located import Located
from edge.config.menu_nodes.parts import Desk, Kind, of_kind, short_form
from edge.core.menus import model


class HangUpSettings(Struct, kw_only=True):
    """Short form: nothing, or the reason alone."""

    #: Text of the reason, for the events.
    reason: Annotated[str, of_kind("reason")] = ""


class HangUpNode(Struct, kw_only=True):
    """End the call."""

    hang_up: Annotated[HangUpSettings, short_form("reason")]


def _compile(node: HangUpNode, _located: Located, _desk: Desk) -> model.Node:
    return model.HangUp(text=node.hang_up.reason)


HANG_UP = Kind(HangUpNode, _compile)
