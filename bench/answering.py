"""A town of callees and the phones of agents, in one process and one loop: who hears whom, and when.

Callees ring, and some answer after a while; agents answer at once. Each who talks sends a tone of its own, a multiple
of 50 Hz, so one frame of 20 ms tells who is heard. Times are the kernel's, of the arrival of packets.

Run as a program it takes its settings as JSON, says `ready`, serves until its standard input ends, and prints what each
callee has seen.
"""

import json
import os
import random
import selectors
import socket
import struct
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from bench.rtp import sine, to_ulaw, ulaw_table
from bench.sip import Message, parse, read_sdp

FRAME = 160
BIN_HZ = 50
#: Tones of agents and of callees, in bins; those of fax terminals, networks and modems are left out.
AGENT_BINS = (*range(12, 19), 20, 21, *range(23, 28), *range(29, 33), 34, 35)
CALLEE_BINS = tuple(range(46, 74))
#: Amplitude of a tone, of full scale, and from which on it is heard: a quarter of a frame.
LEVEL, HEARD = 0.3, 0.04
#: The loop sends a quarter of the streams each time.
GROUPS = 4
TURN_S = 0.02 / GROUPS
#: An answer whose ACK does not come is sent again so often.
REPEAT_S = 0.5
SPEECH = "Hello?"


class Settings(Struct, kw_only=True):
    """What the town is like."""

    seed: int
    town: str
    agents_at: str
    #: Share of callees who answer, and after how long they do, at least and at most, seconds.
    answers: float
    least_s: float
    most_s: float
    #: How long they talk from their answer on; without an agent until they are hung up on.
    talk_s: float
    #: So many calls before the measurement, which are answered soon and are short: pacing learns.
    warm: int
    #: Callees greet and wait, instead of sending their tone from the beginning.
    speak: bool = False


class Seen(Struct, kw_only=True):
    """One callee who answered. Nanoseconds of the wall clock; 0: it did not happen."""

    number: str
    measured: bool
    answered_ns: int = 0
    acknowledged_ns: int = 0
    #: First packet with an agent's tone at the callee, and with the callee's at an agent.
    agent_heard_ns: int = 0
    callee_heard_ns: int = 0
    ended_ns: int = 0


class Leg:
    """A phone with a call."""

    def __init__(self, invite: Message, peer: tuple[str, int], user: str, host: str) -> None:
        self.invite, self.peer, self.user, self.host = invite, peer, user, host
        self.tag = os.urandom(6).hex()
        self.bin = 0
        self.state = "ringing"
        self.answer_at = 0.0
        self.repeat_at = 0.0
        self.bye_at = 0.0
        self.seen: Seen | None = None
        self.rtp: socket.socket | None = None
        self.remote: tuple[str, int] | None = None
        self.frames: list[bytes] = []
        self.sequence = 0


