"""Two small telephones, joined by a line that may lose datagrams; time is virtual."""

import itertools
import random
import re
from collections.abc import Callable

import pytest

from edge.core.sip.message import Request, Response
from edge.core.sip.parser import parse
from edge.core.sip.phone import GIVE_UP_MS, Over, PhoneCall, Referred, Rings, Talks, Transmit
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
        #: All messages that arrived, in order.
        self.messages: list[Request | Response] = []
        self.wire: list[bytes] = []
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
        self.messages.append(message)
        self.wire.append(data)
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


def test_what_is_heard_before_the_answer():
    line = Line()
    line.call()
    line.do("bob", line.bob.ring())
    line.do("bob", line.bob.progress())
    assert [one.status for one in line.told["alice"]] == [180, 183]
    assert kinds(line.told["bob"]) == [Talks]
    assert line.messages[-1].body.startswith(b"v=0")
    early = line.messages[-1].body
    line.do("bob", line.bob.accept(0))
    answer = next(one for one in line.messages if isinstance(one, Response) and one.status == 200)
    assert answer.body == early, "a description that was sent stands (RFC 3261 section 13.2.1)"
    assert line.bob.progress() == [], "there is no progress of a call that is up"


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


# --- REFER


def up(line: Line) -> Line:
    line.call()
    line.do("bob", line.bob.accept(0))
    return line


def refer_to_alice(line: Line, text: str, cseq: int = 7) -> Request:
    """Bob wants alice to call somebody else."""
    invite = next(one for one in line.messages if isinstance(one, Request))
    answer = next(one for one in line.messages if isinstance(one, Response) and one.status == 200)
    return Request(
        method="REFER",
        uri=invite.contact.uri,
        vias=invite.vias,
        from_=answer.to,
        to=answer.from_,
        call_id=invite.call_id,
        cseq=cseq,
        extras={"Refer-To": text},
    )


def statuses(actions: list) -> list[int]:
    """Of the responses among actions."""
    sent = [parse(action.data) for action in actions if isinstance(action, Transmit)]
    return [one.status for one in sent if isinstance(one, Response)]


def notifies(line: Line) -> list[tuple[bytes, bytes, bytes]]:
    """Event, state of the subscription and body of each NOTIFY that arrived."""
    found = [one for one in line.wire if one.startswith(b"NOTIFY ")]
    return [
        (
            re.search(rb"\r\nEvent: (.*)\r\n", one)[1],
            re.search(rb"\r\nSubscription-State: ([a-z]*)", one)[1],
            one.partition(b"\r\n\r\n")[2],
        )
        for one in found
    ]


def test_a_phone_that_is_referred_tells_what_came_of_it():
    line = up(Line())
    actions = line.alice.handle(refer_to_alice(line, "<sip:desk@192.0.2.9:5062>"), BOB, 100)
    assert statuses(actions) == [202]
    assert [one.target for one in actions if isinstance(one, Referred)] == [Uri("sip", "desk", "192.0.2.9", 5062)]
    line.do("alice", actions)
    assert statuses(line.alice.handle(refer_to_alice(line, "<sip:desk@192.0.2.9:5062>"), BOB, 600)) == [202]
    assert statuses(line.alice.handle(refer_to_alice(line, "<sip:other@192.0.2.9>", 8), BOB, 700)) == [491]
    line.do("alice", line.alice.refer_over(486, 3000))
    assert notifies(line) == [
        (b"refer;id=7", b"active", b"SIP/2.0 100 Trying\r\n"),
        (b"refer;id=7", b"terminated", b"SIP/2.0 486 Busy Here\r\n"),
    ]
    assert line.alice.deadline is None
    assert line.alice.refer_over(200, 3100) == []
    assert line.alice.state == "up"
    assert statuses(line.alice.handle(refer_to_alice(line, "<sip:other@192.0.2.9>", 9), BOB, 4000)) == [202]


def test_nobody_is_called_for_a_bad_refer_or_without_a_call():
    line = up(Line())
    assert statuses(line.alice.handle(refer_to_alice(line, "<sip:"), BOB, 1)) == [400]
    assert statuses(line.alice.handle(refer_to_alice(line, ""), BOB, 1)) == [400]
    line.do("alice", line.alice.hang_up(10))
    assert statuses(line.alice.handle(refer_to_alice(line, "<sip:desk@192.0.2.9>"), BOB, 20)) == [481]


def test_a_notify_that_nobody_answers_does_not_end_the_call():
    line = up(Line())
    line.alice.handle(refer_to_alice(line, "<sip:desk@192.0.2.9>"), BOB, 0)
    line.alice.refer_over(200, 10)
    for at_ms in range(500, GIVE_UP_MS + 4000, 500):
        actions = line.alice.time_up(at_ms)
        assert not any(isinstance(one, Over) for one in actions)
    assert line.alice.deadline is None
    assert line.alice.state == "up"
