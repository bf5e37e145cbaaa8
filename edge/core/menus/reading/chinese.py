"""Chinese (Mandarin)."""

from datetime import date

from edge.core.menus.reading.grammar import Grammar, both

_ONES = "零一二三四五六七八九"
_MAJOR = {"EUR": "欧元", "USD": "美元", "GBP": "英镑", "CHF": "瑞士法郎", "CNY": "元", "RUB": "卢布"}
_MINOR = {"EUR": "欧分", "USD": "美分", "GBP": "便士", "CHF": "生丁", "CNY": "分", "RUB": "戈比"}


def _below_100(number: int, *, inside: bool = False) -> str:
    """Say it; `inside` a larger number 10 is said as one ten."""
    tens, ones = divmod(number, 10)
    if not tens:
        return _ONES[ones]
    return ("" if tens == 1 and not inside else _ONES[tens]) + "十" + (_ONES[ones] if ones else "")


def _below_10000(number: int, *, inside: bool) -> list[str]:
    """Say 1 to 9999, with a zero where places are skipped. `inside`: something was said before it."""
    words: list[str] = []
    thousands, hundreds, rest = number // 1000, number // 100 % 10, number % 100
    if thousands:
        words.append(("两" if thousands == 2 else _ONES[thousands]) + "千")
    if hundreds:
        words.append(_ONES[hundreds] + "百")
    elif thousands and rest:
        words.append("零")
    if rest:
        if hundreds and rest < 10:
            words.append("零")
        words.append(_below_100(rest, inside=bool(words) or inside))
    return words


def _number(number: int) -> list[str]:
    words: list[str] = []
    for power, scale in ((2, "亿"), (1, "万"), (0, "")):
        group = number // 10000**power % 10000
        if not group:
            continue
        if words and group < 1000:
            words.append("零")
        said = _below_10000(group, inside=bool(words))
        if group == 2 and scale:
            said = ["两"]
        words += [*said, *([scale] if scale else [])]
    return words or [_ONES[0]]


def _counted(number: int) -> list[str]:
    """Say a number before what is counted: two of something are 两."""
    return ["两"] if number == 2 else _number(number)


def _money(whole: int, hundredths: int, currency: str) -> list[str]:
    def minor(number: int) -> list[str]:
        if currency != "CNY" or number < 10:
            return [*_counted(number), _MINOR[currency]]
        tenths, rest = divmod(number, 10)
        return [*_counted(tenths), "角", *([*_counted(rest), "分"] if rest else [])]

    return both(whole, hundredths, lambda n: [*_counted(n), _MAJOR[currency]], minor)


def _date(day: date) -> list[str]:
    year = [_ONES[int(digit)] for digit in str(day.year)]
    return [*year, "年", _below_100(day.month), "月", _below_100(day.day), "日"]


def _time(hour: int, minute: int) -> list[str]:
    hours = [*(["两"] if hour == 2 else [_below_100(hour)]), "点"]
    if not minute:
        return [*hours, "整"]
    return [*hours, *(["零"] if minute < 10 else []), _below_100(minute), "分"]


GRAMMAR = Grammar(
    minus="负",
    # In numbers that are dialled one is yao, since yi sounds like seven.
    digits=["零", "幺", *_ONES[2:], "星号", "井号", "加号"],
    number=_number,
    money=_money,
    date=_date,
    time=_time,
)