class Town:
    """All of them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.dice = random.Random(settings.seed)
        self.selector = selectors.DefaultSelector()
        self.sip = {host: self._bound(host, 5060) for host in (settings.town, settings.agents_at)}
        for host, one in self.sip.items():
            self.selector.register(one, selectors.EVENT_READ, host)
        self.selector.register(sys.stdin, selectors.EVENT_READ, None)
        self.calls: dict[str, Leg] = {}
        self.talking: list[Leg] = []
        self.bins = {"agent": list(AGENT_BINS), "callee": list(CALLEE_BINS)}
        self.by_bin: dict[int, Leg] = {}
        self.seen: list[Seen] = []
        self.invited = 0
        #: Calls of callees at once: ringing and talking, sampled every turn of the measurement.
        self.at_once: list[int] = []
        self.late = 0
        self.turns = 0
        self._hello = spoken(SPEECH) if settings.speak else []

    @staticmethod
    def _bound(host: str, port: int) -> socket.socket:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        one.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        one.bind((host, port))
        one.setblocking(False)
        return one

    def run(self) -> None:
        """Serve until standard input ends."""
        print("ready", flush=True)
        due, group = time.monotonic(), 0
        while True:
            for key, _ in self.selector.select(max(0.0, due - time.monotonic())):
                if key.fileobj is sys.stdin:
                    return
                if isinstance(key.data, Leg):
                    self._hear(key.data)
                else:
                    self._signalled(str(key.data))
            now = time.monotonic()
            if now < due:
                continue
            self.turns += 1
            self.late += now > due + TURN_S
            due = max(due + TURN_S, now - 4 * TURN_S)
            group = (group + 1) % GROUPS
            self._speak(group)
            self._clock(now)

    # --- signalling

    def _signalled(self, host: str) -> None:
        one = self.sip[host]
        while True:
            try:
                data, extra, _, peer = one.recvmsg(65_536, 64)
            except BlockingIOError:
                return
            message = parse(data)
            if message is not None and not message.status:
                self._request(message, peer, host, _stamp(extra), data)

    def _request(self, message: Message, peer: tuple[str, int], host: str, at_ns: int, data: bytes) -> None:
        leg = self.calls.get(message.first("call-id"))
        match message.method:
            case "INVITE" if leg is None:
                self._invited(message, peer, host, data)
            case "INVITE" if leg is not None:
                self._respond(leg, message, 200 if leg.state == "up" else 180, sdp=leg.state == "up")
            case "ACK":
                if leg is not None and leg.state == "up":
                    leg.repeat_at = 0.0
                    if leg.seen is not None and not leg.seen.acknowledged_ns:
                        leg.seen.acknowledged_ns = at_ns
            case "CANCEL" if leg is not None:
                self._respond(leg, message, 200)
                if leg.state == "ringing":
                    self._respond(leg, leg.invite, 487)
                    self._over(leg)
            case "BYE" if leg is not None:
                self._respond(leg, message, 200)
                self._over(leg)
            case _ if leg is not None:
                self._respond(leg, message, 200)
            case _:
                other = Leg(message, peer, "", host)
                self._respond(other, message, 200 if message.method == "OPTIONS" else 481)

    def _invited(self, message: Message, peer: tuple[str, int], host: str, data: bytes) -> None:
        user = data.split(b" ", 2)[1].decode().partition(":")[2].partition("@")[0]
        leg = Leg(message, peer, user, host)
        self.calls[message.first("call-id")] = leg
        if host == self.settings.agents_at:
            self._answer(leg)
            return
        self.invited += 1
        settings, now = self.settings, time.monotonic()
        self._respond(leg, message, 180)
        warming = self.invited <= settings.warm
        if warming:
            leg.answer_at = now + self.dice.uniform(0.1, 0.5)
        elif self.dice.random() < settings.answers:
            leg.answer_at = now + self.dice.uniform(settings.least_s, settings.most_s)
        leg.seen = Seen(number=user, measured=not warming)

    def _answer(self, leg: Leg) -> None:
        kind = "callee" if leg.seen is not None else "agent"
        remote = read_sdp(leg.invite.body)
        if remote is None or not self.bins[kind]:
            self._respond(leg, leg.invite, 486)
            self._over(leg)
            return
        leg.bin = self.bins[kind].pop(0)
        self.by_bin[leg.bin] = leg
        leg.rtp = self._bound(leg.host, 0)
        leg.remote = (remote.host, remote.port)
        leg.frames = frames_of(leg.bin)
        if self._hello and leg.seen is not None:
            leg.frames = self._hello
        self.selector.register(leg.rtp, selectors.EVENT_READ, leg)
        leg.state, now = "up", time.monotonic()
        leg.repeat_at = now + REPEAT_S
        self.talking.append(leg)
        if leg.seen is not None:
            leg.seen.answered_ns = time.time_ns()
            leg.bye_at = now + (self.settings.talk_s if leg.seen.measured else 0.5)
            self.seen.append(leg.seen)
        self._respond(leg, leg.invite, 200, sdp=True)

    def _respond(self, leg: Leg, request: Message, status: int, *, sdp: bool = False) -> None:
        to = request.first("to")
        lines = [f"SIP/2.0 {status} X"]
        lines += [f"Via: {via}" for via in request.headers.get("via", [])]
        lines += [f"Record-Route: {route}" for route in request.headers.get("record-route", [])]
        lines += [
            f"From: {request.first('from')}",
            f"To: {to if ';tag=' in to else f'{to};tag={leg.tag}'}",
            f"Call-ID: {request.first('call-id')}",
            f"CSeq: {request.first('cseq')}",
            f"Contact: <sip:{leg.user}@{leg.host}:5060>",
        ]
        body = self._sdp(leg) if sdp else ""
        lines += ["Content-Type: application/sdp"] if body else []
        lines += [f"Content-Length: {len(body)}", "", body]
        self.sip[leg.host].sendto("\r\n".join(lines).encode(), leg.peer)

    @staticmethod
    def _sdp(leg: Leg) -> str:
        port = leg.rtp.getsockname()[1] if leg.rtp is not None else 9
        return (
            f"v=0\r\no=- 1 1 IN IP4 {leg.host}\r\ns=-\r\nc=IN IP4 {leg.host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
            "a=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n"
        )

    def _hang_up(self, leg: Leg) -> None:
        invite = leg.invite
        target = invite.first("contact").partition("<")[2].partition(">")[0] or f"sip:{leg.peer[0]}:{leg.peer[1]}"
        lines = [
            f"BYE {target} SIP/2.0",
            f"Via: SIP/2.0/UDP {leg.host}:5060;branch=z9hG4bK{os.urandom(8).hex()}",
            "Max-Forwards: 70",
            f"From: {invite.first('to')};tag={leg.tag}",
            f"To: {invite.first('from')}",
            f"Call-ID: {invite.first('call-id')}",
            "CSeq: 1 BYE",
            "Content-Length: 0",
        ]
        self.sip[leg.host].sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), leg.peer)
        self._over(leg)

    def _over(self, leg: Leg) -> None:
        leg.state = "over"
        if leg.seen is not None:
            leg.seen.ended_ns = time.time_ns()
        if leg.rtp is not None:
            self.selector.unregister(leg.rtp)
            leg.rtp.close()
            leg.rtp = None
            self.talking.remove(leg)
            del self.by_bin[leg.bin]
            self.bins["callee" if leg.seen is not None else "agent"].append(leg.bin)

    def _clock(self, now: float) -> None:
        there = 0
        for leg in list(self.calls.values()):
            if leg.state == "over" or leg.seen is None:
                continue
            there += 1
            if leg.state == "ringing" and 0 < leg.answer_at <= now:
                self._answer(leg)
            elif leg.state == "up" and 0 < leg.repeat_at <= now:
                leg.repeat_at = now + REPEAT_S
                self._respond(leg, leg.invite, 200, sdp=True)
            elif leg.state == "up" and leg.bye_at <= now and (leg.seen.agent_heard_ns or leg.bye_at + 10 <= now):
                self._hang_up(leg)
        if self.invited > self.settings.warm:
            self.at_once.append(there)
        for call_id in [call_id for call_id, leg in self.calls.items() if leg.state == "over"]:
            del self.calls[call_id]

    # --- audio

    def _speak(self, group: int) -> None:
        for at in range(group, len(self.talking), GROUPS):
            leg = self.talking[at]
            if leg.rtp is None or leg.remote is None:
                continue
            leg.sequence += 1
            head = struct.pack("!BBHII", 0x80, 0, leg.sequence & 0xFFFF, leg.sequence * FRAME & 0xFFFFFFFF, leg.bin)
            frame = leg.frames[leg.sequence % len(leg.frames)] if leg.frames is not self._hello else self._said(leg)
            leg.rtp.sendto(head + frame, leg.remote)

    def _said(self, leg: Leg) -> bytes:
        return self._hello[leg.sequence] if leg.sequence < len(self._hello) else _SILENCE

    def _hear(self, leg: Leg) -> None:
        while leg.rtp is not None:
            try:
                data, extra, _, _ = leg.rtp.recvmsg(2048, 64)
            except (BlockingIOError, ConnectionRefusedError):
                return
            waits = leg.seen is None or not leg.seen.agent_heard_ns
            if waits and len(data) == 12 + FRAME and data[1] & 0x7F == 0:
                self._recognise(leg, data, _stamp(extra))

    def _recognise(self, leg: Leg, data: bytes, at_ns: int) -> None:
        at = loudest(data[12:], CALLEE_BINS if leg.seen is None else AGENT_BINS)
        other = self.by_bin.get(at) if at is not None else None
        if other is None:
            return
        if leg.seen is not None and other.seen is None:
            leg.seen.agent_heard_ns = at_ns
        elif leg.seen is None and other.seen is not None and not other.seen.callee_heard_ns:
            other.seen.callee_heard_ns = at_ns

    def told(self) -> dict[str, Any]:
        """Give what was seen."""
        return {
            "seen": [msgspec.to_builtins(one) for one in self.seen if one.measured],
            "invited": self.invited,
            "at_once_mean": float(np.mean(self.at_once)) if self.at_once else 0.0,
            "at_once_most": max(self.at_once, default=0),
            "late": self.late / max(1, self.turns),
        }


def _stamp(extra: list[tuple[int, int, bytes]]) -> int:
    for level, kind, value in extra:
        if level == socket.SOL_SOCKET and kind == 35:
            seconds, nanoseconds = struct.unpack("qq", value[:16])
            return int(seconds * 1_000_000_000 + nanoseconds)
    return time.time_ns()


def loudest(frame: bytes, bins: tuple[int, ...]) -> int | None:
    """Say whose tone a mu-law frame has, by the bins of those it may be from; None: nobody's."""
    power = np.abs(np.fft.rfft(_TABLE[np.frombuffer(frame, np.uint8)] * _WINDOW)) * (4 / FRAME)
    at = bins[0] + int(np.argmax(power[bins[0] : bins[-1] + 1]))
    return at if power[at] >= HEARD else None


