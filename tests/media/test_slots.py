import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.media.slots import (
    COPY_BYTES,
    MAX_ERROR,
    SLOT_BYTES,
    RecordingState,
    SlotState,
    SlotTable,
    TooLongError,
    over,
)
from edge.vocabulary.ids import LegId, RecordingId, SlotIndex
from edge.vocabulary.media import Address, RemoteMedia

REMOTE = RemoteMedia(
    rtp=Address("127.5.0.1", 4000),
    rtcp=Address("127.5.0.1", 4001),
    codec="PCMA",
    payload_type=8,
    telephone_event=101,
    ptime_ms=20,
    direction="sendrecv",
)


def state(number: int, slot: int = 1) -> SlotState:
    leg, index = LegId(f"call{number}.1"), SlotIndex(slot)
    recording = RecordingState(
        leg=leg,
        slot=index,
        number=1,
        recording=RecordingId("r"),
        path="/spool/r.wav",
        started="2026-11-21T19:00:00.000Z",
    )
    return SlotState(leg=leg, slot=index, generation=number, remote=REMOTE, recording=recording)


def table(slots: int = 3) -> tuple[SlotTable, bytearray]:
    memory = bytearray(SlotTable.size(slots))
    return SlotTable(memoryview(memory), slots), memory


def test_zero_bytes_are_an_empty_table() -> None:
    empty, _ = table()
    assert [empty.read(slot) for slot in range(3)] == [None, None, None]


def test_a_state_is_read_back_by_another_mapping() -> None:
    first, memory = table()
    for number in range(5):
        first.write(state(number))
    assert SlotTable(memoryview(memory), 3).read(1) == state(4)
    assert first.read(0) is None
    assert first.read(2) is None


@given(cut=st.integers(0, COPY_BYTES), noise=st.integers(0, 255))
def test_a_write_that_was_cut_short_leaves_the_state_before(cut: int, noise: int) -> None:
    written, memory = table()
    written.write(state(1))
    written.write(state(2))
    before = bytes(memory)
    written.write(state(3))
    start = next(i for i in range(SLOT_BYTES, 2 * SLOT_BYTES) if before[i] != memory[i]) // COPY_BYTES * COPY_BYTES
    after = bytes(memory[start : start + COPY_BYTES])
    torn = bytearray(before)
    # The checksum is zero while the rest is written, up to `cut`; there may be anything behind it.
    torn[start : start + 4] = bytes(4)
    torn[start + 4 : start + cut] = after[4:cut]
    torn[min(start + cut, start + COPY_BYTES - 1)] = noise if cut >= 4 else 0
    assert SlotTable(memoryview(torn), 3).read(1) == state(2)


def test_any_flipped_byte_of_the_newest_copy_gives_the_one_before() -> None:
    written, memory = table()
    written.write(state(1))
    written.write(state(2))
    used = [i for i in range(SLOT_BYTES + COPY_BYTES, 2 * SLOT_BYTES) if memory[i]]
    for i in used:
        torn = bytearray(memory)
        torn[i] ^= 0x10
        assert SlotTable(memoryview(torn), 3).read(1) == state(1)


@given(st.binary(max_size=SLOT_BYTES))
def test_foreign_bytes_are_an_empty_slot(noise: bytes) -> None:
    memory = bytearray(noise.ljust(SLOT_BYTES, b"\1"))
    assert SlotTable(memoryview(memory), 1).read(0) is None


def test_a_state_that_does_not_fit_is_refused_and_the_old_one_stays() -> None:
    small, _ = table()
    small.write(state(1))
    too_long = SlotState(leg=LegId("x" * 3000), slot=SlotIndex(1), generation=2)
    with pytest.raises(TooLongError):
        small.write(too_long)
    assert small.read(1) == state(1)


def ended(recording: RecordingState) -> RecordingState:
    most = 2**62
    return replace(recording, frames=most, gap_left=most, gap_right=most, error="x" * MAX_ERROR, until=most)


@given(path=st.integers(1, 2500), before=st.integers(0, 6))
@example(path=110, before=2)
@example(path=250, before=3)
def test_what_may_begin_finds_room_to_end(path: int, before: int) -> None:
    """A recording and a message in one slot, whose ends nobody could refuse; others of the slot are not sealed yet."""
    slots, _ = table()
    recording = state(1).recording
    assert recording is not None
    one = replace(recording, path="p" * path)
    message = replace(one, number=2, first=2**40, silence=9000, longest=90_000, alone=True, ended_by="silence")
    others = [ended(one)] * before
    begun = replace(state(1), recording=one, message=message, recording_open=True, message_open=True, finishing=others)
    try:
        slots.must_have_room(begun)
    except TooLongError:
        assert before > 3 or path > 150, "refused for nothing"
        return
    slots.write(begun)
    finishing = [*others, ended(message)]
    slots.write(replace(begun, message=over(ended(message)), message_open=False, finishing=finishing))
    finishing = [*finishing, ended(one)]
    last = replace(
        begun, recording=over(ended(one)), message=over(ended(message)), recording_open=False, message_open=False,
        finishing=finishing,
    )  # fmt: skip
    slots.write(last)
    assert slots.read(1) == last
