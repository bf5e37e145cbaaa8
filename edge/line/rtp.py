"""The RTP of a line: L16 (RFC 3551 section 4.5.11) to and from media on loopback, on a thread of its own.

Keys that the modem has recognised go as telephone events (RFC 4733).
"""

import os
import select
import socket
import struct
import threading
import time
from collections import deque
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.vocabulary.media import Address, RemoteMedia

Samples = NDArray[np.int16]

FRAME_S = 0.020
_EVENTS = "0123456789*#ABCD"
_VOLUME = 10
#: A gap in the peer's time up to this is silence of so long; a longer one is another time line.
_LONGEST_GAP_S = 1.0
#: Behind by more than this, packets are left out: they would come in one burst.
_LATE_S = 0.1
_LARGEST = 4096


class Audio(Protocol):
    """The device's side of a call. Both are called on the RTP thread, every 20 ms."""

    def hear(self, samples: Samples, now_s: float) -> None:
        """Play what the call has brought."""

    def speak(self, count: int, now_s: float) -> Samples:
        """Give what the device has heard, `count` samples."""


class RtpEnd:
    """One call's RTP."""

    def __init__(self, host: str, rate: int, audio: Audio) -> None:
        self.rate, self._audio = rate, audio
        #: Packets that came and left, and that came and were none of ours.
        self.received = self.sent = self.refused = 0
        self._frame = int(rate * FRAME_S)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        name = self._socket.getsockname()
        self.address = Address(str(name[0]), int(name[1]))
        self._peer: RemoteMedia | None = None
        self._sequence, self._timestamp, self._ssrc = (int.from_bytes(os.urandom(n), "big") for n in (2, 4, 4))
        self._marker = True
        self._keys: deque[bytes | None] = deque()
        self._event_began: int | None = None
        self._expected: int | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rtp", daemon=True)

    def talk_to(self, peer: RemoteMedia) -> None:
        """Send there from now on."""
        self._peer = peer
        if not self._thread.is_alive() and not self._over.is_set():
            self._thread.start()

    def press(self, key: str, on_ms: int = 100, gap_ms: int = 60) -> None:
        """Send a key."""
        if key not in _EVENTS:
            return
        event, steps, unit = _EVENTS.index(key), max(1, on_ms // 20), self._frame
        self._keys += [struct.pack("!BBH", event, _VOLUME, n * unit) for n in range(1, steps + 1)]
        self._keys += [struct.pack("!BBH", event, 0x80 | _VOLUME, steps * unit)] * 3
        self._keys += [None] * max(1, gap_ms // 20)

    def close(self) -> None:
        """End it, and give the socket back."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(1.0)
        self._socket.close()

    # --- on the thread

    def _run(self) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            now = time.monotonic()
            if now < due:
                select.select([self._socket], [], [], due - now)
                self._receive()
                continue
            self._receive()
            due = now + FRAME_S if now - due > _LATE_S else due + FRAME_S
            self._send(now)

    def _receive(self) -> None:
        while True:
            try:
                data = self._socket.recv(_LARGEST)
            except OSError:  # nothing more, or the peer's port is closed
                return
            self._take(data)

    def _take(self, data: bytes) -> None:
        peer = self._peer
        if peer is None or len(data) < 12 or data[0] >> 6 != 2 or data[1] & 0x7F != peer.payload_type:
            self.refused += 1
            return
        self.received += 1
        offset = 12 + 4 * (data[0] & 0x0F)
        samples = np.frombuffer(data, ">i2", count=(len(data) - offset) // 2, offset=offset).astype(np.int16)
        timestamp = int.from_bytes(data[4:8], "big")
        now = time.monotonic()
        if self._expected is not None:
            ahead = (timestamp - self._expected + 0x80000000) % 0x100000000 - 0x80000000
            longest = int(_LONGEST_GAP_S * self.rate)
            if -longest < ahead < 0:
                return  # it comes too late, or twice
            if 0 < ahead < longest:
                samples = np.concatenate([np.zeros(ahead, np.int16), samples])
        self._expected = (timestamp + (len(data) - offset) // 2) & 0xFFFFFFFF
        self._audio.hear(samples, now)

    def _send(self, now_s: float) -> None:
        peer = self._peer
        spoken = self._audio.speak(self._frame, now_s)
        if peer is None:
            return
        key = self._keys.popleft() if self._keys else None
        if key is not None and peer.telephone_event is not None:
            begins = self._event_began is None
            if self._event_began is None:
                self._event_began = self._timestamp
            self._transmit(peer, peer.telephone_event, self._event_began, key, marker=begins)
        else:
            self._event_began = None
            body = spoken.astype(">i2").tobytes()
            self._transmit(peer, peer.payload_type, self._timestamp, body, marker=self._marker)
            self._marker = False
        self._timestamp = (self._timestamp + self._frame) & 0xFFFFFFFF

    def _transmit(self, peer: RemoteMedia, payload_type: int, timestamp: int, body: bytes, *, marker: bool) -> None:
        second = payload_type | (0x80 if marker else 0)
        header = struct.pack("!BBHII", 0x80, second, self._sequence, timestamp, self._ssrc)
        self._sequence = (self._sequence + 1) & 0xFFFF
        try:
            self._socket.sendto(header + body, (peer.rtp.host, peer.rtp.port))
            self.sent += 1
        except OSError:
            pass  # media is being restarted: its socket is held by the supervisor, and the next packet arrives
