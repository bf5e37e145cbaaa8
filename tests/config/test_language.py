"""The local nodes of the language as authors write them: what they are compiled to, and what is wrong with them."""

import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from edge.config.calendars import calendar_of, days_of
from edge.config.errors import Findings, Place
from edge.config.kinds import pattern_fault
from edge.config.located import Located
from edge.config.menu_tables import HoursSource, Table
from edge.config.tables import check_tables, make_tables
from edge.config.zones import holidays_of, zone_of
from edge.core.menus import model
from edge.core.menus.facts import Row
from edge.switch.tables import Tables
from edge.vocabulary.private import Private
from tests.config.test_menus import Desk, nodes

HERE = Located({}, Place("x"), Place("x"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def faults(desk: Desk, text: str) -> list[tuple[int, str]]:
    """Compile a text; the line and words of each fault."""
    file = desk.folder / "menu.yaml"
    file.write_text(text)
    desk.compiler.compile_file(file)
    return [(error.line, error.message) for error in desk.findings.errors]


def test_values_and_decisions(desk: Desk) -> None:
    head = (
        "version: 1\nstart: a\ntime_zone: Europe/Berlin\nattributes:\n  account: digits\n"
        "  tier: {values: [gold, silver], default: silver}\n  visits: {type: number, max: 99}\n"
    )
    menu = desk.compile(
        nodes(
            "  a:\n    set: {tier: gold, visits: 07, skill: '${called}'}\n    next: b\n"
            "  b:\n    when:\n      - {value: tier, equals: [gold, silver], next: c}\n"
            "      - {value: caller, begins: '+49', next: end}\n"
            "      - {value: visits, least: 3, most: 10, next: end}\n    otherwise: end\n"
            "  c:\n    gather: {greet_long: welcome, max_digits: 8, into: account, check: luhn, min_value: 5}\n"
            "    next: end\n    failed: end\n",
            head,
        )
    )
    assert menu.attributes["tier"] == model.Attribute(values=["gold", "silver"], default="silver")
    assert menu.nodes["a"] == model.Set(values={"tier": "gold", "visits": "07", "skill": "${called}"}, next="b")
    when = menu.nodes["b"]
    assert isinstance(when, model.When)
    assert when.cases == [
        model.Case(value="tier", is_one_of=["gold", "silver"], next="c"),
        model.Case(value="caller", begins=["+49"], next="end"),
        model.Case(value="visits", least="3", most="10", next="end"),
    ]
    gather = menu.nodes["c"]
    assert isinstance(gather, model.Gather)
    assert (gather.into, gather.check) == ("account", model.Check(algorithm="luhn", least=5))
    assert menu.zone.name == "Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            (
                "  a:\n    when:\n    - {value: caller, equals: '1', next: end}\n    otherwise: b\n"
                "  b:\n    hang_up: 'from ${caller}'\n"
            ),
            9,
            "'caller' may be personal",
        ),
        ("  a:\n    set: {skil: x}\n    next: end\n", 5, "there is no attribute 'skil'"),
        ("  a:\n    set: {caller: x}\n    next: end\n", 5, "'caller' cannot be set"),
        ("  a:\n    set: {priority: high}\n    next: end\n", 5, "'high' is no value of 'priority'"),
        ("  a:\n    set: {skill: '${foo}'}\n    next: end\n", 5, "there is no value 'foo'"),
        ("  a:\n    set: {skill: '${skill}${Foo}'}\n    next: end\n", 5, "'${' begins a value"),
        ("  a:\n    when:\n    - {value: x, equals: y, next: end}\n    otherwise: end\n", 6, "there is no value 'x'"),
        ("  a:\n    when:\n    - {value: time, next: end}\n    otherwise: end\n", 6, "a case has one test"),
        ("  a:\n    hours: shop\n    open: end\n    closed: end\n", 5, "there are no opening hours 'shop'"),
        ("  a:\n    lookup: vip\n    known: end\n    unknown: end\n", 5, "there is no table 'vip'"),
        ("  a:\n    language: de\n    next: end\n", 5, "the menu has no language 'de'"),
        ("  a:\n    language: {}\n    next: end\n", 5, "either the language or 'choices' has to be set"),
        ("  a:\n    menu: other\n    next: end\n", 5, "there is no menu 'other'"),
        ("  a:\n    transfer: 'sip:${x}@192.0.2.1'\n    failed: end\n", 5, "there is no value 'x'"),
        (
            "  a:\n    gather: {greet_long: welcome, sensitive: true, into: skill}\n    next: end\n    failed: end\n",
            5,
            "'into' would give away digits that are sensitive",
        ),
        (
            "  a:\n    gather: {greet_long: welcome, pattern: '(1+)+'}\n    next: end\n    failed: end\n",
            5,
            "the pattern repeats a group",
        ),
        (
            "  a:\n    gather: {greet_long: welcome, check: date}\n    next: end\n    failed: end\n",
            5,
            "a date as ddmmyyyy has 8 digits",
        ),
        (
            "  a:\n    gather: {greet_long: welcome, check: luhn}\n    choices: {1: end}\n    failed: end\n",
            5,
            "'check' is for digits that go to 'next'",
        ),
        ("  a:\n    dial: {extensions: {1x: 'sip:a@b'}}\n    failed: end\n", 5, "extension '1x'"),
        ("  a:\n    dial: {extensions: {101: '555'}}\n    failed: end\n", 5, "the number '555' needs a trunk"),
    ],
)
def test_what_is_wrong_has_its_line(desk: Desk, text: str, line: int, message: str) -> None:
    found = faults(desk, nodes(text))
    assert [(at, words[: len(message)]) for at, words in found] == [(line, message)]


