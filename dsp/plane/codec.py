"""The codecs of a leg: from a payload to samples of the leg's rate, from a frame to a payload, and between the rates.

What a codec and a resampler remember lies in the slot's row of `state.codec`, so it outlives the engine.
"""

from typing import Any

from dsp.codecs import g711, g722, l16, resample
from dsp.jit import kernel
from dsp.plane import layout as lo


@kernel
def is_wide(codec: int) -> int:
    """1 for a codec of 16 kHz, else 0."""
    return 1 if codec >= lo.CODEC_L16_WIDE else 0


@kernel
def rtp_is_wide(codec: int) -> int:
    """1 for a codec whose RTP clock runs at 16 kHz, else 0; G.722's does not (RFC 3551 section 4.5.2)."""
    return 1 if codec == lo.CODEC_L16_WIDE else 0


@kernel
def octets_are_wrong(codec: int, size: int) -> bool:
    """Whether a payload of `size` octets cannot be of this codec (-1: of none)."""
    return codec < 0 or (size % 2 != 0 and codec in (lo.CODEC_L16, lo.CODEC_L16_WIDE))


@kernel
def forget(row: Any, start: int, end: int) -> None:
    """Bring the states in `row[start:end]` back to their start."""
    for i in range(start, end):
        row[i] = 0


@kernel
def forget_source(row: Any) -> None:
    """Bring what follows a stream that comes in (decoder, resamplers of packets) back to its start."""
    forget(row, lo.CODEC_DECODER, lo.CODEC_RECEIVED)


@kernel
def _linear(row: Any, codec: int, data: Any, offset: int, size: int, out: Any, table: Any, scratch: Any) -> int:
    """Decode a payload into `out`; gives the number of samples."""
    if codec <= lo.CODEC_PCMA:
        g711.decode(data, offset, size, table[codec], out)
        return size
    if codec == lo.CODEC_G722:
        g722.decode(row[lo.CODEC_DECODER : lo.CODEC_DECODER + g722.WORDS], data, offset, size, out, scratch)
        return 2 * size
    l16.decode(data, offset, size // 2, out)
    return size // 2


@kernel
def decode(state: Any, work: Any, slot: int, codec: int, offset: int, size: int, in_order: bool) -> int:
    """Decode a payload of `work.packet`; gives the number of samples at the leg's rate.

    They are in `work.pcm`, and their 8 kHz version is in `work.pcm8`; for a narrow leg that is `work.pcm`, too. `codec`
    may be of another rate than the leg is (an earlier one, just after a change). What comes out of order is decoded
    beside the stream, whose state it must not disturb.
    """
    row, pcm, pcm8 = state.codec[slot], work.pcm, work.pcm8
    wide = state.legs[slot].wide
    if not in_order and (is_wide(codec) or wide):
        for i in range(lo.CODEC_DECODER, lo.CODEC_RECEIVED):
            work.codec_beside[i] = row[i]
        row = work.codec_beside
    count = _linear(row, codec, work.packet, offset, size, pcm, work.decode, work.g722_scratch)
    if is_wide(codec):
        down = row[lo.CODEC_PACKET_DOWN : lo.CODEC_PACKET_DOWN + resample.DOWN_WORDS]
        resample.down(down, pcm, count, pcm8, work.taps, work.resample_scratch)
        if wide:
            return count
        _copy(pcm8, count // 2, pcm)
        return count // 2
    if wide:
        _copy(pcm, count, pcm8)
        up = row[lo.CODEC_PACKET_UP : lo.CODEC_PACKET_UP + resample.UP_WORDS]
        resample.up(up, pcm8, count, pcm, work.taps, work.resample_scratch)
        return 2 * count
    return count


@kernel
def encode(codec: int, row: Any, samples: Any, out: Any, offset: int, table: Any, scratch: Any) -> int:
    """Encode a frame (20 ms at the codec's rate) into `out[offset:]`; gives the number of octets.

    `row` is the slot's row of `state.codec`, `table` is `g711.ENCODE`, `scratch` that of G.722.
    """
    if codec <= lo.CODEC_PCMA:
        g711.encode(samples, lo.FRAME, table[codec], out, offset)
        return lo.FRAME
    if codec == lo.CODEC_G722:
        g722.encode(row[lo.CODEC_ENCODER : lo.CODEC_ENCODER + g722.WORDS], samples, 2 * lo.FRAME, out, offset, scratch)
        return lo.FRAME
    count = lo.FRAME << is_wide(codec)
    l16.encode(samples, 0, count, out, offset)
    return 2 * count


@kernel
def _copy(samples: Any, count: int, out: Any) -> None:
    for i in range(count):
        out[i] = samples[i]


@kernel
def narrow(wide: int, row: Any, at: int, samples: Any, out: Any, taps: Any, scratch: Any) -> None:
    """Make the 8 kHz version, `out[:160]`, of a leg's frame; a narrow leg's is copied.

    `row` is the slot's row of `state.codec`, `at` the filter's place in it (`CODEC_PLAYED_DOWN`, `CODEC_SENT_DOWN`).
    It is called for every leg and tick, so it takes what it needs and not the whole state: numba passes that by value.
    """
    if wide:
        resample.down(row[at : at + resample.DOWN_WORDS], samples, 2 * lo.FRAME, out, taps, scratch)
    else:
        _copy(samples, lo.FRAME, out)


@kernel
def widen(state: Any, work: Any, slot: int, samples: Any, out: Any) -> None:
    """Make 20 ms at 16 kHz for a wide leg, `out[:320]`, of its 8 kHz part `samples[:160]`.

    There is one filter a leg, so all 8 kHz sources of a leg are added up first. It is called in every tick, with zeros
    when there is no such source: the filter rings on for 1.5 ms.
    """
    row = state.codec[slot][lo.CODEC_SENT_UP : lo.CODEC_SENT_UP + resample.UP_WORDS]
    resample.up(row, samples, lo.FRAME, out, work.taps, work.resample_scratch)
