"""Lines of lists."""

from zoneinfo import available_timezones

import pytest

from edge.core.dialer.columns import (
    CONSENT_FIELDS,
    CONTACT_FIELDS,
    SUPPRESSION_FIELDS,
    Columns,
    ColumnsError,
    columns_of,
    unknown_fields,
)
from edge.core.dialer.lines import (
    Fault,
    Reading,
    RefusedError,
    consent_of,
    contact_of,
    made_id,
    number_of,
    suppression_of,
)
from edge.vocabulary.dialing import Consent, Contact, ContactNumber
from edge.vocabulary.private import Private

NOW = 1_790_000_000_000
READING = Reading(country="DE", zones=frozenset(available_timezones()), key=b"k" * 32, now_ms=NOW)


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("030/123 456-7", "DE", "+49301234567"),
        ("(030) 1234567", "DE", "+49301234567"),
        ("+49 (0)30 1234567", "", "+49301234567"),
        ("0049 (0) 30 1234567", "DE", "+49301234567"),
        ("tel:+49-30-1234567", "", "+49301234567"),
        ("'+49301234567", "", "+49301234567"),
        ("\u202a+49\u00a030\u20111234567\u202c", "", "+49301234567"),
        ("".join(chr(ord(digit) + 0xFEE0) for digit in "13912345678"), "CN", "+8613912345678"),
        ("+1 (415) 555-0132", "DE", "+14155550132"),
        ("4155550132", "US", "+14155550132"),
        ("+39 06 69812345", "", "+390669812345"),
    ],
)
def test_numbers_as_people_write_them(text: str, country: str, expected: str) -> None:
    assert number_of(text, country).reveal() == expected