def test_commands_go_into_every_gather_and_make_their_nodes_reachable(desk: Desk) -> None:
    menu = desk.compile(
        nodes(
            "  a:\n    gather: welcome\n    choices: {1: end}\n    failed: end\n"
            "  help:\n    play: welcome\n    next: a\n",
            "version: 1\nstart: a\ncommands: {9: again, '*': back, '#': main_menu, 0: help}\n",
        )
    )
    gather = menu.nodes["a"]
    assert isinstance(gather, model.Gather)
    assert gather.commands == model.Commands(again="9", back="*", nodes={"#": "a", "0": "help"})
    head = "version: 1\nstart: a\ncommands: {12: again, 3: nowhere}\n"
    found = faults(desk, nodes("  a:\n    gather: welcome\n    choices: {1: end}\n    failed: end\n", head))
    assert found == [(3, "a command is one key"), (3, "there is no node 'nowhere'")]


def test_ladders(desk: Desk) -> None:
    menu = desk.compile(
        nodes(
            "  a:\n    gather:\n      greet_long: welcome\n      no_input: [[welcome], [welcome, sub/deep]]\n"
            "      no_match: [welcome, sub/deep]\n    choices: {1: end}\n    failed: end\n"
        )
    )
    gather = menu.nodes["a"]
    assert isinstance(gather, model.Gather)
    assert [[sound.label for sound in rung] for rung in gather.no_input] == [["welcome"], ["welcome", "sub/deep"]]
    assert [[sound.label for sound in rung] for rung in gather.no_match] == [["welcome", "sub/deep"]]


def test_sounds_of_several_languages(desk: Desk) -> None:
    menu = desk.compile(
        nodes(
            "  a:\n    play: [welcome, sub/deep, {say: {en: Hello, de: Hallo}}]\n    next: b\n"
            "  b:\n    language: de\n    next: c\n"
            "  c:\n    say: Only one\n    next: end\n",
            "version: 1\nstart: a\nlanguage: en\nlanguages: [de]\n",
        )
    )
    play = menu.nodes["a"]
    assert isinstance(play, model.Play)
    assert play.sounds[0].others == {"de": str(desk.folder / "prompts/de/welcome.wav")}
    assert play.sounds[1].others == {}
    assert list(play.sounds[2].others) == ["de"]
    assert [(speech.language, speech.text) for speech in desk.compiler.speeches] == [
        ("en", "Hello"),
        ("de", "Hallo"),
        ("en", "Only one"),
    ]
    assert [(w.line, w.message) for w in desk.findings.warnings] == [
        (7, "there is no sound 'sub/deep' in 'de'"),
        (13, "there is no text in 'de'"),
    ]


