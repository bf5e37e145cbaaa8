"""The audio of a telephone: G.711 over RTP (RFC 3550), keys as telephone events (RFC 4733), 20 ms a packet."""

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dsp.codecs.g711 import DECODE, ENCODE
from edge.vocabulary.media import Address, RemoteMedia

RATE, FRAME = 8000, 160
FRAME_S = FRAME / RATE
_EVENTS = "0123456789*#ABCD"
_VOLUME = 10
#: A gap in the peer's time up to this is silence of so long; a longer one is another time line, samples.
_LONGEST_GAP = 5 * RATE
#: After so long without a packet silence is heard.
_QUIET_S = 0.5
#: Behind by more than this, packets are left out: they would come in one burst.
_LATE_S = 0.1
#: More than any packet.
_LARGEST = 4096

Samples = NDArray[np.int16]


class PhoneAudio(asyncio.DatagramProtocol):
    """One RTP socket. Sends once it has a peer; hears from the beginning.

    `heard` takes int16 samples at 8 kHz as they come, without a hole: what is missing is silence. `speaks` gives the
    160 samples of each packet, None for silence.
    """

    def __init__(self, heard: Callable[[Samples], None], speaks: Callable[[], Samples | None]) -> None:
        #: Packets that came, and those of them that were no RTP of ours.
        self.received = self.refused = 0
        #: By how much its clock was behind at the most, milliseconds: this machine had no time for it.
        self.late_ms = 0
        #: Its socket, which does not block.
        self.socket: socket.socket | None = None
        self._heard, self._speaks = heard, speaks
        self._transport: asyncio.DatagramTransport | None = None
        self._peer: RemoteMedia | None = None
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._sequence, self._timestamp, self._ssrc = (int.from_bytes(np.random.bytes(n), "big") for n in (2, 4, 4))
        self._marker = True
        #: Packets to be sent in place of audio: bodies of events, None for a pause.
        self._keys: deque[bytes | None] = deque()
        self._event_began: int | None = None
        self._expected: int | None = None
        self._last_at = 0.0

    # --- what it is told to do

    def talk_to(self, peer: RemoteMedia) -> None:
        """Send there from now on."""
        self._peer = peer
        if self._timer is None:
            self._due = self._last_at = self._loop.time()
            self._tick()

    def press(self, keys: str, on_ms: int = 100, gap_ms: int = 100) -> None:
        """Press keys one after the other; `pressing` tells when they are out."""
        for key in keys:
            event, steps = _EVENTS.index(key), max(1, on_ms // 20)
            self._keys += [struct.pack("!BBH", event, _VOLUME, n * FRAME) for n in range(1, steps + 1)]
            self._keys += [struct.pack("!BBH", event, 0x80 | _VOLUME, steps * FRAME)] * 3
            self._keys += [None] * max(1, gap_ms // 20)

    @property
    def pressing(self) -> bool:
        """Whether keys are still to be sent."""
        return bool(self._keys)

    def close(self) -> None:
        """Hear what has come by now, which a busy machine may not have read yet, and give the socket back."""
        if self._timer is not None:
            self._timer.cancel()
        if self.socket is not None and self._transport is not None and not self._transport.is_closing():
            with contextlib.suppress(OSError):
                while True:
                    self.datagram_received(*self.socket.recvfrom(_LARGEST))
        if self._transport is not None:
            self._transport.close()

    # --- hearing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have the socket."""
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - any source is the peer's
        """Hear a packet."""
        self.received += 1
        if len(data) < 12 or data[0] >> 6 != 2 or (data[1] & 0x7F) not in (0, 8):
            self.refused += (data[1] & 0x7F) in (0, 8) if len(data) > 1 else 1
            return
        timestamp = int.from_bytes(data[4:8], "big")
        codes = np.frombuffer(data, np.uint8, offset=min(len(data), 12 + 4 * (data[0] & 0x0F)))
        samples = DECODE[int(data[1] & 0x7F == 8)][codes]
        ahead = 0
        if self._expected is not None:
            ahead = (timestamp - self._expected + 0x80000000) % 0x100000000 - 0x80000000
            if -_LONGEST_GAP < ahead < 0:
                return  # it comes too late, or twice
        if 0 < ahead < _LONGEST_GAP:
            self._heard(np.zeros(ahead, np.int16))
        self._expected = (timestamp + len(samples)) & 0xFFFFFFFF
        self._last_at = self._loop.time()
        self._heard(samples)

    # --- speaking

    def _tick(self) -> None:
        now = self._loop.time()
        self.late_ms = max(self.late_ms, round(1000 * (now - self._due)))
        if now - self._due > _LATE_S:
            self._due = now
        self._due += FRAME_S
        self._timer = self._loop.call_at(self._due, self._tick)
        if self._peer is not None and self._transport is not None:
            self._send(self._peer, self._transport)
        if now - self._last_at > _QUIET_S:
            self._last_at += FRAME_S
            self._expected = None  # where its time line goes on is not known
            self._heard(np.zeros(FRAME, np.int16))

    def _send(self, peer: RemoteMedia, transport: asyncio.DatagramTransport) -> None:
        spoken = self._speaks()
        key = self._keys.popleft() if self._keys else None
        if key is not None and peer.telephone_event is not None:
            begins = self._event_began is None
            if self._event_began is None:
                self._event_began = self._timestamp
            self._transmit(peer, transport, (peer.telephone_event, begins, self._event_began), key)
        else:
            self._event_began = None
            samples = spoken if spoken is not None and len(spoken) == FRAME else np.zeros(FRAME, np.int16)
            codes = ENCODE[int(peer.codec == "PCMA")][(samples.astype(np.int32) >> 2) & 0x3FFF]
            self._transmit(peer, transport, (peer.payload_type, self._marker, self._timestamp), codes.tobytes())
            self._marker = False
        self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF

    def _transmit(
        self, peer: RemoteMedia, transport: asyncio.DatagramTransport, head: tuple[int, bool, int], body: bytes
    ) -> None:
        payload_type, marker, timestamp = head
        second = payload_type | (0x80 if marker else 0)
        header = struct.pack("!BBHII", 0x80, second, self._sequence, timestamp, self._ssrc)
        self._sequence = (self._sequence + 1) & 0xFFFF
        transport.sendto(header + body, (peer.rtp.host, peer.rtp.port))


async def open_audio(
    host: str, heard: Callable[[Samples], None], speaks: Callable[[], Samples | None]
) -> tuple[PhoneAudio, Address]:
    """Open a socket on `host`; returns it with its address."""
    loop = asyncio.get_running_loop()
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        own.bind((host, 0))
        transport, audio = await loop.create_datagram_endpoint(lambda: PhoneAudio(heard, speaks), sock=own)
    except OSError:
        own.close()
        raise
    audio.socket = own
    name = transport.get_extra_info("sockname")
    return audio, Address(str(name[0]), int(name[1]))
