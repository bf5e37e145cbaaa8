"""French."""

from datetime import date

from edge.core.menus.reading.grammar import Grammar, both, groups, names, words

_ONES = words(
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit "
    "dix-neuf"
)
_TENS = {2: "vingt", 3: "trente", 4: "quarante", 5: "cinquante", 6: "soixante", 7: "soixante", 8: "quatre-vingt"}
_MONTHS = words("janvier février mars avril mai juin juillet août septembre octobre novembre décembre")
#: Gender, one, several.
_MAJOR = names(
    "m, euro, euros\nm, dollar, dollars\nf, livre, livres\nm, franc, francs\nm, yuan, yuans\nm, rouble, roubles"
)
_MINOR = names(
    "m, centime, centimes\nm, cent, cents\nm, penny, pence\nm, centime, centimes\nm, fen, fens\nm, kopeck, kopecks"
)


def _below_100(number: int, one: str = "un", *, last: bool = True) -> str:
    """Say it; `last`: nothing follows, so 80 has its s."""
    if number == 1:
        return one
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    if tens in {7, 9}:
        tens, ones = tens - 1, ones + 10
    word = _TENS[tens]
    if ones == 0:
        return word + ("s" if tens == 8 and last else "")
    if ones in {1, 11} and tens != 8:
        return f"{word} et {one if ones == 1 else _ONES[ones]}"
    return f"{word}-{one if ones == 1 else _ONES[ones]}"


def _below_1000(number: int, one: str = "un", *, last: bool = True) -> list[str]:
    hundreds, rest = divmod(number, 100)
    said: list[str] = []
    if hundreds == 1:
        said = ["cent"]
    elif hundreds:
        said = [f"{_ONES[hundreds]} cent{'s' if not rest and last else ''}"]
    return [*said, *([_below_100(rest, one, last=last)] if rest else [])]


def _number(number: int, one: str = "un") -> list[str]:
    said: list[str] = []
    for group, power in groups(number):
        if power == 0:
            said += _below_1000(group, one)
        elif power == 1:
            said += [*(_below_1000(group, last=False) if group > 1 else []), "mille"]
        else:
            scale = {2: "million", 3: "milliard"}[power]
            said += [*_below_1000(group), scale + ("s" if group > 1 else "")]
    return said or [_ONES[0]]


def _money(whole: int, hundredths: int, currency: str) -> list[str]:
    def said(number: int, gender: str, unit: str, several: str) -> list[str]:
        of = ["de"] if number and number % 1_000_000 == 0 else []
        return [*_number(number, "une" if gender == "f" else "un"), *of, several if number > 1 else unit]

    major, minor = _MAJOR[currency], _MINOR[currency]
    return both(whole, hundredths, lambda n: said(n, *major), lambda n: said(n, *minor))


def _date(day: date) -> list[str]:
    return ["premier" if day.day == 1 else _below_100(day.day), _MONTHS[day.month - 1], *_number(day.year)]


def _time(hour: int, minute: int) -> list[str]:
    hours = [_below_100(hour, "une"), "heure" if hour < 2 else "heures"]
    return [*hours, *([_below_100(minute, "une")] if minute else [])]


GRAMMAR = Grammar(
    minus="moins",
    digits=[*_ONES[:10], "étoile", "dièse", "plus"],
    number=_number,
    money=_money,
    date=_date,
    time=_time,
)