def test_sub_menus_are_part_of_the_menu(desk: Desk) -> None:
    (desk.folder / "ask.yaml").write_text(
        "version: 1\nstart: q\nattributes: {age: number}\nnodes:\n"
        "  q:\n    gather: welcome\n    choices: {1: y, 2: n}\n    failed: n\n"
        "  y:\n    give_back: yes\n  n:\n    give_back: no\n"
    )
    text = nodes("  a:\n    menu: ask\n    results: {yes: b}\n    next: end\n  b:\n    menu: ask\n    next: end\n")
    menu = desk.compile(text)
    assert set(menu.nodes) == {"a", "b", "end", "ask/q", "ask/y", "ask/n"}
    assert menu.nodes["a"] == model.Submenu(start="ask/q", results={"yes": "b"}, next="end")
    assert menu.nodes["ask/y"] == model.Return("yes")
    assert "age" in menu.attributes
    first = menu.version
    with (desk.folder / "ask.yaml").open("a") as file:
        file.write("# changed\n")
    assert desk.compile(text).version != first
    (desk.folder / "ask.yaml").write_text("version: 1\nstart: q\nnodes:\n  q:\n    menu: menu\n    next: q\n")
    assert (5, "menu 'menu' asks for itself") in faults(desk, text)


def test_direct_dial(desk: Desk) -> None:
    menu = desk.compile(
        nodes(
            "  a:\n    dial:\n      greet_long: welcome\n      extensions: {101: 'sip:a@192.0.2.9', 2001: '+4930'}\n"
            "      trunk: out\n    choices: {1: end}\n    on_outcome: {busy: end}\n    failed: end\n"
        )
    )
    node = menu.nodes["a"]
    assert isinstance(node, model.Dial)
    assert (node.ask.max_digits, node.ask.choices) == (4, {"1": "end"})
    assert node.extensions == {"101": "sip:a@192.0.2.9", "2001": "+4930"}
    assert (node.transfer.trunk, node.transfer.on_outcome) == ("out", {"busy": "end"})
    assert ["extension '101' begins with it" in w.message for w in desk.findings.warnings] == [True]


# --- opening hours


def test_hours_are_compiled(desk: Desk) -> None:
    head = (
        "version: 1\nstart: a\nhours:\n  office:\n    time_zone: Europe/Berlin\n    holidays: DE-BY\n"
        "    week: {mon-thu: '08:00-12:00, 13:00-17:00', fri: '8:00-12:00', sat: '22:00-02:00'}\n"
        "    exceptions: {2026-12-24: '09:00-11:00', 2026-12-31: closed}\n"
    )
    menu = desk.compile(nodes("  a:\n    hours: office\n    open: end\n    closed: end\n", head))
    node = menu.nodes["a"]
    assert isinstance(node, model.Hours)
    calendar = node.calendar
    assert calendar.week[0] == [(480, 720), (780, 1020)]
    assert (calendar.week[5], calendar.week[6]) == ([(1320, 1440)], [(0, 120)])
    assert calendar.exceptions == {date(2026, 12, 24).toordinal(): [(540, 660)], date(2026, 12, 31).toordinal(): []}

    def state(text: str) -> str:
        return calendar.state(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000))

    assert state("2026-01-06T10:00") == "holiday"  # Epiphany is one in Bavaria
    assert state("2026-07-06T06:00") == "open"
    assert state("2026-07-11T23:30") == "open"  # Sunday 01:30
    assert state("2026-12-31T10:00") == "closed"


def test_the_version_follows_the_hours_of_the_site(desk: Desk) -> None:
    text = nodes("  a:\n    hours: shop\n    open: end\n    closed: end\n")
    desk.site.calendars["shop"] = model.Calendar(week=[[(480, 720)]] * 7)
    first = desk.compile(text).version
    assert desk.compile(text).version == first
    desk.site.calendars["shop"] = model.Calendar(week=[[(480, 721)]] * 7)
    assert desk.compile(text).version != first


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("week: {mon: '8-12'}", "'8-12' are no times"),
        ("week: {mon: '12:00-12:00'}", "'12:00-12:00' are no times"),
        ("week: {monday: '08:00-12:00'}", "'monday' are no days of the week"),
        ("exceptions: {2026-02-30: closed}", "'2026-02-30' is no date"),
        ("time_zone: Europe/Berln", "'Europe/Berln' is no time zone"),
        ("holidays: XX", "the public holidays of 'XX' are not known"),
        ("holidays: DE-ZZ", "'DE' has no part 'ZZ'"),
    ],
)
def test_wrong_hours_have_their_line(desk: Desk, text: str, message: str) -> None:
    head = f"version: 1\nstart: a\nhours:\n  office:\n    {text}\n"
    found = faults(desk, nodes("  a:\n    hours: office\n    open: end\n    closed: end\n", head))
    assert [(line, words[: len(message)]) for line, words in found] == [(5, message)]


