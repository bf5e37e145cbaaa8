"""Questions to real HTTPS servers, good ones and bad ones."""

import queue
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config.site import Endpoint
from edge.core.calls.actions import Question
from edge.core.calls.inputs import Asked
from edge.runtime.memory import overwrite
from edge.switch.asking import MAX_ANSWER, Asker
from edge.vocabulary.ids import CallId
from edge.vocabulary.private import Private
from tests.support.certificates import Authority, Pair
from tests.support.questions import Oracle, oracle

CALL = CallId("c1")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def pair(authority: Authority, address: str) -> Pair:
    return authority.issue(address)


@pytest.fixture
def backend(address: str, pair: Pair) -> Iterator[Oracle]:
    with oracle(address, pair) as told:
        yield told


class Desk:
    def __init__(self, *endpoints: Endpoint) -> None:
        self.answers: queue.Queue[tuple[CallId, Asked]] = queue.Queue()
        self.asker = Asker(lambda call, asked: self.answers.put((call, asked)))
        self.asker.take(list(endpoints))

    def ask(self, number: int = 1, timeout_ms: int = 5000, endpoint: str = "pay", **more: dict[str, Private]) -> Asked:
        facts: dict[str, str | int] = {"id": f"{CALL}:{number}", "node": "card"}
        question = Question(call=CALL, number=number, endpoint=endpoint, timeout_ms=timeout_ms, facts=facts, **more)
        self.asker.ask(question)
        call, asked = self.answers.get(timeout=20)
        assert (call, asked.number) == (CALL, number)
        return asked


def card() -> str:
    return "".join(["4929", "6083", "1274", "5068"])


def test_question_and_answer(backend: Oracle, authority: Authority, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("very-secret\n")
    desk = Desk(Endpoint(name="pay", url=backend.url, ca_file=authority.root, token_file=str(token)))
    backend.say = {"result": "approved", "attributes": {"code": "A7", "points": 3, "vip": True, "x y": "no name"}}
    number = card()
    asked = desk.ask(
        values={"amount": Private("12.50")}, secrets={"card": Private(number), "cvc": Private("".join(["0", "71"]))}
    )
    assert (asked.outcome, asked.answer, asked.error) == ("ok", "approved", "")
    assert asked.attributes == {"code": "A7", "points": "3", "vip": "true"}
    assert backend.questions == [
        {"id": "c1:1", "node": "card", "values": {"amount": "12.50", "card": card(), "cvc": "071"}}
    ]
    assert backend.headers[0]["Authorization"] == "Bearer very-secret"
    assert number == "\0" * 16, "overwritten when it had been sent"
    assert desk.ask(2, secrets={"card": Private(card())}).outcome == "ok"
    assert backend.questions[1]["values"] == {"card": card()}
    assert desk.ask(3).outcome == "ok"
    assert backend.questions[2]["values"] == {}


@pytest.mark.parametrize(
    ("say", "error"),
    [
        (503, "status 503"),
        (b"no json", "DecodeError"),
        ({"result": "two words"}, "the answer's result is not a name"),
        ({"result": 7}, "ValidationError"),
        (b'{"result": "' + b"x" * MAX_ANSWER + b'"}', "the answer is too long"),
    ],
)
def test_what_is_no_answer(backend: Oracle, authority: Authority, say: object, error: str) -> None:
    backend.say = say
    asked = Desk(Endpoint(name="pay", url=backend.url, ca_file=authority.root)).ask()
    assert (asked.outcome, asked.error, asked.attributes) == ("failed", error, {})


@pytest.mark.parametrize("how", ["thinks", "drips", "never answers"])
def test_a_deadline_is_one(backend: Oracle, authority: Authority, address: str, how: str) -> None:
    backend.think_s, backend.drip_s = (3.0 if how == "thinks" else 0.0), (0.2 if how == "drips" else 0.0)
    url = backend.url
    with socket.socket() as deaf:
        deaf.bind((address, 0))
        deaf.listen()
        if how == "never answers":
            url = f"https://{address}:{deaf.getsockname()[1]}/"
        desk = Desk(Endpoint(name="pay", url=url, ca_file=authority.root))
        began = time.monotonic()
        assert desk.ask(timeout_ms=500).outcome == "timeout"
        assert time.monotonic() - began >= 0.5


def test_a_certificate_of_somebody_else_gets_no_digit(address: str, authority: Authority, tmp_path: Path) -> None:
    others = (authority.issue("127.0.0.77"), authority.issue(address, days=-1), Authority(tmp_path).issue(address))
    for pair in others:
        with oracle(address, pair) as told:
            asked = Desk(Endpoint(name="pay", url=told.url, ca_file=authority.root)).ask(
                secrets={"card": Private(card())}
            )
            assert asked.outcome == "failed"
            assert asked.error.startswith("certificate: ")
            assert told.questions == []


def test_digits_leave_over_tls_only(address: str) -> None:
    with oracle(address, None) as told:
        desk = Desk(Endpoint(name="pay", url=told.url))
        assert desk.ask().outcome == "ok"
        number = card()
        assert desk.ask(2, secrets={"card": Private(number)}).error == "sensitive digits leave over TLS only"
        assert len(told.questions) == 1
        assert number == "\0" * 16


def test_nobody_there(address: str) -> None:
    desk = Desk(Endpoint(name="pay", url=f"https://{address}:9/"))
    assert (desk.ask().outcome, desk.ask(2, endpoint="gone").error) == ("failed", "there is no such endpoint any more")


def test_many_at_once_and_too_many(backend: Oracle, authority: Authority) -> None:
    desk = Desk(Endpoint(name="pay", url=backend.url, ca_file=authority.root))
    backend.think_s = 1.0
    for number in range(400):
        desk.asker.ask(Question(call=CALL, number=number, endpoint="pay", timeout_ms=1500, facts={}))
    found = [desk.answers.get(timeout=30)[1] for _ in range(400)]
    assert sorted(one.number for one in found) == list(range(400))
    assert sum(one.error == "too many questions at once" for one in found) > 100
    assert {one.outcome for one in found} == {"ok", "failed", "timeout"}


def test_what_is_overwritten_is_nowhere() -> None:
    text = card()
    again = text
    overwrite(text)
    assert again == "\0" * 16
    overwrite("7")
    assert chr(55) == "7", "a text of one character is everybody's"
