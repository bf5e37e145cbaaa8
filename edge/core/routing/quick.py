"""E.164 for millions of numbers: what a plan says plainly is read with two matches, all else is for the library.

`quick_e164` answers only where the library's own reading has one way to go: digits, with + or as they are dialled at
home, that need no rule of a country but its trunk prefix, and are valid. A test holds both against each other.
"""

import re
from functools import lru_cache
from typing import Any

from msgspec import Struct

_KINDS = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "voip",
    "pager",
    "uan",
    "voicemail",
)
_NEVER = re.compile(r"(?!)")


class _Region(Struct, frozen=True):
    """Numbers of a region of a country code."""

    #: Those that belong to it, valid or not; None: those that are valid do.
    leading: re.Pattern[str] | None
    general: re.Pattern[str]
    #: By length: all kinds of lines.
    kinds: dict[int, re.Pattern[str]]


class _Plan(Struct, frozen=True):
    """How numbers of a country code are read: `code` as text."""

    code: str
    regions: tuple[_Region, ...]
    #: What is stripped when a number begins with it.
    prefix: re.Pattern[str]
    #: It is only stripped, and nothing put in its place.
    strips: bool


class _Home(Struct, frozen=True):
    """How somebody in a country dials."""

    plan: _Plan
    #: What he dials to leave it, when that is digits only; else "".
    leave: str
    leaving: re.Pattern[str]


@lru_cache(maxsize=1)
def _library() -> Any:
    import phonenumbers  # only who reads millions of numbers has all that is made of it here

    return phonenumbers


def quick_e164(number: str, country: str) -> str:
    """Return `number` (ASCII digits, maybe with a + before) in E.164, as dialled in `country` (maybe empty).

    "" where that is not plain, or it is no valid number: `numbers.e164` knows.
    """
    if number.startswith("+"):
        return _foreign(number[1:])
    home = _home(country) if country else None
    if home is None:
        return ""
    if home.leaving.match(number):
        rest = number[len(home.leave) :]
        return _foreign(rest) if home.leave and number.startswith(home.leave) and rest[:1] != "0" else ""
    plan = home.plan
    if number.startswith(plan.code):  # could be meant with its country code
        return ""
    found = plan.prefix.match(number)
    if found:
        if not plan.strips:
            return ""
        number = number[found.end() :]
    return f"+{plan.code}{number}" if number[:1] != "0" and _valid(plan, number) else ""


def _foreign(digits: str) -> str:
    for length in (1, 2, 3):  # no country code begins as another one
        plan = _plan(digits[:length])
        if plan is not None:
            national = digits[length:]
            # A zero that belongs to the number, and a trunk prefix that does not, are the library's.
            plain = national[:1] != "0" and not plan.prefix.match(national)
            return f"+{digits}" if plain and _valid(plan, national) else ""
    return ""


def _valid(plan: _Plan, national: str) -> bool:
    """Say whether the first region that the number belongs to has such a number."""
    for region in plan.regions:
        kinds = region.kinds.get(len(national))
        fits = kinds is not None and bool(region.general.fullmatch(national) and kinds.fullmatch(national))
        if fits if region.leading is None else region.leading.match(national):
            return fits
    return False


@lru_cache(maxsize=512)
def _home(country: str) -> _Home | None:
    phonenumbers = _library()
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    plan = _plan(str(metadata.country_code)) if metadata is not None else None
    if plan is None or metadata.international_prefix is None:
        return None
    # A country that shares its code has rules of its own for what is dialled at home.
    if phonenumbers.region_code_for_country_code(metadata.country_code) != country:
        return None
    leave = metadata.international_prefix
    return _Home(plan, leave if leave.isdigit() else "", re.compile(leave))


@lru_cache(maxsize=1024)
def _plan(code: str) -> _Plan | None:
    phonenumbers = _library()
    if not code.isdigit():
        return None
    names = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    found = [phonenumbers.PhoneMetadata.metadata_for_region(name, None) for name in names]
    if not names or names[0] == "001" or None in found or str(int(code)) != code:
        return None
    main = found[0]
    prefix = re.compile(main.national_prefix_for_parsing) if main.national_prefix_for_parsing else _NEVER
    # Groups are carriers, or digits that go elsewhere.
    strips = prefix.groups == 0 and not main.national_prefix_transform_rule
    return _Plan(code, tuple(map(_region, found)), prefix, strips)


def _region(metadata: Any) -> _Region:
    general = metadata.general_desc
    kinds: dict[int, list[str]] = {}
    for name in _KINDS:
        kind = getattr(metadata, name)
        if kind is None or not kind.national_number_pattern:
            continue
        for length in kind.possible_length or general.possible_length:
            if length in general.possible_length:
                kinds.setdefault(length, []).append(f"(?:{kind.national_number_pattern})")
    leading = metadata.leading_digits
    return _Region(
        re.compile(leading) if leading is not None else None,
        re.compile(general.national_number_pattern or "(?!)"),
        {length: re.compile("|".join(patterns)) for length, patterns in kinds.items()},
    )
