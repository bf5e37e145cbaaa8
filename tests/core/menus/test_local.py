"""Nodes that decide by what is on the box: values, hours, tables, languages, sub-menus, extensions."""

from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace

from edge.core.menus.calendar import Calendar, Zone
from edge.core.menus.facts import Facts, Row
from edge.core.menus.kinds.checks import Check, date_of, ean, luhn
from edge.core.menus.model import (
    Attribute,
    Case,
    Commands,
    Confirm,
    Dial,
    Gather,
    HangUp,
    Hours,
    Language,
    Limits,
    Lookup,
    Play,
    Return,
    Set,
    Sound,
    Submenu,
    Transfer,
    Wait,
    When,
)
from edge.core.menus.words import Dial as DialAction
from edge.core.menus.words import PlayDone, PlaySounds, Resumed, TransferEnded
from edge.vocabulary.private import Private
from tests.core.menus.walk import HELLO, HUH, PROMPT, WRONG, Walk

BASE = Gather(prompt=[PROMPT], choices={"1": "won"}, failed="lost", no_input=[[HUH]], no_match=[[WRONG]])


def wall(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


# --- values


def test_set_fills_values_and_keeps_what_does_not_fit():
    declared = {
        "level": Attribute(type="number", most=9),
        "tier": Attribute(values=["gold", "silver"], default="silver"),
    }
    nodes = {
        "a": Set(values={"skill": "sales", "level": "12", "tier": "gold", "nothing": "x"}, next="b"),
        "b": Set(values={"tier": "${skill}", "level": "7", "reason_code": "r-${level}"}, next="c"),
        "c": HangUp("${tier} ${reason_code}"),
    }
    walk = Walk(nodes, attributes=declared)
    assert walk.set_to() == [{"skill": "sales", "tier": "gold"}, {"level": "7", "reason_code": "r-7"}]
    assert walk.ended == "gold r-7"
    assert walk.run.attributes == {"skill": "sales", "tier": "gold", "level": "7", "reason_code": "r-7"}


@pytest.mark.parametrize(
    ("case", "value", "fits"),
    [
        ({"is_one_of": ["a", "b"]}, "b", True),
        ({"is_one_of": ["a", "b"]}, "c", False),
        ({"is_one_of": [""]}, "", True),
        ({"begins": ["+49", "+43"]}, "+4312", True),
        ({"begins": ["+49"]}, "0049", False),
        ({"least": "9"}, "10", True),  # as numbers, not as texts
        ({"least": "9", "most": "10"}, "11", False),
        ({"most": "10"}, "-3", True),
        ({"least": "1"}, "", False),
        ({"least": "1"}, "x", False),
        ({"least": "08:00", "most": "17:30"}, "08:00", True),
        ({"least": "08:00", "most": "17:30"}, "17:31", False),
        ({"least": "22:00", "most": "06:00"}, "23:10", True),
        ({"least": "22:00", "most": "06:00"}, "05:59", True),
        ({"least": "22:00", "most": "06:00"}, "12:00", False),
        ({"least": "2026-05-01"}, "2026-04-30", False),
    ],
)
def test_cases(case, value, fits):
    assert Case(value="x", next="n", **case).fits(value) is fits


def test_when_goes_by_the_first_case_that_fits():
    cases = [Case(value="caller", begins=["+49"], next="won"), Case(value="caller", begins=["+4"], next="bye")]
    nodes = {"a": When(cases=cases, otherwise="lost")}
    for caller, end in (("+4930", "won"), ("+43", "bye"), ("", "lost")):
        assert Walk(nodes, facts=Facts(caller=caller)).ended == end


def test_time_goes_on_in_the_menu():
    zone = Zone("x", [3600])
    cases = [Case(value="time", least="12:00", next="won")]
    nodes = {"a": Wait(milliseconds=60_000, next="b"), "b": When(cases=cases, otherwise="a")}
    walk = Walk(nodes, facts=Facts(wall_ms=wall("2026-05-01T10:58:30")), zone=zone)
    walk.wait(60_000)
    assert walk.ended is None
    walk.wait(60_000)
    assert walk.ended == "won"


def test_targets_take_words_only():
    nodes = {
        "a": Gather(prompt=[], choices={}, next="b", max_digits=3, failed="lost", into="reason_code"),
        "b": Transfer(target="sip:${digits}@192.0.2.1", failed="lost"),
    }
    walk = Walk(nodes)
    walk.press("123")
    assert [one.target for a in walk.actions if isinstance(a, DialAction) for one in a.targets] == ["sip:123@192.0.2.1"]
    assert walk.run.attributes == {"reason_code": "123"}
    bad = {"a": Transfer(target="sip:${caller}@192.0.2.1", failed="lost")}
    for caller in ("", "1@evil.example;x", "a?b", "x" * 65):
        assert Walk(bad, facts=Facts(caller=caller)).ended == "lost"


# --- hours

BERLIN = Zone("Europe/Berlin", [3600, 7200, 3600], [1774746000, 1792890000])  # 2026: 29 March, 25 October
WEEK = [[(480, 720), (780, 1020)]] * 4 + [[(480, 720)]] + [[]] * 2


@pytest.mark.parametrize(
    ("when", "state"),
    [
        ("2026-01-05T06:59:59", "closed"),  # 07:59 in winter
        ("2026-01-05T07:00:00", "open"),
        ("2026-07-06T06:00:00", "open"),  # 08:00 in summer
        ("2026-07-06T10:00:00", "closed"),
        ("2026-07-06T11:00:00", "open"),
        ("2026-07-11T08:00:00", "closed"),
        ("2026-10-03T08:00:00", "holiday"),
        ("2026-12-24T08:30:00", "open"),  # an exception comes before a holiday
        ("2026-12-24T11:00:00", "closed"),
        ("2026-12-23T23:30:00", "closed"),  # it is the 24th there
    ],
)
def test_hours(when, state):
    calendar = Calendar(
        zone=BERLIN,
        week=WEEK,
        exceptions={date(2026, 12, 24).toordinal(): [(540, 660)]},
        holidays={date(2026, 10, 3).toordinal(): "Unity", date(2026, 12, 24).toordinal(): "Eve"},
    )
    node = Hours(name="office", calendar=calendar, open="open", closed="closed", holiday="holiday")
    ends = {name: HangUp(name) for name in ("open", "closed", "holiday")}
    assert Walk({"a": node, **ends}, facts=Facts(wall_ms=wall(when))).ended == state


# --- lookup


def test_lookup():
    node = Lookup(table="vips", known="b", unknown="unknown", blocked="blocked", anonymous="anonymous")
    ends = {name: HangUp(name) for name in ("unknown", "blocked", "anonymous")}
    nodes = {"a": node, "b": HangUp("${customer_type}/${skill}"), **ends}

    def end(peer, **rows):
        return Walk(nodes, facts=Facts(peer=peer, rows=rows)).ended

    known = Row(False, {"customer_type": Private("vip"), "skill": Private("${caller}"), "other": Private("x")})
    assert end("+49301", vips=known) == "vip/"
    assert end("+49301", others=known) == "unknown"
    assert end("+49301", vips=Row(True)) == "blocked"
    assert end("", vips=known) == "anonymous"


# --- languages

SPOKEN = Sound("/en.wav", "hi", {"de": "/de.wav"})


def test_language_changes_what_is_heard_from_then_on():
    nodes = {
        "a": Play(sounds=[SPOKEN], next="b"),
        "b": Language(to="${customer_type}", offered=["en", "de"], next="c", failed="c"),
        "c": Play(sounds=[SPOKEN, HELLO], next="won"),
    }
    declared = {"customer_type": Attribute(default="de-at")}
    walk = Walk(nodes, attributes=declared)
    assert walk.actions[-1] == PlaySounds([Sound("/en.wav", "hi")], False)
    walk.give(PlayDone())
    assert walk.set_to() == [{"language": "de"}]
    assert walk.actions[-1] == PlaySounds([Sound("/de.wav", "hi"), HELLO], False)
    assert walk.run.language == "de"
    walk = Walk(nodes, attributes={"customer_type": Attribute(default="fr")})
    walk.give(PlayDone())
    assert walk.actions[-1] == PlaySounds([Sound("/en.wav", "hi"), HELLO], False)


def test_the_caller_chooses_the_language():
    ask = replace(BASE, choices={}, failed="", max_failures=2)
    node = Language(offered=["en", "de"], choices={"1": "en", "2": "de"}, ask=ask, next="won", failed="lost")
    walk = Walk({"a": node})
    assert walk.heard() == ["prompt"]
    walk.press("2")
    assert (walk.ended, walk.run.language) == ("won", "de")
    walk = Walk({"a": node})
    walk.press("7")
    assert walk.heard() == ["wrong", "prompt"]
    walk.give(PlayDone())
    walk.wait(5000)
    assert (walk.ended, walk.run.language) == ("lost", "en")


def test_the_operator_is_there_before_a_language_is_chosen():
    ask = replace(BASE, choices={}, failed="", commands=Commands(back="*", nodes={"0": "won", "1": "lost"}))
    node = Language(offered=["en", "de"], choices={"1": "en", "2": "de"}, ask=ask, next="b", failed="lost")
    walk = Walk({"a": replace(BASE, choices={"5": "l"}), "l": node, "b": replace(BASE, choices={"1": "lost"})})
    walk.press("5")
    walk.press("*")
    assert walk.run.node == "a"
    walk.press("5")
    walk.press("0")
    assert (walk.ended, walk.run.language) == ("won", "en")


# --- sub-menus

SUB = {
    "a": Submenu(start="sub/x", results={"yes": "won"}, next="lost"),
    "sub/x": replace(BASE, choices={"1": "sub/yes", "2": "sub/no", "3": "sub/deeper"}, failed="sub/no"),
    "sub/yes": Return("yes"),
    "sub/no": Return("no"),
    "sub/deeper": Submenu(start="deep/x", next="sub/yes"),
    "deep/x": replace(BASE, choices={"1": "deep/end", "0": "operator"}, failed="deep/end"),
    "deep/end": Return(),
    "operator": replace(BASE, choices={"1": "a", "2": "back"}, failed="lost"),
    "back": Return("top"),
}


@pytest.mark.parametrize(("keys", "end"), [("1", "won"), ("2", "lost"), ("31", "won"), ("302", "top"), ("3011", "won")])
def test_sub_menus_come_back_with_a_result(keys, end):
    walk = Walk(SUB)
    walk.press(keys)
    assert walk.ended == end


def test_the_result_is_a_value():
    nodes = {"a": Submenu(start="s/x", next="b"), "s/x": Return("blue"), "b": HangUp("${result}")}
    assert Walk(nodes).ended == "blue"


# --- gather

FREE = replace(BASE, choices={}, next="won", min_digits=2, max_digits=8, finish_on_key="#")


def test_ladders_and_the_short_prompt():
    second = Sound("/second.wav", "second")
    short = Sound("/short.wav", "short")
    node = replace(BASE, prompt_again=[short], no_input=[[HUH], [second]], max_failures=9)
    walk = Walk({"a": node})
    heard = []
    for _ in range(3):
        walk.give(PlayDone())
        walk.wait(5000)
        heard.append(walk.heard())
    assert heard == [["huh", "short"], ["second", "short"], ["second", "short"]]
    walk.press("7")
    assert walk.heard() == ["wrong", "short"]


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (Check(algorithm="luhn"), ["4539578763621486", "79927398713"], ["4539578763621487", "0", "*1"]),
        (Check(algorithm="mod97"), ["3214282912345698765432161182"], ["3214282912345698765432161183", "97"]),
        (Check(algorithm="ean"), ["4006381333931", "73513537"], ["4006381333932"]),
        (Check(algorithm="date", order="ddmmyyyy"), ["29022028"], ["29022027", "31042026", "1012026"]),
        (Check(algorithm="date", order="yymmdd"), ["491231", "500101"], ["501301"]),
        (Check(algorithm="date", order="ddmm"), ["2902", "3112"], ["3002"]),
        (Check(least=10, most=99), ["10", "99", "0050"], ["9", "100", "1*"]),
        (Check(pattern="0[1-9]\\d*"), ["01", "0199"], ["00", "1", "01*"]),
        (Check(pattern="\\d{4}", algorithm="luhn"), ["1230"], ["1231", "79927398713"]),
    ],
)
def test_checks(check, good, bad):
    assert [check.fits(digits) for digits in good] == [True] * len(good)
    assert [check.fits(digits) for digits in bad] == [False] * len(bad)


