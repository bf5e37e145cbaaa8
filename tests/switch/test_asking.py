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
from edge.metrics.switch import SwitchMetrics
from edge.runtime.memory import overwrite
from edge.switch.answers import MAX_ANSWER
from edge.switch.asking import MOST, Asker
from edge.vocabulary.ids import CallId
from edge.vocabulary.private import Private
from tests.support.certificates import Authority, Pair
from tests.support.questions import Oracle, oracle
from tests.support.waiting import until

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
        #: What was told of breakers, in order.
        self.told: queue.Queue[tuple[str, str]] = queue.Queue()
        self.metrics = SwitchMetrics()
        self.asker = Asker(
            lambda call, asked: self.answers.put((call, asked)),
            lambda endpoint, why: self.told.put((endpoint, why)),
            self.metrics,
        )
        self.asker.take(list(endpoints))

    def count(self, outcome: str, endpoint: str = "pay") -> float | None:
        labels = {"endpoint": endpoint, "outcome": outcome}
        return self.metrics.registry.get_sample_value("edge_switch_questions_total", labels)

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
    desk = Desk(Endpoint(name="pay", url=backend.url, ca_file=authority.root, breaker_failures=0))
    backend.think_s = 1.0
    for number in range(400):
        desk.asker.ask(Question(call=CALL, number=number, endpoint="pay", timeout_ms=1500, facts={}))
    found = [desk.answers.get(timeout=30)[1] for _ in range(400)]
    assert sorted(one.number for one in found) == list(range(400))
    assert sum(one.error == "too many questions at once" for one in found) > 100
    assert {one.outcome for one in found} == {"ok", "failed", "timeout"}


def test_who_fails_again_and_again_is_asked_no_more_for_a_while(address: str) -> None:
    with oracle(address, None) as told:
        told.say = 500
        desk = Desk(Endpoint(name="pay", url=told.url, breaker_failures=3, breaker_pause_ms=100))
        for number in range(3):
            assert desk.ask(number).error == "status 500"
        assert desk.told.get(timeout=20) == ("pay", "status 500")
        # While it fails, a question now and then tries; all others go on at once.
        asked: list[Asked] = []
        until(lambda: asked.append(desk.ask(3)) or len(told.questions) >= 5, 30)
        assert {one.error for one in asked} == {"status 500", "not asked: it failed again and again"}
        assert desk.told.empty(), "it was told once"
        told.say = {"result": "ok"}
        until(lambda: desk.ask().outcome == "ok", 30)
        assert desk.told.get(timeout=20) == ("pay", "")
        assert (desk.count("ok"), desk.count("timeout")) == (1, 0)
        assert desk.count("not_asked")
        # A configuration without it takes its series away.
        desk.asker.take([])
        assert desk.count("ok") is None


def test_digits_that_are_not_asked_are_overwritten(address: str) -> None:
    with oracle(address, None) as told:
        told.say = 500
        desk = Desk(Endpoint(name="pay", url=told.url, breaker_failures=1, breaker_pause_ms=600_000))
        desk.ask()
        number = card()
        assert desk.ask(2, secrets={"card": Private(number)}).error == "not asked: it failed again and again"
        assert number == "\0" * 16


def test_one_that_hangs_holds_up_no_other(backend: Oracle, authority: Authority, address: str) -> None:
    with socket.socket() as deaf:
        deaf.bind((address, 0))
        deaf.listen()
        hanging = Endpoint(name="crm", url=f"http://{address}:{deaf.getsockname()[1]}/")
        desk = Desk(hanging, Endpoint(name="pay", url=backend.url, ca_file=authority.root))
        for number in range(2 * MOST):
            desk.asker.ask(Question(call=CALL, number=number, endpoint="crm", timeout_ms=20_000, facts={}))
        assert desk.ask(99).outcome == "ok", "no question of the other has come to its end"


@pytest.mark.parametrize("slow", ["first", "second"])
def test_a_slow_one_is_asked_twice_where_that_is_wished(address: str, slow: str) -> None:
    with oracle(address, None) as told:
        if slow == "first":
            told.thoughts_s = [20.0, 0.0]
            told.think_s = 20.0
        else:
            told.thoughts_s = [0.5, 20.0]
        desk = Desk(Endpoint(name="pay", url=told.url, hedge_ms=100))
        asked = desk.ask(timeout_ms=15_000)
        assert (asked.outcome, asked.answer) == ("ok", "ok")
        assert [one["id"] for one in told.questions] == ["c1:1", "c1:1"]
        hedged = desk.metrics.registry.get_sample_value("edge_switch_questions_hedged_total", {"endpoint": "pay"})
        assert hedged == 1
        told.thoughts_s = []
        told.think_s = 0.0
        assert desk.ask(2).outcome == "ok"


def test_what_is_overwritten_is_nowhere() -> None:
    text = card()
    again = text
    overwrite(text)
    assert again == "\0" * 16
    overwrite("7")
    assert chr(55) == "7", "a text of one character is everybody's"
