"""The codecs of a leg: from a payload to samples of the leg's rate, from a frame to a payload, and between the rates.

What a codec and a resampler remember lies in the slot's row of `state.codec` (`row`), so it outlives the engine. These
kernels run for every leg and packet, so they take what they need: a call that hands over the whole state and all
scratch memory costs half a microsecond, since numba passes tuples of arrays by value.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dsp.codecs import g711, g722, l16, resample
from dsp.jit import kernel
from dsp.plane import layout as lo


class Tools(NamedTuple):
    """Tables and scratch memory, private to the process."""

    #: `g711.DECODE` and `g711.ENCODE`.
    decode: npt.NDArray[np.int16]
    encode: npt.NDArray[np.uint8]
    taps: npt.NDArray[np.float32]
    resample_scratch: npt.NDArray[np.float32]
    g722_scratch: npt.NDArray[np.int32]
    #: int64[CODEC_RECEIVED]: decoder and resamplers for what came out of order.
    beside: npt.NDArray[np.int64]


def make_tools() -> Tools:
    """Make them anew."""
    return Tools(
        decode=g711.DECODE,
        encode=g711.ENCODE,
        taps=resample.TAPS,
        resample_scratch=np.zeros(resample.SCRATCH, np.float32),
        g722_scratch=np.zeros(g722.SCRATCH, np.int32),
        beside=np.zeros(lo.CODEC_RECEIVED, np.int64),
    )


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
def _linear(row: Any, codec: int, data: Any, offset: int, size: int, out: Any, tools: Any) -> int:
    """Decode a payload into `out`; gives the number of samples."""
    if codec <= lo.CODEC_PCMA:
        g711.decode(data, offset, size, tools.decode[codec], out)
        return size
    if codec == lo.CODEC_G722:
        state = row[lo.CODEC_DECODER : lo.CODEC_DECODER + g722.WORDS]
        g722.decode(state, data, offset, size, out, tools.g722_scratch)
        return 2 * size
    l16.decode(data, offset, size // 2, out)
    return size // 2


@kernel
def _beside(row: Any, beside: Any) -> Any:
    """Copy what follows the stream that comes in."""
    for i in range(lo.CODEC_DECODER, lo.CODEC_RECEIVED):
        beside[i] = row[i]
    return beside


@kernel
def decode(
    row: Any, wide: int, codec: int, data: Any, offset: int, size: int, in_order: bool, pcm: Any, pcm8: Any, tools: Any
) -> int:
    """Decode the payload `data[offset:offset + size]` (uint8); gives the number of samples at the leg's rate (`wide`).

    They are in `pcm`, and of a wide leg their 8 kHz version in `pcm8` (both int16, of twice the longest payload). `row`
    is the slot's row of `state.codec`. `codec` may be of another rate than the leg is (an earlier one, just after a
    change). What comes out of order is decoded beside the stream, whose state it must not disturb.
    """
    if not in_order and (is_wide(codec) or wide):
        row = _beside(row, tools.beside)
    count = _linear(row, codec, data, offset, size, pcm, tools)
    if is_wide(codec):
        down = row[lo.CODEC_PACKET_DOWN : lo.CODEC_PACKET_DOWN + resample.DOWN_WORDS]
        resample.down(down, pcm, count, pcm8, tools.taps, tools.resample_scratch)
        if wide:
            return count
        _copy(pcm8, count // 2, pcm)
        return count // 2
    if wide:
        _copy(pcm, count, pcm8)
        up = row[lo.CODEC_PACKET_UP : lo.CODEC_PACKET_UP + resample.UP_WORDS]
        resample.up(up, pcm8, count, pcm, tools.taps, tools.resample_scratch)
        return 2 * count
    return count


@kernel
def encode(row: Any, codec: int, samples: Any, out: Any, offset: int, tools: Any) -> int:
    """Encode a frame (20 ms at the codec's rate) into `out[offset:]`; gives the number of octets."""
    if codec <= lo.CODEC_PCMA:
        g711.encode(samples, lo.FRAME, tools.encode[codec], out, offset)
        return lo.FRAME
    if codec == lo.CODEC_G722:
        state = row[lo.CODEC_ENCODER : lo.CODEC_ENCODER + g722.WORDS]
        g722.encode(state, samples, 2 * lo.FRAME, out, offset, tools.g722_scratch)
        return lo.FRAME
    count = lo.FRAME << is_wide(codec)
    l16.encode(samples, 0, count, out, offset)
    return 2 * count


@kernel
def _copy(samples: Any, count: int, out: Any) -> None:
    for i in range(count):
        out[i] = samples[i]


@kernel
def narrow(row: Any, at: int, wide: int, samples: Any, out: Any, tools: Any) -> None:
    """Make the 8 kHz version, `out[:160]`, of a leg's frame; a narrow leg's is copied.

    `at` is the filter's place in the slot's row: `CODEC_PLAYED_DOWN`, `CODEC_SENT_DOWN`.
    """
    if wide:
        down = row[at : at + resample.DOWN_WORDS]
        resample.down(down, samples, 2 * lo.FRAME, out, tools.taps, tools.resample_scratch)
    else:
        _copy(samples, lo.FRAME, out)


@kernel
def widen(row: Any, samples: Any, out: Any, tools: Any) -> None:
    """Make 20 ms at 16 kHz for a wide leg, `out[:320]`, of its 8 kHz part `samples[:160]`.

    There is one filter a leg, so all 8 kHz sources of a leg are added up first. It is called in every tick, with zeros
    when there is no such source: the filter rings on for 1.5 ms.
    """
    up = row[lo.CODEC_SENT_UP : lo.CODEC_SENT_UP + resample.UP_WORDS]
    resample.up(up, samples, lo.FRAME, out, tools.taps, tools.resample_scratch)