def test_check_digits_by_known_numbers():
    assert luhn("378282246310005")  # the test number that card networks publish
    assert not luhn("378282246310006")
    assert ean("036000291452")  # UPC-A is the same sum
    assert date_of("31122026", "ddmmyyyy") == date(2026, 12, 31)


def test_digits_that_do_not_pass_are_no_match():
    walk = Walk({"a": replace(FREE, check=Check(algorithm="luhn"))})
    walk.press("18#")
    assert walk.ended == "won"
    walk = Walk({"a": replace(FREE, check=Check(algorithm="luhn"))})
    walk.press("17#")
    assert (walk.results(), walk.heard()) == ([("no_match", "17")], ["wrong", "prompt"])


def test_confirm():
    node = replace(FREE, confirm=Confirm(prompt=[HELLO], timeout_ms=3000), into="reason_code", max_failures=3)
    walk = Walk({"a": node})
    walk.press("12#")
    assert (walk.heard(), walk.results(), walk.ended) == (["hello"], [], None)
    walk.press("2")  # not so: again, without words for digits that nothing matches
    assert (walk.results(), walk.heard()) == ([("no_match", "12")], ["prompt"])
    walk.press("34#")
    walk.press("1")
    assert (walk.results(), walk.set_to(), walk.ended) == ([("matched", "34")], [{"reason_code": "34"}], "won")
    walk = Walk({"a": node})
    for _ in range(3):
        walk.press("12#")
        walk.give(PlayDone())
        walk.wait(3000)
    assert walk.ended == "lost"