def test_days_go_round() -> None:
    assert days_of("fri-mon") == [4, 5, 6, 0]
    assert days_of("sat, sun") == [5, 6]
    assert days_of("mon-") is None


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai"])
def test_zones_are_those_of_the_database(name: str) -> None:
    from zoneinfo import ZoneInfo

    zone, info = zone_of(name), ZoneInfo(name)
    begin = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
    for hours in range(0, 3 * 366 * 24, 5):
        seconds = begin + hours * 3600
        assert zone.local(seconds * 1000) == datetime.fromtimestamp(seconds, info).replace(tzinfo=None)


def test_an_exception_over_midnight_opens_the_next_morning() -> None:
    findings = Findings()
    source = HoursSource(week={"fri": "09:00-17:00"}, exceptions={"2026-12-31": "20:00-03:00"})
    calendar = calendar_of(source, HERE, findings)
    assert not findings.errors
    assert calendar.day(date(2026, 12, 31)) == [(1200, 1440)]
    assert calendar.day(date(2027, 1, 1)) == [(540, 1020), (0, 180)]


def test_holidays_are_known() -> None:
    assert holidays_of("DE")[date(2026, 10, 3).toordinal()]
    assert holidays_of("CN")


@pytest.mark.parametrize("pattern", ["0[1-9]\\d*", "1|22|3{2,4}", "(1|2)3", "[^0]..", ".*1.*2.*"])
def test_patterns_that_are_taken(pattern: str) -> None:
    assert pattern_fault(pattern) == ""


@pytest.mark.parametrize("pattern", ["(a+)+", "(1*)*", "(1|2){3}", "[z]", "\\w", "(?=1)", ".*.*.*.*", "1" * 129, "("])
def test_patterns_that_are_refused(pattern: str) -> None:
    assert pattern_fault(pattern)


# --- tables


def made(tmp_path: Path, data: str | bytes) -> tuple[Tables, list[tuple[int, str]]]:
    file = tmp_path / "callers.csv"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    findings = Findings()
    tables = check_tables([Table(name="t", file=str(file))], tmp_path / "state", HERE, findings)
    if not findings.errors:
        make_tables(tables, findings)
    return Tables(tables), [(error.line, error.message) for error in findings.errors]


LOOKUP = model.Lookup(table="t", known="x", unknown="x", blocked="x", anonymous="x")
ASKING = model.Menu(name="m", version="", start="a", nodes={"a": LOOKUP, "x": model.HangUp()})


@pytest.mark.parametrize("comma", [",", ";"])
def test_a_table_from_csv(tmp_path: Path, comma: str) -> None:
    text = '\ufeffnumber,blocked,customer_type,note\n+4930123456,no,vip,"a, b"\n+4930999,yes,,\n'.replace(",", comma)
    tables, found = made(tmp_path, text)
    assert not found
    row = Row(False, {"customer_type": Private("vip"), "note": Private(f"a{comma} b")})
    assert tables.rows(ASKING, "+4930123456") == {"t": row}
    assert tables.rows(ASKING, "+4930999") == {"t": Row(True)}
    assert tables.rows(ASKING, "+49") == {}
    assert tables.rows(ASKING, "anonymous' OR 1=1") == {}
    nobody = model.Menu(name="n", version="", start="x", nodes={"x": model.HangUp()})
    assert tables.rows(nobody, "+4930999") == {}


def test_a_table_from_sqlite(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "own.db")
    db.execute("CREATE TABLE callers (number TEXT, blocked INTEGER, customer_type TEXT, visits INTEGER)")
    db.execute("INSERT INTO callers VALUES ('+4930123456', 0, NULL, 7)")
    db.commit()
    db.close()
    tables, found = made(tmp_path, (tmp_path / "own.db").read_bytes())
    assert not found
    assert tables.rows(ASKING, "+4930123456") == {"t": Row(False, {"visits": Private("7")})}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("phone\n+4930123\n", 1, "there is no column 'number'"),
        ("number,number\n", 1, "two columns have the same name"),
        ("number,Name\n", 1, "column: 'Name' is not the name of an attribute"),
        ("number,a\n+4930123,x\n030123,y\n", 3, "the number is not in E.164"),
        ("number,a\n+4930123,x,z\n", 2, "3 values for 2 columns"),
        ("number,blocked\n+4930123,maybe\n", 2, "blocked is 'yes' or 'no'"),
        ("number,a\n+4930123,${caller}\n", 2, "'a' is longer than 128 characters, or cannot be printed"),
        ("number\n+4930123\n+4930123\n", 3, "the number stands in line 2, too"),
        (b"number,a\n+4930123,\xff\n", 2, "the table is not UTF-8"),
        ('number,a\n+4930123,"x\n', 2, "not CSV"),
    ],
)
def test_faults_of_tables_have_their_line(tmp_path: Path, text: str | bytes, line: int, message: str) -> None:
    _, found = made(tmp_path, text)
    assert [(at, words[: len(message)]) for at, words in found] == [(line, message)]


