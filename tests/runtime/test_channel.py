"""The child's end of the supervisor channel."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.runtime.channel import EXIT_LOST, MAX_WHOLE, Joiner, SupervisorChannel, split
from edge.runtime.packets import MAX_MESSAGE
from edge.runtime.pump import Pump
from edge.vocabulary.supervision import (
    AllScraped,
    Beat,
    Drain,
    FromChild,
    Health,
    Ready,
    Replied,
    Request,
    Scrape,
    Scraped,
    Stop,
)
from edge.vocabulary.wire import pack, unpacker


class Supervisor:
    """The other end."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.setblocking(False)
        self.channel = SupervisorChannel(theirs.detach())
        self._joiner = Joiner()
        self._decode = unpacker(FromChild).decode  # type: ignore[arg-type]

    def send(self, message: Any) -> None:
        for packet in split(pack(message)):
            self.socket.send(packet)

    def heard(self) -> list[Any]:
        found = []
        while True:
            try:
                packet = self.socket.recv(MAX_MESSAGE + 1)
            except BlockingIOError:
                return found
            whole = self._joiner.feed(packet)
            if whole is not None:
                found.append(self._decode(whole))


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    supervisor = Supervisor()
    yield supervisor
    supervisor.socket.close()


@given(st.integers(0, 4 * MAX_MESSAGE))
def test_any_message_is_put_together_again(size: int) -> None:
    message = pack(b"m" * size)
    joiner = Joiner()
    whole = [joiner.feed(packet) for packet in split(message)]
    assert whole[-1] == message
    assert whole[:-1] == [None] * (len(whole) - 1)
    assert all(len(packet) <= MAX_MESSAGE for packet in split(message))
    assert joiner.feed(b"\x80") == b"\x80", "nothing is left over"


def test_messages_without_end_are_refused_on_both_sides() -> None:
    with pytest.raises(ValueError, match="limit"):
        split(b"x" * (MAX_WHOLE + 1))
    joiner = Joiner()
    part = b"\xc1\x00" + b"x" * (MAX_MESSAGE - 2)
    for _ in range(MAX_WHOLE // (MAX_MESSAGE - 2)):
        assert joiner.feed(part) is None
    with pytest.raises(ValueError, match="above"):
        joiner.feed(part)


def test_what_a_child_says(supervisor: Supervisor) -> None:
    channel = supervisor.channel
    channel.ready(4711)
    channel.beat()
    channel.health("storage", "disk full")
    channel.health("storage", "disk full")
    channel.health("other", "")
    channel.health("storage", "")
    assert supervisor.heard() == [Ready(4711), Beat(), Health("storage", "disk full"), Health("storage", "")]


def test_handlers_get_their_messages_and_requests_without_one_are_answered(supervisor: Supervisor) -> None:
    got: list[Any] = []
    supervisor.channel.on(Scrape, got.append)
    for message in (Scrape(1), Drain(), Request(7, "what\nis", b"")):
        supervisor.send(message)
    supervisor.channel.handle_readable()
    assert got == [Scrape(1)]
    assert supervisor.heard() == [Replied(7, b"", "unknown request 'what\\nis'")]


def test_stop_without_a_handler_exits_with_0(supervisor: Supervisor) -> None:
    supervisor.send(Stop())
    with pytest.raises(SystemExit) as left:
        supervisor.channel.handle_readable()
    assert left.value.code == 0


def test_the_end_of_the_supervisor_is_the_end(supervisor: Supervisor) -> None:
    got: list[Any] = []
    supervisor.channel.on(Scrape, got.append)
    supervisor.channel.beat()  # unread: the end comes as a reset, in front of what was sent before it
    supervisor.send(Scrape(3))
    supervisor.socket.close()
    with pytest.raises(SystemExit) as left:
        supervisor.channel.handle_readable()
    assert left.value.code == EXIT_LOST
    assert got == [Scrape(3)]
    assert supervisor.channel.fileno() == -1


def test_big_messages_wait_for_room_and_arrive_whole_in_order(supervisor: Supervisor) -> None:
    pump = Pump("test")
    supervisor.channel.attach(pump)
    texts = [f"{n}" * 150_000 for n in range(6)]
    for n, text in enumerate(texts):
        supervisor.channel.send(Scraped(n, text))
    supervisor.channel.beat()
    assert supervisor.channel.wants_write
    heard: list[Any] = []

    def read() -> None:
        heard.extend(supervisor.heard())
        if heard and heard[-1] == Beat():
            pump.stop()

    pump.watch(supervisor.socket.fileno(), read)
    pump.run()
    assert heard == [*(Scraped(n, text) for n, text in enumerate(texts)), Beat()]
    assert not supervisor.channel.wants_write
    pump.close()


def test_a_big_message_to_the_child_is_put_together(supervisor: Supervisor) -> None:
    got: list[Any] = []
    supervisor.channel.on(AllScraped, got.append)
    message = AllScraped(1, {"front": "x" * 100_000, "web": None})
    supervisor.send(message)
    supervisor.channel.handle_readable()
    assert got == [message]


def test_a_supervisor_that_does_not_read_is_lost(supervisor: Supervisor) -> None:
    lost: list[bool] = []
    supervisor.channel.on_lost = lambda: lost.append(True)
    for n in range(100):
        supervisor.channel.send(Scraped(n, "x" * 400_000))
        if lost:
            break
    assert lost == [True]