def test_commands():
    commands = Commands(again="9", back="*", nodes={"#": "a", "0": "operator"})
    nodes = {
        "a": replace(BASE, choices={"1": "b"}, commands=commands),
        "b": replace(BASE, choices={"1": "c", "9": "won"}, commands=commands),
        "c": replace(FREE, finish_on_key="", commands=commands),
        "operator": HangUp("operator"),
    }
    walk = Walk(nodes)
    walk.press("9")
    assert (walk.heard(), walk.results()) == (["prompt"], [("command", "9")])
    walk.press("*")  # there is nothing before it: the prompt again
    assert (walk.run.node, walk.heard()) == ("a", ["prompt"])
    walk.press("11")
    assert walk.run.node == "c"
    walk.press("0")  # digits are the gather's own
    assert walk.run.node == "c"
    walk.wait(2000)
    walk.press("*")
    assert walk.run.node == "b"
    walk.press("*")
    assert walk.run.node == "a"
    walk.press("1#1")
    assert walk.run.node == "b"
    walk.press("0")
    assert walk.ended == "operator"
    walk = Walk(nodes)
    walk.press("19")  # a choice comes before a command
    assert walk.ended == "won"


def test_pressing_again_is_no_failure():
    walk = Walk({"a": replace(BASE, commands=Commands(again="9"), max_failures=1)})
    walk.press("9" * 20)
    assert walk.ended is None


