"""What the rules of all languages have in common."""

from collections.abc import Callable
from datetime import date

from msgspec import Struct

#: The largest number that is read out.
MOST = 999_999_999_999
#: ISO 4217, in the order of each language's names.
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "CNY", "RUB")


class Grammar(Struct, frozen=True, kw_only=True):
    """The rules of a language. All of them give words in the order in which they are said."""

    minus: str
    #: 0 to 9, star, pound, plus.
    digits: list[str]
    #: Of 0 to `MOST`.
    number: Callable[[int], list[str]]
    #: Whole units, hundredths, and the currency.
    money: Callable[[int, int, str], list[str]]
    date: Callable[[date], list[str]]
    #: Hours (0 to 23) and minutes.
    time: Callable[[int, int], list[str]]


def words(text: str) -> list[str]:
    """List words that are parted by spaces."""
    return text.split()


def names(table: str) -> dict[str, list[str]]:
    """Read names of currencies: a line each in the order of `CURRENCIES`, forms parted by commas."""
    lines = [line.strip() for line in table.strip().splitlines()]
    return {code: [form.strip() for form in line.split(",")] for code, line in zip(CURRENCIES, lines, strict=True)}


def groups(number: int) -> list[tuple[int, int]]:
    """Split a number in groups of three digits: (group, power of a thousand), the highest first, without zeros."""
    found = [(number // 1000**power % 1000, power) for power in (3, 2, 1, 0)]
    return [(group, power) for group, power in found if group]


def both(
    whole: int, hundredths: int, major: Callable[[int], list[str]], minor: Callable[[int], list[str]]
) -> list[str]:
    """Say units and hundredths, each only where there is something of it."""
    return [*(major(whole) if whole or not hundredths else []), *(minor(hundredths) if hundredths else [])]
