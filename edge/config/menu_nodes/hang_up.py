"""How authors write the end of a call."""

from typing import Annotated

from msgspec import Struct

from edge.config.located import Located, place_of
from edge.config.menu_nodes.parts import Desk, Kind, check_template, of_kind, short_form
from edge.core.menus import model


class HangUpSettings(Struct, kw_only=True):
    """Short form: nothing, or the reason alone."""

    #: Text of the reason, for the events. `${name}` in it stands for a value of the call.
    reason: Annotated[str, of_kind("reason")] = ""


class HangUpNode(Struct, kw_only=True):
    """End the call."""

    hang_up: Annotated[HangUpSettings, short_form("reason")]


def _compile(node: HangUpNode, _located: Located, _desk: Desk) -> model.Node:
    return model.HangUp(text=node.hang_up.reason)


def _check(node: HangUpNode, located: Located, desk: Desk) -> None:
    check_template(node.hang_up.reason, place_of(located, ("hang_up",)), desk)


HANG_UP = Kind(HangUpNode, _compile, _check)
