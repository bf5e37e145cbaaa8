"""What a number says about who has it: country, kind of line, and the time zones he may be in.

The plans are those of libphonenumber (`phonenumbers`). Mobile numbers belong to no place, so every zone of the country
code counts; what the library does not know at all has every zone of the country code, too.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from edge.core.dialer.ruleset import LineType

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_UNKNOWN = "Etc/Unknown"


class NumberFacts(Struct, frozen=True, kw_only=True):
    """Facts of a number in E.164."""

    #: ISO 3166-1 alpha-2; "" where it belongs to none.
    country: str
    #: It is somebody's: fixed, mobile or Internet telephone, as `routing.numbers.place_of` has it.
    ordinary: bool
    line: LineType
    #: IANA names; empty: nobody can say.
    zones: tuple[str, ...]
    #: Whether the number itself told the zones, or only its country code.
    zones_from: Literal["number", "country"]


@lru_cache(maxsize=1)
def _library() -> Any:
    import phonenumbers  # most processes read no numbers

    return phonenumbers


@lru_cache(maxsize=65536)
def facts_of(number: str) -> NumberFacts | None:
    """Read a number in E.164 (`+49301234567`); None for what is none."""
    if not number.startswith("+") or not number[1:].isascii() or not number[1:].isdigit():
        return None
    parsed = _parsed(number)
    if parsed is None:
        return None
    phonenumbers = _library()
    kinds = phonenumbers.PhoneNumberType
    kind = phonenumbers.number_type(parsed)
    # The kind is told for numbers of any region of the code, the region by its own plan: both have to know it.
    country = phonenumbers.region_code_for_number(parsed) or ""
    lines: dict[Any, LineType] = {kinds.FIXED_LINE: "fixed", kinds.MOBILE: "mobile"}
    ordinary = {kinds.FIXED_LINE, kinds.MOBILE, kinds.FIXED_LINE_OR_MOBILE, kinds.VOIP}
    zones = _zones_of(parsed, kind)
    return NumberFacts(
        country="" if country == "001" else country,
        ordinary=kind in ordinary,
        line=lines.get(kind, "unknown"),
        zones=zones or zones_of_code(parsed.country_code or 0),
        zones_from="number" if zones else "country",
    )


def _parsed(number: str) -> "PhoneNumber | None":
    """Read a number that is E.164 already, for a third of what the library's own reading takes."""
    phonenumbers = _library()
    for length in (1, 2, 3):
        code = int(number[1 : 1 + length] or 0)
        national = number[1 + length :]
        if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE and national and national[0] != "0":
            parsed: PhoneNumber = phonenumbers.PhoneNumber(country_code=code, national_number=int(national))
            return parsed if 4 <= len(national) <= 15 else None
    try:  # zeros that belong to the number, as in Italy, are kept apart by the library
        return phonenumbers.parse(number)  # type: ignore[no-any-return]
    except phonenumbers.NumberParseException:
        return None


def _zones_of(parsed: "PhoneNumber", kind: int) -> tuple[str, ...]:
    from phonenumbers import timezone
    from phonenumbers.phonenumberutil import is_number_type_geographical

    if not is_number_type_geographical(kind, parsed.country_code or 0):
        return ()
    found: tuple[str, ...] = timezone.time_zones_for_geographical_number(parsed)
    return () if not found or _UNKNOWN in found else found


@lru_cache(maxsize=512)
def zones_of_code(code: int) -> tuple[str, ...]:
    """Return all zones of a country code: whoever has a number of it is in one of them."""
    from phonenumbers.tzdata import TIMEZONE_DATA

    prefix = str(code)
    found = {zone for beginning, zones in TIMEZONE_DATA.items() if beginning.startswith(prefix) for zone in zones}
    return tuple(sorted(found - {_UNKNOWN}))
