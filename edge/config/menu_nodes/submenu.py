"""How authors use one menu in another."""

from typing import Annotated

from msgspec import Struct, field

from edge.config.annotations import of_kind
from edge.config.located import Located, place_of
from edge.config.menu_nodes.parts import Desk, Kind, NodeRef, reached_by, short_form
from edge.core.menus import model


class SubmenuNode(Struct, kw_only=True):
    """Walk through another menu of the folder; its nodes `give_back` come back here, with a result."""

    #: The other menu's name.
    menu: Annotated[str, of_kind("name")]
    #: Result -> node.
    results: Annotated[dict[str, NodeRef], of_kind("results"), reached_by("act")] = field(default_factory=dict)
    #: Node for every other result.
    next: Annotated[NodeRef, reached_by("act")]


class GiveBackSettings(Struct, kw_only=True):
    """Short form: nothing, or the result alone."""

    #: For the other menu's `results`, and the value `result` from then on.
    result: Annotated[str, of_kind("reason")] = ""


class GiveBackNode(Struct, kw_only=True):
    """Go back to the menu that asked for this one. A call that began with this one ends."""

    give_back: Annotated[GiveBackSettings, short_form("result")]


def _compile(node: SubmenuNode, located: Located, desk: Desk) -> model.Node:
    return model.Submenu(
        start=desk.submenu(node.menu, place_of(located, ("menu",))),
        results={result: desk.node(target) for result, target in node.results.items()},
        next=desk.node(node.next),
    )


def _give_back(node: GiveBackNode, _located: Located, _desk: Desk) -> model.Node:
    return model.Return(node.give_back.result)


MENU = Kind(SubmenuNode, _compile)
GIVE_BACK = Kind(GiveBackNode, _give_back)
