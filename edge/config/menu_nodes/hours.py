"""How authors decide by opening hours."""

from typing import Annotated

import msgspec
from msgspec import Struct

from edge.config.annotations import of_kind
from edge.config.errors import did_you_mean
from edge.config.located import Located, place_of
from edge.config.menu_nodes.parts import Desk, Kind, NodeRef, OptionalNodeRef
from edge.core.menus import model
from edge.core.menus.calendar import Calendar


class HoursNode(Struct, kw_only=True):
    """Go on by whether it is open now."""

    #: Opening hours of this file's `hours`, or of the site's.
    hours: Annotated[str, of_kind("name")]
    #: Node when it is open.
    open: NodeRef
    #: Node when it is closed.
    closed: NodeRef
    #: Node on public holidays; empty: as `closed`.
    holiday: OptionalNodeRef = ""


def _compile(node: HoursNode, _located: Located, desk: Desk) -> model.Node:
    # One that is not there was told of; the menu is not used then.
    calendar = desk.frame.calendars.get(node.hours) or Calendar(week=[[]] * 7)
    desk.made_of(msgspec.json.encode(calendar).decode())
    return model.Hours(
        name=node.hours,
        calendar=calendar,
        open=desk.node(node.open),
        closed=desk.node(node.closed),
        holiday=desk.node(node.holiday or node.closed),
    )


def _check(node: HoursNode, located: Located, desk: Desk) -> None:
    known = desk.frame.calendars
    if node.hours and node.hours not in known:
        advice = did_you_mean(node.hours, known) or "define them in 'hours'"
        desk.findings.error(place_of(located, ("hours",)), f"there are no opening hours '{node.hours}'", advice)


HOURS = Kind(HoursNode, _compile, _check)