def test_a_wrong_column_is_told_twenty_times(tmp_path: Path) -> None:
    _, found = made(tmp_path, "number\n" + "x\n" * 1000)
    assert len(found) == 20


def test_a_table_that_is_gone_knows_nobody(tmp_path: Path) -> None:
    tables = Tables([Table(name="t", file="x", made=str(tmp_path / "gone.db"))])
    assert tables.rows(ASKING, "+4930123456") == {}


def test_numbers_of_callers_are_in_no_message(tmp_path: Path) -> None:
    _, found = made(tmp_path, "number,a\n+4930123456,x\n+4930123456,x\n0309876543,y\n")
    assert found
    assert not any("123456" in message or "987" in message for _, message in found)


# --- values that are read out


def test_values_in_texts_are_read_out(desk: Desk) -> None:
    (desk.folder / "prompts/de").mkdir(exist_ok=True)
    head = "version: 1\nstart: a\nlanguages: [de]\nattributes: {visits: number, tier: {values: [gold, silver]}}\n"
    menu = desk.compile(
        nodes(
            "  a:\n    say: {text: {en: 'You came ${visits} times.', de: 'Sie waren ${visits} Mal da.'}}\n    next: b\n"
            "  b:\n    play: [welcome, {digits: '${caller}'}, {money: '12.50', currency: GBP}]\n    next: c\n"
            "  c:\n    say: {text: {en: 'You are ${tier}', de: 'Sie sind ${tier}'}}\n    next: end\n",
            head,
        )
    )
    said = menu.nodes["a"]
    assert isinstance(said, model.Play)
    count = model.Reading("${visits}", "number")
    assert [[one.label or one.reading for one in pieces] for pieces in said.sounds[0].pieces.values()] == [
        ["You came", "{number: ${visits}}", "times."],
        ["Sie waren", "{number: ${visits}}", "Mal da."],
    ]
    assert said.sounds[0].pieces["de"][1].reading == count
    assert set(menu.words) == {"en", "de"}
    assert {"forty-two", "pounds", "pence", "plus", "gold"} <= set(menu.words["en"])
    assert {"zweiundvierzig", "Million", "gold"} <= set(menu.words["de"])
    spoken = {(speech.language, speech.text) for speech in desk.compiler.speeches}
    assert ("de", "zweiundvierzig") in spoken
    assert desk.findings.warnings == [w for w in desk.findings.warnings if "welcome" in w.message]


@pytest.mark.parametrize(
    ("sound", "message"),
    [
        ("{say: 'Hello ${nobody}'}", "there is no value 'nobody'"),
        ("{say: 'Hello ${skill}'}", "'skill' can't be read out"),
        ("{number: twelve}", "'twelve' is no number"),
        ("{date: '2026-02-30'}", "'2026-02-30' is no date"),
        ("{number: 1, digits: 2}", "one value is read out at a time"),
        ("{number: 1, currency: EUR}", "'currency' is for money"),
        ("{money: 1, currency: XXX}", "'XXX' is not allowed here"),
    ],
)
def test_what_can_not_be_read_out_has_its_line(desk: Desk, sound: str, message: str) -> None:
    found = faults(desk, nodes(f"  a:\n    play: [welcome, {sound}]\n    next: end\n"))
    assert [(line, words[: len(message)]) for line, words in found] == [(5, message)]


def test_a_language_without_rules_is_told(desk: Desk) -> None:
    found = faults(
        desk, nodes("  a:\n    play: [{number: 1}]\n    next: end\n", "version: 1\nlanguage: pl\nstart: a\n")
    )
    assert [message for _, message in found] == ["there are no rules to read values out in 'pl'"]
