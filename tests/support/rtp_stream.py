"""One RTP stream of a test phone: plays a tone of its own, hears and keeps what comes. G.711, RFC 3550, RFC 4733."""

import itertools
import os
import socket
import struct
import threading
import time
import warnings
from collections import deque
from dataclasses import dataclass

import numpy as np

from tests.support import tones
from tests.support.tones import RATE_HZ, Samples

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop  # a codec that is not ours; in the standard library up to 3.12

PCMU, PCMA = 0, 8
FRAME = 160
FRAME_S = 0.02
_SO_TIMESTAMPNS = 35
_EVENTS = "0123456789*#ABCD"


@dataclass(frozen=True)
class Packet:
    """A received RTP packet."""

    #: Kernel's receive time, seconds of the wall clock.
    at_s: float
    sequence: int
    timestamp: int
    ssrc: int
    payload_type: int
    marker: bool
    payload: bytes
    source: tuple[str, int]


@dataclass(frozen=True)
class Event:
    """A key heard by RFC 4733."""

    key: str
    duration_ms: int


class RtpStream:
    """Sockets and a thread of its own, from construction until `close`. Sends once `remote` and `sending` are set."""

    def __init__(self, address: str, tone_hz: float = 0.0) -> None:
        self.tone_hz = tone_hz
        self.remote: tuple[str, int] | None = None
        self.sending = False
        self.payload_type = PCMU
        self.event_type: int | None = 101
        self.packets: list[Packet] = []
        self.sent = 0
        #: Packets that are not RTP version 2.
        self.broken = 0
        self._rtp, self._rtcp = _socket_pair(address)
        self._rtp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.port: int = self._rtp.getsockname()[1]
        self._ssrc = int.from_bytes(os.urandom(4), "big")
        self._sequence = int.from_bytes(os.urandom(2), "big")
        self._timestamp = int.from_bytes(os.urandom(4), "big")
        self._position = 0
        self._inserted: deque[bytes | Samples] = deque()
        self._inserting: bytes | None = None
        self._marker = True
        self._open = True
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"rtp {address}:{self.port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and free the ports."""
        self._open = False
        self._thread.join(5)
        self._rtp.close()
        self._rtcp.close()

    @property
    def next_packet(self) -> tuple[int, int, int]:
        """SSRC, sequence number and timestamp of the packet that it sends next."""
        return self._ssrc, self._sequence, self._timestamp

    def send_raw(self, data: bytes) -> None:
        """Send any octets from this stream's socket."""
        if self.remote is not None:
            self._rtp.sendto(data, self.remote)

    # --- speaking ---

    def press(self, keys: str, duration_ms: int = 100, gap_ms: int = 100, method: str = "rfc4733") -> None:
        """Queue keys by `rfc4733` or `inband`; `pressing` tells when they are out. Durations in steps of 20 ms."""
        for key in keys.upper():
            if method == "inband":
                samples = tones.dtmf(key, duration_ms)
                frames = [samples[at : at + FRAME] for at in range(0, samples.size, FRAME)]
                with self._lock:
                    self._inserted.extend(np.pad(f, (0, FRAME - f.size)) for f in frames)
                    self._inserted.extend(np.zeros(FRAME, np.int16) for _ in range(gap_ms // 20))
            else:
                steps = max(1, duration_ms // 20)
                bodies = [struct.pack("!BBH", _EVENTS.index(key), 10, n * FRAME) for n in range(1, steps + 1)]
                end = struct.pack("!BBH", _EVENTS.index(key), 0x80 | 10, steps * FRAME)
                with self._lock:
                    self._inserted.extend([*bodies, end, end, end])
                    self._inserted.extend(np.zeros(FRAME, np.int16) for _ in range(gap_ms // 20))

    def say(self, samples: Samples) -> None:
        """Send int16 samples at 8 kHz in place of the tone, once; the last frame is filled up with silence."""
        frames = np.pad(samples, (0, -len(samples) % FRAME)).reshape(-1, FRAME)
        with self._lock:
            self._inserted.extend(frames)

    @property
    def pressing(self) -> bool:
        """Whether queued keys are still being sent."""
        with self._lock:
            return bool(self._inserted)

    # --- hearing ---

    def audio(self) -> list[Packet]:
        """The audio packets so far, as they arrived."""
        return [p for p in list(self.packets) if p.payload_type in {PCMU, PCMA}]

    def recorded(self, last_s: float | None = None) -> Samples:
        """What was heard (of the last seconds), laid out by RTP time; silence where nothing came."""
        packets = self.audio()
        if last_s is not None:
            packets = packets[-max(1, round(last_s / FRAME_S)) :]
        if not packets:
            return np.zeros(0, np.int16)
        # A new source starts a new time line behind the old one.
        pieces, line = [], [packets[0]]
        for packet in packets[1:]:
            if packet.ssrc != line[0].ssrc:
                pieces.append(_lay_out(line))
                line = []
            line.append(packet)
        return np.concatenate([*pieces, _lay_out(line)])

    def hears(self, frequency_hz: float, over_s: float = 1.0, least: float = 0.6) -> bool:
        """Whether most of the last second's energy lies at `frequency_hz`, by packets that came in that time."""
        newest = time.time() - over_s
        recent = [p for p in self.audio() if p.at_s >= newest]
        if len(recent) < over_s / FRAME_S / 2:
            return False
        return tones.share(self.recorded(over_s), frequency_hz) >= least

    def events(self) -> list[Event]:
        """Keys heard by RFC 4733, one an RTP timestamp, with the longest duration seen."""
        found: dict[tuple[int, int], tuple[int, int]] = {}
        for p in list(self.packets):
            if p.payload_type == self.event_type and len(p.payload) >= 4:
                event, _, duration = struct.unpack("!BBH", p.payload[:4])
                key = (p.ssrc, p.timestamp)
                found[key] = (event, max(duration, found.get(key, (0, 0))[1]))
        return [Event(_EVENTS[e], d * 1000 // RATE_HZ) for e, d in found.values() if e < len(_EVENTS)]

    def lost(self) -> int:
        """Sequence numbers missing between first and last packet, each source for itself (RFC 3550 A.3)."""
        seen: dict[int, list[int]] = {}
        for p in list(self.packets):
            line = seen.setdefault(p.ssrc, [])
            if line:
                step = (p.sequence - line[-1]) & 0xFFFF
                line.append(line[-1] + (step if step < 0x8000 else step - 0x10000))
            else:
                line.append(p.sequence)
        return sum(max(line) - min(line) + 1 - len(set(line)) for line in seen.values())

    def pauses_ms(self) -> list[float]:
        """Times between neighbouring packets by the kernel's clock."""
        at = [p.at_s for p in list(self.packets)]
        return [(b - a) * 1000 for a, b in itertools.pairwise(at)]

    # --- the thread ---

    def _run(self) -> None:
        due = time.monotonic()
        while self._open:
            wait = due - time.monotonic()
            if wait > 0:
                self._rtp.settimeout(wait)
                self._receive()
                continue
            due = max(due + FRAME_S, time.monotonic() - 5 * FRAME_S)  # after a long stall, don't send it all at once
            if self.sending and self.remote is not None:
                self._send(self.remote)

    def _receive(self) -> None:
        try:
            data, ancillary, _, source = self._rtp.recvmsg(4096, 64)
        except (TimeoutError, BlockingIOError, ConnectionRefusedError):
            return
        if len(data) < 12 or data[0] >> 6 != 2:
            self.broken += 1
            return
        at_s = time.time()
        for level, kind, value in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                seconds, nanoseconds = struct.unpack("qq", value)
                at_s = seconds + nanoseconds / 1e9
        first, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", data[:12])
        body = data[12 + 4 * (first & 0x0F) :]
        self.packets.append(
            Packet(at_s, sequence, timestamp, ssrc, second & 0x7F, bool(second & 0x80), body, (source[0], source[1]))
        )

    def _send(self, remote: tuple[str, int]) -> None:
        with self._lock:
            inserted = self._inserted.popleft() if self._inserted else None
        if isinstance(inserted, bytes) and self.event_type is not None:
            self._send_event(inserted, remote)
        else:
            self._inserting = None
            samples = inserted if isinstance(inserted, np.ndarray) else self._own_tone()
            encode = audioop.lin2alaw if self.payload_type == PCMA else audioop.lin2ulaw
            self._transmit(self.payload_type, self._timestamp, encode(samples.tobytes(), 2), remote)
        self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF
        self._position += FRAME

    def _own_tone(self) -> Samples:
        if self.tone_hz <= 0:
            return np.zeros(FRAME, np.int16)
        return tones.sine(self.tone_hz, FRAME, start=self._position)

    def _send_event(self, body: bytes, remote: tuple[str, int]) -> None:
        # A new event starts when the one before had its end, or is another key (RFC 4733 2.5.1).
        begins = self._inserting is None or (self._inserting[1] & 0x80 and not body[1] & 0x80)
        if begins:
            self._event_timestamp = self._timestamp
        self._inserting = body
        self._marker = bool(begins)
        self._transmit(self.event_type or 101, self._event_timestamp, body, remote)

    def _transmit(self, payload_type: int, timestamp: int, body: bytes, remote: tuple[str, int]) -> None:
        second = payload_type | (0x80 if self._marker else 0)
        self._marker = False
        header = struct.pack("!BBHII", 0x80, second, self._sequence, timestamp, self._ssrc)
        self._sequence = (self._sequence + 1) & 0xFFFF
        try:
            self._rtp.sendto(header + body, remote)
            self.sent += 1
        except OSError:
            return  # ICMP of an earlier packet, or nobody there yet


def _lay_out(line: list[Packet]) -> Samples:
    first = line[0].timestamp
    offsets = [(p.timestamp - first + 0x80000000) % 0x100000000 - 0x80000000 for p in line]
    start = min(offsets)
    pieces = []
    for packet, offset in zip(line, offsets, strict=True):
        decode = audioop.alaw2lin if packet.payload_type == PCMA else audioop.ulaw2lin
        pieces.append((offset - start, np.frombuffer(decode(packet.payload, 2), np.int16)))
    length = min(max(at + piece.size for at, piece in pieces), 3600 * RATE_HZ)
    whole = np.zeros(length, np.int16)
    for at, piece in pieces:
        whole[at : at + piece.size] = piece[: max(0, length - at)]
    return whole


def _socket_pair(address: str) -> tuple[socket.socket, socket.socket]:
    """An even port and the next, RTP and RTCP."""
    for _ in range(200):
        rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        rtp.bind((address, 0))
        port = rtp.getsockname()[1]
        rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if port % 2 == 0:
                rtcp.bind((address, port + 1))
                return rtp, rtcp
        except OSError:
            pass
        rtp.close()
        rtcp.close()
    raise OSError(f"no free port pair on {address}")
