"""Callbacks and surveys as authors write them."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.config.callback_settings import Callbacks
from edge.core.callbacks.rules import Rules
from edge.core.menus import model
from edge.core.menus.calendar import UTC_ZONE
from tests.config.test_menus import Desk, nodes


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    plain = Desk(tmp_path)
    callbacks = Callbacks(country="DE", countries=["AT"], forbidden=["+4930"], within_ms=7_200_000)
    paths = replace(plain.site.paths, menus=str(tmp_path))
    return Desk(tmp_path, replace(plain.site, callbacks=callbacks, paths=paths))


WAYS = "    next: end\n    declined: end\n    failed: end\n"


def test_every_setting_of_a_callback_arrives(desk: Desk) -> None:
    menu = desk.compile(
        "version: 1\nstart: a\nhours: {office: {time_zone: Europe/Berlin, week: {mon-fri: '08:00-17:00'}}}\nnodes:\n"
        "  a:\n    callback:\n      greet_long: welcome\n      ask_number: [{say: Your number.}]\n"
        "      confirm: [{digits: '${callback_number}'}]\n      yes: 4\n      other: 5\n      no: ''\n"
        "      hours: office\n      within: 90m\n      latest: '16:30'\n      when: next_opening\n"
        "      min_digits: 6\n      max_digits: 12\n      finish_on_key: '*'\n      max_failures: 2\n"
        "    next: end\n    declined: b\n    failed: end\n    refused: c\n"
        "  b:\n    callback: {greet_long: welcome}\n" + WAYS + "  c:\n    hang_up:\n  end:\n    hang_up:\n"
    )
    full, short = menu.nodes["a"], menu.nodes["b"]
    assert isinstance(full, model.Callback)
    assert isinstance(short, model.Callback)
    assert (full.yes, full.other, full.no) == ("4", "5", "")
    assert (full.next, full.declined, full.failed, full.refused) == ("end", "b", "end", "c")
    assert full.rules == Rules(country="DE", countries=["AT"], forbidden=["+4930"])
    window = full.window
    assert (window.within_ms, window.latest, window.next_opening) == (5_400_000, 990, True)
    assert window.calendar is not None
    assert full.zone.name == window.calendar.zone.name == "Europe/Berlin"
    assert full.offer is not None
    assert full.ask is not None
    assert full.confirm is not None
    assert [sound.label for sound in full.offer.prompt] == ["welcome"]
    assert (full.offer.max_digits, full.confirm.max_digits, full.confirm.min_digits) == (1, 1, 1)
    assert (full.ask.min_digits, full.ask.max_digits, full.ask.finish_on_key) == (6, 12, "*")
    assert full.confirm.prompt[0].reading == model.Reading("${callback_number}", "digits")
    assert (short.ask, short.confirm, short.refused, short.zone) == (None, None, "end", UTC_ZONE)
    assert (short.window.within_ms, short.window.calendar) == (7_200_000, None)


def test_the_version_depends_on_whom_it_may_call_and_when(desk: Desk, tmp_path: Path) -> None:
    text = nodes("  a:\n    callback: {greet_long: welcome}\n" + WAYS)
    first = desk.compile(text).version
    changed = replace(desk.site, callbacks=replace(desk.site.callbacks, countries=[]))
    assert Desk(tmp_path, changed).compile(text).version != first
    assert Desk(tmp_path, desk.site).compile(text).version == first


def test_every_setting_of_a_survey_arrives(desk: Desk) -> None:
    (desk.folder / "how.yaml").write_text("version: 1\n")
    menu = desk.compile(
        nodes(
            "  a:\n    survey:\n      questions:\n        polite: {ask: welcome, scale: 1-4, reverse: true,"
            " labels: {1: very}}\n        again: {ask: welcome, scale: 0-10}\n"
            "        why: {ask: welcome, record: {max_length: 30s, beep: none}}\n      thanks: welcome\n"
            "      max_failures: 3\n      first_digit_timeout: 7s\n      barge_in: false\n      no_input: welcome\n"
            "    next: b\n  b:\n    survey: {by: callback, menu: how}\n    next: end\n"
        )
    )
    survey, later = menu.nodes["a"], menu.nodes["b"]
    assert isinstance(survey, model.Survey)
    assert isinstance(later, model.Survey)
    polite, again, why = survey.questions
    assert (polite.name, polite.least, polite.most, polite.reverse, polite.labels) == (
        "polite",
        1,
        4,
        True,
        {"1": "very"},
    )
    assert (again.least, again.most, again.ask.max_digits, polite.ask.max_digits) == (0, 10, 2, 1)
    assert (polite.ask.max_failures, polite.ask.first_digit_timeout_ms, polite.ask.barge_in) == (3, 7000, False)
    assert [sound.label for sound in polite.ask.no_input[0]] == ["welcome"]
    assert why.record is not None
    assert (why.record.max_length_ms, why.record.silence_ms, why.record.beep) == (30_000, 4000, [])
    assert (why.record.barge_in, why.record.max_failures, why.ask) == (False, 3, None)
    assert [sound.label for sound in why.record.prompt] == ["welcome"]
    assert [sound.label for sound in survey.thanks] == ["welcome"]
    assert (later.menu, later.questions, later.next) == ("how", [], "end")


def test_more_questions_than_callers_stay_for(desk: Desk) -> None:
    many = "".join(f"        q{number}: {{ask: welcome}}\n" for number in range(6))
    desk.compile(nodes(f"  a:\n    survey:\n      questions:\n{many}    next: end\n"))
    assert any("callers stay for 5" in str(one) for one in desk.findings.warnings)


def test_callers_of_a_trunk_without_a_country_cannot_type_a_number(desk: Desk) -> None:
    site = replace(desk.site, callbacks=Callbacks())
    other = Desk(desk.folder, site)
    other.compile(nodes("  a:\n    callback: {ask_number: welcome, confirm: welcome}\n" + WAYS))
    assert any("trunk 'out', which has no country" in str(one) for one in other.findings.warnings)
