"""Spanish."""

from datetime import date

from edge.core.menus.reading.grammar import Grammar, both, names, words

_ONES = words(
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete "
    "dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete "
    "veintiocho veintinueve"
)
_TENS = words("treinta cuarenta cincuenta sesenta setenta ochenta noventa")
_HUNDREDS = words(
    "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
)
_MONTHS = words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre")
#: Gender, one, several.
_MAJOR = names(
    "m, euro, euros\nm, dólar, dólares\nf, libra, libras\nm, franco, francos\nm, yuan, yuanes\nm, rublo, rublos"
)
_MINOR = names(
    "m, céntimo, céntimos\nm, centavo, centavos\nm, penique, peniques\nm, céntimo, céntimos\nm, fen, fen\n"
    "m, kopek, kopeks"
)


def _below_100(number: int, form: str = "") -> str:
    """Say it; `form`: `m` before a masculine noun, `f` before a feminine one, "" alone."""
    if number < 30:
        word = _ONES[number]
        if number in {1, 21} and form:
            stem = word.removesuffix("uno")
            return stem + ("una" if form == "f" else "un" if number == 1 else "ún")
        return word
    tens, ones = divmod(number, 10)
    return _TENS[tens - 3] + (f" y {_below_100(ones, form)}" if ones else "")


def _below_1000(number: int, form: str = "") -> list[str]:
    hundreds, rest = divmod(number, 100)
    if number == 100:
        return ["cien"]
    word = _HUNDREDS[hundreds - 1] if hundreds else ""
    if form == "f" and hundreds > 1:
        word = word.removesuffix("os") + "as"
    return [*([word] if word else []), *([_below_100(rest, form)] if rest else [])]


def _below_million(number: int, form: str = "") -> list[str]:
    thousands, rest = divmod(number, 1000)
    before = [] if thousands < 2 else _below_1000(thousands, "f" if form == "f" else "m")
    return [*before, *(["mil"] if thousands else []), *(_below_1000(rest, form) if rest else [])]


def _number(number: int, form: str = "") -> list[str]:
    millions, rest = divmod(number, 1_000_000)
    said = [*_below_million(millions, "m"), "millón" if millions == 1 else "millones"] if millions else []
    return [*said, *_below_million(rest, form)] or [_ONES[0]]


def _money(whole: int, hundredths: int, currency: str) -> list[str]:
    def said(number: int, gender: str, one: str, several: str) -> list[str]:
        of = ["de"] if number and number % 1_000_000 == 0 else []
        return [*_number(number, gender), *of, one if number == 1 else several]

    major, minor = _MAJOR[currency], _MINOR[currency]
    return both(whole, hundredths, lambda n: said(n, *major), lambda n: said(n, *minor))


def _date(day: date) -> list[str]:
    first = "primero" if day.day == 1 else _below_100(day.day)
    return [first, "de", _MONTHS[day.month - 1], "de", *_number(day.year)]


def _time(hour: int, minute: int) -> list[str]:
    hours = [_below_100(hour, "f"), "hora" if hour == 1 else "horas"]
    return hours if not minute else [*hours, _below_100(minute, "m"), "minuto" if minute == 1 else "minutos"]


GRAMMAR = Grammar(
    minus="menos",
    digits=[*_ONES[:10], "asterisco", "almohadilla", "más"],
    number=_number,
    money=_money,
    date=_date,
    time=_time,
)
