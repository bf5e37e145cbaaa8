"""Short messages: told, kept by others, deleted; whatever ends the life of process or modem between the steps."""

from edge.core.lines.exchange import Exchange, Reply
from edge.core.lines.messages import Messages
from edge.core.lines.texts import ucs2
from edge.core.lines.words import Action, SmsReceived
from edge.vocabulary.private import Private

WANTED = SmsReceived(Private("+4930"), Private("hello"), "2026-11-22T22:10:00+01:00", "3")


class Sim:
    """What the modem stores, which outlives us."""

    def __init__(self) -> None:
        self.stored = {3: "hello"}

    def messages(self) -> tuple[Messages, Exchange]:
        exchange = Exchange()
        messages = Messages(exchange)
        messages.readable()
        return messages, exchange

    def step(self, messages: Messages, exchange: Exchange) -> list[Action] | None:
        """Answer the next command; None: there is none."""
        if not exchange.send(0):
            return None
        job = exchange.pending
        assert job is not None
        exchange.pending = None
        name, _, place = job.text.partition("=")
        lines: tuple[str, ...] = ()
        outcome = "ok"
        if name == "AT+CPMS?":
            lines = (f'+CPMS: "ME",{len(self.stored)},5,"ME",0,5,"ME",0,5',)
        elif name == "AT+CMGR" and int(place) in self.stored:
            head = f'+CMGR: "REC UNREAD","{ucs2("+4930")}",,"26/11/22,22:10:00+04"'
            lines = (head, ucs2(self.stored[int(place)]))
        elif name == "AT+CMGR":
            outcome = "error"
        elif name == "AT+CMGD":
            del self.stored[int(place)]
        return messages.replied(Reply(job, outcome, lines, ""))  # type: ignore[arg-type]

    def run(self, messages: Messages, exchange: Exchange, steps: int = 50) -> list[Action]:
        told: list[Action] = []
        for _ in range(steps):
            done = self.step(messages, exchange)
            if done is None:
                break
            told += done
        return told


def test_a_message_is_deleted_only_when_it_is_safe() -> None:
    sim = Sim()
    messages, exchange = sim.messages()
    messages.begin()
    assert sim.run(messages, exchange) == [WANTED]
    assert sim.stored
    messages.kept("3")
    assert sim.run(messages, exchange) == []
    assert not sim.stored
    messages.kept("3")
    assert exchange.idle, "it is deleted once"


def test_a_kill_between_any_two_steps_loses_nothing() -> None:
    """Killed after so many commands; switch has or has not committed what was told by then."""
    for steps in range(10):
        for safe in (False, True):
            sim = Sim()
            messages, exchange = sim.messages()
            messages.begin()
            told = sim.run(messages, exchange, steps)
            if told and safe:
                messages.kept("3")
                sim.run(messages, exchange, 1 if steps % 2 else 0)
            committed = told if safe else []
            messages, exchange = sim.messages()
            messages.begin()
            again = sim.run(messages, exchange)
            assert set(committed + again) == {WANTED}, (steps, safe)
            for one in again:
                assert isinstance(one, SmsReceived)
                messages.kept(one.place)
            sim.run(messages, exchange)
            assert not sim.stored


def test_a_modem_that_restarts_has_its_message_told_once() -> None:
    for safe in (False, True):
        sim = Sim()
        messages, exchange = sim.messages()
        messages.begin()
        assert sim.run(messages, exchange) == [WANTED]
        if safe:
            messages.kept("3")
        exchange.reset()
        messages.forget()
        messages.begin()
        assert sim.run(messages, exchange) == []
        if not safe:
            assert sim.stored
            messages.kept("3")
            sim.run(messages, exchange)
        assert not sim.stored


def test_another_message_in_the_same_place_is_told() -> None:
    sim = Sim()
    messages, exchange = sim.messages()
    messages.begin()
    assert sim.run(messages, exchange) == [WANTED]
    sim.stored[3] = "another"
    messages.stored("3")
    assert [one.text.reveal() for one in sim.run(messages, exchange) if isinstance(one, SmsReceived)] == ["another"]
