"""The user agent of a line, with the test in the place of front, over UDP."""

import asyncio
import itertools
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from edge.core.lines.words import Dial, EndCause, Ended, HangUp, Input
from edge.core.sip.formats import OFFERED
from edge.core.sip.message import Request, Response
from edge.core.sip.parser import parse
from edge.core.sip.phone import PhoneCall, Transmit
from edge.core.sip.uri import NameAddr, Uri
from edge.line.agent import STATUS, Agent, Place
from edge.line.rtp import Samples
from edge.vocabulary.media import Address
from edge.vocabulary.private import Private

L16 = tuple(one for one in OFFERED["L16"] if one.clock_rate == 8000)


class Silence:
    """The device: a line that does nothing by itself, and remembers what it was told."""

    def __init__(self) -> None:
        self.trouble = ""
        self.loud_s = 0.0
        self.told: list[Input] = []

    @property
    def ready(self) -> bool:
        return not self.trouble

    @property
    def audio(self) -> "Silence":
        return self

    def feed(self, entered: Input) -> None:
        self.told.append(entered)

    def hear(self, samples: Samples, now_s: float) -> None: ...

    def speak(self, count: int, now_s: float) -> Samples:
        return np.zeros(count, np.int16)


class Front:
    """A socket, the agent beside it, and calls to it."""

    def __init__(self, folder: Path, *, early: bool = False) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.address = Address(*self.socket.getsockname())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind(("127.0.0.1", 0))
            self.line = Address(*one.getsockname())
        self.device = Silence()
        place = Place(self.line, self.address, "127.0.0.1", "100", 8000, "modem", early)
        self.agent = Agent("gsm", place, self.device, folder / "line-gsm.bye")
        self._numbers = itertools.count()

    def call(self) -> PhoneCall:
        call = PhoneCall(self.address, Address("127.0.0.1", 9000), lambda: f"t{next(self._numbers)}", L16)
        to = Uri("sip", "555", self.line.host, self.line.port)
        self.send(call.call(to, NameAddr(Uri("sip", "1", "127.0.0.1")), self.line, 0))
        return call

    def send(self, actions: list) -> None:
        for action in actions:
            if isinstance(action, Transmit):
                self.socket.sendto(action.data, (action.to.host, action.to.port))

    async def next(self) -> Request | Response:
        data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.socket, 65536), 20)
        message = parse(data)
        assert isinstance(message, Request | Response)
        return message

    async def final(self) -> Response:
        while True:
            message = await self.next()
            if isinstance(message, Response) and message.status >= 200:
                return message


