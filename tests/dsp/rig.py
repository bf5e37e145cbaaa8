"""An engine on real loopback sockets, driven one tick at a time in virtual time, with a peer for each leg."""

import socket
import struct
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from dsp.codecs import g711
from dsp.plane import layout as lo
from dsp.plane.engine import Engine, pack_cname, pack_digits, pack_play

START_NS = 1_000_000_000_000


def udp_pair() -> tuple[socket.socket, socket.socket]:
    """Two UDP sockets on loopback, connected with each other."""
    a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    a.bind(("127.0.0.1", 0))
    b.bind(("127.0.0.1", 0))
    a.connect(b.getsockname())
    b.connect(a.getsockname())
    for s in (a, b):
        s.setblocking(False)
    return a, b


def rtp(pt: int, seq: int, ts: int, ssrc: int, payload: bytes, marker: int = 0) -> bytes:
    return struct.pack(">BBHII", 0x80, marker << 7 | pt, seq & 0xFFFF, ts & 0xFFFFFFFF, ssrc) + payload


def te(event: int, duration: int, end: bool = False, volume: int = 10) -> bytes:
    return struct.pack(">BBH", event, (0x80 if end else 0) | volume, duration)


def mulaw(samples) -> bytes:
    samples = np.clip(np.round(samples), -32768, 32767).astype(np.int16)
    out = np.zeros(len(samples), np.uint8)
    g711.encode(samples, len(samples), g711.ENCODE[0], out, 0)
    return out.tobytes()


def linear(payload: bytes):
    return g711.DECODE[0][np.frombuffer(payload, np.uint8)]


@dataclass
class Packet:
    pt: int
    marker: int
    seq: int
    ts: int
    ssrc: int
    payload: bytes


def split(data: bytes) -> Packet:
    b0, b1, seq, ts, ssrc = struct.unpack(">BBHII", data[:12])
    assert b0 == 0x80
    return Packet(b1 & 0x7F, b1 >> 7, seq, ts, ssrc, data[12:])


@dataclass
class Peer:
    """The far end of a leg: sends a steady stream and keeps what it gets."""

    rtp: socket.socket
    rtcp: socket.socket
    seq: int = 100
    ts: int = 5000
    ssrc: int = 0xABCD
    got: list[Packet] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)

    def send(self, samples, **changes) -> None:
        self.rtp.send(rtp(0, changes.get("seq", self.seq), changes.get("ts", self.ts), self.ssrc, mulaw(samples)))
        self.seq += 1
        self.ts += len(samples)

    def send_event(self, event: int, ts: int, duration: int, end: bool = False, marker: int = 0, pt: int = 101) -> None:
        self.rtp.send(rtp(pt, self.seq, ts, self.ssrc, te(event, duration, end), marker))
        self.seq += 1

    def collect(self) -> None:
        for sock, keep in ((self.rtp, lambda d: self.got.append(split(d))), (self.rtcp, self.reports.append)):
            while True:
                try:
                    keep(sock.recv(4096))
                except (BlockingIOError, ConnectionRefusedError):
                    break

    @property
    def audio(self):
        """All audio payloads, decoded, one after the other."""
        parts = [linear(p.payload) for p in self.got if p.pt == 0]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)


class Rig:
    """State, engine and peers; `tick()` is 20 ms."""

    def __init__(self, slots: int = 4, prompt_samples: int = 80_000, memory=None) -> None:
        size = lo.state_bytes(slots, prompt_samples * 2)
        self.memory = memory if memory is not None else bytearray(size)
        self.state = lo.map_state(self.memory, slots, prompt_samples * 2)
        self.engine = Engine(self.state)
        self.now = START_NS
        self.peers: dict[int, Peer] = {}
        self.sockets: list[socket.socket] = []
        self.events: list[tuple[int, ...]] = []
        self.recorded = defaultdict(list)
        self.state.ctl[lo.GRID_ANCHOR_NS] = START_NS
        self.engine.take_up()

    def close(self) -> None:
        for s in self.sockets:
            s.close()

    def command(self, kind: int, slot: int, *arguments: int, generation: int = 1) -> None:
        assert self.engine.push_command(kind, slot, generation, *arguments)

    def open(self, slot: int, *, te_pt: int = 101, generation: int = 1, transmit: int = 1, connected: int = 1) -> Peer:
        ours, theirs = udp_pair()
        ours_rtcp, theirs_rtcp = udp_pair()
        self.sockets += [ours, theirs, ours_rtcp, theirs_rtcp]
        self.command(
            lo.CMD_OPEN, slot, ours.fileno(), ours_rtcp.fileno(), 0x5000 + slot, 65530, 0xFFFFFF00,
            *pack_cname("abcdefghijklmnop"), generation=generation,
        )  # fmt: skip
        self.command(lo.CMD_UPDATE_REMOTE, slot, connected, 0, 0, te_pt, transmit, 1, generation=generation)
        self.peers[slot] = Peer(theirs, theirs_rtcp, ssrc=0xABC0 + slot)
        return self.peers[slot]

    def play(
        self, slot: int, number: int, items, times: int = 1, barge_in: bool = False, under: int | None = None
    ) -> None:
        self.command(lo.CMD_PLAY, slot, *pack_play(number, times, barge_in, items, under))

    def send_digits(self, slot: int, number: int, digits: str, duration: int = 800, gap: int = 800) -> None:
        self.command(lo.CMD_SEND_DIGITS, slot, number, duration, gap, len(digits), *pack_digits(digits))

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            self.engine.step(self.now)
            self.now += lo.TICK_NS
            for peer in self.peers.values():
                peer.collect()
            self.events += self.engine.drain_events()

    def told(self, kind: int, slot: int | None = None) -> list[tuple[int, ...]]:
        """Arguments of the events of a kind."""
        return [e[4:] for e in self.events if e[0] == kind and (slot is None or e[1] == slot)]

    def digits(self, slot: int = 0, method: int | None = None) -> str:
        return "".join(chr(e[1]) for e in self.told(lo.EV_DIGIT, slot) if method is None or e[0] == method)

    def leg(self, slot: int = 0):
        return self.state.legs[slot]