# --- direct dial


def test_direct_dial():
    ask = replace(BASE, choices={"9": "bye"}, max_digits=3)
    transfer = Transfer(target="", trunk="out", on_outcome={"busy": "a"}, failed="lost")
    node = Dial(ask=ask, extensions={"101": "sip:a@x", "102": "sip:b@x"}, transfer=transfer)
    walk = Walk({"a": node})
    walk.press("102")
    dialled = [one for action in walk.actions if isinstance(action, DialAction) for one in action.targets]
    assert [(one.target, one.trunk) for one in dialled] == [("sip:b@x", "out")]
    assert (walk.results(), walk.run.state) == ([("matched", "102")], "transfer")
    walk.give(TransferEnded("busy"))
    assert walk.heard() == ["prompt"]
    walk.press("9")
    assert walk.ended == "bye"


# --- what is withheld


def test_keys_that_may_be_secret_are_shown_nowhere():
    """A key pressed before it is known which gather it is for is masked in both."""
    secret = replace(FREE, sensitive=True, min_digits=1, max_digits=1)
    nodes = {
        "a": Play(sounds=[HELLO], next="b"),
        "b": When(cases=[Case(value="caller", is_one_of=["1"], next="s")], otherwise="p"),
        "s": secret,
        "p": replace(FREE, min_digits=1, max_digits=1, into="reason_code"),
    }
    walk = Walk(nodes)
    assert walk.run.sensitive
    walk.press("5")
    walk.give(PlayDone())
    assert (walk.run.node, walk.results(), walk.set_to()) == ("won", [("matched", "*")], [])


def test_resumed_drops_secret_keys_only():
    nodes = {"a": Play(sounds=[HELLO], next="p"), "p": FREE}
    walk = Walk(nodes)
    walk.press("12")
    walk.give(Resumed())
    walk.give(PlayDone())
    walk.press("#")
    assert walk.results() == [("matched", "12")]


# --- limits


def test_the_time_of_the_menu_is_limited_and_stands_still_in_talks():
    nodes = {
        "a": replace(BASE, choices={"1": "t"}, max_failures=100),
        "t": Transfer(target="sip:x@y", failed="lost", after="a"),
    }
    walk = Walk(nodes, limits=Limits(time_ms=60_000))
    walk.wait(40_000)
    walk.press("1")
    walk.wait(3_600_000)
    assert walk.ended is None
    walk.give(TransferEnded(""))
    walk.wait(19_999)
    assert walk.ended is None
    walk.wait(1)
    assert walk.ended == "menu took too long"


def test_the_nodes_of_a_call_are_limited():
    walk = Walk({"a": Wait(milliseconds=1000, next="a")}, limits=Limits(nodes=50))
    walk.wait(100_000)
    assert (walk.ended, len(walk.run.path)) == ("too many nodes", 50)
