"""Legs, plays, events and the engine in one thread: ticks by hand, and a kill before any write to shared memory."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dsp.plane import layout
from dsp.plane.engine import Engine
from edge.media.events import Events
from edge.media.keys import LegKeys
from edge.media.legs import Legs
from edge.media.loader import Loader
from edge.media.plays import Plays
from edge.media.prompts import PromptMemory
from edge.media.ring import CommandRing, EventRing
from edge.media.slots import RecordingState, SlotState, SlotTable
from edge.media.sockets import SlotSockets, SocketPair
from edge.media.takeup import Found, Left, TakeUp
from edge.runtime.key_table import KeyTable
from edge.vocabulary.commands import AnyCommand
from edge.vocabulary.ids import CommandId
from edge.vocabulary.media import Address, RemoteMedia
from edge.vocabulary.reports import AnyReport
from tests.media.planes import SLOTS, plane


class Killed(BaseException):
    """kill -9: nothing catches it."""


class Desk:
    """`restart` makes everything anew but the memory and the sockets."""

    def __init__(self, address: str, peers: int = SLOTS, *, six: str = "") -> None:
        """`six`: slots have sockets at this IPv6 address, too, and the last peer is there."""
        self.plane = plane()
        self.table_memory = bytearray(SlotTable.size(SLOTS))
        self.index = bytearray(PromptMemory.index_size())
        self.sockets = [_bound(address) for _ in range(2 * SLOTS)]
        self.sockets6 = [_bound(six) for _ in range(2 * SLOTS if six else 0)]
        self.peers = [_bound(address) for _ in range(peers)]
        if six:
            self.peers[-1].close()
            self.peers[-1] = _bound(six)
        self.reports: list[AnyReport] = []
        self.results: list[tuple[CommandId, str | None]] = []
        self.recordings: list[RecordingState] = []
        self.now_ns = 10**9
        self.key_memory = os.memfd_create("key_table")
        os.ftruncate(self.key_memory, 64 * 1024)
        self.kill_before: int | None = None
        self.writes = 0
        self.left = self.restart()

    def restart(self) -> Left:
        """Be the next worker on the same memory."""
        self.kill_before, self.writes = None, 0
        self.engine = Engine(self.plane)
        self.engine.push_command = self._guarded(self.engine.push_command)  # type: ignore[method-assign]
        commands = CommandRing(self.engine)
        self.table = SlotTable(memoryview(self.table_memory), SLOTS)
        self.table.write = self._guarded(self.table.write)  # type: ignore[method-assign]
        self.memory = PromptMemory(self.plane.prompts, memoryview(self.index))
        self.loader = Loader(self.memory.capacity, lambda: None)
        self.wanted: list[str] = []
        first, sixth = (
            [SocketPair(a.fileno(), b.fileno()) for a, b in zip(group[::2], group[1::2], strict=True)]
            for group in (self.sockets, self.sockets6)
        )
        pairs = [SlotSockets(*both) for both in (zip(first, sixth, strict=True) if sixth else zip(first))]
        self.legs = Legs(
            self.plane,
            self.table,
            commands,
            pairs,
            report=self.reports.append,
            done=lambda id_, error: self.results.append((id_, error)),
            keys=LegKeys(KeyTable(self.key_memory), self.engine.keys, self.plane),
            start_recording=self.recordings.append,
            refuse_recording=lambda _: False,
            timestamp=lambda: "2026-11-21T19:00:00.000Z",
            ended=lambda _: None,
            tones=self.engine.tones,
        )
        self.plays = Plays(
            self.memory,
            self.plane.prompts,
            commands,
            request=lambda path, urgent: self.wanted.append(path),
            state_of=self.legs.open_leg,
            save=self.legs.save,
            report=self.reports.append,
            done=lambda id_, error: self.results.append((id_, error)),
        )
        self.legs.plays = self.plays
        self.events = Events(self.legs, self.plays, self.reports.append, lambda: None, lambda _: None)
        take_up = TakeUp(Found(self.plane), self.plane, commands, self.legs, self.plays, self.reports.append)
        self.legs._keys.settle()
        self.engine.take_up()
        left = take_up.run(self.table)
        self.handle_events()
        return left

    def _guarded(self, write: Callable[..., object]) -> Callable[..., object]:
        def guarded(*arguments: object) -> object:
            if self.writes == self.kill_before:
                raise Killed
            self.writes += 1
            return write(*arguments)

        return guarded

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            self.engine.step(self.now_ns)
            self.now_ns += layout.TICK_NS
            self.handle_events()

    def handle_events(self) -> None:
        for event in EventRing(self.plane):
            self.events.handle(event)

    def load(self) -> None:
        """Read what was requested, as the loader's thread does."""
        wanted, self.wanted = self.wanted, []
        self.plays.loaded([self.loader._load(path) for path in wanted])

    def do(self, command: AnyCommand, id_: str = "c") -> str | None:
        """Handle a command, with the files it needs; its error."""
        self.legs.handle(CommandId(id_), command)
        self.load()
        return self.answer(id_)

    def answer(self, id_: str) -> str | None:
        answers = [error for done, error in self.results if done == id_]
        return answers[-1] if answers else "no answer"

    def remote(self, peer: int, **facts: object) -> RemoteMedia:
        host, port = self.peers[peer].getsockname()[:2]
        given = {
            "rtp": Address(host, port),
            "rtcp": Address(host, 9),
            "codec": "PCMU",
            "payload_type": 0,
            "telephone_event": 101,
            "ptime_ms": 20,
            "direction": "sendrecv",
        }
        return RemoteMedia(**(given | facts))  # type: ignore[arg-type]

    def state(self, slot: int) -> SlotState:
        found = self.legs.in_slot(slot)
        assert found is not None
        return found

    def engine_says(self, slot: int, *fields: str) -> list[int]:
        return [int(self.plane.legs[field][slot]) for field in fields]

    def all(self, kind: type) -> list[AnyReport]:
        return [report for report in self.reports if isinstance(report, kind)]

    def sound(self, folder: Path, seconds: float = 0.1) -> str:
        import soundfile

        path = folder / f"{seconds}.wav"
        soundfile.write(path, np.full(int(seconds * 8000), 0.25), 8000)
        return str(path)

    def close(self) -> None:
        for sock in (*self.sockets, *self.sockets6, *self.peers):
            sock.close()
        os.close(self.key_memory)


def _bound(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as finder:
        finder.bind((address, 0))
        free = finder.getsockname()
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind(free)
    return sock
