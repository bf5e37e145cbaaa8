import io
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.recording import wav


def test_the_header_is_what_the_standard_library_reads() -> None:
    samples = bytes(range(40))
    with wave.open(io.BytesIO(wav.header(10) + samples)) as read:
        assert (read.getnchannels(), read.getframerate(), read.getsampwidth(), read.getnframes()) == (2, 8000, 2, 10)
        assert read.readframes(10) == samples


@pytest.mark.parametrize("frames", [0, 1, 8000, wav.MAX_DATA_BYTES // 4])
def test_what_is_announced_is_read_back(frames: int) -> None:
    assert wav.announced_frames(wav.header(frames)) == frames


@pytest.mark.parametrize("extra", [1, 2, 10**9])
def test_sizes_beyond_32_bits_are_clamped_to_whole_frames(extra: int) -> None:
    most = wav.MAX_DATA_BYTES // 4
    assert wav.header(most + extra) == wav.header(most)
    assert (wav.MAX_DATA_BYTES + 36) <= 0xFFFFFFFF < wav.MAX_DATA_BYTES + 36 + 4


@given(old=st.integers(0, 2**30), new=st.integers(0, 2**30))
def test_the_size_patch_turns_one_header_into_the_other(old: int, new: int) -> None:
    head = bytearray(wav.header(old))
    patch = wav.size_patch(new)
    head[patch.offset : patch.offset + len(patch.data)] = patch.data
    assert bytes(head) == wav.header(new)


@given(st.integers(0, 2**40))
def test_offset_and_frames_are_inverse(frame: int) -> None:
    assert wav.frames_in(wav.offset_of(frame)) == frame
    assert wav.frames_in(wav.offset_of(frame) + 3) == frame


def test_other_files_are_not_taken_for_ours() -> None:
    for position in range(wav.HEADER_BYTES):
        head = bytearray(wav.header(10))
        head[position] ^= 0x55
        assert wav.announced_frames(bytes(head)) is None or position >= 40


def test_milliseconds() -> None:
    assert wav.milliseconds(8000) == 1000
    assert wav.milliseconds(12) == 1
