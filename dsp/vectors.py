"""Vector code written by hand, where what the compiler makes of loops goes through memory for each sample.

Each operation is an intrinsic that is written into its kernel, and a stand-in of a line or two that says what it does;
that is what runs when numba is switched off. Lengths are constants, so there are neither loops nor branches in it.
Vectors are of 8 or 16 lanes; a processor whose registers are smaller takes them in parts.
"""

from collections.abc import Sequence
from typing import Any

from dsp.jit import ir

_CONTRACT: Any = ("contract",)
_FLOAT, _INT = ir.FloatType(), ir.IntType(32)


def floats(lanes: int) -> Any:
    """Give the type of a vector of float32."""
    return ir.VectorType(_FLOAT, lanes)


def shorts(lanes: int) -> Any:
    """Give the type of a vector of int16."""
    return ir.VectorType(ir.IntType(16), lanes)


def constant(values: Sequence[float]) -> Any:
    """Give a vector of these values."""
    return ir.Constant(floats(len(values)), list(values))


class Writer:
    """Writes the code of one intrinsic: `arguments` of types `signature_.args`."""

    def __init__(self, context: Any, builder: Any, signature_: Any, arguments: Any) -> None:
        self._context, self.builder, self._types, self.arguments = context, builder, signature_.args, arguments

    def pointer(self, array: int, element: Any, start: Any = None) -> Any:
        """Give where the elements of an argument lie, from its element `start` (a value or a number) on."""
        data = self._context.make_array(self._types[array])(self._context, self.builder, self.arguments[array]).data
        if start is not None:
            data = self.builder.gep(data, [self.number(start)])
        return self.builder.bitcast(data, element.as_pointer())

    def align_constants(self) -> None:
        """Place the constant arrays of this module at cache lines: a load across two of them takes twice as long."""
        for value in self.builder.module.global_values:
            if value.name.startswith(".const.array.data"):
                value.align = 64

    @staticmethod
    def number(value: Any) -> Any:
        """Give a value as one of the code."""
        return ir.Constant(ir.IntType(64), value) if isinstance(value, int) else value

    def load(self, array: int, element: Any, start: Any, place: int = 0) -> Any:
        """Load the vector that is `place` vectors behind the element `start` of an array."""
        pointer = self.builder.gep(self.pointer(array, element, start), [self.number(place)])
        return self.builder.load(pointer, align=2 if element.element == ir.IntType(16) else 4)

    def store(self, value: Any, array: int, start: Any, place: int = 0) -> None:
        """Store a vector as by `load`."""
        pointer = self.builder.gep(self.pointer(array, value.type, start), [self.number(place)])
        self.builder.store(value, pointer, align=2 if value.type.element == ir.IntType(16) else 4)

    def real(self, values: Any) -> Any:
        """Make float32 of int16."""
        lanes = values.type.count
        return self.builder.sitofp(self.builder.sext(values, ir.VectorType(_INT, lanes)), floats(lanes))

    def samples(self, array: int, start: Any, offset: int, lanes: int = 8) -> Any:
        """Load samples (int16) as float32, `offset` behind the element `start`."""
        pointer = self.builder.gep(self.pointer(array, ir.IntType(16), start), [self.number(offset)])
        return self.real(self.builder.load(self.builder.bitcast(pointer, shorts(lanes).as_pointer()), align=2))

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """Give a * b + c; without c, a * b."""
        product = self.builder.fmul(a, b, flags=_CONTRACT)
        return product if c is None else self.builder.fadd(c, product, flags=_CONTRACT)

    def add(self, a: Any, b: Any) -> Any:
        """Give a + b."""
        return self.builder.fadd(a, b, flags=_CONTRACT)

    def subtract(self, a: Any, b: Any) -> Any:
        """Give a - b."""
        return self.builder.fsub(a, b, flags=_CONTRACT)

    def shuffled(self, vector: Any, order: Sequence[int], other: Any = None) -> Any:
        """Give lanes of a vector in another order; those of `other` are counted on."""
        other = ir.Constant(vector.type, ir.Undefined) if other is None else other
        return self.builder.shuffle_vector(vector, other, ir.Constant(ir.VectorType(_INT, len(order)), list(order)))

    def everywhere(self, value: Any, lanes: int = 8) -> Any:
        """Give a vector with a float32 in all lanes."""
        one = self.builder.insert_element(ir.Constant(floats(lanes), ir.Undefined), value, ir.Constant(_INT, 0))
        return self.shuffled(one, [0] * lanes)

    def lane(self, vector: Any, number: int) -> Any:
        """Give one lane."""
        return self.builder.extract_element(vector, ir.Constant(_INT, number))

    def greater(self, a: Any, b: Any) -> Any:
        """Give the greater one of each lane."""
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def less(self, a: Any, b: Any) -> Any:
        """Give the smaller one of each lane."""
        return self.builder.select(self.builder.fcmp_ordered("<", a, b), a, b)

    def added(self, vectors: Sequence[Any]) -> Any:
        """Give the sum of vectors, lane by lane."""
        total = vectors[0]
        for one in vectors[1:]:
            total = self.add(total, one)
        return total

    def sums(self, vectors: Sequence[Any]) -> Any:
        """Add up the lanes of n vectors, a power of two; of eight vectors of eight lanes sum k is in lane k.

        Of fewer vectors than lanes, neighbouring n lanes are added up, and the sums of one place lie together.
        """
        lanes, step, left = vectors[0].type.count, 1, list(vectors)
        while len(left) > 1:
            # Of a pair, the first ones of neighbouring sums and the second ones, each sum at its later place.
            first, second = [], []
            for start in range(0, lanes, 2 * step):
                first += [*range(start, start + step), *range(start + lanes, start + lanes + step)]
                second += [
                    *range(start + step, start + 2 * step),
                    *range(start + lanes + step, start + lanes + 2 * step),
                ]
            left = [
                self.add(self.shuffled(a, first, b), self.shuffled(a, second, b))
                for a, b in zip(left[::2], left[1::2], strict=True)
            ]
            step *= 2
        return left[0]

    def total(self, vector: Any) -> Any:
        """Add the lanes up."""
        lanes = vector.type.count
        while lanes > 1:
            lanes //= 2
            vector = self.add(self.shuffled(vector, range(lanes)), self.shuffled(vector, range(lanes, 2 * lanes)))
        return self.lane(vector, 0)
