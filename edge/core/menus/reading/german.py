"""German."""

from datetime import date

from edge.core.menus.reading.grammar import Grammar, both, groups, names, words

_ONES = words(
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
    "achtzehn neunzehn"
)
_TENS = words("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
_MONTHS = words("Januar Februar März April Mai Juni Juli August September Oktober November Dezember")
_ORDINALS = words("erste zweite dritte vierte fünfte sechste siebte achte neunte zehnte elfte zwölfte")
_MAJOR = names("ein, Euro\nein, Dollar\nein, Pfund\nein, Franken\nein, Yuan\nein, Rubel")
_MINOR = names(
    "ein, Cent, Cent\nein, Cent, Cent\nein, Penny, Pence\nein, Rappen, Rappen\nein, Fen, Fen\neine, Kopeke, Kopeken"
)


def _below_100(number: int, one: str = "eins") -> str:
    if number == 1:
        return one
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return (f"{'ein' if ones == 1 else _ONES[ones]}und" if ones else "") + _TENS[tens - 2]


def _below_1000(number: int, one: str = "eins") -> list[str]:
    hundreds, rest = divmod(number, 100)
    said = [f"{'ein' if hundreds == 1 else _ONES[hundreds]}hundert"] if hundreds else []
    return [*said, _below_100(rest, one)] if rest else said


def _number(number: int, one: str = "eins") -> list[str]:
    said: list[str] = []
    for group, power in groups(number):
        if power == 0:
            said += _below_1000(group, one)
        elif power == 1:
            said += [*_below_1000(group, "ein"), "tausend"]
        else:
            scale = {2: ("Million", "Millionen"), 3: ("Milliarde", "Milliarden")}[power]
            said += [*_below_1000(group, "eine"), scale[group != 1]]
    return said or [_ONES[0]]


def _money(whole: int, hundredths: int, currency: str) -> list[str]:
    one, unit = _MAJOR[currency]
    minor_one, minor, minors = _MINOR[currency]
    return both(
        whole,
        hundredths,
        lambda n: [*_number(n, one), unit],
        lambda n: [*_number(n, minor_one), minor if n == 1 else minors],
    )


def _ordinal(day: int) -> str:
    if day <= 12:
        return _ORDINALS[day - 1]
    return _below_100(day) + ("te" if day < 20 else "ste")


def _date(day: date) -> list[str]:
    # Years before 2000 are counted in hundreds: neunzehnhundert...
    rest = day.year % 100
    year = [f"{_ONES[19]}hundert", *([_below_100(rest)] if rest else [])] if day.year < 2000 else _number(day.year)
    return [_ordinal(day.day), _MONTHS[day.month - 1], *year]


def _time(hour: int, minute: int) -> list[str]:
    return [_below_100(hour, "ein"), "Uhr", *([_below_100(minute)] if minute else [])]


GRAMMAR = Grammar(
    minus="minus",
    digits=[*_ONES[:10], "Stern", "Raute", "plus"],
    number=_number,
    money=_money,
    date=_date,
    time=_time,
)
