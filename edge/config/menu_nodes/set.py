"""How authors set values of the call."""

from typing import Annotated

from msgspec import Struct

from edge.config.annotations import of_kind
from edge.config.errors import did_you_mean
from edge.config.located import Located, place_of
from edge.config.menu_nodes.parts import Desk, Kind, NodeRef, Template, check_template
from edge.core.menus import model
from edge.core.menus.facts import GIVEN, INSERT


class SetNode(Struct, kw_only=True):
    """Set attributes of the call, then go on. They are in the events of the call, and its backends are given them."""

    #: Attribute -> value; `${name}` in it stands for a value of the call. A value that does not fit changes nothing.
    set: Annotated[dict[str, Template], of_kind("values")]
    #: Node that follows.
    next: NodeRef


def _compile(node: SetNode, _located: Located, desk: Desk) -> model.Node:
    return model.Set(values=node.set, next=desk.node(node.next))


def _check(node: SetNode, located: Located, desk: Desk) -> None:
    if not node.set:
        desk.findings.follow_up(place_of(located, ("set",)), "there is nothing to set")
    for name, value in node.set.items():
        key, place = place_of(located, ("set", name), key=True), place_of(located, ("set", name))
        attribute = desk.frame.attribute(name)
        if name in GIVEN:
            desk.findings.error(key, f"'{name}' cannot be set", "use a node 'language'" if name == "language" else "")
        elif attribute is None:
            advice = did_you_mean(name, desk.frame.values()) or "declare it in 'attributes'"
            desk.findings.error(key, f"there is no attribute '{name}'", advice)
        elif not INSERT.search(value) and not attribute.takes(value):
            desk.findings.error(place, f"'{value[:60]}' is no value of '{name}'", advice_of(attribute))
        check_template(value, place, desk)


def advice_of(attribute: model.Attribute) -> str:
    """Say what an attribute can be."""
    match attribute.type:
        case "number":
            return f"a whole number from {attribute.least} to {attribute.most}"
        case "word":
            return "one of " + ", ".join(attribute.values) if attribute.values else "letters, digits and _ . + * # -"
        case "digits":
            return "digits, '*' and '#'"
        case _:
            return "at most 128 characters"


SET = Kind(SetNode, _compile, _check)
