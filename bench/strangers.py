#!/usr/bin/env python3
"""Strangers on the media ports of a real appliance: theft, injection and keys, in every phase of a call.

The stranger knows all that can be known: payload types, SSRC, sequence number and timestamp of the peer's stream at
this instant. It sends from an address of its own, and from other ports of the peer's address. Counted are packets that
come out to it, its tone in the recording and at both peers, keys of its, and what the peers lose by it.

Prints a JSON line a phase, exit status 1 when any figure but `sent` is not 0. `--flood` adds a peer (not a stranger:
the kernel keeps those out) that sends as fast as it can, beside calls that must not notice.
"""

import argparse
import itertools
import json
import random
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from tests.support import tones
from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, appliance
from tests.support.rtp_stream import RtpStream, audioop
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until
from tests.system.flows import dialled, hears, in_menu

FIRST_PORT, SLOTS = 16384, 40
#: Tone and key of the stranger; the menu would hang up at its key.
TONE_HZ, KEY = 1450, 0
CALLER_HZ, TARGET_HZ = 700, 900
#: Level of its tone, above which a quarter of a second of sound counts as heard.
HEARD_DBM0 = -50.0


@dataclass
class Figures:
    """What a phase has shown; all but `sent` must be 0."""

    phase: str
    sent: int = 0
    out: int = 0
    heard: int = 0
    digits: int = 0
    lost: int = 0
    reasons: list[str] = field(default_factory=list)

    @property
    def unhurt(self) -> bool:
        """Whether the stranger got nothing and did nothing."""
        return self.sent > 0 and not (self.out or self.heard or self.digits or self.lost)


