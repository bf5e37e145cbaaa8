"""RTP of many callers in one GIL-free loop: sends a frame for each every 20 ms, measures what comes back.

Callers are spread over the 20 ms: slot `i` sends in millisecond `i % 20`, right after it has read its socket. Arrival
times are the kernel's (SO_TIMESTAMPNS), so when the loop reads does not change what it measures. The layouts of
`struct mmsghdr` and `struct cmsghdr` are those of 64-bit Linux.
"""

import os
import platform
import socket
import threading
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numba import njit, types

FRAME = 160
FRAME_NS = 20_000_000
#: Slots of a millisecond in a frame.
SPREAD = 20
#: Datagrams read from a socket at once; it gets one in 20 ms.
BURST = 16
BUFFER = 2048
#: 10 us each; the last one takes the rest.
BINS = 10_001
BIN_NS = 10_000
KEY_FRAMES = 5
KEY_RFC4733, KEY_INBAND = 1, 2
LATE_NS = 5_000_000

# Columns of `legs`.
FD, ACTIVE, SEQ, STAMP, SSRC, EVENT_PT = 0, 1, 2, 3, 4, 5
SENT, SEND_ERRORS, RECEIVED, FIRST_SEQ, LAST_SEQ, CYCLES = 6, 7, 8, 9, 10, 11
GAPS, LATE, FOREIGN, LAST_NS, FIRST_SOUND_NS = 12, 13, 14, 15, 16
KEY, KEY_FRAME, KEY_CODE, KEY_STAMP, KEY_BEGIN_NS, KEY_END_NS, CHANGE_NS = 17, 18, 19, 20, 21, 22, 23
COLUMNS = 24

# Cells of `control`.
RUN, TICKS, LATE_TICKS, MOST_LATE_NS, VECTORS, OUT, CLOCK = 0, 1, 2, 3, 4, 5, 6

# By name, not by address, so that the compiled loop can be cached.
_int, _size = types.intc, types.uintp
recvmmsg = types.ExternalFunction("recvmmsg", _int(_int, _size, types.uintc, _int, _size))
send = types.ExternalFunction("send", types.intp(_int, _size, _size, _int))
clock_gettime = types.ExternalFunction("clock_gettime", _int(_int, _size))
clock_nanosleep = types.ExternalFunction("clock_nanosleep", _int(_int, _int, _size, _size))
_TIMESTAMP = 1 | 35 << 32  # SOL_SOCKET, SCM_TIMESTAMPNS


def ulaw_table() -> np.ndarray:
    """Linear value of each mu-law byte (G.711, section 3), as float32 in -1..1."""
    code = np.arange(256, dtype=np.int32) ^ 0xFF
    magnitude = (((code & 15) << 3) + 0x84 << ((code >> 4) & 7)) - 0x84
    return (np.where(code & 0x80, -magnitude, magnitude) / 32768).astype(np.float32)


def to_ulaw(samples: np.ndarray) -> np.ndarray:
    """Return the nearest mu-law byte of each sample in -1..1."""
    table = ulaw_table()
    order = np.argsort(table, kind="stable")
    values = table[order]
    right = np.clip(np.searchsorted(values, samples), 1, 255)
    nearer = np.abs(values[right] - samples) < np.abs(values[right - 1] - samples)
    return order[np.where(nearer, right, right - 1)].astype(np.uint8)


def sine(hz: list[float], frames: int, level: float) -> np.ndarray:
    """Return `frames` frames of a sum of sines, each of amplitude `level`, in mu-law."""
    t = np.arange(frames * FRAME) / 8000
    return to_ulaw(sum(level * np.sin(2 * np.pi * f * t) for f in hz)).reshape(frames, FRAME)  # type: ignore[union-attr]


