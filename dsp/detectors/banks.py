"""Sums of samples with tables of waves: what the detectors' spectra are made of, eight and sixteen at a time.

What they do in words stands at the end, where they are named; `dsp/vectors.py` tells how they are made.
"""

from typing import Any

import numpy as np

from dsp.detectors.waves import GROUP, HALF, PROJECTED, STEPS, SUMS, WIDE
from dsp.jit import config, intrinsic, types
from dsp.vectors import Writer, floats, shorts

#: Columns of a table that `correlate` takes: two vectors.
CORRELATIONS = 16
#: Sums that are kept apart by sample, so that additions need not wait for each other.
_CHAINS = 4


@intrinsic(prefer_literal=True)
def _correlate(_context: Any, samples: Any, _start: Any, table: Any, out: Any, length: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = Writer(context, builder, signature_, arguments)
        chains: list[list[Any]] = [[None, None] for _ in range(_CHAINS)]
        for row in range(length.literal_value):
            if row % 8 == 0:
                eight = code.samples(0, arguments[1], row)
            one, chain = code.shuffled(eight, [row % 8] * 8), chains[row % _CHAINS]
            for half in (0, 1):
                chain[half] = code.multiply_add(one, code.load(2, floats(8), 0, 2 * row + half), chain[half])
        for half in (0, 1):
            code.store(code.added([chain[half] for chain in chains]), 3, 0, half)
        return context.get_dummy_value()

    return types.none(samples, types.intp, table, out, length), generate


def _correlate_plainly(samples: Any, start: int, table: Any, out: Any, length: int) -> None:
    out[:CORRELATIONS] = samples[start : start + length].astype(np.float32) @ table


@intrinsic(prefer_literal=True)
def _project(
    _context: Any, samples: Any, table: Any, _first: Any, stride: Any, groups: Any, real: Any, imaginary: Any
) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = Writer(context, builder, signature_, arguments)
        code.align_constants()
        folded = []
        for place in range(0, HALF, WIDE):
            after = code.samples(0, 0, HALF + place, WIDE)
            before = code.shuffled(code.samples(0, 0, HALF - WIDE - place, WIDE), range(WIDE - 1, -1, -1))
            folded.append((code.add(after, before), code.subtract(after, before)))
        origin = builder.mul(arguments[2], code.number(STEPS * SUMS * WIDE))
        count = groups.literal_value
        chains = max(_CHAINS // count, 1)
        sums: list[list[Any]] = [[None] * SUMS for _ in range(count * chains)]
        for step in range(STEPS):
            even, odd = folded[4 * step // WIDE]
            lanes = range(4 * step % WIDE, 4 * step % WIDE + 4)
            beyond = [WIDE + lane for lane in lanes]
            four = code.shuffled(even, [*lanes, *lanes, *beyond, *beyond], odd)
            for group in range(count):
                chain = sums[group * chains + step % chains]
                for number in range(SUMS):
                    factor = code.load(
                        1, floats(WIDE), origin, (group * stride.literal_value * STEPS + step) * SUMS + number
                    )
                    chain[number] = code.multiply_add(four, factor, chain[number])
        for group in range(count):
            total = code.added([code.sums(one) for one in sums[group * chains : (group + 1) * chains]])
            code.store(code.shuffled(total, range(GROUP)), 5, 0, group)
            code.store(code.shuffled(total, range(GROUP, 2 * GROUP)), 6, 0, group)
        return context.get_dummy_value()

    return types.none(samples, table, types.intp, stride, groups, real, imaginary), generate


def _project_plainly(samples: Any, table: Any, first: int, stride: int, groups: int, real: Any, imaginary: Any) -> None:
    x = samples[:PROJECTED].astype(np.float32)
    after, before = x[HALF:], x[:HALF][::-1]
    folded = np.stack([after + before, after - before]).reshape(2, STEPS, 4)
    for group in range(groups):
        sums = np.einsum("psl,snpgl->pgn", folded, table[first + group * stride].reshape(STEPS, SUMS, 2, 2, 4))
        part = slice(group * GROUP, (group + 1) * GROUP)
        real[part], imaginary[part] = sums.reshape(2, GROUP)


@intrinsic
def _move(_context: Any, source: Any, target: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = Writer(context, builder, signature_, arguments)
        for half in (0, 1):
            code.store(code.load(0, floats(8), 0, half), 1, 0, half)
        return context.get_dummy_value()

    return types.none(source, target), generate


def _move_plainly(source: Any, target: Any) -> None:
    target[:CORRELATIONS] = source[:CORRELATIONS]


@intrinsic
def _join(_context: Any, first: Any, second: Any, turn: Any, out: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = Writer(context, builder, signature_, arguments)
        (a, b), (re, im), (c, s) = [[code.load(n, floats(8), 0, half) for half in (0, 1)] for n in range(3)]
        code.store(code.subtract(code.multiply_add(re, c, a), code.multiply_add(im, s, None)), 3, 0, 0)
        code.store(code.multiply_add(im, c, code.multiply_add(re, s, b)), 3, 0, 1)
        return context.get_dummy_value()

    return types.none(first, second, turn, out), generate


def _join_plainly(first: Any, second: Any, turn: Any, out: Any) -> None:
    (a, b), (re, im), (c, s) = (one[:CORRELATIONS].reshape(2, 8) for one in (first, second, turn))
    out[:CORRELATIONS] = np.concatenate([a + re * c - im * s, b + re * s + im * c])


@intrinsic
def _rank(_context: Any, phasors: Any, out: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = Writer(context, builder, signature_, arguments)
        re, im = (code.load(0, floats(8), 0, half) for half in (0, 1))
        powers = code.multiply_add(re, re, code.multiply_add(im, im, None))
        beside = code.shuffled(powers, (1, 0, 3, 2, 5, 4, 7, 6))
        high, low = code.greater(powers, beside), code.less(powers, beside)
        other, least = (code.shuffled(one, (2, 3, 0, 1, 6, 7, 4, 5)) for one in (high, low))
        second = code.greater(code.less(high, other), code.greater(low, least))
        for place, vector in enumerate((powers, code.greater(high, other), second)):
            code.store(vector, 1, 0, place)
        return context.get_dummy_value()

    return types.none(phasors, out), generate


def _rank_plainly(phasors: Any, out: Any) -> None:
    powers = phasors[:8] ** 2 + phasors[8:16] ** 2
    in_order = np.sort(powers.reshape(2, 4), axis=1)
    out[:] = np.concatenate([powers, np.repeat(in_order[:, 3], 4), np.repeat(in_order[:, 2], 4)])


@intrinsic(prefer_literal=True)
def _copy(_context: Any, source: Any, _start: Any, target: Any, _at: Any, length: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = Writer(context, builder, signature_, arguments)
        chains: list[Any] = [None] * _CHAINS
        for place in range(length.literal_value // WIDE):
            some = code.load(0, shorts(WIDE), arguments[1], place)
            code.store(some, 2, arguments[3], place)
            real = code.real(some)
            chains[place % _CHAINS] = code.multiply_add(real, real, chains[place % _CHAINS])
        return code.total(code.added(chains))

    return types.float32(source, types.intp, target, types.intp, length), generate


def _copy_plainly(source: Any, start: int, target: Any, at: int, length: int) -> Any:
    target[at : at + length] = source[start : start + length]
    return np.float32(np.sum(target[at : at + length].astype(np.float32) ** 2))


#: `correlate(samples, start, table, out, length)`: the sums of `samples[start:start + length]` (int16) times each
#: column of `table` (float32[length, CORRELATIONS]) into `out` (float32[CORRELATIONS]).
correlate: Any = _correlate_plainly if config.DISABLE_JIT else _correlate
#: `project(samples, table, first, stride, groups, real, imaginary)`: phasors of `samples[:PROJECTED]` (int16) at the
#: eight frequencies of each of `groups` of the table, the first one and each `stride` groups on, into `real` and
#: `imaginary` (float32[n]). Stride and groups are constants. `waves` makes the table; phases count from the middle, so
#: the first half is folded onto the second one.
project: Any = _project_plainly if config.DISABLE_JIT else _project
#: `move(source, target)`: float32[CORRELATIONS] from one array to another one.
move: Any = _move_plainly if config.DISABLE_JIT else _move
#: `join(first, second, turn, out)`: phasors of two blocks (eight real parts, eight imaginary parts) as one: those of
#: the second are multiplied by `turn` and added. All are float32[CORRELATIONS].
join: Any = _join_plainly if config.DISABLE_JIT else _join
#: `rank(phasors, out)`: `out` (float32[24]) gets the squares of eight phasors (as of `join`), and for each half of them
#: the greatest (at 8 and 12) and the second greatest (at 16 and 20). No branch: what noise and voices bring cannot be
#: predicted.
rank: Any = _rank_plainly if config.DISABLE_JIT else _rank
#: `copy(source, start, target, at, length)`: `source[start:start + length]` (int16) to `target[at:]`; gives the sum of
#: squares (float32). The length is a constant, a multiple of 16.
copy: Any = _copy_plainly if config.DISABLE_JIT else _copy
