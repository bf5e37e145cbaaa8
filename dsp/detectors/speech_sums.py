"""A frame as the speech detector takes it: its sums and their levels, by vectors (`dsp/vectors.py`)."""

import math
from typing import Any

import numpy as np

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.detectors.speech_state import BLOCK, FRAME, STEADY
from dsp.jit import config, intrinsic, ir, types
from dsp.vectors import Writer, constant, floats

#: Level of nothing at all, dBm0.
NOTHING = -100.0
#: What `hear` writes: sums first, then levels.
WHOLE, FIRST, SECOND, YP, PP, YY, SMOOTH, BAND = range(8)
LEVEL, LEVEL_BAND, LEVEL_SMOOTH, LEVEL_FIRST, LEVEL_SECOND = range(8, 13)
HEARD = 16
#: Samples that d[n] = x[n] - x[n - 2] has within a block; d keeps the level of 1 kHz when its squares are halved.
_KEPT = BLOCK - 2
_WIDE = 16
#: log2(m) = 2 / ln 2 * (t + t^3 / 3 + t^5 / 5 + ...), t = (m - 1) / (m + 1); to 1e-9 for m from 0.7 to 1.4.
_SERIES = [2.0 / math.log(2.0) / n for n in (1, 3, 5, 7, 9)]
_DB = 10.0 * math.log10(2.0)


def _decibels(code: Writer, ratios: Any) -> Any:
    """Give 10 log10 of a vector, `NOTHING` at the least, to 1e-5."""
    builder, lanes = code.builder, ratios.type.count
    ints = ir.VectorType(ir.IntType(32), lanes)

    def number(value: int) -> Any:
        return ir.Constant(ints, [value] * lanes)

    def real(value: float) -> Any:
        return constant([value] * lanes)

    # The exponent is taken so that 0.707 <= mantissa < 1.414.
    shifted = builder.sub(builder.bitcast(ratios, ints), number(0x3F3504F3))
    exponent = builder.sitofp(builder.ashr(shifted, number(23)), ratios.type)
    mantissa = builder.add(builder.and_(shifted, number(0x007FFFFF)), number(0x3F3504F3))
    mantissa = builder.bitcast(mantissa, ratios.type)
    t = builder.fdiv(code.subtract(mantissa, real(1.0)), code.add(mantissa, real(1.0)))
    square, series = code.multiply_add(t, t, None), real(_SERIES[-1])
    for factor in _SERIES[-2::-1]:
        series = code.multiply_add(series, square, real(factor))
    level = code.multiply_add(code.multiply_add(series, t, exponent), real(_DB), None)
    return builder.select(builder.fcmp_ordered(">", ratios, real(1e-10)), level, real(NOTHING))


