"""A real switch process with scripted peers on its real link: front, spans and media that obey.

`Peer` speaks the link by the same client as the real processes; what it does with commands is scripted here.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from edge.config.compiled import CompiledSite
from edge.config.site import Media, Paths, Recording, Route
from edge.core.menus.model import Menu
from edge.runtime.channel import Joiner
from edge.runtime.link import LinkClient
from edge.runtime.process import Launch
from edge.storage.reader import Reader, StoredEvent
from edge.switch.seats import seats_size
from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.commands import AnyCommand
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CommandId, Incarnation, LegId, RecordingId
from edge.vocabulary.media import Address
from edge.vocabulary.private import Private
from edge.vocabulary.supervision import FromChild, Health, Ready, Replied, Request, Stop, ToChild
from edge.vocabulary.wire import pack, unpacker
from tests.core.calls.desk import MENU, REMOTE

#: Far above what anything here takes; reaching it is a failure, not a measurement.
LIMIT_S = 20.0


class Peer:
    """One process on the link. `obey` false: commands are only noted."""

    def __init__(self, world: "World", process: str, incarnation: str) -> None:
        self.world = world
        self.process = process
        self.incarnation = Incarnation(incarnation)
        self.obey = True
        self.commands: list[tuple[CommandId, AnyCommand]] = []
        self.discarded: list[LegId] = []
        self.legs: dict[LegId, Any] = {}
        self.recordings: dict[LegId, RecordingId] = {}
        self.link = LinkClient(
            str(world.link_path), process, self.incarnation, self._command, self.discarded.extend, self._snapshot
        )

    def _snapshot(self) -> r.AnyReport | None:
        if self.process == "span":
            return r.SpanSnapshot(dict.fromkeys(self.legs, "confirmed"))
        if self.process == "front":
            return r.FrontSnapshot(list(self.legs))
        if self.process == "media":
            return r.MediaSnapshot(dict(self.legs), dict(self.recordings))
        return None

    def bodies(self, kind: type) -> list[Any]:
        return [body for _, body in self.commands if isinstance(body, kind)]

    def _command(self, id: CommandId, body: AnyCommand) -> None:  # noqa: A002
        self.commands.append((id, body))
        if self.obey and not isinstance(body, c.Wake):
            self.carry_out(id, body)

    def carry_out(self, id: CommandId, body: AnyCommand) -> None:  # noqa: A002
        match body:
            case c.OpenLeg():
                self.legs[body.leg] = body.slot
            case c.StartRecording():
                self.recordings[body.leg] = body.recording
            case _:
                pass
        self.link.done(id)
        match body:
            case c.Answer():
                self.legs[body.leg] = "confirmed"
                self.link.report(r.LegAnswered(body.leg))
            case c.HangUp() | c.Reject():
                self.legs.pop(body.leg, None)
                code = body.code if isinstance(body, c.Reject) else None
                self.link.report(ended(body.leg, "completed", "appliance", code))
            case c.CloseLeg():
                self.legs.pop(body.leg, None)
                self.link.report(media_ended(body.leg))
            case c.StopRecording():
                self.recordings.pop(body.leg, None)
                self.link.report(recording_done(body.leg, body.recording))
            case c.ReserveSpan():
                self.link.report(r.SpanReserved(body.leg, Incarnation("span-2")))
            case c.MakeCall():
                self.legs[body.leg] = "early"
                self.link.report(r.LegRinging(body.leg, 180, False))
            case _:
                pass


def ended(leg: LegId, outcome: str = "completed", by: str = "caller", code: int | None = None) -> r.LegEnded:
    return r.LegEnded(leg, EndReason(outcome=outcome, ended_by=by, sip_code=code))  # type: ignore[arg-type]


def media_ended(leg: LegId) -> r.LegMediaEnded:
    return r.LegMediaEnded(
        leg=leg, packets_received=9, packets_sent=9, packets_lost=0, packets_late=0, packets_refused=0, jitter_ms=1.0
    )


def recording_done(leg: LegId, recording: RecordingId) -> r.RecordingDone:
    return r.RecordingDone(
        leg=leg,
        recording=recording,
        path="/rec/x.wav",
        duration_ms=10,
        gap_ms_left=0,
        gap_ms_right=0,
        size_bytes=44,
        sha256="",
    )


class World:
    """Plays the supervisor and all peers of one switch process in one thread."""

    def __init__(
        self, folder: Path, state: Path | None = None, menu: Menu = MENU, reserve_mb: int = 0, **site: Any
    ) -> None:
        self.folder = folder
        self.state = state or folder / "state"
        self.link_path = folder / "link"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(self.link_path))
        self.listener.listen(64)
        self.site = CompiledSite(
            name="test",
            media=Media(slots=50, address="127.0.0.1", hold_music="/music.wav"),
            paths=Paths(state=str(self.state), recordings=str(folder / "recordings")),
            recording=Recording(reserve_mb=reserve_mb),
            routes=[Route(number="2*", menu=menu.name)],
            menus={menu.name: menu},
            **site,
        )
        self.seats = os.memfd_create("switch_seats")
        os.ftruncate(self.seats, seats_size(self.site))
        self.site_path = folder / "site.bin"
        self.site_path.write_bytes(pack(self.site))
        self.boot = "boot-1"
        self.process: subprocess.Popen[bytes] | None = None
        self.channel: socket.socket | None = None
        self.messages: list[Any] = []
        self.peers: list[Peer] = []
        self._joiner = Joiner()
        self._decode = unpacker(FromChild)  # type: ignore[arg-type]
        self._asked = 0
        self._reader = Reader(self.state / "state.db")

    # --- the process

    def start(self, wait: bool = True) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        launch = Launch(
            name="switch",
            module="edge.switch",
            incarnation="switch-1",
            channel_fd=theirs.fileno(),
            site=str(self.site_path),
            fds={"link_listener": [self.listener.fileno()], "switch_seats": [self.seats]},
            link_path=str(self.link_path),
            run_dir=str(self.folder),
            boot_id=self.boot,
            supervisor_pid=os.getpid(),
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge.app.child", "switch"],
            env={**os.environ, **launch.environment(), "EDGE_LOG_LEVEL": "warning"},
            pass_fds=[theirs.fileno(), self.listener.fileno(), self.seats],
        )
        theirs.close()
        ours.setblocking(False)
        self.channel = ours
        self.messages = []
        self._joiner = Joiner()
        if wait:
            self.until(lambda: any(isinstance(m, Ready) for m in self.messages))

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait() == -signal.SIGKILL
        self._close_channel()

    def stop(self) -> int:
        self.tell(Stop())
        assert self.process is not None
        self.until(lambda: self.process is not None and self.process.poll() is not None)
        self._close_channel()
        return self.process.returncode

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        for peer in self.peers:
            peer.link.close()
        self._close_channel()
        self._reader.close()
        self.listener.close()
        os.close(self.seats)

    def _close_channel(self) -> None:
        if self.channel is not None:
            self.channel.close()
            self.channel = None

    # --- talking

    def peer(self, process: str, incarnation: str) -> Peer:
        peer = Peer(self, process, incarnation)
        self.peers.append(peer)
        return peer

    def tell(self, message: ToChild) -> None:
        assert self.channel is not None
        self.channel.send(pack(message))

    def ask(self, what: str, body: object = None, uid: int | None = None) -> Any:
        self._asked += 1
        number = self._asked
        self.tell(Request(number, what, msgspec.json.encode(body), uid))
        self.until(lambda: any(isinstance(m, Replied) and m.id == number for m in self.messages))
        reply = next(m for m in self.messages if isinstance(m, Replied) and m.id == number)
        if reply.error is not None:
            raise LookupError(reply.error)
        return msgspec.json.decode(reply.body)

    def condition(self, name: str) -> str:
        return next((m.text for m in reversed(self.messages) if isinstance(m, Health) and m.condition == name), "")

    def until(self, condition: Callable[[], bool]) -> None:
        """Let everybody work until `condition` holds."""
        limit = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < limit, "it never came to this"
            self._turn()

    def settle(self, turns: int = 30) -> None:
        """Let everybody work for a while."""
        for _ in range(turns):
            self._turn()

    def _turn(self) -> None:
        now_ms = time.monotonic_ns() // 1_000_000
        for peer in self.peers:
            if peer.link.next_attempt_ms is not None and peer.link.next_attempt_ms <= now_ms:
                peer.link.connect()
        fds: dict[int, Callable[[], None]] = {p.link.fileno(): p.link.handle_readable for p in self.peers}
        fds.pop(-1, None)
        if self.channel is not None:
            fds[self.channel.fileno()] = self._read_channel
        ready, _, _ = select.select(list(fds), [], [], 0.01)
        for fd in ready:
            fds[fd]()

    def _read_channel(self) -> None:
        assert self.channel is not None
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while data := self.channel.recv(1 << 20):
                whole = self._joiner.feed(data)
                if whole is not None:
                    self.messages.append(self._decode.decode(whole))
            self.process is not None and self.process.wait(5)
            self._close_channel()

    # --- what is on disk

    def events(self, call: str | None = None) -> list[StoredEvent]:
        rows = self._reader.events_after(0, 100_000)
        return [row for row in rows if call is None or row.call == call]

    def types(self, call: str) -> list[str]:
        return [row.type for row in self.events(call)]


def incoming(call: str, called: str = "200") -> r.LegIncoming:
    return r.LegIncoming(
        leg=LegId(f"{call}.1"),
        span=Incarnation("span-1"),
        trunk="demo",
        caller=Private("100"),
        caller_name=Private(""),
        called=Private(called),
        source=Address("127.0.0.2", 5060),
        sip_call_id="x@y",
        remote=REMOTE,
    )


def check_events(rows: list[StoredEvent]) -> None:
    """One start, one end, no gap: what a backend relies on."""
    calls: dict[str, list[StoredEvent]] = {}
    for row in rows:
        calls.setdefault(row.call, []).append(row)
    for name, events in calls.items():
        assert [e.callseq for e in events] == list(range(1, len(events) + 1)), name
        assert events[0].type == "call.started"
        assert sum(e.type == "call.started" for e in events) == 1
        assert sum(e.type == "call.ended" for e in events) <= 1
        if any(e.type == "call.ended" for e in events):
            assert events[-1].type == "call.ended"