def key_tones(key: str) -> list[float]:
    """Frequencies of a key (ITU-T Q.23)."""
    at = "123A456B789C*0#D".index(key)
    return [(697, 770, 852, 941)[at // 4], (1209, 1336, 1477, 1633)[at % 4]]


@njit(nogil=True, cache=True)
def _power(sound, table, at, size, step):  # share of a frame's power that lies at one frequency, and its mean square
    s1 = s2 = 0.0
    whole = 0.0
    for k in range(size):
        x = table[sound[at + k]]
        whole += x * x
        s0 = x + step * s1 - s2
        s2 = s1
        s1 = s0
    mean = whole / size
    if whole < 1e-9:
        return 0.0, mean
    return 2.0 * (s1 * s1 + s2 * s2 - step * s1 * s2) / (size * whole), mean


@njit(nogil=True, cache=True)
def _take(leg, b, size, at_ns, table, step, bins):
    if size < 12 or b[0] >> 6 != 2 or b[1] & 127 != 0:
        leg[FOREIGN] += 1
        return
    head = 12 + 4 * (b[0] & 15)
    if b[0] & 16 or size <= head:
        leg[FOREIGN] += 1
        return
    seq = np.int64(b[2]) << 8 | np.int64(b[3])
    leg[RECEIVED] += 1
    if leg[RECEIVED] == 1:
        leg[FIRST_SEQ] = seq
        leg[LAST_SEQ] = seq
    else:
        ahead = seq - leg[LAST_SEQ] & 0xFFFF
        if ahead == 0 or ahead >= 0x8000:
            leg[LATE] += 1
            return
        if ahead == 1:
            off = abs(at_ns - leg[LAST_NS] - FRAME_NS) // BIN_NS
            bins[min(off, BINS - 1)] += 1
        else:
            leg[GAPS] += 1
        if seq < leg[LAST_SEQ]:
            leg[CYCLES] += 1
        leg[LAST_SEQ] = seq
    leg[LAST_NS] = at_ns
    share, mean = _power(b, table, head, size - head, step)
    if leg[FIRST_SOUND_NS] == 0 and mean > 1e-5:
        leg[FIRST_SOUND_NS] = at_ns
    pressed = 0 < leg[KEY_BEGIN_NS] < at_ns
    if pressed and leg[CHANGE_NS] == 0 and step != 0.0 and share > 0.5 and mean > 1e-5:
        leg[CHANGE_NS] = at_ns


@njit(nogil=True, cache=True)
def _frame(leg, out, voice, tones, frame, now_ns):
    """Put the next packet of a leg into `out`; returns its size."""
    key = leg[KEY]
    n = frame - leg[KEY_FRAME]
    last = KEY_FRAMES - 1
    if key and n == 0:
        leg[KEY_BEGIN_NS] = now_ns
    stamp = leg[STAMP]
    payload, size = 0, 12 + FRAME
    if key == KEY_RFC4733 and 0 <= n < KEY_FRAMES + 2:
        if n == 0:
            leg[KEY_STAMP] = stamp
        stamp = leg[KEY_STAMP]
        payload = leg[EVENT_PT] | (128 if n == 0 else 0)
        length = min(n + 1, KEY_FRAMES) * FRAME
        out[12] = leg[KEY_CODE]
        out[13] = (128 if n >= last else 0) | 10
        out[14] = length >> 8
        out[15] = length & 255
        size = 16
        if n == last:
            leg[KEY_END_NS] = now_ns
    elif key == KEY_INBAND and 0 <= n < KEY_FRAMES:
        out[12:size] = tones[n]
        if n == last:
            leg[KEY_END_NS] = now_ns
    else:
        out[12:size] = voice[frame % voice.shape[0]]
    out[0] = 128
    out[1] = payload
    out[2] = leg[SEQ] >> 8 & 255
    out[3] = leg[SEQ] & 255
    for k in range(4):
        out[4 + k] = stamp >> 24 - 8 * k & 255
        out[8 + k] = leg[SSRC] >> 24 - 8 * k & 255
    leg[SEQ] += 1
    leg[STAMP] += FRAME
    return size


@njit(nogil=True, cache=True)
def _read(control, leg, vectors, buffers, extras, table, step, bins):
    while True:
        for k in range(BURST):
            vectors[k, 5] = 64
        got = recvmmsg(leg[FD], control[VECTORS], BURST, 0x40, 0)
        for k in range(got):
            at_ns = 0
            if extras[k, 1] == _TIMESTAMP:
                at_ns = extras[k, 2] * 1_000_000_000 + extras[k, 3]
            _take(leg, buffers[k], vectors[k, 7] & 0xFFFFFFFF, at_ns, table, step, bins)
        if got < BURST:
            return


@njit(nogil=True, cache=True)
def _loop(control, clock, legs, vectors, buffers, extras, out, voice, tones, table, step, bins, lateness):
    clock_gettime(1, control[CLOCK])
    due = clock[0] * 1_000_000_000 + clock[1]
    while control[RUN]:
        due += 1_000_000
        clock[0] = due // 1_000_000_000
        clock[1] = due % 1_000_000_000
        clock_nanosleep(1, 1, control[CLOCK], 0)
        clock_gettime(1, control[CLOCK])
        late = clock[0] * 1_000_000_000 + clock[1] - due
        lateness[min(late // BIN_NS, BINS - 1)] += 1
        if late > LATE_NS:
            control[LATE_TICKS] += 1
        control[MOST_LATE_NS] = max(control[MOST_LATE_NS], late)
        tick = control[TICKS]
        for i in range(tick % SPREAD, legs.shape[0], SPREAD):
            leg = legs[i]
            if not leg[ACTIVE]:
                continue
            _read(control, leg, vectors, buffers, extras, table, step, bins)
            clock_gettime(0, control[CLOCK])
            now_ns = clock[0] * 1_000_000_000 + clock[1]
            frame = leg[SENT] + leg[SEND_ERRORS]
            size = _frame(leg, out, voice, tones, frame, now_ns)
            if send(leg[FD], control[OUT], size, 0x40) == size:
                leg[SENT] += 1
            else:
                leg[SEND_ERRORS] += 1
        control[TICKS] = tick + 1


class LegFigures(NamedTuple):
    """What one call's audio was like."""

    sent: int
    send_errors: int
    received: int
    #: By sequence numbers, between the first and the last packet received.
    lost: int
    gaps: int
    #: Repeated, or after a later one.
    late: int
    foreign: int
    #: Wall-clock nanoseconds, 0: never.
    first_sound_ns: int
    key_end_ns: int
    change_ns: int


class RtpCallers:
    """Sockets and loop for `count` callers on `address`; ports `first_port` and every second one above."""

    def __init__(self, address: str, first_port: int, count: int, key: str = "5", change_hz: float = 0.0) -> None:
        if platform.machine() not in {"x86_64", "aarch64"}:
            raise RuntimeError("the layouts of 64-bit Linux are built in")
        self.sockets: list[socket.socket] = []
        self._rtcp: list[socket.socket] = []
        for i in range(count):
            rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
            rtp.bind((address, first_port + 2 * i))
            rtcp.bind((address, first_port + 2 * i + 1))
            rtp.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
            rtp.setblocking(False)
            self.sockets.append(rtp)
            self._rtcp.append(rtcp)
        self.legs = np.zeros((count, COLUMNS), np.int64)
        #: |arrival spacing - 20 ms|; lateness of the loop's own wake-ups.
        self.bins = np.zeros(BINS, np.int64)
        self.lateness = np.zeros(BINS, np.int64)
        self._control = np.zeros(8, np.int64)
        self._clock = np.zeros(2, np.int64)
        self._vectors = np.zeros((BURST, 8), np.int64)
        self._buffers = np.zeros((BURST, BUFFER), np.uint8)
        self._extras = np.zeros((BURST, 8), np.int64)
        self._pieces = np.zeros((BURST, 2), np.int64)
        self._out = np.zeros(BUFFER, np.uint8)
        for k in range(BURST):
            self._pieces[k] = self._buffers[k].ctypes.data, BUFFER
            self._vectors[k, 2:5] = self._pieces[k].ctypes.data, 1, self._extras[k].ctypes.data
        self._control[VECTORS] = self._vectors.ctypes.data
        self._control[OUT] = self._out.ctypes.data
        self._control[CLOCK] = self._clock.ctypes.data
        self._key_code = "0123456789*#ABCD".index(key)
        self._voice = sine([400.0], 50, 0.05)
        self._tones = sine(key_tones(key), KEY_FRAMES, 0.2)
        self._step = 2 * np.cos(2 * np.pi * change_hz / 8000) if change_hz else 0.0
        self._thread: threading.Thread | None = None
        self.real_time = False

    def start(self) -> None:
        """Compile, and run the loop in a thread of its own."""
        self._control[RUN] = 0
        self._run()  # compiles; the loop ends at once
        self._control[RUN] = 1
        self._thread = threading.Thread(target=self._run_first, name="rtp")
        self._thread.start()

    def _run_first(self) -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))  # of this thread only
            self.real_time = True
        except OSError:
            self.real_time = False
        self._run()

    def _run(self) -> None:
        _loop(
            self._control, self._clock, self.legs, self._vectors, self._buffers, self._extras, self._out,
            self._voice, self._tones, ulaw_table(), self._step, self.bins, self.lateness,
        )  # fmt: skip

    def stop(self) -> None:
        """End the loop and close the sockets."""
        self._control[RUN] = 0
        if self._thread is not None:
            self._thread.join()
        for one in self.sockets + self._rtcp:
            one.close()

    def port(self, slot: int) -> int:
        """Port of a slot."""
        return int(self.sockets[slot].getsockname()[1])

    def connect(
        self, slot: int, host: str, port: int, event_pt: int | None, key_method: int, key_after_ms: int
    ) -> None:
        """Begin to send and receive; press the key `key_after_ms` later, when `key_method` is not 0."""
        leg = self.legs[slot]
        leg[:] = 0
        one = self.sockets[slot]
        one.connect((host, port))
        with suppress(BlockingIOError, ConnectionRefusedError):  # what the call before left behind
            while one.recv(BUFFER):
                pass
        seed = os.urandom(8)
        leg[FD] = self.sockets[slot].fileno()
        leg[SEQ] = int.from_bytes(seed[:2])
        leg[STAMP] = int.from_bytes(seed[2:4])
        leg[SSRC] = int.from_bytes(seed[4:])
        leg[EVENT_PT] = event_pt or 101
        leg[KEY] = 0 if key_method == KEY_RFC4733 and event_pt is None else key_method
        leg[KEY_FRAME] = key_after_ms // 20
        leg[KEY_CODE] = self._key_code
        leg[ACTIVE] = 1

    def disconnect(self, slot: int) -> None:
        """Stop sending; read `figures` a little later, when the loop has surely left the slot."""
        self.legs[slot, ACTIVE] = 0

    def figures(self, slot: int) -> LegFigures:
        """Return what was measured on a slot."""
        leg = [int(value) for value in self.legs[slot]]
        span = leg[LAST_SEQ] + 65536 * leg[CYCLES] - leg[FIRST_SEQ] + 1 if leg[RECEIVED] else 0
        return LegFigures(
            sent=leg[SENT],
            send_errors=leg[SEND_ERRORS],
            received=leg[RECEIVED],
            lost=max(0, span - (leg[RECEIVED] - leg[LATE])),
            gaps=leg[GAPS],
            late=leg[LATE],
            foreign=leg[FOREIGN],
            first_sound_ns=leg[FIRST_SOUND_NS],
            key_end_ns=leg[KEY_END_NS],
            change_ns=leg[CHANGE_NS],
        )

    @property
    def ticks(self) -> int:
        """Milliseconds that the loop has worked through."""
        return int(self._control[TICKS])

    @property
    def late_ticks(self) -> int:
        """Wake-ups more than `LATE_NS` late."""
        return int(self._control[LATE_TICKS])

    @property
    def most_late_ns(self) -> int:
        """The latest wake-up."""
        return int(self._control[MOST_LATE_NS])


def percentile_ms(bins: np.ndarray, share: float) -> float:
    """Milliseconds below which `share` of the counts lie (upper edge of the bin)."""
    total = int(bins.sum())
    if not total:
        return 0.0
    at = int(np.searchsorted(np.cumsum(bins), share * total))
    return (at + 1) * BIN_NS / 1e6


def socket_drops(address: str, ports: set[int]) -> int:
    """Datagrams that the kernel dropped on our sockets, from /proc/net/udp."""
    wanted = int.from_bytes(socket.inet_aton(address), "little")
    dropped = 0
    with open("/proc/net/udp", encoding="ascii") as table:  # noqa: PTH123
        next(table)
        for line in table:
            columns = line.split()
            host, _, port = columns[1].partition(":")
            if int(host, 16) == wanted and int(port, 16) in ports:
                dropped += int(columns[12])
    return dropped
