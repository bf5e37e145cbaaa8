"""What the engine needs besides the shared state: scratch memory and tables, private to the process."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dsp.detectors.progress_state import make_kits
from dsp.detectors.progress_tables import Tables, make_tables
from dsp.detectors.verdicts import VERDICT
from dsp.plane import rooms, srtp, telephone_events
from dsp.plane.codec import Tools, make_tools
from dsp.plane.layout import FRAME, SOCKADDR
from dsp.plane.packets import BUFFER, MAX_PAYLOAD
from dsp.tones import generator

#: Tables of tones at a time.
TABLES = 4


class Work(NamedTuple):
    """Scratch arrays (rows are slots) and tables."""

    #: int16[slots, 320]: played-out incoming audio of this tick, and what each leg is sent; `FRAME << wide` are valid.
    rx: npt.NDArray[np.int16]
    tx: npt.NDArray[np.int16]
    #: int16[slots, 160]: the same at 8 kHz, for narrow legs a copy. `tx8` is made for legs that are recorded.
    rx8: npt.NDArray[np.int16]
    tx8: npt.NDArray[np.int16]
    #: int64[slots]: `digits.AUDIO`... of this tick.
    kind: npt.NDArray[np.int64]
    #: int64[slots]: samples in loud packets, in quiet packets, and lost in the stream, in this tick.
    loud: npt.NDArray[np.int64]
    quiet: npt.NDArray[np.int64]
    holes: npt.NDArray[np.int64]
    rooms: rooms.RoomWork
    packet: npt.NDArray[np.uint8]
    packet_out: npt.NDArray[np.uint8]
    #: A packet's samples, and their 8 kHz version.
    pcm: npt.NDArray[np.int16]
    pcm8: npt.NDArray[np.int16]
    #: struct timespec
    timespec: npt.NDArray[np.int64]
    #: struct timespec of a datagram's arrival; wall time at the tick's `now_ns` (ns).
    stamp: npt.NDArray[np.int64]
    wall: npt.NDArray[np.int64]
    #: struct sockaddr of a datagram's sender, and its length.
    sender: npt.NDArray[np.uint8]
    sender_length: npt.NDArray[np.int32]
    wake: npt.NDArray[np.int64]
    codec: Tools
    te_out: npt.NDArray[np.int64]
    dtmf_out: npt.NDArray[np.int64]
    #: int64[slots, srtp.ROWS, srtp.WORDS]: sessions of libsrtp by handle, put there by the controller.
    srtp: npt.NDArray[np.int64]
    #: A packet as it was before an attempt to open it; int32[1]: length of the packet that libsrtp works on.
    srtp_packet: npt.NDArray[np.uint8]
    srtp_length: npt.NDArray[np.int32]
    sine: npt.NDArray[np.float32]
    digit_steps: npt.NDArray[np.int64]
    #: VERDICT[8] and int64[2]: what a detector says of a leg's frame.
    verdicts: Any
    told: npt.NDArray[np.int64]
    #: PROGRESS_KIT[TABLES]: the countries' tones, and earlier ones that legs still go by.
    tones: Any


def _kits(tables: Tables) -> Any:
    kits = make_kits(TABLES)
    kits[0] = tables.kits[0]
    return kits


def make_work(slots: int, tones: Tables | None = None) -> Work:
    """Scratch memory for `slots` legs; `tones`: the countries' tones, when they are not those of `countries.py`."""
    return Work(
        rx=np.zeros((slots, 2 * FRAME), np.int16),
        tx=np.zeros((slots, 2 * FRAME), np.int16),
        rx8=np.zeros((slots, FRAME), np.int16),
        tx8=np.zeros((slots, FRAME), np.int16),
        kind=np.zeros(slots, np.int64),
        loud=np.zeros(slots, np.int64),
        quiet=np.zeros(slots, np.int64),
        holes=np.zeros(slots, np.int64),
        rooms=rooms.make_room_work(slots),
        packet=np.zeros(BUFFER, np.uint8),
        packet_out=np.zeros(BUFFER, np.uint8),
        pcm=np.zeros(2 * MAX_PAYLOAD, np.int16),
        pcm8=np.zeros(2 * MAX_PAYLOAD, np.int16),
        timespec=np.zeros(2, np.int64),
        stamp=np.zeros(2, np.int64),
        wall=np.zeros(1, np.int64),
        sender=np.zeros(SOCKADDR, np.uint8),
        sender_length=np.zeros(1, np.int32),
        wake=np.ones(1, np.int64),
        codec=make_tools(),
        te_out=np.zeros((telephone_events.ROWS, 5), np.int64),
        dtmf_out=np.zeros((4, 4), np.int64),
        srtp=np.zeros((slots, srtp.ROWS, srtp.WORDS), np.int64),
        srtp_packet=np.zeros(BUFFER, np.uint8),
        srtp_length=np.zeros(1, np.int32),
        sine=generator.SINE,
        digit_steps=generator.DIGIT_STEPS,
        verdicts=np.zeros(8, VERDICT).view(np.recarray),
        told=np.zeros(2, np.int64),
        tones=_kits(tones or make_tables()),
    )
