"""English."""

from datetime import date

from edge.core.menus.reading.grammar import Grammar, both, groups, names, words

_ONES = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")
_SCALES = ["", "thousand", "million", "billion"]
_MONTHS = words("January February March April May June July August September October November December")
_ORDINALS = words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth "
    "twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"
)
_MAJOR = names("euro, euros\ndollar, dollars\npound, pounds\nSwiss franc, Swiss francs\nyuan, yuan\nrouble, roubles")
_MINOR = names("cent, cents\ncent, cents\npenny, pence\ncentime, centimes\nfen, fen\nkopeck, kopecks")


def _below_100(number: int) -> str:
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")


def _number(number: int) -> list[str]:
    said: list[str] = []
    for group, power in groups(number):
        hundreds, rest = divmod(group, 100)
        said += [f"{_ONES[hundreds]} hundred"] if hundreds else []
        said += [_below_100(rest)] if rest else []
        said += [_SCALES[power]] if power else []
    return said or [_ONES[0]]


def _money(whole: int, hundredths: int, currency: str) -> list[str]:
    return both(
        whole,
        hundredths,
        lambda n: [*_number(n), _MAJOR[currency][n != 1]],
        lambda n: [*_number(n), _MINOR[currency][n != 1]],
    )


def _date(day: date) -> list[str]:
    if 2000 <= day.year < 2010:
        year = _number(day.year)
    else:
        century, rest = divmod(day.year, 100)
        year = [
            _below_100(century),
            *(["hundred"] if not rest else ["oh", _ONES[rest]] if rest < 10 else [_below_100(rest)]),
        ]
    return [_MONTHS[day.month - 1], _ORDINALS[day.day - 1], *year]


def _time(hour: int, minute: int) -> list[str]:
    half = "a.m." if hour < 12 else "p.m."
    said = [] if not minute else ["oh", _ONES[minute]] if minute < 10 else [_below_100(minute)]
    return [_below_100(hour % 12 or 12), *said, half]


GRAMMAR = Grammar(
    minus="minus",
    digits=[*_ONES[:10], "star", "pound", "plus"],
    number=_number,
    money=_money,
    date=_date,
    time=_time,
)
