"""Numbers that may be called back: people of the site's countries, and nobody who earns by it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.callbacks.rules import Rules

PLAIN = Rules()


@pytest.mark.parametrize(
    ("number", "country", "why"),
    [
        ("+4930123456", "DE", "a fixed line"),
        ("+4915112345678", "DE", "a mobile"),
        ("+12125550123", "US", "either"),
    ],
)
def test_people_of_the_country_may_be_called(number: str, country: str, why: str) -> None:
    assert PLAIN.allows(number, country), why


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("+33140205050", "another country"),
        ("+499001234567", "premium rate"),
        ("+49180512345", "shared cost"),
        ("+498001234567", "toll-free: nobody is called back there"),
        ("+49112", "an emergency number"),
        ("+18765550123", "Jamaica, within the plan of the United States"),
        ("+8812345678901", "a satellite"),
        ("+882123456789", "an international network"),
        ("+4930", "too short"),
        ("", "nothing"),
        ("sip:x@y", "no number"),
        ("100", "an extension"),
    ],
)
def test_nobody_else_may(number: str, why: str) -> None:
    assert not PLAIN.allows(number, "DE"), why
    assert not PLAIN.allows(number, ""), "without a country nobody may"
    assert not Rules(countries=["US"]).allows(number, "DE"), why


def test_what_is_allowed_and_forbidden_goes_by_the_longest_prefix() -> None:
    rules = Rules(countries=["FR"], allowed=["+4122", "+4930123"], forbidden=["+4930", "+33"])
    assert rules.allows("+41223456789", "DE")
    assert not rules.allows("+41443456789", "DE")
    assert rules.allows("+4930123456", "DE")
    assert not rules.allows("+4930223456", "DE")
    assert not rules.allows("+33140205050", "DE"), "forbidden comes before its country"
    assert not Rules(allowed=["+49"], forbidden=["+49"]).allows("+4930123456", "DE"), "as long: forbidden"
    assert not Rules(allowed=["+49"]).allows("+499001234567", "DE"), "whatever is allowed"


def test_a_number_is_read_as_in_its_country() -> None:
    assert PLAIN.number("030123456", "DE") == "+4930123456"
    assert PLAIN.number("00493 0123456".replace(" ", ""), "FR") == "+4930123456"
    assert Rules(country="DE").number("030123456", "") == "+4930123456"
    assert PLAIN.number("030123456", "") == ""
    assert PLAIN.number("12", "DE") == ""


@given(st.text(alphabet="+0123456789*#x ", max_size=30), st.sampled_from(["", "DE", "US", "GB"]))
def test_whatever_is_typed_is_judged(text: str, country: str) -> None:
    number = PLAIN.number(text, country)
    assert not number or (number.startswith("+") and number[1:].isdecimal())
    if PLAIN.allows(number, country):
        assert number
        assert country
