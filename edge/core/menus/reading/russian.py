"""Russian."""

from datetime import date

from edge.core.menus.reading.grammar import Grammar, both, groups, names, words

_ONES = words(
    "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать четырнадцать "
    "пятнадцать шестнадцать семнадцать восемнадцать девятнадцать"
)
_TENS = words("двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто")
_HUNDREDS = words("сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот")
_SCALES = [
    ["", "", ""],
    ["тысяча", "тысячи", "тысяч"],
    ["миллион", "миллиона", "миллионов"],
    ["миллиард", "миллиарда", "миллиардов"],
]
_MONTHS = words("января февраля марта апреля мая июня июля августа сентября октября ноября декабря")
#: Stems of ordinals, 1 to 19, then the tens.
_ORDINALS = words(
    "перв втор трет четвёрт пят шест седьм восьм девят десят одиннадцат двенадцат тринадцат четырнадцат пятнадцат "
    "шестнадцат семнадцат восемнадцат девятнадцат"
)
_TENTHS = words("двадцат тридцат сороков пятидесят шестидесят семидесят восьмидесят девяност")
#: Gender, then the forms of 1, 2 to 4, and 5.
_MAJOR = names(
    "m, евро, евро, евро\nm, доллар, доллара, долларов\nm, фунт, фунта, фунтов\nm, франк, франка, франков\n"
    "m, юань, юаня, юаней\nm, рубль, рубля, рублей"
)
_MINOR = names(
    "m, цент, цента, центов\nm, цент, цента, центов\nm, пенс, пенса, пенсов\nm, сантим, сантима, сантимов\n"
    "m, фэнь, фэня, фэней\nf, копейка, копейки, копеек"
)


def _form(number: int, forms: list[str]) -> str:
    """Choose the form of a noun: of 1, 21, 31...; of 2 to 4, 22...; of all others."""
    if number % 100 in range(11, 20):
        return forms[2]
    return forms[0] if number % 10 == 1 else forms[1] if number % 10 in {2, 3, 4} else forms[2]


def _below_100(number: int, gender: str = "m") -> str:
    if number < 20:
        return {1: "одна", 2: "две"}.get(number, _ONES[number]) if gender == "f" else _ONES[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f" {_below_100(ones, gender)}" if ones else "")


def _number(number: int, gender: str = "m") -> list[str]:
    said: list[str] = []
    for group, power in groups(number):
        hundreds, rest = divmod(group, 100)
        said += [_HUNDREDS[hundreds - 1]] if hundreds else []
        said += [_below_100(rest, "f" if power == 1 else gender if power == 0 else "m")] if rest else []
        said += [_form(group, _SCALES[power])] if power else []
    return said or [_ONES[0]]


def _money(whole: int, hundredths: int, currency: str) -> list[str]:
    def said(number: int, gender: str, *forms: str) -> list[str]:
        return [*_number(number, gender), _form(number, list(forms))]

    major, minor = _MAJOR[currency], _MINOR[currency]
    return both(whole, hundredths, lambda n: said(n, *major), lambda n: said(n, *minor))


def _ordinal(number: int, *, genitive: bool) -> str:
    """Say an ordinal of 1 to 99: neuter for days (`первое`), genitive for years (`первого`)."""
    if number > 20 and number % 10:
        return f"{_TENS[number // 10 - 2]} {_ordinal(number % 10, genitive=genitive)}"
    if number == 3:
        return "третьего" if genitive else "третье"
    stem = _ORDINALS[number - 1] if number < 20 else _TENTHS[number // 10 - 2]
    return stem + ("ого" if genitive else "ое")


def _date(day: date) -> list[str]:
    century, rest = divmod(day.year, 100)
    if day.year == 2000:
        year = ["двухтысячного"]
    elif day.year == 1900:
        year = ["тысяча", "девятисотого"]
    else:
        year = [*(["тысяча", "девятьсот"] if century == 19 else ["две", "тысячи"]), _ordinal(rest, genitive=True)]
    return [_ordinal(day.day, genitive=False), _MONTHS[day.month - 1], *year, "года"]


def _time(hour: int, minute: int) -> list[str]:
    hours = [_below_100(hour), _form(hour, ["час", "часа", "часов"])]
    return [*hours, *([_below_100(minute, "f"), _form(minute, ["минута", "минуты", "минут"])] if minute else [])]


GRAMMAR = Grammar(
    minus="минус",
    digits=[*_ONES[:10], "звёздочка", "решётка", "плюс"],
    number=_number,
    money=_money,
    date=_date,
    time=_time,
)
