"""Two small telephones, joined by a line that may lose datagrams; time is virtual."""

import itertools
import random
from collections.abc import Callable

import pytest

from edge.core.sip.message import Request, Response
from edge.core.sip.parser import parse
from edge.core.sip.phone import GIVE_UP_MS, Over, PhoneCall, Rings, Talks, Transmit
from edge.core.sip.uri import NameAddr, Uri
from edge.vocabulary.media import Address

ALICE, BOB = Address("127.0.0.1", 5070), Address("127.0.0.2", 5080)
CALLER = NameAddr(Uri("sip", "+15550100", "127.0.0.1"))


class Line:
    """Both phones. `loses` says of each datagram whether it is lost."""

    def __init__(self, loses: Callable[[], bool] = lambda: False) -> None:
        numbers = itertools.count()
        self.alice, self.bob = (
            PhoneCall(one, Address(one.host, 9000), lambda: f"t{next(numbers)}") for one in (ALICE, BOB)
        )
        self.now = 0
        self.told = {"alice": [], "bob": []}
        self.lost = 0
        self._loses = loses

    def do(self, who: str, actions: list) -> None:
        waiting = [(who, action) for action in actions]
        while waiting:
            who, action = waiting.pop(0)
            if not isinstance(action, Transmit):
                self.told[who].append(action)
                continue
            assert action.to == (BOB if who == "alice" else ALICE)
            if self._loses():
                self.lost += 1
                continue
            other = "bob" if who == "alice" else "alice"
            waiting += [(other, found) for found in self._received(other, action.data)]

    def _received(self, who: str, data: bytes) -> list:
        message = parse(data)
        assert isinstance(message, Request | Response), data
        source = BOB if who == "alice" else ALICE
        phone = getattr(self, who)
        if who == "bob" and phone.state == "new":
            return phone.take(message, source)
        return phone.handle(message, source, self.now)

    def call(self) -> None:
        self.do("alice", self.alice.call(Uri("sip", "bob", BOB.host, BOB.port), CALLER, BOB, self.now))

    def run(self, until_ms: int) -> None:
        """Let time pass."""
        while True:
            due = [(getattr(self, who).deadline, who) for who in ("alice", "bob")]
            due = [(one.at_ms, who) for one, who in due if one is not None]
            if not due or min(due)[0] > until_ms:
                self.now = until_ms
                return
            self.now, who = max(self.now, min(due)[0]), min(due)[1]
            self.do(who, getattr(self, who).time_up(self.now))


def kinds(told: list) -> list[type]:
    return [type(one) for one in told]


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_call_that_is_answered_and_hung_up(who: str):
    line = Line()
    line.call()
    line.do("bob", line.bob.ring())
    line.do("bob", line.bob.accept(0))
    assert kinds(line.told["alice"]) == [Rings, Talks]
    assert kinds(line.told["bob"]) == [Talks]
    media = line.told["alice"][1].media
    assert (media.rtp, media.codec, media.telephone_event) == (Address(BOB.host, 9000), "PCMU", 101)
    assert line.alice.deadline is None
    assert line.bob.deadline is None
    line.do(who, getattr(line, who).hang_up(10))
    other = "bob" if who == "alice" else "alice"
    assert line.told[who][-1] == Over(200, "us")
    assert line.told[other][-1] == Over(200, "them")
    assert line.alice.deadline is None
    assert line.bob.deadline is None


def test_a_call_that_is_refused():
    line = Line()
    line.call()
    line.do("bob", line.bob.refuse(486, 0))
    assert line.told["alice"] == [Over(486, "them")]
    assert line.bob.deadline is None
    assert line.alice.hang_up(5) == []


def test_a_caller_who_gives_up():
    line = Line()
    line.call()
    line.do("bob", line.bob.ring())
    line.do("alice", line.alice.hang_up(5))
    assert line.told["alice"][-1] == Over(487, "us")
    assert line.told["bob"] == [Over(487, "them")]


def test_nobody_there():
    line = Line(lambda: True)
    line.call()
    line.run(GIVE_UP_MS + 1)
    assert line.told["alice"] == [Over(0, "them")]
    assert line.lost == 7  # at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s
    assert line.alice.deadline is None


@pytest.mark.parametrize("seed", range(40))
def test_what_is_lost_is_sent_again(seed: int):
    dice = random.Random(seed)
    line = Line(lambda: dice.random() < 0.3)
    line.call()
    line.run(5000)
    line.do("bob", line.bob.accept(line.now))
    line.run(25_000)
    line.do("alice", line.alice.hang_up(line.now))
    line.run(80_000)
    assert line.alice.state == "over"
    assert line.alice.deadline is None
    assert line.bob.deadline is None
    assert line.lost or seed
