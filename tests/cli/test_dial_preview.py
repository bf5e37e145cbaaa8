"""`edge dial preview` over the control socket: what is asked, what is shown."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from tests.support.daemon import answering

SEEN: dict[str, Any] = {
    "preview": "d0",
    "agent": "anna",
    "campaign": "renewals",
    "list": "customers",
    "contact": "c1",
    "language": "de",
    "attributes": {"name": "Zoë\x1b[31m", "tariff": "gold"},
    "number": "**********123",
    "label": "mobile",
    "left_s": 42,
    "then": "dial",
    "ready": True,
    "attempts": [
        {
            "attempt": "d9",
            "campaign": "spring",
            "started_ms": 1_790_000_000_000,
            "disposition": "connected",
            "results": [{"code": "later", "agent": "bob", "note": "on Friday", "given_ms": 1_790_000_100_000}],
        },
        {"attempt": "d8", "campaign": "spring", "started_ms": 1, "disposition": None, "results": []},
    ],
}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A state folder whose control socket answers for dialer, and what it was asked."""

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        if asked["body"]["agent"] == "bob":
            return {"ok": False, "error": "agent 'bob' is shown no contact"}
        if asked["request"] != "preview":
            return {"ok": True, "body": {asked["request"].removeprefix("preview_") + "ed": "d0"}}
        return {"ok": True, "body": SEEN}

    with answering(tmp_path, answer) as asked:
        yield str(tmp_path), asked


def test_who_it_is_and_what_was_before(
    daemon: tuple[str, list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    state, asked = daemon
    assert main(["dial", "preview", "anna", "--state", state]) == 0
    assert asked[-1]["process"] == "dialer"
    out = capsys.readouterr().out
    for text in ("c1 of customers", "**********123 (mobile)", "gold", "42 s, then it is called", "later: on Friday"):
        assert text in out
    assert "\x1b[31m" not in out, "what a list says does not colour a terminal"
    assert main(["dial", "preview", "anna", "--json", "--state", state]) == 0
    assert json.loads(capsys.readouterr().out) == SEEN


@pytest.mark.parametrize("wish", ["accept", "skip", "reject"])
def test_a_wish_is_passed_on(daemon: tuple[str, list[dict[str, Any]]], wish: str) -> None:
    state, asked = daemon
    assert main(["dial", "preview", "anna", f"--{wish}", "--reason", "lunch", "--state", state]) == 0
    assert (asked[-1]["request"], asked[-1]["body"]) == (f"preview_{wish}", {"agent": "anna", "reason": "lunch"})


def test_what_cannot_be(daemon: tuple[str, list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]) -> None:
    state, asked = daemon
    assert main(["dial", "preview", "bob", "--accept", "--state", state]) == 1
    assert "is shown no contact" in capsys.readouterr().err
    before = len(asked)
    assert main(["dial", "preview", "anna", "--accept", "--skip", "--state", state]) == 2
    assert len(asked) == before
