"""The quick reading of numbers against the library's, for every country that there is."""

import random

import phonenumbers
import pytest

from edge.core.routing.numbers import countries, e164
from edge.core.routing.quick import quick_e164

#: As the list of countries is long, each is asked about some numbers only; over time all of them.
_EACH = 8


def _near(dice: random.Random, country: str) -> list[str]:
    """Numbers that are those of a country, or nearly: an example with digits changed, cut off, put on."""
    found = []
    for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
        example = phonenumbers.example_number_for_type(country, kind)
        if example is not None:
            found.append(phonenumbers.national_significant_number(example))
    numbers = []
    for _ in range(_EACH):
        digits = list(dice.choice(found or ["12345678"]))
        for _ in range(dice.randrange(4)):
            digits[dice.randrange(len(digits))] = dice.choice("0123456789")
        national = "".join(digits)[: dice.choice([None, None, None, -1, -3])] + dice.choice(["", "", "", "7", "00"])
        code = phonenumbers.country_code_for_region(country)
        leave = phonenumbers.PhoneMetadata.metadata_for_region(country).international_prefix or ""
        numbers += [
            f"+{code}{national}",
            f"+{code}{dice.choice('018')}{national}",
            f"{dice.choice(['', '0', '1', '8', '00', str(code)])}{national}",
            f"{leave if leave.isdigit() else '00'}{code}{national}",
        ]
    return numbers


def test_what_is_read_quickly_is_what_the_library_reads(seed: int) -> None:
    dice = random.Random(seed)
    asked = answered = 0
    for country in sorted(countries()):
        for number in _near(dice, country):
            for home in (country, dice.choice(("DE", "US", "GB", "IT", "CN", "BR", "AR", "MX", "KZ", "GG"))):
                quick = quick_e164(number, home)
                asked += 1
                if quick:
                    answered += 1
                    assert quick == e164(number, home), f"{number} in {home}"
            if number.startswith("+"):
                assert quick_e164(number, "") in ("", e164(number, "US"))
    assert answered > asked / 10


@pytest.mark.parametrize(
    ("number", "country", "expected"),
    [
        ("030123456", "DE", "+4930123456"),
        ("004930123456", "DE", "+4930123456"),
        ("4155550132", "US", "+14155550132"),
        ("+442079460018", "", "+442079460018"),
        ("02079460018", "GB", "+442079460018"),
        ("13912345678", "CN", "+8613912345678"),
        ("0140205050", "FR", "+33140205050"),
        ("12", "DE", ""),
        ("030123456", "", ""),
        ("030123456", "XX", ""),
        ("+999123456789", "DE", ""),
        ("", "DE", ""),
        ("+", "DE", ""),
    ],
)
def test_numbers_that_people_dial(number: str, country: str, expected: str) -> None:
    assert quick_e164(number, country) == expected
