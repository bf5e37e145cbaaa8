import io
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.recording import wav
from edge.core.recording.repair import Repair, plan


def apply(repair: Repair, content: bytes) -> bytes:
    out = bytearray(content[: repair.length].ljust(repair.length, b"\0"))
    if repair.patch:
        out[repair.patch.offset : repair.patch.offset + len(repair.patch.data)] = repair.patch.data
    return bytes(out)


@given(announced=st.integers(0, 50), there=st.integers(0, 50), rest=st.integers(0, 3))
def test_the_header_is_made_to_say_what_is_there(announced: int, there: int, rest: int) -> None:
    content = wav.header(announced) + bytes(range(there)) * 4 + b"x" * rest
    repair = plan(content[:44], len(content))
    assert repair is not None
    with wave.open(io.BytesIO(apply(repair, content))) as read:
        assert read.getnframes() == there == repair.frames
        assert read.readframes(there) == content[44 : 44 + 4 * there]
    assert (repair.patch is None) == (announced == there)


@pytest.mark.parametrize("length", range(44))
def test_a_cut_header_is_completed(length: int) -> None:
    content = wav.header(7)[:length] if length <= 4 else wav.header(0)[:length]
    repair = plan(content, length)
    assert repair is not None
    assert apply(repair, content) == wav.header(0)


def test_a_first_block_of_zeros_gets_its_header_and_keeps_the_samples() -> None:
    content = bytes(44) + b"abcd" * 9
    repair = plan(content[:44], len(content))
    assert repair is not None
    assert apply(repair, content) == wav.header(9) + b"abcd" * 9


@given(st.binary(min_size=44, max_size=60).filter(lambda b: wav.announced_frames(b) is None and any(b[:44])))
def test_what_is_not_ours_is_left_alone(content: bytes) -> None:
    assert plan(content[:44], len(content)) is None


def test_a_file_longer_than_32_bits_is_right_as_it_is() -> None:
    frames = wav.MAX_DATA_BYTES // 4 + 100
    repair = plan(wav.header(frames), wav.offset_of(frames))
    assert repair == Repair(frames, wav.offset_of(frames), None)
