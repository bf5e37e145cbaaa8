"""Italian."""

from datetime import date

from edge.core.menus.reading.grammar import Grammar, both, groups, names, words

_ONES = words(
    "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici "
    "diciassette diciotto diciannove"
)
_TENS = words("venti trenta quaranta cinquanta sessanta settanta ottanta novanta")
_MONTHS = words("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre")
#: How one of it is said, one, several.
_MAJOR = names(
    "un, euro, euro\nun, dollaro, dollari\nuna, sterlina, sterline\n"
    "un, franco, franchi\nuno, yuan, yuan\nun, rublo, rubli"
)
_MINOR = names(
    "un, centesimo, centesimi\nun, centesimo, centesimi\nun, penny, pence\nun, centesimo, centesimi\nun, fen, fen\n"
    "un, copeco, copechi"
)


def _below_100(number: int) -> str:
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    word = _TENS[tens - 2]
    if ones in {1, 8}:  # the vowel gives way
        word = word[:-1]
    return word + ("tré" if ones == 3 else _ONES[ones] if ones else "")


def _below_1000(number: int) -> list[str]:
    hundreds, rest = divmod(number, 100)
    said = [f"{_ONES[hundreds] if hundreds > 1 else ''}cento"] if hundreds else []
    return [*said, *([_below_100(rest)] if rest else [])]


def _number(number: int) -> list[str]:
    said: list[str] = []
    for group, power in groups(number):
        if power == 0:
            said += _below_1000(group)
        elif power == 1:
            said += ["mille"] if group == 1 else [*_below_1000(group), "mila"]
        else:
            one, several = {2: ("milione", "milioni"), 3: ("miliardo", "miliardi")}[power]
            said += ["un", one] if group == 1 else [*_below_1000(group), several]
    return said or [_ONES[0]]


def _money(whole: int, hundredths: int, currency: str) -> list[str]:
    def said(number: int, article: str, one: str, several: str) -> list[str]:
        of = ["di"] if number and number % 1_000_000 == 0 else []
        return [article, one] if number == 1 else [*_number(number), *of, several]

    major, minor = _MAJOR[currency], _MINOR[currency]
    return both(whole, hundredths, lambda n: said(n, *major), lambda n: said(n, *minor))


def _date(day: date) -> list[str]:
    return ["primo" if day.day == 1 else _below_100(day.day), _MONTHS[day.month - 1], *_number(day.year)]


def _time(hour: int, minute: int) -> list[str]:
    return ["ore", _below_100(hour), *(["e", _below_100(minute)] if minute else [])]


GRAMMAR = Grammar(
    minus="meno",
    digits=[*_ONES[:10], "asterisco", "cancelletto", "più"],
    number=_number,
    money=_money,
    date=_date,
    time=_time,
)
