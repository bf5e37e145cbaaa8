"""Telephone numbers in one form (ITU-T E.164), whatever a trunk writes them like.

The numbering plans are Google's libphonenumber's (`phonenumbers`): which lengths and prefixes a country has. They are
loaded where a number is read (1.3 MB a process, and more for each country), see `prepare`.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

#: How a trunk wants numbers: with + and country code, without +, with the international prefix, or national.
Form = Literal["as_is", "+e164", "e164", "international", "national"]


@lru_cache(maxsize=1)
def _library() -> Any:
    import phonenumbers  # most processes read no numbers

    return phonenumbers


def prepare(countries: Iterable[str]) -> None:
    """Load the plans of these countries (empty: none), so that no call waits for them."""
    for country in {one for one in countries if one}:
        written("+33140205050", country, "national")


@lru_cache(maxsize=1)
def countries() -> frozenset[str]:
    """Return the codes of all countries that have numbers (ISO 3166-1 alpha-2)."""
    return frozenset(_library().SUPPORTED_REGIONS)


@lru_cache(maxsize=4096)
def _parsed(number: str, country: str) -> "PhoneNumber | None":
    """Read a number as somebody in `country` would dial it; None for what is no whole number there."""
    if not country or not number.strip("+").isdigit():
        return None  # names, service codes with * and #, extensions with letters
    phonenumbers = _library()
    try:
        parsed: PhoneNumber = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_valid_number(parsed):
        return parsed
    # With its country code it is meant to be one, even in a block that was given out after the library's edition. So
    # carriers write them without the +, too.
    foreign = number.startswith("+") and phonenumbers.is_possible_number(parsed)
    return parsed if foreign else None


def e164(number: str, country: str) -> str:
    """Return `number` with + and country code, "" when it is none (an extension, a short code, a name).

    Carriers send national numbers, numbers with the international prefix, and E.164 with + and without it. What fits as
    a national number is one.
    """
    parsed = _parsed(number, country)
    if parsed is None and number.isdigit() and country:
        parsed = _parsed(f"+{number}", country)
        if parsed is not None and not _library().is_valid_number(parsed):
            parsed = None
    if parsed is None:
        return ""
    return str(_library().format_number(parsed, _library().PhoneNumberFormat.E164))


def whole(number: str, country: str) -> str:
    """Return `number` as `e164` does, and where no country is known what it is if it begins with a country code.

    For who asks whether two numbers may be the same one; "" when it is none.
    """
    if country:
        return e164(number, country)
    digits = number.removeprefix("+").removeprefix("00")
    # With its + it is the same one in every country.
    return e164(f"+{digits}", "US") if digits.isdecimal() else ""


@lru_cache(maxsize=4096)
def place_of(number: str) -> tuple[str, bool]:
    """Return the country of a number in E.164, and whether it is an ordinary number of somebody.

    The country is "" where it belongs to none (satellites). Ordinary are fixed, mobile and Internet telephones; what
    earns by being called (premium rate, shared cost), or is of a kind that is not known, is not.
    """
    phonenumbers = _library()
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return "", False
    kinds = phonenumbers.PhoneNumberType
    ordinary = {kinds.FIXED_LINE, kinds.MOBILE, kinds.FIXED_LINE_OR_MOBILE, kinds.VOIP}
    return phonenumbers.region_code_for_number(parsed) or "", phonenumbers.number_type(parsed) in ordinary


def written(number: str, country: str, form: Form) -> str:
    """Return `number` in the form that a trunk in `country` wants; as it is when it is no whole number."""
    whole = e164(number, country) if form != "as_is" else ""
    if not whole:
        return number
    if form == "+e164":
        return whole
    if form == "e164":
        return whole[1:]
    phonenumbers = _library()
    parsed = phonenumbers.parse(whole, country)
    at_home = parsed.country_code == phonenumbers.country_code_for_region(country)
    if form == "national" and at_home:
        # As dialled: with the trunk prefix (0 in most of Europe), without spaces and brackets.
        return _digits(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL))
    if at_home:
        return f"{_prefix(country)}{whole[1:]}"
    return _digits(phonenumbers.format_out_of_country_calling_number(parsed, country))


@lru_cache(maxsize=64)
def _prefix(country: str) -> str:
    """Return what is dialled to leave a country: what stands before the number of another one."""
    phonenumbers = _library()
    abroad = "+33140205050" if country != "FR" else "+49301234567"
    parsed = phonenumbers.parse(abroad)
    return _digits(phonenumbers.format_out_of_country_calling_number(parsed, country)).removesuffix(abroad[1:])


def _digits(text: str) -> str:
    return "".join([char for char in text if char.isdigit()])
