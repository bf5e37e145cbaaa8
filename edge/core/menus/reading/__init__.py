"""Values read out: rules by language that turn numbers, digits, money, dates and times into words.

The words are recorded or spoken one by one, and joined.

The words of a language are few (some 130), so each can be made when the menu is compiled; nothing is spoken while a
call waits. What a rule can't read gives no words.
"""

from collections.abc import Callable
from datetime import date
from functools import cache

from edge.core.menus.parts import Format, is_number
from edge.core.menus.reading import chinese, english, french, german, italian, russian, spanish
from edge.core.menus.reading.grammar import CURRENCIES, MOST, Grammar

GRAMMARS: dict[str, Grammar] = {
    "en": english.GRAMMAR,
    "de": german.GRAMMAR,
    "es": spanish.GRAMMAR,
    "fr": french.GRAMMAR,
    "it": italian.GRAMMAR,
    "ru": russian.GRAMMAR,
    "cmn": chinese.GRAMMAR,
    "zh": chinese.GRAMMAR,
}
_DIGITS = "0123456789*#+"
#: Years of dates.
FIRST_YEAR, LAST_YEAR = 1900, 2099


def grammar_of(language: str) -> Grammar | None:
    """Find the rules of a language, or of the one without its region; None: there are none."""
    return GRAMMARS.get(language) or GRAMMARS.get(language.partition("-")[0])


def read_out(language: str, format: Format, value: str, currency: str = "") -> list[str]:  # noqa: A002
    """Give the words of a value, empty when it is none of that kind. Never raises.

    `number`: a whole number below 10^12. `digits`: as dialled. `money`: `12`, `12.5` or `12.50` of `currency`. `date`:
    `2026-12-24`. `time`: `17:05`. `word`: one of a closed list, as it is.
    """
    grammar = grammar_of(language)
    if format == "word":
        return [value] if value else []
    if grammar is None:
        return []
    return _READERS[format](grammar, value, currency)


def _number(grammar: Grammar, value: str, _currency: str) -> list[str]:
    if not is_number(value) or abs(int(value)) > MOST:
        return []
    number = int(value)
    return [*([grammar.minus] if number < 0 else []), *grammar.number(abs(number))]


def _digits(grammar: Grammar, value: str, _currency: str) -> list[str]:
    if not all(char in _DIGITS for char in value):
        return []
    return [grammar.digits[_DIGITS.index(char)] for char in value]


def _money(grammar: Grammar, value: str, currency: str) -> list[str]:
    whole, _, part = value.partition(".")
    fits = is_number(whole) and len(part) <= 2 and (not part or (part.isascii() and part.isdecimal()))
    if not fits or currency not in CURRENCIES or abs(int(whole)) > MOST:
        return []
    minus = [grammar.minus] if whole.startswith("-") else []
    return [*minus, *grammar.money(abs(int(whole)), int(part.ljust(2, "0") or "0"), currency)]


def _date(grammar: Grammar, value: str, _currency: str) -> list[str]:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return []
    return grammar.date(day) if FIRST_YEAR <= day.year <= LAST_YEAR else []


def _time(grammar: Grammar, value: str, _currency: str) -> list[str]:
    hours, colon, minutes = value.partition(":")
    if not (colon and len(minutes) == 2 and all(one.isascii() and one.isdecimal() for one in (hours, minutes))):
        return []
    hour, minute = int(hours), int(minutes)
    return grammar.time(hour, minute) if hour < 24 and minute < 60 else []


_READERS: dict[str, Callable[[Grammar, str, str], list[str]]] = {
    "number": _number,
    "digits": _digits,
    "money": _money,
    "date": _date,
    "time": _time,
}


@cache
def vocabulary(language: str, format: Format, currency: str = "") -> tuple[str, ...]:  # noqa: A002
    """List every word that `read_out` can give for values of a kind."""
    grammar = grammar_of(language)
    if grammar is None:
        return ()
    return tuple(dict.fromkeys(_WORDS[format](grammar, currency)))


#: Amounts whose words, with those of numbers, are all that there are.
_AMOUNTS = [*range(1100), *(factor * 10**power for power in (3, 6, 9) for factor in range(1, 1000))]


def _number_words(grammar: Grammar) -> list[str]:
    return [word for amount in _AMOUNTS for word in grammar.number(amount)]


def _money_words(grammar: Grammar, currency: str) -> list[str]:
    if currency not in CURRENCIES:
        return []
    words = [word for amount in _AMOUNTS for word in grammar.money(amount, min(amount, 99), currency)]
    return [grammar.minus, *_number_words(grammar), *words]


def _date_words(grammar: Grammar) -> list[str]:
    days = [date(2024, month, day) for month in range(1, 13) for day in range(1, 30)]
    days += [date(2024, 1, 30), date(2024, 1, 31)]
    days += [date(year, 1, 1) for year in range(FIRST_YEAR, LAST_YEAR + 1)]
    return [word for day in days for word in grammar.date(day)]


def _time_words(grammar: Grammar) -> list[str]:
    return [word for minute in range(24 * 60) for word in grammar.time(*divmod(minute, 60))]


_WORDS: dict[str, Callable[[Grammar, str], list[str]]] = {
    "number": lambda grammar, _: [grammar.minus, *_number_words(grammar)],
    "digits": lambda grammar, _: grammar.digits,
    "money": _money_words,
    "date": lambda grammar, _: _date_words(grammar),
    "time": lambda grammar, _: _time_words(grammar),
    "word": lambda _grammar, _: [],
}
