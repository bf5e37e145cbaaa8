"""Whether typed digits can be right: check digits, dates, telephone numbers, ranges, patterns."""

import re
from datetime import date
from typing import Literal

from msgspec import Struct

from edge.core.routing.numbers import e164

Algorithm = Literal["", "luhn", "mod97", "ean", "date", "phone"]
DateOrder = Literal["ddmmyyyy", "mmddyyyy", "yyyymmdd", "ddmmyy", "mmddyy", "yymmdd", "ddmm", "mmdd"]


class Check(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What digits have to be. All that is set has to hold."""

    algorithm: Algorithm = ""
    #: How a date is typed.
    order: DateOrder = "ddmmyyyy"
    #: Where a telephone number is dialled, ISO 3166-1 alpha-2.
    country: str = ""
    #: Regular expression for all the digits.
    pattern: str = ""
    least: int | None = None
    most: int | None = None

    def fits(self, digits: str) -> bool:
        """Say whether digits are right. Never raises."""
        if self.pattern and re.fullmatch(self.pattern, digits) is None:
            return False
        plain = digits.isascii() and digits.isdecimal()
        if self.least is not None and not (plain and int(digits) >= self.least):
            return False
        if self.most is not None and not (plain and int(digits) <= self.most):
            return False
        if not self.algorithm:
            return True
        if not plain:
            return False
        if self.algorithm == "date":
            return date_of(digits, self.order) is not None
        if self.algorithm == "phone":
            return bool(e164(digits, self.country))
        return _ALGORITHMS[self.algorithm](digits)


def luhn(digits: str) -> bool:
    """Check the last digit by ISO/IEC 7812-1 Annex B, as of payment cards."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return len(digits) > 1 and total % 10 == 0


def mod97(digits: str) -> bool:
    """Check the last two digits by ISO/IEC 7064 MOD 97-10."""
    return len(digits) > 2 and int(digits) % 97 == 1


def ean(digits: str) -> bool:
    """Check the last digit by the GS1 General Specifications 7.9, weights 1 and 3."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return len(digits) > 1 and total % 10 == 0


_ALGORITHMS = {"luhn": luhn, "mod97": mod97, "ean": ean}


def date_of(digits: str, order: DateOrder) -> date | None:
    """Read a date; None when there is none. Years of two digits are of 1950 to 2049, days without a year of 2000."""
    if len(digits) != len(order):
        return None

    def part(letter: str) -> int:
        begin = order.find(letter)
        return int(digits[begin : order.rfind(letter) + 1]) if begin >= 0 else 2000

    year = part("y")
    if order.count("y") == 2:
        year += 1900 if year >= 50 else 2000
    try:
        return date(year, part("m"), part("d"))
    except ValueError:
        return None
