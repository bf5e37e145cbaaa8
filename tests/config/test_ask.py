"""Questions to backends as authors write them."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.config.loader import inspect
from edge.config.site import Endpoint
from edge.core.menus import model
from tests.config.test_menus import Desk, nodes


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    plain = Desk(tmp_path)
    endpoints = [Endpoint(name="bank", url="https://bank/ask"), Endpoint(name="box", url="http://127.0.0.1:8000/")]
    return Desk(tmp_path, replace(plain.site, endpoints=endpoints))


GATHER = "  a:\n    gather: {max_digits: 16, sensitive: true, keep: card}\n    next: b\n    failed: end\n"


def test_every_setting_arrives(desk: Desk) -> None:
    menu = desk.compile(
        nodes(
            GATHER + "  b:\n    ask: {endpoint: bank, send: [card, caller, card], timeout: 3s, sounds: welcome}\n"
            "    answers: {approved: c, declined: a}\n    next: end\n    failed: a\n    timed_out: end\n"
            "  c:\n    ask: box\n    next: end\n    failed: end\n"
        )
    )
    gather, ask, short = (menu.nodes[name] for name in "abc")
    assert isinstance(gather, model.Gather)
    assert (gather.keep, gather.sensitive) == ("card", True)
    assert isinstance(ask, model.Ask)
    assert (ask.endpoint, ask.send, ask.timeout_ms) == ("bank", ["card", "caller"], 3000)
    assert (ask.answers, ask.next, ask.failed, ask.timeout) == ({"approved": "c", "declined": "a"}, "end", "a", "end")
    assert [sound.label for sound in ask.sounds] == ["welcome"]
    assert isinstance(short, model.Ask)
    assert (short.endpoint, short.timeout) == ("box", "end")
    assert menu.sensitive


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("  a:\n    ask: bonk\n    next: end\n    failed: end\n", 5, "there is no endpoint 'bonk'"),
        ("  a:\n    ask: bank\n    failed: end\n", 4, "the ask has neither 'answers' nor 'next'"),
        ("  a:\n    ask: {endpoint: bank, send: [card]}\n    next: end\n    failed: end\n", 5, "no value 'card'"),
        (
            GATHER + "  b:\n    ask: {endpoint: box, send: [card]}\n    next: end\n    failed: end\n",
            9,
            "'card' is sensitive, and the endpoint is not https://",
        ),
        (GATHER.replace("sensitive: true, ", ""), 5, "'keep' is for digits that are sensitive"),
        (GATHER.replace("card", "skill"), 5, "'skill' is a value of every call, or an attribute"),
        (GATHER.replace("    next: b\n", "    choices: {1: end}\n"), 5, "'keep' is for digits that go to 'next'"),
    ],
)
def test_each_fault_has_its_place(desk: Desk, text: str, line: int, message: str) -> None:
    file = desk.folder / "menu.yaml"
    file.write_text(nodes(text))
    desk.compiler.compile_file(file)
    told = {(error.line, error.message) for error in desk.findings.errors}
    assert any(at == line and message in what for at, what in told), told


def test_questions_leave_the_machine_over_tls_only(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('name = "s"\n[[endpoints]]\nname = "crm"\nurl = "http://192.0.2.1/"\n')
    found = [error for error in inspect(site).errors if error.line == 4]
    assert [error.message for error in found] == ["questions would leave the machine unencrypted"]


AGENTS = "version: 1\nstart: a\nattributes:\n  agent: {}\n  wish: {default: log_in}\n"
PIN = "  a:\n    gather: {max_digits: 4, sensitive: true, keep: pin}\n    next: b\n    failed: end\n"


def test_agents_are_asked_by_the_appliance_itself(desk: Desk) -> None:
    text = PIN + "  b:\n    ask: {endpoint: agents, send: [agent, wish, pin]}\n    next: end\n    failed: end\n"
    ask = desk.compile(nodes(text, AGENTS)).nodes["b"]
    assert isinstance(ask, model.Ask)
    assert ask.endpoint == "agents"


def test_what_is_missing_to_ask_agents_is_told(desk: Desk) -> None:
    text = "  a:\n    ask: {endpoint: agents, send: [caller, pin]}\n    next: end\n    failed: end\n"
    file = desk.folder / "menu.yaml"
    file.write_text(nodes(text, AGENTS.replace("agent:", "pin:")))
    desk.compiler.compile_file(file)
    told = {error.message for error in desk.findings.errors}
    assert told == {
        "the endpoint 'agents' has to be sent 'agent'",
        "the endpoint 'agents' has to be sent 'wish'",
        "'pin' would be written to the journal",
    }