class Stranger:
    """A thread that sends `rate` packets a second to `ports` of `host`, by sockets that are not the peers'."""

    def __init__(self, host: str, hosts: list[str], rate: int, seed: int) -> None:
        self.host, self.rate = host, rate
        self.ports: list[int] = []
        #: Streams that it imitates, each with the port that it imitates it at.
        self.victims: dict[int, RtpStream] = {}
        self.sent = 0
        self._dice = random.Random(seed)
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2 * len(hosts))]
        for sock, own in zip(self._sockets, hosts * 2, strict=True):
            sock.bind((own, 0))
            sock.setblocking(False)
        sound = tones.sine(TONE_HZ, 1600, -6.0)
        self._sound = [audioop.lin2ulaw(sound[i : i + 160].tobytes(), 2) for i in range(0, 1600, 160)]
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> int:
        """Stop, and return how many packets came out to it."""
        self._open = False
        self._thread.join(5)
        out = 0
        for sock in self._sockets:
            with suppress(BlockingIOError):
                while True:
                    try:
                        sock.recv(4096)
                        out += 1
                    except ConnectionRefusedError:  # ICMP: the port is not for strangers
                        continue
            sock.close()
        return out

    def _packet(self, port: int, n: int) -> tuple[int, bytes]:
        victim = self.victims.get(port)
        ssrc, sequence, timestamp = self._dice.getrandbits(32), n, 160 * n
        if victim is not None:
            ssrc, sequence, timestamp = victim.next_packet
            sequence, timestamp = sequence + n % 3, timestamp + 160 * (n % 3)
        kind, payload_type = n % 8, 0 if victim is None else victim.payload_type
        body, marker, to = self._sound[n % 10], 0, port
        if kind in {4, 5}:
            payload_type, marker = 101, int(kind == 4)
            timestamp += 1600 * n
            body = struct.pack("!BBH", KEY, 10 | (0x80 if kind == 5 else 0), 800)
        elif kind == 6:  # a goodbye in the peer's name (RFC 3550 section 6.6)
            return port + 1, struct.pack("!BBHIIBBHI", 0x80, 201, 1, ssrc, 0x81CB0001, 0, 0, 0, 0)[:8] + struct.pack(
                "!BBHI", 0x81, 203, 1, ssrc
            )
        header = struct.pack(
            "!BBHII", 0x80, marker << 7 | payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc & 0xFFFFFFFF
        )
        return to, header + body

    def _run(self) -> None:
        due, numbers = time.monotonic(), itertools.count()
        while self._open:
            due = max(due + 1 / self.rate, time.monotonic() - 0.1)
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            n, ports = next(numbers), self.ports
            if not ports:
                continue
            to, packet = self._packet(ports[n % len(ports)], n // len(ports))
            with suppress(OSError):
                self._sockets[n % len(self._sockets)].sendto(packet, (self.host, to))
                self.sent += 1


@dataclass
class Stage:
    """Appliance and phones of a run."""

    edge: Appliance
    caller: Softphone
    target: Softphone
    stranger_at: str
    rate: int
    seconds: float

    def strange(self, seed: int) -> Stranger:
        """A stranger who has its own address and those of both peers."""
        return Stranger(
            self.edge.address, [self.stranger_at, self.caller.address, self.target.address], self.rate, seed
        )


@contextmanager
def stage(folder: Path, rate: int, seconds: float, **site: str) -> Iterator[Stage]:
    """A running appliance, a caller, a target of its transfers, and an address for the stranger."""
    with (
        address() as edge_at,
        address() as caller_at,
        address() as target_at,
        address() as stranger_at,
        Softphone(caller_at, tone_hz=CALLER_HZ) as caller,
        Softphone(target_at, port=5060, tone_hz=TARGET_HZ, user="target") as target,
        appliance(edge_at, folder, target=target_at, **site) as edge,
    ):
        yield Stage(edge, caller, target, stranger_at, rate, seconds)


def every_port() -> list[int]:
    """RTP ports of all slots."""
    return [FIRST_PORT + 2 * slot for slot in range(SLOTS)]


def aim(stranger: Stranger, *calls: Call) -> None:
    """Let the stranger imitate the peers of these calls."""
    for call in calls:
        assert call.audio.remote is not None
        stranger.victims[call.audio.remote[1]] = call.audio
    stranger.ports = list(stranger.victims)


# --- phases: each gives the calls of its peers --------------------------------------------------------------------


def before_answer(at: Stage, stranger: Stranger) -> list[Call]:
    """All ports get packets from before the INVITE on."""
    stranger.ports = every_port()
    time.sleep(at.seconds)
    call = in_menu(at)
    call.audio.press("1")
    hears(call, TONES["one"])
    time.sleep(at.seconds)
    call.bye()
    return [call]


def early_media(at: Stage, stranger: Stranger) -> list[Call]:
    """The target's leg is heard, and not answered yet."""
    call, there = dialled(at)
    there.early_media()
    aim(stranger, call, there)
    hears(call, TARGET_HZ)
    time.sleep(at.seconds)
    there.accept()
    hears(there, CALLER_HZ)
    call.bye()
    return [call, there]


def talking(at: Stage, stranger: Stranger) -> list[Call]:
    call, there = dialled(at)
    there.accept()
    hears(there, CALLER_HZ)
    aim(stranger, call, there)
    time.sleep(at.seconds)
    hears(call, TARGET_HZ)
    call.bye()
    return [call, there]


def hold(at: Stage, stranger: Stranger) -> list[Call]:
    """The caller holds the call and comes back, from another port."""
    call, there = dialled(at)
    there.accept()
    hears(there, CALLER_HZ)
    call.reinvite("sendonly")
    until(lambda: call.last_reinvite == 200, 10, "hold")
    aim(stranger, call, there)
    time.sleep(at.seconds)
    call.reinvite("sendrecv", new_port=True)
    until(lambda: call.last_reinvite == 200, 10, "resumed")
    call.audio.sending = True
    aim(stranger, call, there)
    hears(call, TARGET_HZ)
    time.sleep(at.seconds / 2)
    call.bye()
    return [call, there]


def reused(at: Stage, stranger: Stranger) -> list[Call]:
    """The slot's next call begins while the attack on the one before still runs."""
    call = in_menu(at)
    aim(stranger, call)
    stranger.ports = every_port() + list(stranger.victims) * SLOTS
    call.bye()
    until(lambda: call.state == "ended", 10, "BYE answered")
    time.sleep(at.seconds / 2)
    again = in_menu(at)
    again.audio.press("2")
    hears(again, TONES["two"])
    time.sleep(at.seconds)
    again.bye()
    return [call, again]


PHASES: dict[str, Callable[[Stage, Stranger], list[Call]]] = {
    "before answer": before_answer,
    "early media": early_media,
    "talking": talking,
    "hold": hold,
    "slot reuse": reused,
}


def attack(at: Stage, phase: str, seed: int = 1) -> Figures:
    """Run a phase under attack and count."""
    before = {event["id"] for event in at.edge.events()}
    stranger, figures = at.strange(seed), Figures(phase)
    try:
        calls = PHASES[phase](at, stranger)
    finally:
        figures.out = stranger.close()
    figures.sent = stranger.sent
    for call in calls:
        call.wait_ended()
    until(lambda: at.edge.status()["calls"] == 0, 30, "calls over")
    judge(calls, [event for event in at.edge.events() if event["id"] not in before], figures)
    return figures


def judge(calls: list[Call], events: list[dict], figures: Figures) -> None:
    """Count what the events, recordings and phones of a phase show."""
    allowed = {"before answer": ["1"], "slot reuse": ["2"]}.get(figures.phase, ["9"])
    digits = [event["data"]["digit"] for event in events if event["type"] == "dtmf.received"]
    figures.digits = abs(len(digits) - len(allowed)) + len([d for d in digits if d not in allowed])
    for event in events:
        data = event["data"]
        if event["type"] == "leg.quality":
            figures.lost += data["packets_lost"]
            if data["packets_lost"]:
                figures.reasons.append(f"{data['leg']} lost {data['packets_lost']}")
        elif event["type"] == "recording.completed":
            samples, _ = soundfile.read(data["path"], dtype="int16")
            for side in range(2):
                _listen(samples[:, side], f"recording, channel {side}", figures)
    for call in calls:
        _listen(call.audio.recorded(), f"{call.phone.user}", figures)
        if lost := call.audio.lost():
            figures.lost += lost
            figures.reasons.append(f"{call.phone.user} lost {lost}")


def _listen(samples: np.ndarray, where: str, figures: Figures) -> None:
    """Count the quarters of a second in which the stranger's tone is heard."""
    turn = np.exp(-2j * np.pi * TONE_HZ * np.arange(2000) / 8000) * np.hanning(2000)
    least = 32124 / 10 ** (3.17 / 20) * 10 ** (HEARD_DBM0 / 20)
    for start in range(0, len(samples) - 2000, 1000):
        if 2 * abs(np.sum(samples[start : start + 2000] * turn)) / np.hanning(2000).sum() > least:
            figures.heard += 1
            figures.reasons.append(f"{where}, {start / 8000:.2f} s")


# --- flood --------------------------------------------------------------------------------------------------------


def metric(edge: Appliance, name: str) -> float:
    """Sum of a metric's samples."""
    import urllib.request

    with urllib.request.urlopen(f"http://{edge.address}:8080/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


def flood(at: Stage, rate: int) -> dict[str, object]:
    """The peer of one call floods its own port; another call goes on beside it."""
    noisy, quiet = in_menu(at), in_menu(at)
    late = metric(at.edge, "edge_media_late_ticks_total")
    noisy.audio.sending, sent = False, 0
    packet = struct.pack("!BBHII", 0x80, 0, 7, 7, noisy.audio.next_packet[0]) + bytes(160)
    begun = time.monotonic()
    while (spent := time.monotonic() - begun) < at.seconds:
        if sent > rate * spent:
            time.sleep(0.0005)
            continue
        for _ in range(25):
            with suppress(OSError):
                noisy.audio.send_raw(packet)
                sent += 1
    quiet.audio.press("1")
    hears(quiet, TONES["one"])
    late = metric(at.edge, "edge_media_late_ticks_total") - late
    noisy.bye()
    quiet.bye()
    until(lambda: at.edge.status()["calls"] == 0, 30, "calls over")
    quality = [event["data"] for event in at.edge.events() if event["type"] == "leg.quality"][-2:]
    flooded = max(quality, key=lambda data: data["packets_refused"] + data["packets_received"])
    other = next(data for data in quality if data is not flooded)
    return {
        "phase": "flood",
        "packets_per_second": round(sent / at.seconds),
        "late_ticks": late,
        "lost_beside": other["packets_lost"] + quiet.audio.lost(),
        "counted_on_its_leg": {k: v for k, v in flooded.items() if k.startswith("packets_")},
    }


def main() -> int:
    """Run all phases."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seconds", type=float, default=3.0, help="length of each attack")
    words.add_argument("--rate", type=int, default=1000, help="packets a second")
    words.add_argument("--symmetric", action="store_true", help="with a trunk that learns its peers' addresses")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--flood", type=int, default=0, metavar="RATE", help="flood one port by its own peer as well")
    given = words.parse_args()
    unhurt = True
    with (
        tempfile.TemporaryDirectory() as folder,
        stage(Path(folder), given.rate, given.seconds, trunk="symmetric_rtp = true" if given.symmetric else "") as at,
    ):
        for number, phase in enumerate(PHASES):
            figures = attack(at, phase, given.seed + number)
            unhurt = unhurt and figures.unhurt
            print(json.dumps(asdict(figures)), flush=True)
        if given.flood:
            print(json.dumps(flood(at, given.flood)), flush=True)
        at.edge.check_histories()
    return 0 if unhurt else 1


if __name__ == "__main__":
    sys.exit(main())
