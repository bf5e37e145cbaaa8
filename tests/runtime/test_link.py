"""The link over real sockets, driven turn by turn in one thread: no sleeps, any interleaving."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.runtime.link import LinkClient, LinkServer, Peer
from edge.runtime.packets import MAX_MESSAGE, MessageTooBigError, PacketSocket
from edge.runtime.pump import Pump
from edge.vocabulary.commands import Acknowledge, Command, HangUp, Wake, Welcome
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CommandId, Incarnation, LegId
from edge.vocabulary.reports import (
    LINK_VERSION,
    CommandDone,
    DigitsSent,
    Hello,
    LegEnded,
    Report,
    SpanSnapshot,
)
from edge.vocabulary.wire import pack


def turn(pump: Pump) -> None:
    """One turn that does not wait."""
    pump.at(0, lambda: None)
    pump._turn()


class Switch:
    """Switch's end with a 'disk': what was committed outlives a restart, the rest doesn't."""

    def __init__(self, listen_fd: int, disk: dict[str, Any]) -> None:
        self.disk = disk
        self.batch: list[tuple[Peer, int, Any]] = []
        self.delivered: list[int] = []
        self.snapshots: list[Any] = []
        self.connects = 0
        self.disconnects = 0
        self.resend = True
        self.pump = Pump("switch")
        self.server = LinkServer(listen_fd, self.committed, self.on_report, self.on_connect, self.on_disconnect)
        self.server.attach(self.pump)

    def committed(self, process: str, incarnation: Incarnation) -> int:
        return self.disk["numbers"].get((process, incarnation), 0)

    def on_connect(self, peer: Peer) -> None:
        self.connects += 1
        if self.resend:
            for command, body in self.disk["commands"].items():
                peer.send(Command(command, body))

    def on_disconnect(self, peer: Peer) -> None:
        self.disconnects += 1

    def on_report(self, peer: Peer, number: int, body: Any) -> None:
        if number == 0:
            self.snapshots.append(body)
            return
        self.delivered.append(number)
        self.batch.append((peer, number, body))

    def commit(self) -> None:
        for peer, number, body in self.batch:
            key = (peer.process, peer.incarnation)
            assert number > self.disk["numbers"].get(key, 0), "committed twice"
            self.disk["numbers"][key] = number
            self.disk["reports"].append(body)
            if isinstance(body, CommandDone):
                self.disk["commands"].pop(body.id, None)
        for peer, number, _ in self.batch:
            peer.acknowledge(number)
        self.batch.clear()

    def kill(self) -> None:
        """What the kernel does for a killed process; the listening socket is held by somebody else."""
        self.server.close()
        self.pump.close()


def new_disk() -> dict[str, Any]:
    return {"numbers": {}, "reports": [], "commands": {}}


class Listener:
    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "link.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(self.path)
        self.socket.listen(64)

    def descriptor(self) -> int:
        return os.dup(self.socket.fileno())


class Rig:
    def __init__(self, folder: Path) -> None:
        self.listener = Listener(folder)
        self.disk = new_disk()
        self.fds: list[int] = []
        self.switch = self.start_switch()
        self.commands: list[tuple[CommandId, Any]] = []
        self.discarded: list[LegId] = []
        self.legs: dict[LegId, str] = {}
        self.pump = Pump("span")
        self.client = self.make_client()

    def start_switch(self) -> Switch:
        fd = self.listener.descriptor()
        self.fds.append(fd)
        return Switch(fd, self.disk)

    def make_client(self, **options: Any) -> LinkClient:
        return LinkClient(
            self.listener.path,
            "span",
            Incarnation("span-1"),
            lambda command, body: self.commands.append((command, body)),
            self.discarded.extend,
            lambda: SpanSnapshot(dict(self.legs)),
            **options,
        )

    def settle(self) -> None:
        """Turns of both sides until nothing moves."""
        for _ in range(12):
            turn(self.pump)
            turn(self.switch.pump)

    def close(self) -> None:
        self.client.close()
        self.pump.close()
        self.switch.kill()
        self.listener.socket.close()
        for fd in self.fds:
            os.close(fd)


@pytest.fixture
def rig(tmp_path: Path) -> Any:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def digit(n: int) -> DigitsSent:
    return DigitsSent(LegId(f"c.{n}"))


def test_reports_are_kept_until_committed(rig: Rig) -> None:
    rig.client.report(digit(1))
    rig.client.attach(rig.pump)
    rig.client.report(digit(2))
    rig.settle()
    assert rig.switch.delivered == [1, 2]
    assert rig.client.kept == 2
    rig.switch.commit()
    rig.settle()
    assert rig.client.kept == 0


def test_snapshot_comes_before_the_reports_and_again_after_a_reconnect(rig: Rig) -> None:
    rig.legs[LegId("a.1")] = "early"
    order: list[int] = []
    original = rig.switch.server._on_report
    rig.switch.server._on_report = lambda p, n, b: (order.append(n), original(p, n, b))[1]
    rig.client.report(digit(1))
    rig.client.attach(rig.pump)
    rig.settle()
    assert order == [0, 1]
    assert rig.switch.snapshots == [SpanSnapshot({LegId("a.1"): "early"})]


def test_uncommitted_reports_are_delivered_to_the_next_switch(rig: Rig) -> None:
    rig.client.attach(rig.pump)
    for n in range(5):
        rig.client.report(digit(n))
    rig.settle()
    rig.switch.batch = rig.switch.batch[:3]
    rig.switch.commit()
    rig.switch.kill()
    rig.switch = rig.start_switch()
    turn(rig.pump)
    assert not rig.client.connected
    rig.client.connect()
    rig.settle()
    assert rig.switch.delivered == [4, 5]
    rig.switch.commit()
    assert rig.disk["reports"] == [digit(n) for n in range(5)]


def test_a_connection_made_while_switch_is_dead_waits_in_the_backlog(rig: Rig) -> None:
    rig.switch.kill()
    rig.client.attach(rig.pump)
    rig.client.report(digit(1))
    turn(rig.pump)
    assert not rig.client.connected
    rig.switch = rig.start_switch()
    rig.settle()
    assert rig.client.connected
    assert rig.switch.delivered == [1]


def test_same_switch_never_hands_a_report_out_twice(rig: Rig) -> None:
    rig.client.attach(rig.pump)
    rig.client.report(digit(1))
    rig.settle()
    rig.client._lose()
    rig.client.connect()
    rig.settle()
    assert rig.switch.delivered == [1]
    assert rig.switch.connects == 2
    rig.switch.commit()  # by the peer object of the first connection
    rig.settle()
    assert rig.client.kept == 0


def test_a_command_is_handed_out_once_and_a_repeat_is_answered_from_memory(rig: Rig) -> None:
    rig.disk["commands"][CommandId("c:1:0")] = HangUp(LegId("c.1"))
    rig.client.attach(rig.pump)
    rig.settle()
    assert [command for command, _ in rig.commands] == ["c:1:0"]
    rig.client._lose()
    rig.client.connect()
    rig.settle()
    assert len(rig.commands) == 1, "a command that is being done is not started again"
    rig.client.done(CommandId("c:1:0"), "no such leg")
    rig.settle()
    peer = rig.switch.server.peer("span", Incarnation("span-1"))
    assert peer is not None
    peer.send(Command(CommandId("c:1:0"), HangUp(LegId("c.1"))))
    rig.settle()
    assert len(rig.commands) == 1
    rig.switch.commit()
    assert rig.disk["reports"] == [CommandDone(CommandId("c:1:0"), "no such leg")] * 2


def test_wakes_are_neither_remembered_nor_numbered(rig: Rig) -> None:
    rig.client.attach(rig.pump)
    rig.settle()
    peer = next(rig.switch.server.peers("span"))
    for _ in range(2):
        peer.send(Command(CommandId("wake"), Wake(7)))
    rig.settle()
    assert rig.commands == [(CommandId("wake"), Wake(7))] * 2


def test_remembered_commands_are_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.runtime.link.MAX_REMEMBERED", 3)
    for n in range(10):
        rig.client.done(CommandId(str(n)))
    assert list(rig.client._results) == ["7", "8", "9"]


def test_discard_is_cut_into_pieces(rig: Rig) -> None:
    rig.client.attach(rig.pump)
    rig.settle()
    legs = [LegId(f"call-with-a-rather-long-name-{n:06}.1") for n in range(3000)]
    next(rig.switch.server.peers()).discard(legs)
    rig.settle()
    assert rig.discarded == legs


def test_more_than_the_socket_holds_arrives_in_order(rig: Rig) -> None:
    rig.client.attach(rig.pump)
    rig.settle()
    for n in range(3000):
        rig.client.report(LegEnded(LegId(f"{n}.1"), EndReason(outcome="failed", ended_by="network", text="x" * 200)))
    assert rig.client.wants_write
    while len(rig.switch.delivered) < 3000:
        before = len(rig.switch.delivered)
        rig.settle()
        assert len(rig.switch.delivered) > before
    assert rig.switch.delivered == list(range(1, 3001))
    assert not rig.client.wants_write


def test_overflow_loses_the_oldest_counts_and_asks_for_a_snapshot(rig: Rig) -> None:
    rig.client = rig.make_client(max_kept=10)
    rig.client.attach(rig.pump)
    rig.settle()
    for n in range(15):
        rig.client.report(digit(n))
    assert rig.client.overflowed == 5
    assert rig.client.kept == 10
    assert not rig.client.connected
    rig.client.connect()
    rig.settle()
    assert len(rig.switch.snapshots) == 2
    assert rig.switch.delivered[-10:] == list(range(6, 16))


def test_a_gap_is_counted_by_switch(rig: Rig) -> None:
    rig.client = rig.make_client(max_kept=10)
    for n in range(15):
        rig.client.report(digit(n))
    rig.client.attach(rig.pump)
    rig.settle()
    assert rig.switch.server.gaps == 5
    assert rig.switch.delivered == list(range(6, 16))


def test_our_own_message_above_the_limit_is_loud(rig: Rig) -> None:
    big = SpanSnapshot({LegId(f"{n:040}"): "early" for n in range(2000)})
    with pytest.raises(MessageTooBigError):
        rig.client.report(big)
    rig.client.attach(rig.pump)
    rig.client.report(digit(1))
    rig.settle()
    assert rig.switch.delivered == [1], "the number of the refused report was not used up"


def raw(rig: Rig) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.connect(rig.listener.path)
    return sock


HELLO = pack(Hello(process="span", version=LINK_VERSION, incarnation=Incarnation("x")))


@pytest.mark.parametrize(
    "messages",
    [
        [b"\xff\x00garbage"],
        [pack(Report(1, digit(1)))],
        [HELLO, HELLO],
        [HELLO, b"\xc1"],
        [HELLO, b"x" * (MAX_MESSAGE + 1)],
        [pack(Hello(process="span", version=99, incarnation=Incarnation("x")))],
    ],
    ids=["garbage", "report first", "two hellos", "garbage later", "too big", "version"],
)
def test_a_peer_that_breaks_the_protocol_is_disconnected_and_counted(rig: Rig, messages: list[bytes]) -> None:
    with raw(rig) as sock:
        for message in messages:
            sock.send(message)
        rig.settle()
        assert rig.switch.server.faults == 1
        assert list(rig.switch.server.peers()) == []
        sock.settimeout(5)
        while sock.recv(100000):
            pass
    rig.client.attach(rig.pump)
    rig.client.report(digit(1))
    rig.settle()
    assert rig.switch.delivered == [1], "others are served as before"


def test_a_guest_that_says_nothing_is_disconnected(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.runtime.link_server.HELLO_MS", -1)
    with raw(rig) as sock:
        rig.settle()
        sock.settimeout(5)
        assert sock.recv(100) == b""
    assert rig.switch.server.faults == 1


def test_a_peer_that_does_not_read_is_disconnected_and_counted(rig: Rig) -> None:
    with raw(rig) as sock:
        sock.send(HELLO)
        rig.settle()
        peer = next(rig.switch.server.peers())
        for _ in range(100_000):
            if not peer.send(Command(CommandId("x" * 500), Wake(1))):
                break
        assert rig.switch.server.overflows == 1
        assert not peer.connected
    assert rig.switch.disconnects == 1


def test_client_survives_a_switch_of_another_version(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pump = Pump("span")
    client = LinkClient("/nowhere", "span", Incarnation("s"), lambda *_: None, lambda _: None, lambda: None)
    client.attach(pump)
    client._packets = PacketSocket(ours)
    pump.watch(ours.fileno(), client.handle_readable)
    theirs.send(pack(Welcome(LINK_VERSION + 1, 0)))
    turn(pump)
    assert not client.connected
    assert client.faults == 1
    assert client.next_attempt_ms is not None
    theirs.close()
    pump.close()


def test_acknowledging_what_was_never_sent_is_a_fault_not_a_loss(rig: Rig) -> None:
    rig.client.attach(rig.pump)
    rig.settle()
    next(rig.switch.server.peers())._transmit(pack(Acknowledge(99)))
    rig.settle()
    assert rig.client.faults == 1
    rig.client.report(digit(1))
    rig.settle()
    assert rig.switch.delivered == [1]


STEPS = [
    "report",
    "report",
    "report",
    "turn client",
    "turn switch",
    "commit",
    "break",
    "kill switch",
    "command",
    "done",
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), max_size=80))
def test_whatever_breaks_each_report_is_committed_once_in_order_and_each_command_done_once(  # noqa: C901 - one walk
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    rig = Rig(tmp_path_factory.mktemp("link"))
    asked = reported = 0
    answered: set[CommandId] = set()
    rig.client.attach(rig.pump)
    try:
        for step in steps:
            if step == "report":
                reported += 1
                rig.client.report(digit(reported))
            elif step == "turn client":
                turn(rig.pump)
            elif step == "turn switch":
                turn(rig.switch.pump)
            elif step == "commit":
                rig.switch.commit()
            elif step == "break":
                rig.client._lose()
                rig.client.connect()
            elif step == "kill switch":
                rig.switch.kill()
                rig.switch = rig.start_switch()
                rig.client.connect()
            elif step == "command":
                asked += 1
                command = CommandId(f"c:{asked}:0")
                rig.disk["commands"][command] = HangUp(LegId("c.1"))
                for peer in rig.switch.server.peers():
                    peer.send(Command(command, HangUp(LegId("c.1"))))
            elif step == "done" and len(answered) < len(rig.commands):
                command = rig.commands[len(answered)][0]
                answered.add(command)
                rig.client.done(command)
        rig.settle()  # what is handed out now is not committed when the connection breaks once more
        rig.client._lose()
        rig.client.connect()
        rig.settle()
        for command, _ in rig.commands[len(answered) :]:
            rig.client.done(command)
        rig.settle()
        rig.switch.commit()
        rig.settle()
        told = [body for body in rig.disk["reports"] if isinstance(body, DigitsSent)]
        assert told == [digit(n) for n in range(1, reported + 1)]
        ids = [command for command, _ in rig.commands]
        assert len(ids) == len(set(ids)) == asked
        assert rig.disk["commands"] == {}
        assert rig.client.kept == 0
        assert rig.client.overflowed == rig.client.faults == rig.switch.server.faults == 0
    finally:
        rig.close()
