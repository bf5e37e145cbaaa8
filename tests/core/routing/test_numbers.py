"""Numbers as carriers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.routing.numbers import Form, countries, e164, written

BERLIN = "+49301234567"


@pytest.mark.parametrize(
    ("number", "country", "whole"),
    [
        ("0301234567", "DE", BERLIN),
        (BERLIN, "DE", BERLIN),
        ("49301234567", "DE", BERLIN),
        ("0049301234567", "DE", BERLIN),
        (BERLIN, "US", BERLIN),
        ("01149301234567", "US", BERLIN),
        ("2025550123", "US", "+12025550123"),
        ("12025550123", "US", "+12025550123"),
        # In Italy the 0 belongs to the number.
        ("0612345678", "IT", "+390612345678"),
        # Anything with its country code may be a block that is newer than the numbering plans.
        ("+4917012345678", "DE", "+4917012345678"),
    ],
)
def test_whole_numbers(number: str, country: str, whole: str) -> None:
    assert e164(number, country) == whole


@pytest.mark.parametrize("number", ["100", "alice", "", "+", "*31#", "0", "+1", "112", "anonymous", "9" * 40])
def test_what_is_no_whole_number(number: str) -> None:
    assert e164(number, "DE") == ""
    assert written(number, "DE", "+e164") == number


def test_without_a_country_nothing_is_known() -> None:
    assert e164(BERLIN, "") == ""
    assert written("0301234567", "", "+e164") == "0301234567"


@pytest.mark.parametrize(
    ("form", "home", "abroad"),
    [
        ("as_is", "0301234567", "+33140205050"),
        ("+e164", "+49301234567", "+33140205050"),
        ("e164", "49301234567", "33140205050"),
        ("international", "0049301234567", "0033140205050"),
        ("national", "0301234567", "0033140205050"),
    ],
)
def test_as_a_trunk_wants_it(form: Form, home: str, abroad: str) -> None:
    assert written("0301234567", "DE", form) == home
    assert written("+33140205050", "DE", form) == abroad


@given(st.text("+0123456789", max_size=20), st.sampled_from(sorted(countries())))
def test_a_whole_number_stays_what_it_is_however_it_is_written(number: str, country: str) -> None:
    whole = e164(number, country)
    assert whole == "" or whole.startswith("+")
    if whole:
        assert e164(whole, country) == whole


@given(st.text(max_size=80), st.text(max_size=3))
def test_nothing_raises(number: str, country: str) -> None:
    assert isinstance(e164(number, country if country in countries() else ""), str)
