"""The slot table: what the process knows of each leg besides the engine's own record, kept in shared memory.

A successor of a killed worker rebuilds its tables from it. Each slot has two copies; a change is written to the
older one and counts once its checksum fits, so a kill in the middle of a write leaves the state before the change.
"""

import struct
import zlib
from typing import Literal

import msgspec
from msgspec import Struct

from edge.core.recording import wav
from edge.vocabulary.ids import CommandId, LegId, PlayId, RecordingId, SlotIndex
from edge.vocabulary.media import LegSound, MessageEnd, RemoteMedia, RoomMode
from edge.vocabulary.wire import pack, unpacker

_HEAD = struct.Struct("<IQH")  # checksum of the rest, sequence number, length of the record
COPY_BYTES = 3072
SLOT_BYTES = 2 * COPY_BYTES
MAX_RECORD_BYTES = COPY_BYTES - _HEAD.size


class RecordingState(Struct, frozen=True, kw_only=True, array_like=True, omit_defaults=True):
    """A recording; where in the file it is stands in the engine's record of the slot."""

    leg: LegId
    slot: SlotIndex
    #: The number that the engine knows it by, unique in the slot's use.
    number: int
    recording: RecordingId
    path: str
    #: RFC 3339, wall time of frame 0.
    started: str
    #: What was recorded last stays in the ring for as long as it may still have to be silenced.
    guarded: bool = False
    #: Figures of the end, known when all frames are in the file: frames, and missing ones a channel. -1: it still runs.
    frames: int = -1
    gap_left: int = 0
    gap_right: int = 0
    #: Why it stopped before its time.
    error: str = ""
    #: A message: what the leg says, in mono, from this frame of the engine's timeline on. -1: the recording of a call.
    first: int = -1
    #: It is the only reason why the engine records.
    alone: bool = False
    #: Frames without speech that end it, and frames that it has at the most.
    silence: int = 0
    longest: int = 0
    #: Frame of the engine's timeline before which it was stopped. -1: it was not.
    until: int = -1
    #: Gap of the engine's timeline when it began.
    gap_before: int = 0
    ended_by: MessageEnd | None = None

    @property
    def is_message(self) -> bool:
        """Whether it is one."""
        return self.first >= 0

    @property
    def channels(self) -> int:
        """Of its file."""
        return 1 if self.is_message else wav.CHANNELS


class SlotState(Struct, frozen=True, kw_only=True, array_like=True, omit_defaults=True):
    """A slot that is, or was last, used by `leg`."""

    leg: LegId
    slot: SlotIndex
    #: Counts the uses of the slot, so that what the engine still says about an earlier leg is not taken for this one.
    generation: int
    #: `closed`: the engine has let go; kept so that a repeated `CloseLeg` is answered with the same figures.
    phase: Literal["open", "closing", "closed"] = "open"
    remote: RemoteMedia | None = None
    #: The newest window in which the peer's address is (or was) learned; 0: there was none.
    learning: int = 0
    #: Plays that the engine was given and has not ended yet, by the number it knows them by.
    plays: dict[int, PlayId] = {}
    #: The newest play, also when it has ended: a repeated `Play` is not played again.
    last_play: PlayId | None = None
    #: Room that it is in, by the number that the engine knows it by; 0: none.
    room: int = 0
    room_mode: RoomMode = "talk"
    whispers_to: LegId | None = None
    sound: LegSound = LegSound()
    #: Country whose tones are told, "" for all; None: none are.
    tones: str | None = None
    #: Nobody may overhear it.
    private: bool = False
    #: The newest recording; running while `recording_open`.
    recording: RecordingState | None = None
    recording_open: bool = False
    #: The newest message; running while `message_open`.
    message: RecordingState | None = None
    message_open: bool = False
    #: Recordings of this slot, of earlier legs too, whose frames are all written but whose files are not yet sealed.
    finishing: list[RecordingState] = []
    #: The newest `SendDigits`; it has no subject of its own that would tell a repetition.
    digits_command: CommandId | None = None
    digits_number: int = 0
    #: Last number given to a play, a recording or digits in this use of the slot.
    last_number: int = 0

    @property
    def engine_records(self) -> list[RecordingState]:
        """What the engine was told to record for, and is not over."""
        recording = [self.recording] if self.recording_open and self.recording is not None else []
        message = [self.message] if self.message_open and self.message is not None and self.message.alone else []
        return recording + message