@intrinsic
def _hear(_context: Any, frame: Any, _smooth: Any, _weight: Any, out: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = Writer(context, builder, signature_, arguments)
        nothing = constant([0.0] * _WIDE)

        def first(lanes: int) -> Any:
            return constant([1.0] * lanes + [0.0] * (_WIDE - lanes))

        whole, changes = None, []
        for place in range(0, FRAME, _WIDE):
            now = code.samples(0, 0, place, _WIDE)
            whole = code.multiply_add(now, now, whole)
            if place + _WIDE < FRAME:
                changes.append(code.subtract(code.samples(0, 0, place + 2, _WIDE), now))
        last = FRAME - 2 - _WIDE  # of the frame's end there are 14
        d = code.subtract(code.samples(0, 0, last + 2, _WIDE), code.samples(0, 0, last, _WIDE))
        changes.append(code.shuffled(d, range(2, 2 + _WIDE), nothing))
        energies: list[Any] = [None, None]
        yp = pp = yy = None
        for number, d in enumerate(changes):
            block, kept = divmod(number * _WIDE, BLOCK)
            own = code.multiply_add(d, first(_KEPT - kept), None) if kept + _WIDE > _KEPT else d
            energies[block] = code.multiply_add(own, own, energies[block])
            following = changes[number + 1] if number + 1 < len(changes) else nothing
            p = code.shuffled(d, range(4, 4 + _WIDE), following)
            y = code.add(d, code.shuffled(d, range(8, 8 + _WIDE), following))
            if following is nothing:  # the law takes what is complete
                p, y = (code.multiply_add(one, first(FRAME - 10 - number * _WIDE), None) for one in (p, y))
            yp, pp, yy = code.multiply_add(y, p, yp), code.multiply_add(p, p, pp), code.multiply_add(y, y, yy)
        halves = [
            code.add(code.shuffled(one, range(8)), code.shuffled(one, range(8, 16)))
            for one in (whole, *energies, yp, pp, yy, nothing, nothing)
        ]
        sums = code.sums(halves)
        scales = [1.0 / FRAME, 0.5 / _KEPT, 0.5 / _KEPT]
        means = code.multiply_add(sums, constant([*scales, 0.0, 0.0, 0.0, 0.0, 0.0]), None)
        band = builder.fmul(builder.fadd(code.lane(means, 1), code.lane(means, 2)), ir.Constant(ir.FloatType(), 0.5))
        step = builder.fmul(arguments[2], builder.fsub(band, arguments[1]))
        smooth = builder.fadd(arguments[1], step)
        pair = code.shuffled(
            code.everywhere(smooth), [0, 8, 0, 8, 0, 8, 0, 8], code.everywhere(band)
        )  # smooth, band, ...
        code.store(code.shuffled(sums, [0, 1, 2, 3, 4, 5, 8, 9], pair), 3, 0, 0)
        powers = code.shuffled(means, [0, 9, 8, 1, 2, 3, 3, 3], pair)
        ratios = code.multiply_add(powers, constant([1.0 / POWER_0_DBM0] * 8), None)
        code.store(_decibels(code, ratios), 3, 0, 1)
        return context.get_dummy_value()

    return types.none(frame, types.float32, types.float32, out), generate


def _hear_plainly(frame: Any, smooth: Any, weight: Any, out: Any) -> None:
    x = frame.astype(np.float64)
    d = x[2:] - x[:-2]
    y, p = d[:-8] + d[8:], d[4:-4]
    first, second = np.sum(d[:_KEPT] ** 2), np.sum(d[BLOCK:] ** 2)
    band = (first + second) / (4 * _KEPT)
    smooth += weight * (band - smooth)
    out[:8] = np.sum(x * x), first, second, np.sum(y * p), np.sum(p * p), np.sum(y * y), smooth, band
    powers = np.array([np.mean(x * x), band, smooth, first / (2 * _KEPT), second / (2 * _KEPT), 0.0, 0.0, 0.0])
    out[8:] = np.where(powers > 1e-10 * POWER_0_DBM0, 10 * np.log10(np.maximum(powers, 1e-9) / POWER_0_DBM0), NOTHING)


@intrinsic
def _renew(_context: Any, levels: Any, _level: Any, out: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = Writer(context, builder, signature_, arguments)
        newest = code.everywhere(arguments[1], _WIDE)
        vector = code.shuffled(code.load(0, floats(_WIDE), 0), range(1, 1 + _WIDE), newest)
        code.store(vector, 0, 0)
        low = high = code.shuffled(vector, [_WIDE - 1, *range(1, _WIDE)])  # the first one is too old
        for distance in (8, 4, 2, 1):
            order = [lane ^ distance for lane in range(_WIDE)]
            low, high = code.less(low, code.shuffled(low, order)), code.greater(high, code.shuffled(high, order))
        both = code.shuffled(low, [0, _WIDE], high)
        code.store(both, 2, 0)
        return context.get_dummy_value()

    return types.none(levels, types.float32, out), generate


def _renew_plainly(levels: Any, level: Any, out: Any) -> None:
    levels[:-1], levels[-1] = levels[1:].copy(), level
    out[0], out[1] = levels[-STEADY:].min(), levels[-STEADY:].max()


#: `hear(frame, smooth, weight, out)`: of int16[160], into `out` (float32[HEARD]), by names of this module: the energy
#: of all of it; of d[n] = x[n] - x[n-2] the energies in both blocks, and what the tone's law needs of d at a distance
#: of four (y p, p p, y y); d's mean square (`BAND`) and what `smooth` has become by a step of `weight` towards it;
#: levels (dBm0) of the whole frame, of those two, and of d in both blocks.
hear: Any = _hear_plainly if config.DISABLE_JIT else _hear
#: `renew(levels, level, out)`: puts a level behind those of the last frames (float32[STEADY + 1], newest last); the
#: least and the greatest of the newest `STEADY` are put into `out`.
renew: Any = _renew_plainly if config.DISABLE_JIT else _renew
