"""What the call progress detector does with a frame and its spectrum, by vectors (`dsp/vectors.py`)."""

from typing import Any

import numpy as np

from dsp.detectors.progress_state import BINS, BLOCK, FRAME, STEPS, WINDOWS
from dsp.jit import config, intrinsic, ir, types
from dsp.vectors import Writer, constant, floats

_GROUPS = BINS // 8
#: Bins but for the first and the last one, which have one neighbour only, as bits.
_INNER = ((1 << BINS) - 1) & ~1 & ~(1 << BINS - 1)
_WORD, _LONG = ir.IntType(32), ir.IntType(64)


@intrinsic
def _describe(_context: Any, frame: Any, out: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = Writer(context, builder, signature_, arguments)
        low, high, nothing = range(8), range(8, 16), constant([0.0] * 8)
        energies: list[list[Any]] = [[] for _ in range(FRAME // BLOCK)]
        lags: list[Any] = [None, None]
        for place in range(0, FRAME, 16):
            one = code.samples(0, 0, place, 16)
            squares = code.multiply_add(one, one, None)
            for half, lanes in ((place, low), (place + 8, high)):
                energies[half // BLOCK].append(code.shuffled(squares, lanes))
            back = 2 if place + 16 == FRAME else 0  # the last ones have no neighbours: those that have end the vector
            if back:
                one = code.multiply_add(code.samples(0, 0, place - back, 16), constant([0.0] * 2 + [1.0] * 14), None)
            for lag in (1, 2):
                lags[lag - 1] = code.multiply_add(one, code.samples(0, 0, place - back + lag, 16), lags[lag - 1])
        halves = [code.add(code.shuffled(lag, low), code.shuffled(lag, high)) for lag in lags]
        total = code.sums([*map(code.added, energies), *halves, nothing, nothing])
        code.store(code.multiply_add(total, constant([1.0 / BLOCK] * 4 + [1.0] * 4), None), 1, 0)
        return context.get_dummy_value()

    return types.none(frame, out), generate


def _describe_plainly(frame: Any, out: Any) -> None:
    x = frame.astype(np.float32)
    out[:4] = np.mean(np.square(x).reshape(4, BLOCK), axis=1)
    out[4], out[5], out[6:] = np.sum(x[:-2] * x[1:-1]), np.sum(x[:-2] * x[2:]), 0.0


@intrinsic
def _window(_context: Any, bank: Any, _known: Any, previous: Any, turn: Any, h: Any, p: Any, _scale: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = Writer(context, builder, signature_, arguments)
        sure, scale_ = code.everywhere(arguments[1]), code.everywhere(arguments[6])
        real, imaginary = [], []
        for group in range(_GROUPS):
            (a, b), (u, v), (c, s) = [
                [code.load(n, floats(8), 0, part * _GROUPS + group) for part in (0, 1)] for n in (0, 2, 3)
            ]
            code.store(a, 2, 0, group)
            code.store(b, 2, 0, _GROUPS + group)
            u, v = code.multiply_add(u, sure, None), code.multiply_add(v, sure, None)
            even, odd = code.add(u, a), code.subtract(b, v)
            real.append(code.multiply_add(odd, s, code.multiply_add(even, c, None)))
            even, odd = code.subtract(u, a), code.add(v, b)
            imaginary.append(code.multiply_add(even, s, code.multiply_add(odd, c, None)))
        half, quarter = constant([0.5] * 8), constant([0.25] * 8)
        for group in range(_GROUPS):
            power = None
            for part, joined in enumerate((real, imaginary)):
                own = joined[group]
                before = code.shuffled(joined[max(group - 1, 0)], range(7, 15), own)
                after = code.shuffled(own, range(1, 9), joined[min(group + 1, _GROUPS - 1)])
                own = code.multiply_add(quarter, code.add(before, after), code.multiply_add(half, own, None))
                code.store(own, 4, 0, part * _GROUPS + group)
                power = code.multiply_add(own, own, power)
            inner = constant([float(_INNER >> (8 * group + lane) & 1) for lane in range(8)])
            code.store(code.multiply_add(code.multiply_add(power, scale_, None), inner, None), 5, 0, group)
        return context.get_dummy_value()

    return types.none(bank, types.float32, previous, turn, h, p, types.float32), generate


def _window_plainly(bank: Any, known: Any, previous: Any, turn: Any, h: Any, p: Any, scale: Any) -> None:
    now, before = bank[0] + 1j * bank[1], (previous[0] + 1j * previous[1]) * known
    previous[:] = bank
    phase = turn[0] + 1j * turn[1]
    z = before * phase + now * phase.conj()
    hann = (0.5 * z[1:-1] + 0.25 * (z[:-2] + z[2:])).astype(np.complex64)
    h[0, 1:-1], h[1, 1:-1] = hann.real, hann.imag
    p[0] = p[-1] = 0.0
    p[1:-1] = (hann.real**2 + hann.imag**2) * scale


def _bits(builder: Any, masks: list[Any]) -> Any:
    """Give the lanes of three vectors of truth values as the low bits of a word."""
    word = ir.Constant(_WORD, 0)
    for group, mask in enumerate(masks):
        byte = builder.zext(builder.bitcast(mask, ir.IntType(8)), _WORD)
        word = builder.or_(word, builder.shl(byte, ir.Constant(_WORD, 8 * group)))
    return word


def _lanes(builder: Any, word: Any, group: int) -> Any:
    """Give eight bits of a word as a vector of truth values."""
    byte = builder.trunc(builder.lshr(word, ir.Constant(_WORD, 8 * group)), ir.IntType(8))
    return builder.bitcast(byte, ir.VectorType(ir.IntType(1), 8))


def _beside(builder: Any, bin_: Any) -> Any:
    """Give the bits of a bin and of the two on either side."""
    at = builder.trunc(bin_, _WORD)
    return builder.lshr(builder.shl(ir.Constant(_WORD, 0b11111), at), ir.Constant(_WORD, 2))


def _greatest(code: Writer, vectors: list[Any], allowed: Any) -> tuple[Any, Any]:
    """Give the greatest of three vectors' lanes that are `allowed` (bits), everywhere, and its first bin."""
    builder = code.builder
    below = constant([-1.0] * 8)
    some = [builder.select(_lanes(builder, allowed, group), one, below) for group, one in enumerate(vectors)]
    best = code.greater(code.greater(some[0], some[1]), some[2])
    for distance in (4, 2, 1):
        best = code.greater(best, code.shuffled(best, [lane ^ distance for lane in range(8)]))
    found = _bits(builder, [builder.fcmp_ordered("==", one, best) for one in some])
    return best, builder.zext(builder.cttz(found, ir.Constant(ir.IntType(1), 0)), _LONG)


@intrinsic
def _peaks(_context: Any, p: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = Writer(context, builder, signature_, arguments)
        vectors = [code.load(0, floats(8), 0, group) for group in range(_GROUPS)]
        inner = ir.Constant(_WORD, _INNER)
        best, first = _greatest(code, vectors, inner)
        apart = builder.and_(inner, builder.not_(_beside(builder, first)))
        second, other = _greatest(code, vectors, apart)
        least = code.multiply_add(best, constant([0.02] * 8), None)
        strong = builder.fcmp_ordered(">", code.lane(second, 0), code.lane(least, 0))
        other = builder.select(strong, other, first)
        return builder.or_(first, builder.shl(other, ir.Constant(_LONG, 8)))

    return types.int64(p), generate


def _peaks_plainly(p: Any) -> int:
    first = 1 + int(np.argmax(p[1:-1]))
    others = [k for k in range(1, BINS - 1) if abs(k - first) > 2]
    other = others[int(np.argmax(p[others]))]
    return first | (other if p[other] > np.float32(0.02) * p[first] else first) << 8


@intrinsic
def _lobes(_context: Any, p: Any, _first: Any, _other: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = Writer(context, builder, signature_, arguments)
        near = builder.or_(_beside(builder, arguments[1]), _beside(builder, arguments[2]))
        near = builder.and_(near, ir.Constant(_WORD, _INNER))
        nothing = constant([0.0] * 8)
        parts = [
            builder.select(_lanes(builder, near, group), code.load(0, floats(8), 0, group), nothing)
            for group in range(_GROUPS)
        ]
        return code.total(code.added(parts))

    return types.float32(p, types.int64, types.int64), generate


def _lobes_plainly(p: Any, first: int, other: int) -> Any:
    near = [k for k in range(1, BINS - 1) if abs(k - first) <= 2 or abs(k - other) <= 2]
    return np.float32(np.sum(p[near]))


@intrinsic
def _refine(_context: Any, spectrum: Any, _oldest: Any, _k: Any, factors: Any, _row: Any, gain: Any, out: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = Writer(context, builder, signature_, arguments)
        oldest, k, row = arguments[1], arguments[2], arguments[4]
        values = code.pointer(0, ir.FloatType(), k)
        origin = builder.mul(row, code.number(2 * WINDOWS * STEPS))
        real = imaginary = None
        for number in range(WINDOWS):
            slot = builder.and_(builder.add(oldest, code.number(number)), code.number(WINDOWS - 1))
            place = builder.mul(slot, code.number(2 * BINS))
            a = code.everywhere(builder.load(builder.gep(values, [place])))
            b = code.everywhere(builder.load(builder.gep(values, [builder.add(place, code.number(BINS))])))
            c, s = (code.load(3, floats(8), origin, 2 * number + part) for part in (0, 1))
            real = code.multiply_add(a, c, real)
            real = code.subtract(real, code.multiply_add(b, s, None))
            imaginary = code.multiply_add(b, c, code.multiply_add(a, s, imaginary))
        power = code.multiply_add(real, real, code.multiply_add(imaginary, imaginary, None))
        power = code.multiply_add(power, code.load(5, floats(8), 0), None)
        code.store(power, 6, builder.mul(k, code.number(STEPS)))
        for distance in (4, 2, 1):
            power = code.greater(power, code.shuffled(power, [lane ^ distance for lane in range(8)]))
        return code.lane(power, 0)

    return types.float32(spectrum, types.int64, types.int64, factors, types.int64, gain, out), generate


def _refine_plainly(spectrum: Any, oldest: int, k: int, factors: Any, row: int, gain: Any, out: Any) -> Any:
    z = spectrum[(oldest + np.arange(WINDOWS)) % WINDOWS, :, k]
    turned = (z[:, 0] + 1j * z[:, 1]) @ (factors[row, :, 0] + 1j * factors[row, :, 1])
    power = (turned.real**2 + turned.imag**2) * gain
    out[k * STEPS : (k + 1) * STEPS] = power
    return np.float32(power.max())


#: `describe(frame, out)`: of int16[160], into `out` (float32[8]): mean squares of the four blocks, the sums of
#: x[n] x[n + 1] and of x[n] x[n + 2] for n < 158.
describe: Any = _describe_plainly if config.DISABLE_JIT else _describe
#: `window(bank, known, previous, turn, h, p, scale)`: spectrum under a Hann window over two frames. `bank` and
#: `previous` (float32[2, BINS]) are those of the new frame and of the one before (`known` 0: there is none), which the
#: new one replaces; `turn` is what they turn in half a frame. Into `h` (float32[2, BINS]) and, times `scale`, its
#: powers into `p` (float32[BINS]), whose first and last bin are 0.
window: Any = _window_plainly if config.DISABLE_JIT else _window
#: `peaks(p)`: strongest bin of `p`, and times 256 the strongest one apart from it; the same where there is none.
peaks: Any = _peaks_plainly if config.DISABLE_JIT else _peaks
#: `lobes(p, first, other)`: the sum of `p` over these bins and the two on either side of each.
lobes: Any = _lobes_plainly if config.DISABLE_JIT else _lobes
#: `refine(spectrum, oldest, k, factors, row, gain, out)`: powers of eight steps round bin `k`, from all windows of
#: `spectrum` (float32[WINDOWS, 2, BINS], a ring), into `out[8 * k:]`; gives the greatest one. `factors[row]`
#: (float32[WINDOWS, 2, STEPS]) is what to turn the windows by, oldest first, 0 for those that are not filled.
refine: Any = _refine_plainly if config.DISABLE_JIT else _refine