class TooLongError(ValueError):
    """Ids and path do not fit into a record."""


#: Of the words about a recording's failure so much is kept.
MAX_ERROR = 120
#: What a recording grows by until it is over: figures, error and what is left of it (`over`), and plays meanwhile.
_GROWTH = 2 * (MAX_ERROR + 250)


def over(recording: RecordingState) -> RecordingState:
    """Return what has to be known of a recording whose end stands in `finishing`: that it was there.

    Its path, the longest part, is then once in the record, so the end of a recording always fits.
    """
    return RecordingState(
        leg=recording.leg,
        slot=recording.slot,
        number=recording.number,
        recording=recording.recording,
        path="",
        started="",
        first=recording.first,
    )


_unpack = unpacker(SlotState)


class SlotTable:
    """Typed access to the table's memory. One writer: the worker's main thread."""

    def __init__(self, memory: memoryview, slots: int) -> None:
        self._memory = memory
        self.slots = slots
        self._at: dict[int, tuple[int, int]] = {}  # copy that counts and its sequence number, by slot

    @staticmethod
    def size(slots: int) -> int:
        """Bytes for `slots` slots."""
        return slots * SLOT_BYTES

    def read(self, slot: int) -> SlotState | None:
        """Return the newest valid state of `slot`, None when it was never used."""
        start = slot * SLOT_BYTES
        numbers = [_HEAD.unpack_from(self._memory, start + copy * COPY_BYTES)[1] for copy in (0, 1)]
        order = (0, 1) if numbers[0] > numbers[1] else (1, 0)
        newest = self._copy(slot, order[0]) or self._copy(slot, order[1])
        if newest is None:
            return None
        self._at[slot] = newest[:2]
        return newest[2]

    def must_have_room(self, state: SlotState) -> None:
        """Raise `TooLongError` unless what runs in `state` finds room to end: then there is nobody to be refused."""
        size, room = len(pack(state)), MAX_RECORD_BYTES - _GROWTH
        if size > room:
            raise TooLongError(f"slot record of {size} bytes, at most {room} leave room for the end of a recording")

    def write(self, state: SlotState) -> None:
        """Replace the state of `state.slot`; raises `TooLongError` and leaves the old one when it does not fit."""
        record = pack(state)
        if len(record) > MAX_RECORD_BYTES:
            raise TooLongError(f"slot record of {len(record)} bytes, at most {MAX_RECORD_BYTES} fit")
        if state.slot not in self._at:
            self.read(state.slot)
        copy, sequence = self._at.get(state.slot, (1, 0))
        copy, sequence = 1 - copy, sequence + 1
        body = struct.pack("<QH", sequence, len(record)) + record
        start = state.slot * SLOT_BYTES + copy * COPY_BYTES
        # The checksum goes last: until then the copy does not count.
        self._memory[start : start + 4] = bytes(4)
        self._memory[start + 4 : start + 4 + len(body)] = body
        self._memory[start : start + 4] = struct.pack("<I", zlib.crc32(body) or 1)
        self._at[state.slot] = (copy, sequence)

    def _copy(self, slot: int, copy: int) -> tuple[int, int, SlotState] | None:
        start = slot * SLOT_BYTES + copy * COPY_BYTES
        checksum, sequence, length = _HEAD.unpack_from(self._memory, start)
        if checksum == 0 or length > MAX_RECORD_BYTES:
            return None
        body = bytes(self._memory[start + 4 : start + _HEAD.size + length])
        if (zlib.crc32(body) or 1) != checksum:
            return None
        try:
            return copy, sequence, _unpack.decode(body[_HEAD.size - 4 :])
        except msgspec.MsgspecError:  # written by another version of this program
            return None
