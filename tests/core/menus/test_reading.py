"""Numbers, money, dates and times in words, beside an independent twin, and from known texts."""

import random
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from edge.core.menus.facts import Facts
from edge.core.menus.model import Attribute, Play, Reading, Set, Sound
from edge.core.menus.reading import read_out, vocabulary
from edge.core.menus.reading.grammar import CURRENCIES
from tests.core.menus.walk import Walk

LANGUAGES = ("en", "de", "es", "fr", "it", "ru", "cmn")
FORMATS = ("number", "digits", "money", "date", "time")


def plain(text: str, language: str) -> str:
    """Take away what makes no sound: spaces, hyphens, the `and` of British English, Italian elisions and accents."""
    text = text.lower()
    if language == "en":
        text = re.sub(r"\band\b|,", " ", text)
    if language == "it":
        text = "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))
        text = text.replace("centoo", "cento")
    return re.sub(r"[\s-]", "", text)


def twins_fault(number: int, language: str) -> bool:
    """Know what num2words says wrongly: `eins Millionen`, `uno mil`, `diciotto` behind a hundred."""
    groups = [number // 1000**power % 1000 for power in (1, 2, 3)]
    if language == "de":
        return any(group % 100 == 1 and group > 1 for group in groups)
    if language == "es":
        return any(group % 10 == 1 and group % 100 != 11 and group > 1 for group in groups)
    if language == "it":
        return any(group % 100 in {8, 18} and group > 100 for group in (number % 1000, *groups))
    return False


@pytest.mark.parametrize("language", ["en", "de", "es", "fr", "it", "ru"])
def test_numbers_are_those_of_an_independent_twin(language: str) -> None:
    chance = random.Random(20261122)
    most = 6 if language == "it" else 13  # the twin puts commas and `e` between the groups of Italian
    numbers = [*range(2100), *(chance.randrange(10 ** chance.randrange(3, most)) for _ in range(1500))]
    compared = 0
    for number in numbers:
        if not twins_fault(number, language):
            compared += 1
            ours = plain("".join(read_out(language, "number", str(number))), language)
            assert ours == plain(num2words(number, lang=language), language), number
    assert compared > 2500


@pytest.mark.parametrize(
    ("language", "number", "said"),
    [
        ("de", "101000000", "einhundert eine Millionen"),
        ("es", "41000", "cuarenta y un mil"),
        ("es", "21000000", "veintiún millones"),
        ("it", "118", "cento diciotto"),
        ("fr", "80000", "quatre-vingt mille"),
        ("ru", "2001", "две тысячи один"),
        ("en", "-12", "minus twelve"),
        ("en-gb", "1000000", "one million"),
        ("cmn", "10", "十"),
        ("cmn", "110", "一百 一十"),
        ("cmn", "105", "一百 零 五"),
        ("cmn", "2222", "两千 二百 二十二"),
        ("cmn", "20000", "两 万"),
        ("cmn", "10010", "一 万 零 一十"),
        ("cmn", "120000", "十二 万"),
        ("cmn", "100000001", "一 亿 零 一"),
        ("cmn", "1005", "一千 零 五"),
    ],
)
def test_numbers(language: str, number: str, said: str) -> None:
    assert " ".join(read_out(language, "number", number)) == said


@pytest.mark.parametrize(
    ("language", "form", "value", "said"),
    [
        ("en", "money", "1", "one euro"),
        ("en", "money", "21.5", "twenty-one euros fifty cents"),
        ("en", "money", "0.01", "one cent"),
        ("de", "money", "101.02", "einhundert ein Euro zwei Cent"),
        ("es", "money", "21.01", "veintiún euros un céntimo"),
        ("es", "money", "1000000", "un millón de euros"),
        ("fr", "money", "0.50", "cinquante centimes"),
        ("it", "money", "1.30", "un euro trenta centesimi"),
        ("ru", "money", "22.11", "двадцать два евро одиннадцать центов"),
        ("cmn", "money", "2.05", "两 欧元 五 欧分"),
        ("en", "date", "2026-12-24", "December twenty-fourth twenty twenty-six"),
        ("en", "date", "2005-01-01", "January first two thousand five"),
        ("en", "date", "1907-03-02", "March second nineteen oh seven"),
        ("de", "date", "1999-03-20", "zwanzigste März neunzehnhundert neunundneunzig"),
        ("de", "date", "2026-05-03", "dritte Mai zwei tausend sechsundzwanzig"),
        ("es", "date", "2026-05-01", "primero de mayo de dos mil veintiséis"),
        ("fr", "date", "2026-08-01", "premier août deux mille vingt-six"),
        ("it", "date", "2026-08-08", "otto agosto due mila ventisei"),
        ("ru", "date", "2026-11-22", "двадцать второе ноября две тысячи двадцать шестого года"),
        ("ru", "date", "2040-11-03", "третье ноября две тысячи сорокового года"),
        ("cmn", "date", "2026-11-22", "二 零 二 六 年 十一 月 二十二 日"),
        ("en", "time", "00:05", "twelve oh five a.m."),
        ("en", "time", "17:30", "five thirty p.m."),
        ("de", "time", "01:00", "ein Uhr"),
        ("es", "time", "21:01", "veintiuna horas un minuto"),
        ("fr", "time", "21:01", "vingt et une heures une"),
        ("it", "time", "08:10", "ore otto e dieci"),
        ("ru", "time", "22:02", "двадцать два часа две минуты"),
        ("cmn", "time", "02:05", "两 点 零 五 分"),
        ("en", "digits", "+49*0#", "plus four nine star zero pound"),
        ("cmn", "digits", "110", "幺 幺 零"),
    ],
)
def test_values(language: str, form: str, value: str, said: str) -> None:
    assert " ".join(read_out(language, form, value, "EUR" if form == "money" else "")) == said  # type: ignore[arg-type]


def test_currencies_have_their_gender() -> None:
    assert read_out("es", "money", "201", "GBP") == ["doscientas", "una", "libras"]
    assert read_out("fr", "money", "21", "GBP") == ["vingt et une", "livres"]
    assert read_out("ru", "money", "21.02", "RUB") == ["двадцать один", "рубль", "две", "копейки"]
    assert read_out("cmn", "money", "3.25", "CNY") == ["三", "元", "两", "角", "五", "分"]


VALUES = st.one_of(
    st.integers(-(10**13), 10**13).map(str),
    st.dates().map(str),
    st.times().map(lambda time: f"{time:%H:%M}"),
    st.decimals(0, 10**12, places=2).map(str),
    st.text(alphabet="0123456789*#+-.:", max_size=16),
    st.text(max_size=12),
)


@given(st.sampled_from(LANGUAGES), st.sampled_from(FORMATS), VALUES, st.sampled_from(CURRENCIES))
def test_every_word_is_in_the_vocabulary(language: str, form: str, value: str, currency: str) -> None:
    words = set(vocabulary(language, form, currency))  # type: ignore[arg-type]
    assert set(read_out(language, form, value, currency)) <= words  # type: ignore[arg-type]
    assert len(words) < 200


def test_a_language_without_rules_says_nothing() -> None:
    assert read_out("xx", "number", "1") == []
    assert vocabulary("xx", "number") == ()


def test_values_are_heard_in_the_language_of_the_moment() -> None:
    words = {"en": {"two": "/two", "five": "/five"}, "de": {"zwei": "/zwei", "fünf": "/fuenf"}}
    count = Sound("", "", reading=Reading("${visits}", "digits"))
    text = Sound("", "", pieces={"en": [Sound("/you", "you"), count], "de": [count, Sound("/mal", "mal")]})
    nodes = {"s": Set(values={"visits": "25"}, next="a"), "a": Play(sounds=[text], next="won")}
    declared = {"visits": Attribute(type="digits")}
    walk = Walk(nodes, start="s", attributes=declared, words=words, facts=Facts())
    assert walk.heard() == ["you", "two", "five"]
    walk = Walk(nodes, start="s", attributes=declared, words=words, language="de")
    assert [sound.path for sound in walk.actions[-1].sounds] == ["/zwei", "/fuenf", "/mal"]


def test_a_value_that_is_not_set_is_silence_and_never_holds_the_call() -> None:
    count = Sound("", "", reading=Reading("${skill}", "number"))
    assert Walk({"a": Play(sounds=[count], next="won")}).ended == "won"
