"""How authors write the end of a call."""

from typing import Annotated

from msgspec import Struct

from edge.config.annotations import of_kind
from edge.config.located import Located, place_of
from edge.config.menu_nodes.parts import Desk, Kind, check_template, short_form
from edge.core.menus import model
from edge.core.menus.facts import INSERT


class HangUpSettings(Struct, kw_only=True):
    """Short form: nothing, or the reason alone."""

    #: Text of the reason, for the events. `${name}` in it stands for a number or a word of the call.
    reason: Annotated[str, of_kind("reason")] = ""


class HangUpNode(Struct, kw_only=True):
    """End the call."""

    hang_up: Annotated[HangUpSettings, short_form("reason")]


def _compile(node: HangUpNode, _located: Located, _desk: Desk) -> model.Node:
    return model.HangUp(text=node.hang_up.reason)


def _check(node: HangUpNode, located: Located, desk: Desk) -> None:
    place = place_of(located, ("hang_up",))
    check_template(node.hang_up.reason, place, desk)
    for name in INSERT.findall(node.hang_up.reason):
        attribute = desk.frame.attribute(name)
        if name in {"caller", "called", "digits"} or (attribute is not None and attribute.type in {"digits", "text"}):
            # Numbers and digits are masked wherever they are shown; a reason is text like any other.
            desk.findings.error(place, f"'{name}' may be personal, and reasons are shown to everybody")


HANG_UP = Kind(HangUpNode, _compile, _check)
