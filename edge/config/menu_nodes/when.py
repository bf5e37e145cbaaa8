"""How authors decide by values of the call."""

from typing import Annotated

from msgspec import Struct

from edge.config.annotations import of_kind
from edge.config.errors import did_you_mean
from edge.config.located import Located, place_of
from edge.config.menu_nodes.parts import Desk, Kind, NodeRef
from edge.config.menu_nodes.set import advice_of
from edge.core.menus import model

Texts = Annotated[list[str], of_kind("values_list")]


class CaseSource(Struct, kw_only=True):
    """A value, one test of it, and where the call goes when it holds."""

    #: An attribute, or `caller`, `called`, `digits`, `result`, `language`, `time` (08:30), `date` (2026-05-01),
    #: `weekday` (`mon`).
    value: Annotated[str, of_kind("value")]
    #: It is this, or one of these; `""` is a value that is not set.
    equals: Texts = []
    #: It begins with this, or with one of these: numbers.
    begins: Texts = []
    #: It is this or more.
    least: str = ""
    #: It is this or less. A `time` whose `least` is later than its `most` is from the evening into the morning.
    most: str = ""
    #: Node when it holds.
    next: NodeRef


class WhenNode(Struct, kw_only=True):
    """Go on by the first case that holds."""

    #: Looked at in this order.
    when: list[CaseSource]
    #: Node when none does.
    otherwise: NodeRef


def _compile(node: WhenNode, _located: Located, desk: Desk) -> model.Node:
    cases = [
        model.Case(
            value=one.value,
            is_one_of=one.equals,
            begins=one.begins,
            least=one.least,
            most=one.most,
            next=desk.node(one.next),
        )
        for one in node.when
    ]
    return model.When(cases=cases, otherwise=desk.node(node.otherwise))


def _check(node: WhenNode, located: Located, desk: Desk) -> None:
    if not node.when:
        desk.findings.follow_up(place_of(located, ("when",)), "there is no case")
    for number, one in enumerate(node.when):
        place = place_of(located, ("when", number))
        known = desk.frame.values()
        if one.value and one.value not in known:
            desk.findings.error(place, f"there is no value '{one.value}'", did_you_mean(one.value, known))
        tests = [bool(one.equals), bool(one.begins), bool(one.least or one.most)]
        if sum(tests) != 1:
            desk.findings.error(place, "a case has one test", "'equals', 'begins', or 'least' and 'most'")
        if "" in one.begins:
            desk.findings.error(place, "every value begins with ''", "equals: '' holds for one that is not set")
        attribute = desk.frame.attribute(one.value)
        for value in one.equals:
            if attribute is not None and not attribute.takes(value):
                advice = advice_of(attribute)
                desk.findings.error(place, f"'{one.value}' is never '{value[:60]}'", advice)


WHEN = Kind(WhenNode, _compile, _check)