def run(front: Front, test: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await front.agent.open()
        try:
            await asyncio.wait_for(test(), 60)
        finally:
            front.agent.close()
            front.socket.close()

    asyncio.run(whole())


def options(front: Front) -> bytes:
    return (
        f"OPTIONS sip:{front.line} SIP/2.0\r\nVia: SIP/2.0/UDP {front.address};branch=z9hG4bKo\r\n"
        f"From: <sip:edge@127.0.0.1>;tag=a\r\nTo: <sip:{front.line}>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def test_options_are_answered_by_how_the_line_stands(tmp_path: Path) -> None:
    front = Front(tmp_path)

    async def test() -> None:
        front.socket.sendto(options(front), (front.line.host, front.line.port))
        assert (await front.final()).status == 200
        front.device.trouble = 'no sim: it says "10"'
        front.socket.sendto(options(front), (front.line.host, front.line.port))
        answer = await front.final()
        assert (answer.status, answer.extras["Reason"]) == (503, "Q.850;cause=27;text=\"no sim: it says '10'\"")

    run(front, test)


def test_a_line_that_is_not_ready_refuses_and_the_modem_is_told_nothing(tmp_path: Path) -> None:
    front = Front(tmp_path)
    front.device.trouble = "absent: it was unplugged"

    async def test() -> None:
        front.call()
        answer = await front.final()
        assert (answer.status, answer.extras["Reason"]) == (503, 'Q.850;cause=27;text="absent: it was unplugged"')
        assert front.device.told == []
        assert not front.agent.busy

    run(front, test)


def test_a_second_call_finds_it_busy(tmp_path: Path) -> None:
    front = Front(tmp_path)

    async def test() -> None:
        front.call()
        assert (await front.next()).status == 100  # type: ignore[union-attr]
        front.call()
        assert (await front.final()).status == 503
        assert [type(one) for one in front.device.told] == [Dial]

    run(front, test)


def test_calls_that_cross_are_told_apart(tmp_path: Path) -> None:
    front = Front(tmp_path)

    async def test() -> None:
        front.call()
        assert (await front.next()).status == 100  # type: ignore[union-attr]
        front.agent.dial_refused()
        answer = await front.final()
        assert (answer.status, answer.extras["Reason"]) == (503, 'Q.850;cause=44;text="busy"')
        front.agent.incoming(Private("+4930123456"), withheld=False)
        invite = await front.next()
        assert isinstance(invite, Request)
        assert (invite.method, invite.from_.uri.user) == ("INVITE", "+4930123456")
        assert [type(one) for one in front.device.told] == [Dial], "the modem is not told to hang up"

    run(front, test)


def test_a_call_that_comes_while_the_modem_hangs_up_is_dialled_as_soon_as_it_has(tmp_path: Path) -> None:
    front = Front(tmp_path)

    async def test() -> None:
        former = front.call()
        front.send(former.handle(await front.next(), front.line, 0))
        front.send(former.hang_up(0))
        while not isinstance(front.device.told[-1], HangUp):
            await front.final()
        front.device.told.clear()
        latter = front.call()
        while (await front.next()).call_id != latter.call_id:
            pass
        assert front.device.told == [], "it hangs up still"
        front.agent.ended(Ended("normal", 16, "of the call before"))
        assert [type(one) for one in front.device.told] == [Dial]
        front.agent.connected()
        assert (await front.final()).status == 200

    run(front, test)


def test_a_call_that_waits_for_the_modem_may_be_given_up_or_lose_it(tmp_path: Path) -> None:
    front = Front(tmp_path)

    async def test() -> None:
        async def given_up() -> None:
            call = front.call()
            while (message := await front.next()).call_id != call.call_id:
                pass
            front.send(call.handle(message, front.line, 0))
            front.send(call.hang_up(0))
            while (await front.final()).method != "INVITE":
                pass

        await given_up()
        assert [type(one) for one in front.device.told] == [Dial, HangUp]
        await given_up()
        call = front.call()
        while (await front.next()).call_id != call.call_id:
            pass
        front.agent.ended(Ended("device_lost", 27, "the modem has failed"))
        while (answer := await front.final()).call_id != call.call_id:
            pass
        assert answer.status == 503
        assert [type(one) for one in front.device.told] == [Dial, HangUp], "neither was dialled"

    run(front, test)


@pytest.mark.parametrize("cause", ["busy", "no_answer", "rejected", "normal", "no_service", "failed", "no_sim"])
def test_what_the_modem_says_is_told_as_sip(cause: EndCause, tmp_path: Path) -> None:
    front = Front(tmp_path)

    async def test() -> None:
        front.call()
        await front.next()
        front.agent.ended(Ended(cause, 42, "why"))
        answer = await front.final()
        assert answer.status == STATUS.get(cause, 503)
        assert answer.extras["Reason"] == f'Q.850;cause=42;text="{cause}"'
        assert HangUp() not in front.device.told, "it is over on the modem"

    run(front, test)


def test_sound_before_the_answer_is_passed_on_from_where_it_is_loud(tmp_path: Path) -> None:
    front = Front(tmp_path, early=True)
    front.device.loud_s = 7.0  # of the call before

    async def test() -> None:
        front.call()
        await front.next()
        front.agent.sound_on()
        front.agent.rings()
        ringing = await front.next()
        assert (ringing.status, ringing.body) == (180, b"")  # type: ignore[union-attr]
        await asyncio.sleep(0.3)
        front.device.loud_s = 7.2
        early = await front.next()
        assert early.status == 183  # type: ignore[union-attr]
        assert early.body.startswith(b"v=0")
        front.agent.connected()
        answer = await front.final()
        assert (answer.status, answer.body) == (200, early.body)

    run(front, test)
    assert not (tmp_path / "line-gsm.bye").exists()


def test_where_sound_before_the_answer_is_turned_off_there_is_no_183_however_loud_it_is(tmp_path: Path) -> None:
    front = Front(tmp_path, early=False)

    async def test() -> None:
        front.call()
        await front.next()
        front.agent.sound_on()
        front.agent.rings()
        assert (await front.next()).status == 180  # type: ignore[union-attr]
        front.device.loud_s = 5.0
        await asyncio.sleep(0.3)  # by then it would have been looked at
        front.agent.connected()
        assert (await front.next()).status == 200  # type: ignore[union-attr]

    run(front, test)


def test_nobody_but_front_is_listened_to(tmp_path: Path) -> None:
    front = Front(tmp_path)

    async def test() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.1", 0))
            stranger.setblocking(False)
            stranger.sendto(options(front), (front.line.host, front.line.port))
            front.socket.sendto(b"\0nonsense", (front.line.host, front.line.port))
            front.socket.sendto(options(front), (front.line.host, front.line.port))
            assert (await front.final()).status == 200
            with pytest.raises(BlockingIOError):
                stranger.recv(1)

    run(front, test)


def test_the_call_of_a_killed_life_is_ended_by_its_successor(tmp_path: Path) -> None:
    front = Front(tmp_path)
    keepsake = tmp_path / "line-gsm.bye"

    async def first() -> None:
        call = front.call()
        await front.next()
        front.agent.connected()
        answer = await front.final()
        front.send(call.handle(answer, front.line, 0))
        assert keepsake.stat().st_mode & 0o777 == 0o600
        (tmp_path / "kept").write_bytes(keepsake.read_bytes())

    run(front, first)
    assert not keepsake.exists(), "it has ended its call itself"
    keepsake.write_bytes((tmp_path / "kept").read_bytes())
    again = Front(tmp_path)

    async def second() -> None:
        byes = [await again.next(), await again.next()]
        assert [one.method for one in byes] == ["BYE", "BYE"]
        assert 'text="line_lost"' in byes[0].extras["Reason"]
        assert not keepsake.exists()

    run(again, second)


def test_a_call_that_rings_out_is_refused_by_the_successor(tmp_path: Path) -> None:
    front = Front(tmp_path)
    keepsake = tmp_path / "line-gsm.bye"

    async def first() -> None:
        front.call()
        trying = await front.next()
        (tmp_path / "kept").write_bytes(keepsake.read_bytes())
        (tmp_path / "id").write_text(trying.call_id)

    run(front, first)
    assert not keepsake.exists(), "it has ended its call itself"
    keepsake.write_bytes((tmp_path / "kept").read_bytes())
    again = Front(tmp_path)

    async def second() -> None:
        refusal = await again.final()
        assert (refusal.status, refusal.method) == (503, "INVITE")
        assert refusal.call_id == (tmp_path / "id").read_text()
        assert refusal.to.tag
        assert 'text="line_lost"' in refusal.extras["Reason"]
        assert not keepsake.exists()

    run(again, second)


def test_a_call_that_rings_in_is_cancelled_by_the_successor(tmp_path: Path) -> None:
    front = Front(tmp_path)
    keepsake = tmp_path / "line-gsm.bye"
    branches = []

    async def first() -> None:
        front.agent.incoming(None, withheld=True)
        invite = await front.next()
        assert isinstance(invite, Request)
        branches.append(invite.vias[0].branch)
        (tmp_path / "kept").write_bytes(keepsake.read_bytes())

    run(front, first)
    keepsake.write_bytes((tmp_path / "kept").read_bytes())
    again = Front(tmp_path)

    async def second() -> None:
        cancel = await again.next()
        assert isinstance(cancel, Request)
        assert cancel.method == "CANCEL"
        assert cancel.vias[0].branch == branches[0]
        assert not keepsake.exists()

    run(again, second)