@pytest.mark.parametrize(
    ("text", "country", "told"),
    [
        ("4,91712E+11", "DE", "decimal number by a spreadsheet"),
        ("4.9E11", "DE", "decimal number by a spreadsheet"),
        ("n/a", "DE", "is no telephone number"),
        ("030 1234567 ext 5", "DE", "is no telephone number"),
        ("+", "DE", "is no telephone number"),
        ("12", "DE", "is no number of DE"),
        ("030 1234567", "", "has no +"),
        ("030 1234567", "Germany", "is no country"),
        ("+999 1234567", "", "is no number with its"),
        ("٠٣٠", "DE", "is no telephone number"),
    ],
)
def test_what_is_no_number_is_told_without_it(text: str, country: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as error:
        number_of(text, country)
    assert text not in str(error.value) or text == "+"


def columns(names: str, **mapping: str) -> Columns:
    return columns_of(names.split(","), mapping, CONTACT_FIELDS, ("number",))


def contact(names: str, *cells: str, **mapping: str) -> Contact:
    return contact_of(dict(zip(names.split(","), cells, strict=True)), columns(names, **mapping), READING, "list")


def faults(names: str, *cells: str, **mapping: str) -> list[Fault]:
    with pytest.raises(RefusedError) as error:
        contact(names, *cells, **mapping)
    return error.value.faults


def test_a_contact_of_a_line() -> None:
    names = "Kunde,Telefon,number_mobile,zone,language,priority,Name,empty"
    cells = ("k1", "030 1234567", "0171 2345678", "Europe/Berlin", "en-GB", "-3", " Zoë \n Müller ", " ")
    assert contact(names, *cells, id="Kunde", number="Telefon") == Contact(
        listed_in="list",
        id="k1",
        numbers=[
            ContactNumber(number=Private("+49301234567")),
            ContactNumber(number=Private("+491712345678"), label="mobile"),
        ],
        priority=-3,
        zone="Europe/Berlin",
        language="en-GB",
        attributes={"Name": "Zoë \n Müller"},
    )


def test_area_code_and_number_in_two_columns() -> None:
    assert contact("area,local", "030", "1234567", number="area+local").numbers[0].number == Private("+49301234567")
    assert contact("a+b", "030 1234567", number="a+b").numbers[0].number == Private("+49301234567")


def test_a_country_of_its_own() -> None:
    assert contact("number,Country", "4155550132", "us").numbers[0].number == Private("+14155550132")
    assert contact("number,Country", "0301234567", "").numbers[0].number == Private("+49301234567")


def test_without_ids_they_are_made_of_numbers_that_nobody_reads_in_them() -> None:
    first, again = contact("number", "030 1234567"), contact("number", "+49301234567")
    assert first.id == again.id == made_id(Private("+49301234567"), READING.key)
    assert "1234567" not in first.id
    assert made_id(Private("+49301234567"), b"another") != first.id


def test_the_same_number_twice_is_one() -> None:
    assert len(contact("number,number_2", "030 1234567", "+49 30 1234567").numbers) == 1


def test_all_that_is_wrong_with_a_line() -> None:
    found = faults("id,number,number_2,zone,priority,language,note", "", "x", "12", "Mars", "high", "Deutsch", "a\0b")
    assert [(fault.field, fault.reason[:24]) for fault in found] == [
        ("number", "is no telephone number"),
        ("number_2", "is no number of DE or wi"),
        ("id", "is empty"),
        ("note", "has control characters i"),
        ("priority", "is no whole number from "),
        ("zone", "'Mars' is no time zone ("),
        ("language", "'Deutsch' is no language"),
    ]


@pytest.mark.parametrize(
    ("names", "cells", "expected"),
    [
        ("number,zone", ("030 1234567", "Europe/Berln"), "did you mean 'Europe/Berlin'?"),
        ("number,priority", ("030 1234567", "1001"), "is no whole number from -1000 to 1000"),
        ("number", (" ",), "is empty"),
        ("id,number", ("x" * 201, "030 1234567"), "is longer than 200 characters"),
        ("number,note", ("030 1234567", "x" * 4001), "is longer than 4000 characters"),
        ("number,note", ("030 1234567", "\ud800"), "control characters"),
    ],
)
def test_one_thing_that_is_wrong(names: str, cells: tuple[str, ...], expected: str) -> None:
    (found,) = faults(names, *cells)
    assert expected in found.reason


def test_numbers_not_to_be_called() -> None:
    found = columns_of(["Number", "since"], {}, SUPPRESSION_FIELDS, ("number",))
    read = suppression_of({"Number": "030 1234567", "since": "2026-01-02"}, found, READING)
    assert read == (Private("+49301234567"), 1_767_312_000_000)
    assert suppression_of({"Number": "030 1234567", "since": ""}, found, READING)[1] == NOW
    for cells in ({"Number": "", "since": ""}, {"Number": "030 1234567", "since": "yesterday"}):
        with pytest.raises(RefusedError):
            suppression_of(cells, found, READING)


def test_consents() -> None:
    names = ["number", "given", "expires", "evidence"]
    found = columns_of(names, {}, CONSENT_FIELDS, ("number", "given"))
    reading = Reading(country="DE", kind="prior_express", now_ms=NOW)
    cells = dict(zip(names, ("030 1234567", "2026-01-02T00:00+01:00", "2027-01-02", "form 7"), strict=True))
    assert consent_of(cells, found, reading) == (
        Private("+49301234567"),
        Consent(kind="prior_express", given_ms=1_767_308_400_000, expires_ms=1_798_848_000_000, evidence="form 7"),
    )
    for changed, reason in (
        ({"given": ""}, "given: is empty"),
        ({"given": "2099-01-01"}, "given: is in the future"),
        ({"given": "1960-01-01"}, "given: is before 1970"),
        ({"expires": "2025-01-01"}, "expires: is not after 'given'"),
        ({"number": "x"}, "number: is no telephone number"),
    ):
        with pytest.raises(RefusedError, match=reason):
            consent_of(cells | changed, found, reading)
    with pytest.raises(RefusedError, match="kind: is empty"):
        consent_of(cells, found, Reading(country="DE", now_ms=NOW))


# --- columns


def test_columns_are_found_by_name_and_by_mapping() -> None:
    found = columns("ID,Number_Work,NUMBER,name,Number_Home")
    assert found.fields["id"] == ("ID",)
    assert found.numbers == {"number": "", "number_work": "work", "number_home": "home"}
    assert found.others == ("name",)
    assert columns("a,b", number="b").others == ("a",)
    # What is mapped elsewhere is not taken by its name, too.
    assert columns("number,tel", number="tel").others == ("number",)
    assert columns("number_work").numbers == {"number_work": "work"}


@pytest.mark.parametrize(
    ("names", "mapping", "told"),
    [
        ("id,phone", {}, "there is no column 'number'; there are 'id', 'phone'; name it with --map number=COLUMN"),
        ("id,numer", {}, "(did you mean 'numer'?)"),
        ("id,Telefon", {"number": "Telefn"}, "there is no column 'Telefn' (did you mean 'Telefon'?); there are"),
        ("id,tel", {"nummer": "tel"}, "there is no field 'nummer' (did you mean 'number'?); fields are"),
        ("id,number,id", {}, "there are two columns 'id'"),
        ("area,local", {"number": "area+locl"}, "there is no column 'locl' (did you mean 'local'?)"),
    ],
)
def test_columns_that_are_not_there(names: str, mapping: dict[str, str], told: str) -> None:
    with pytest.raises(ColumnsError) as error:
        columns(names, **mapping)
    assert any(told in fault for fault in error.value.faults), error.value.faults


def test_lines_with_columns_of_their_own() -> None:
    found = columns_of(["number"], {"zone": "tz"}, CONTACT_FIELDS, ("number",), whole=False)
    assert "zone" not in found.fields
    assert unknown_fields({"zne": "x", "number_x": "y"}, CONTACT_FIELDS) == [
        "there is no field 'zne' (did you mean 'zone'?); fields are id, number, priority, zone, language, country"
    ]