def frames_of(at: int) -> list[bytes]:
    """Give one frame of a tone, which is whole periods long; mu-law."""
    return [sine([float(at * BIN_HZ)], 1, LEVEL)[0].tobytes()]


def spoken(text: str) -> list[bytes]:
    """Have espeak-ng say something; mu-law frames at 8 kHz."""
    file = Path(os.environ.get("TMPDIR", "/tmp"), f"said-{os.getpid()}.wav")
    subprocess.run(["espeak-ng", "-w", str(file), text], check=True)
    with wave.open(str(file)) as reader:
        rate, samples = reader.getframerate(), np.frombuffer(reader.readframes(reader.getnframes()), np.int16)
    file.unlink()
    at = np.arange(0, len(samples) - 1, rate / 8000)
    narrow = np.interp(at, np.arange(len(samples)), samples / 32768)
    coded = to_ulaw(np.pad(narrow, (0, -len(narrow) % FRAME)))
    return [coded[at : at + FRAME].tobytes() for at in range(0, len(coded), FRAME)]


_SILENCE = b"\xff" * FRAME
_TABLE = ulaw_table()
_WINDOW = np.hanning(FRAME)


def main() -> int:
    """Serve, as a program."""
    town = Town(msgspec.json.decode(sys.argv[1], type=Settings))
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))
    except OSError:
        os.nice(0)
    town.run()
    print(json.dumps(town.told()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
