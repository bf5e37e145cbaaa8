"""Recording callers, and mailboxes, as authors write them."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.config.loader import inspect
from edge.config.mailboxes import folder_of, roots_of
from edge.config.menu_tables import Mailbox
from edge.core.menus import model
from edge.core.menus.kinds.record import Room
from edge.core.menus.ways import named_ways_of
from tests.config.test_menus import Desk, nodes

BOX = Mailbox(
    name="sales",
    greeting="welcome",
    greeting_busy="say: All of us are busy.",
    max_length_ms=90_000,
    silence_ms=3000,
    review=True,
    notify=["ann"],
)
NODE = "  a:\n    voicemail: {}\n    next: end\n    failed: end\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    plain = Desk(tmp_path)
    return Desk(tmp_path, replace(plain.site, mailboxes=[BOX, Mailbox(name="desk")]))


def test_every_setting_of_a_recording_arrives(desk: Desk) -> None:
    node = desk.compile(
        nodes(
            "  a:\n    record:\n      greet_long: welcome\n      barge_in: false\n      beep: 1400/500\n"
            "      finish_on_key: '#*'\n      no_input: welcome\n      max_failures: 2\n      trouble: welcome\n"
            "      max_length: 30s\n      min_length: 2s\n      silence: 5s\n      into: answer\n"
            "      review: {prompt: welcome, listen_key: 4, save_key: 5, rerecord_key: 6, urgent_key: 7,\n"
            "        saved: welcome}\n"
            "    next: end\n    failed: b\n    unavailable: end\n"
            "  b:\n    record: welcome\n    next: end\n    failed: end\n",
            "version: 1\nstart: a\nattributes: {answer: word}\n",
        )
    ).nodes
    full, short = node["a"], node["b"]
    assert isinstance(full, model.Record)
    assert [sound.path for sound in full.beep] == ["tone:1400/500"]
    assert (full.barge_in, full.finish_on_key, full.max_failures, full.into) == (False, "#*", 2, "answer")
    assert (full.max_length_ms, full.min_length_ms, full.silence_ms) == (30_000, 2000, 5000)
    assert (full.next, full.failed, full.unavailable) == ("end", "b", "end")
    assert [sound.label for sound in (*full.prompt, *full.trouble)] == ["welcome", "welcome"]
    assert full.review is not None
    assert full.review.choices == {"4": "listen", "5": "keep", "6": "again", "7": "urgent"}
    assert [sound.label for sound in (*full.review.ask.prompt, *full.review.saved)] == ["welcome", "welcome"]
    assert isinstance(short, model.Record)
    assert (short.review, short.unavailable, short.folder) == (None, "end", "")
    assert [sound.path for sound in short.beep] == ["tone:1000/400"]
    assert "cannot be recorded" in short.trouble[0].label


def test_a_mailbox_says_what_is_said_and_how_long(desk: Desk) -> None:
    menu = desk.compile(nodes(NODE.replace("{}", "sales")))
    node = menu.nodes["a"]
    assert isinstance(node, model.Voicemail)
    assert (node.mailbox, node.notify, node.folder) == ("sales", ["ann"], "/var/spool/edge/recordings/voicemail/sales")
    assert (node.max_length_ms, node.silence_ms) == (90_000, 3000)
    assert [sound.label for sound in node.prompt] == ["welcome"]
    assert {word: sounds[0].label for word, sounds in node.greetings.items()} == {"busy": "All of us are busy."}
    assert node.review is not None
    assert "*" in node.review.choices
    assert not desk.findings.warnings
    other = desk.compile(nodes(NODE.replace("{}", "desk"))).nodes["a"]
    assert isinstance(other, model.Voicemail)
    assert "leave a message" in other.prompt[0].label
    assert other.review is None


def test_a_node_has_greetings_of_its_own(desk: Desk) -> None:
    said = "{mailbox: sales, greeting: sub/deep.wav, greeting_no_answer: welcome, beep: none}"
    node = desk.compile(nodes(NODE.replace("{}", said))).nodes["a"]
    assert isinstance(node, model.Voicemail)
    assert [sound.label for sound in node.prompt] == ["sub/deep.wav"]
    assert set(node.greetings) == {"busy", "no_answer"}
    assert node.beep == []


def test_usual_sentences_are_in_the_languages_of_the_menu(desk: Desk) -> None:
    head = "version: 1\nstart: a\nlanguage: de\nlanguages: [cmn, fr]\n"
    node = desk.compile(nodes(NODE.replace("{}", "desk"), head)).nodes["a"]
    assert isinstance(node, model.Voicemail)
    assert "nach dem Ton" in node.prompt[0].label
    assert set(node.prompt[0].others) == {"cmn", "fr"}
    assert not desk.findings.warnings


def test_what_a_mailbox_is_changes_the_version_of_the_menu(desk: Desk, tmp_path: Path) -> None:
    text = nodes(NODE.replace("{}", "sales"))
    other = Desk(tmp_path, replace(desk.site, mailboxes=[replace(BOX, notify=["bob"])]))
    assert desk.compile(text).version != other.compile(text).version


def test_a_full_mailbox_has_a_sentence_and_a_way(desk: Desk, tmp_path: Path) -> None:
    text = nodes(NODE.replace("{}", "sales"))
    plain = desk.compile(text)
    assert (plain.nodes["a"].room, plain.nodes["a"].full, plain.nodes["a"].on_full) == (None, [], "")
    box = replace(BOX, max_messages=20, max_minutes=30)
    small = Desk(tmp_path, replace(desk.site, mailboxes=[box]))
    menu = small.compile(text)
    assert menu.version != plain.version
    node = menu.nodes["a"]
    assert isinstance(node, model.Voicemail)
    assert node.room == Room(messages=20, length_ms=1_800_000)
    assert "is full" in node.full[0].label
    assert node.on_full == node.unavailable == "end"
    own = NODE.replace("{}", "{mailbox: sales, full: welcome}") + "    on_full: other\n"
    node = small.compile(nodes(own + "  other:\n    hang_up: full\n")).nodes["a"]
    assert isinstance(node, model.Voicemail)
    assert ([one.label for one in node.full], node.on_full) == (["welcome"], "other")
    assert dict(named_ways_of(node))["on_full"] == "other"
    assert not small.findings.warnings


@pytest.mark.parametrize(("more", "line"), [("    on_full: end\n", 8), ("", 5)])
def test_a_way_for_what_never_happens_is_told(desk: Desk, more: str, line: int) -> None:
    node = NODE.replace("{}", "sales" if more else "{mailbox: sales, full: welcome}")
    desk.compile(nodes(node + more))
    assert [(one.line, "has no limits" in one.message) for one in desk.findings.warnings] == [(line, True)]


RECORD = "  a:\n    record: {X}\n    next: end\n    failed: end\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NODE.replace("{}", "sails"), "there is no mailbox 'sails'"),
        (NODE.replace("{}", "{mailbox: sales, beep: 99999/5}"), "is not between"),
        (RECORD.replace("X", "into: answer"), "there is no attribute 'answer'"),
        (RECORD.replace("X", "into: priority"), "the id of a message does not fit 'priority'"),
        (RECORD.replace("X", "min_length: 9s, max_length: 8s"), "min_length 9000 ms is not less than"),
        (RECORD.replace("X", "review: {listen_key: 1, save_key: 1}"), "each of the review's keys is one"),
        (RECORD.replace("X", "review: {listen_key: 12}"), "each of the review's keys is one"),
        (RECORD.replace("X", "beep: loud"), "is no sound"),
    ],
)
def test_each_fault_has_its_place(desk: Desk, text: str, message: str) -> None:
    file = desk.folder / "menu.yaml"
    file.write_text(nodes(text))
    assert desk.compiler.compile_file(file) is None
    told = {(error.line, error.message) for error in desk.findings.errors}
    assert any(at == 5 and message in what for at, what in told), told


def test_who_says_nothing_goes_round_and_is_warned_of(desk: Desk) -> None:
    file = desk.folder / "menu.yaml"
    file.write_text(nodes("  a:\n    record: welcome\n    next: end\n    failed: a\n"))
    desk.compiler.compile_file(file)
    assert any("presses nothing goes round" in warning.message for warning in desk.findings.warnings)


def test_mailboxes_of_a_site_are_checked(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    boxes = [
        {"name": "a", "min_length": "5s", "max_length": "4s"},
        {"name": "a"},
        {"name": "b", "folder": "x"},
        {"name": "c", "folder": "x"},
    ]
    tables = [
        "[[mailboxes]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in box.items()) for box in boxes
    ]
    site.write_text('name = "s"\n' + "".join(tables))
    told = {error.message for error in inspect(site).errors}
    for wanted in ("min_length, 5000 ms, is not less", "two mailboxes 'a'", "mailbox 'b' has the same folder"):
        assert any(wanted in message for message in told), told


def test_folders() -> None:
    plain, own, inner = Mailbox(name="a"), Mailbox(name="b", folder="/box/b"), Mailbox(name="c", folder="/rec/boxes")
    assert [folder_of(one, "/rec") for one in (plain, own)] == ["/rec/voicemail/a", "/box/b"]
    assert roots_of([plain, own, inner], "/rec") == ["/rec", "/box/b"]
