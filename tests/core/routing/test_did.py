"""Which menu answers which number."""

import pytest

from edge.config.site import Route
from edge.core.routing.did import DidTable

TABLE = DidTable(
    [
        Route(number="100", menu="exact"),
        Route(number="10*", menu="own", trunk="a"),
        Route(number="1*", menu="any"),
        Route(number="", menu="nobody"),
    ]
)


@pytest.mark.parametrize(
    ("called", "trunk", "menu"),
    [
        ("100", "a", "exact"),
        ("101", "a", "own"),
        ("101", "b", "any"),
        ("10", "a", "own"),
        ("1", "b", "any"),
        ("200", "a", None),
        ("", "a", "nobody"),
        ("*", "a", None),
    ],
)
def test_the_first_that_fits(called, trunk, menu):
    assert TABLE.menu_for(called, "", trunk) == menu


def test_a_lone_star_takes_everything():
    assert DidTable([Route(number="*", menu="all")]).menu_for("anything", "", "x") == "all"


def test_a_number_in_e164_stands_for_every_way_it_comes():
    table = DidTable([Route(number="+49301234*", menu="berlin"), Route(number="030*", menu="as it comes")])
    assert table.menu_for("0301234567", "+49301234567", "x") == "berlin"
    assert table.menu_for("0301234567", "", "x") == "as it comes"
    assert table.menu_for("+49301234567", "", "x") == "berlin"
