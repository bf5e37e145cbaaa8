"""The one place that sets numba's options and declares the C functions that kernels call.

C functions are `ExternalFunction`s (resolved by name in the process), because a kernel that calls through a ctypes
pointer is never cached. They return what the C function returns; errno cannot be read. The functions of libsrtp are not
visible in the process: LLVM is told where they are, under names of their own, before any compiled code is loaded.

numba's cache looks at a function's own file only, so a kernel would go on running old code of a helper that changed in
another file, and it does not tell bounds-checked code from plain code. Therefore the cache lies in a folder that is
named after the content of all of `dsp` and after that option.
"""

import contextlib
import ctypes
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import binding as _llvm
from llvmlite import ir
from llvmlite import ir as _ir
from numba import config as _numba_config
from numba import types
from numba.core.typing.templates import signature
from numba.extending import intrinsic

from dsp import compiling, libsrtp
from dsp.compiling import Kernel

#: numba declares its options at run time, so they have no types.
config: Any = _numba_config

#: A signed 64-bit value: numba makes a float of uint64 and int64 together, and bytes are unsigned.
i64: Any = np.int64

F = TypeVar("F", bound=Callable[..., Any])

_ROOT = Path(__file__).parent


def _source_key() -> str:
    digest = hashlib.sha256()
    for path in sorted(_ROOT.rglob("*.py")):
        digest.update(str(path.relative_to(_ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16] + ("-checked" if config.BOUNDSCHECK else "")


def _cache_folder() -> Path:
    """Where compiled code is kept: what the environment says, else beside the code, else in the user's cache."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given) / _source_key()
    beside = _ROOT / "__pycache__"
    if os.access(beside if beside.exists() else _ROOT, os.W_OK):
        return beside / f"compiled-{_source_key()}"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return home / "edge-dsp" / _source_key()


config.CACHE_DIR = str(_cache_folder())
compiling.install()


def drop_old_caches(keep: int = 8) -> None:
    """Remove compiled code of earlier versions, except the newest `keep`; never raises for the file system's sake."""
    current = Path(config.CACHE_DIR)
    if os.environ.get("NUMBA_CACHE_DIR"):
        return  # not our folder to tidy up
    with contextlib.suppress(OSError):
        pattern = "compiled-*" if current.name.startswith("compiled-") else "*"
        folders = sorted(current.parent.glob(pattern), key=lambda p: p.stat().st_mtime, reverse=True)
        for folder in folders[keep:]:
            if folder != current:
                shutil.rmtree(folder, ignore_errors=True)


# Without numba's run-time, which counts references to arrays: each call with a tuple of arrays would count every member
# up and down again, atomically, and that was 60 % of the pass. The caller in Python holds every array that kernels see.
# So a kernel can neither make an array (numba says so when it compiles) nor return one.
_OPTIONS: Any = {"nogil": True, "error_model": "numpy", "_nrt": False}


def _compiled(function: F, **options: Any) -> F:
    if config.DISABLE_JIT:
        return function
    made = Kernel(function, **_OPTIONS, **options)
    made.enable_caching()
    return cast("F", made)


def kernel(function: F) -> F:
    """Compile a kernel: without the GIL, cached, division like NumPy's (no exceptions leave a kernel).

    It may not make arrays or return them. A kernel that kernels call is compiled as a part of them (`compiling.py`).
    """
    return _compiled(function)


def sum_kernel(function: F) -> F:
    """Compile a kernel whose sums may be reordered, which lets them run on SIMD lanes; NaN and Inf stay exact."""
    return _compiled(function, fastmath={"reassoc", "contract", "nsz"})


# Pointers are passed as addresses (`array.ctypes.data`).
_address, _int, _size = types.intp, types.int32, types.intp
#: For kernels that run as plain Python (`NUMBA_DISABLE_JIT`).
_CTYPES: dict[Any, Any] = {
    types.intp: ctypes.c_ssize_t,
    types.int32: ctypes.c_int,
    types.uint32: ctypes.c_uint32,
}


def _c(name: str, result: Any, *arguments: Any) -> Any:
    if not config.DISABLE_JIT:
        return types.ExternalFunction(name, signature(result, *arguments))
    function = getattr(ctypes.CDLL(None), name)
    function.restype, function.argtypes = _CTYPES[result], [_CTYPES[argument] for argument in arguments]
    return function


def _srtp(name: str, *arguments: Any) -> Any:
    address = libsrtp.address(name)
    if config.DISABLE_JIT:
        return ctypes.CFUNCTYPE(ctypes.c_int, *[_CTYPES[argument] for argument in arguments])(address)
    _llvm.add_symbol(f"edge_{name}", address)
    return types.ExternalFunction(f"edge_{name}", signature(types.int32, *arguments))


c_recv = _c("recv", _size, _int, _address, _size, _int)
c_recvfrom = _c("recvfrom", _size, _int, _address, _size, _int, _address, _address)
c_send = _c("send", _size, _int, _address, _size, _int)
c_sendto = _c("sendto", _size, _int, _address, _size, _int, _address, _int)
c_connect = _c("connect", _int, _int, _address, _int)
c_ioctl = _c("ioctl", _int, _int, _size, _address)
c_write = _c("write", _size, _int, _address, _size)
c_clock_gettime = _c("clock_gettime", _int, _int, _address)
c_clock_nanosleep = _c("clock_nanosleep", _int, _int, _int, _address, _address)
c_getpid = _c("getpid", _int)
c_kill = _c("kill", _int, _int, _int)

# Session, packet (changed in place), its length (int32, changed in place).
c_srtp_protect = _srtp("srtp_protect", _address, _address, _address)
c_srtp_unprotect = _srtp("srtp_unprotect", _address, _address, _address)
c_srtp_protect_rtcp = _srtp("srtp_protect_rtcp", _address, _address, _address)
c_srtp_unprotect_rtcp = _srtp("srtp_unprotect_rtcp", _address, _address, _address)
# Session, SSRC, roll-over counter.
c_srtp_set_stream_roc = _srtp("srtp_set_stream_roc", _address, types.uint32, types.uint32)

MSG_DONTWAIT = 0x40
#: struct timespec (CLOCK_REALTIME) of the datagram that was read last; the first call switches stamping on.
SIOCGSTAMPNS = 0x8907
CLOCK_REALTIME = 0
CLOCK_MONOTONIC = 1
TIMER_ABSTIME = 1
SIGKILL = 9


_PREFETCH = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), *[ir.IntType(32)] * 3])


@intrinsic
def _fence(_context: Any) -> Any:
    def generate(_target: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        builder.fence("seq_cst")
        return _target.get_dummy_value()

    return types.none(), generate


@intrinsic
def _prefetch(_context: Any, address: Any) -> Any:  # noqa: ARG001 - its name is the kernel's
    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [pointer], _PREFETCH)
        one = ir.Constant(word, 1)  # it will be written to; lasting; data
        builder.call(prefetch, [builder.inttoptr(arguments[0], pointer), one, ir.Constant(word, 3), one])
        return _target.get_dummy_value()

    return types.none(types.intp), generate


def _no_prefetch(_address: int) -> None:
    """Stand-in when numba is switched off."""


def _no_fence() -> None:
    """Stand-in when numba is switched off: the interpreter does not reorder."""


#: Orders memory accesses: what was written before is seen by others before what is written after.
fence: Any = _no_fence if config.DISABLE_JIT else _fence


_LANES = 8
_SHORTS, _INTS = (_ir.VectorType(_ir.IntType(bits), _LANES) for bits in (16, 32))
_FLOATS = _ir.VectorType(_ir.FloatType(), _LANES)
_CONTRACT: Any = ("contract",)
#: Columns of a table that `correlate` takes: two vectors.
CORRELATIONS = 2 * _LANES
#: Sums that are kept apart by sample, so that additions need not wait for each other.
_CHAINS = 4


class _Vectors:
    """Writes vector code by hand where the compiler's own goes through memory for each sample."""

    def __init__(self, context: Any, builder: Any, signature_: Any, arguments: Any) -> None:
        self._context, self.builder, self._types, self._arguments = context, builder, signature_.args, arguments

    def pointer(self, array: int, element: Any, start: int | None = None) -> Any:
        """Give where an argument's elements lie; `start` is the argument that holds the index of the first one."""
        data = self._context.make_array(self._types[array])(self._context, self.builder, self._arguments[array]).data
        if start is not None:
            data = self.builder.gep(data, [self._arguments[start]])
        return self.builder.bitcast(data, element.as_pointer())

    def at(self, pointer: Any, index: int) -> Any:
        """Give the vector's place."""
        return self.builder.gep(pointer, [_ir.Constant(_ir.IntType(64), index)])

    def floats(self, shorts: Any) -> Any:
        """Make reals of int16."""
        return self.builder.sitofp(self.builder.sext(shorts, _INTS), _FLOATS)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """Give a * b + c."""
        return self.builder.fadd(c, self.builder.fmul(a, b, flags=_CONTRACT), flags=_CONTRACT)

    def lane(self, vector: Any, number: int) -> Any:
        """Give a vector that has one lane of `vector` everywhere."""
        everywhere = _ir.Constant(_INTS, [number] * _LANES)
        return self.builder.shuffle_vector(vector, _ir.Constant(_FLOATS, _ir.Undefined), everywhere)

    def shuffled(self, vector: Any, order: tuple[int, ...]) -> Any:
        """Give a vector's lanes in another order."""
        return self.builder.shuffle_vector(vector, _ir.Constant(_FLOATS, _ir.Undefined), _ir.Constant(_INTS, order))

    def greater(self, a: Any, b: Any) -> Any:
        """Give the greater one of each lane."""
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def less(self, a: Any, b: Any) -> Any:
        """Give the smaller one of each lane."""
        return self.builder.select(self.builder.fcmp_ordered("<", a, b), a, b)

    def total(self, vector: Any) -> Any:
        """Add the lanes up."""
        total = _ir.Constant(_ir.FloatType(), 0.0)
        for lane in range(_LANES):
            part = self.builder.extract_element(vector, _ir.Constant(_ir.IntType(32), lane))
            total = self.builder.fadd(total, part)
        return total


_NONE = _ir.Constant(_FLOATS, [0.0] * _LANES)


@intrinsic(prefer_literal=True)
def _correlate(_context: Any, samples: Any, _start: Any, table: Any, out: Any, length: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = _Vectors(context, builder, signature_, arguments)
        source, factors, sink = code.pointer(0, _SHORTS, 1), code.pointer(2, _FLOATS), code.pointer(3, _FLOATS)
        sums = [[_NONE, _NONE] for _ in range(_CHAINS)]
        for row in range(length.literal_value):
            if row % _LANES == 0:
                eight = code.floats(builder.load(code.at(source, row // _LANES), align=2))
            one, chain = code.lane(eight, row % _LANES), sums[row % _CHAINS]
            for half in (0, 1):
                factor = builder.load(code.at(factors, 2 * row + half), align=4)
                chain[half] = code.multiply_add(one, factor, chain[half])
        for half in (0, 1):
            total = sums[0][half]
            for chain in sums[1:]:
                total = builder.fadd(total, chain[half])
            builder.store(total, code.at(sink, half), align=4)
        return context.get_dummy_value()

    return types.none(samples, types.intp, table, out, length), generate


def _correlate_plainly(samples: Any, start: int, table: Any, out: Any, length: int) -> None:
    """Stand-in when numba is switched off."""
    out[:CORRELATIONS] = samples[start : start + length].astype(np.float32) @ table


@intrinsic
def _move(_context: Any, source: Any, target: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = _Vectors(context, builder, signature_, arguments)
        origin, sink = code.pointer(0, _FLOATS), code.pointer(1, _FLOATS)
        for half in (0, 1):
            builder.store(builder.load(code.at(origin, half), align=4), code.at(sink, half), align=4)
        return context.get_dummy_value()

    return types.none(source, target), generate


def _move_plainly(source: Any, target: Any) -> None:
    """Stand-in when numba is switched off."""
    target[:CORRELATIONS] = source[:CORRELATIONS]


@intrinsic
def _join(_context: Any, first: Any, second: Any, turn: Any, out: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = _Vectors(context, builder, signature_, arguments)
        pairs = [[builder.load(code.at(code.pointer(n, _FLOATS), half), align=4) for half in (0, 1)] for n in range(3)]
        (a, b), (re, im), (c, s) = pairs
        a = builder.fsub(code.multiply_add(re, c, a), builder.fmul(im, s, flags=_CONTRACT), flags=_CONTRACT)
        b = code.multiply_add(im, c, code.multiply_add(re, s, b))
        powers = code.multiply_add(a, a, builder.fmul(b, b, flags=_CONTRACT))
        beside = code.shuffled(powers, (1, 0, 3, 2, 5, 4, 7, 6))
        high, low = code.greater(powers, beside), code.less(powers, beside)
        other, least = (code.shuffled(one, (2, 3, 0, 1, 6, 7, 4, 5)) for one in (high, low))
        second = code.greater(code.less(high, other), code.greater(low, least))
        for place, vector in enumerate((powers, code.greater(high, other), second)):
            builder.store(vector, code.at(code.pointer(3, _FLOATS), place), align=4)
        return context.get_dummy_value()

    return types.none(first, second, turn, out), generate


def _join_plainly(first: Any, second: Any, turn: Any, out: Any) -> None:
    """Stand-in when numba is switched off."""
    (a, b), (re, im), (c, s) = (one[:CORRELATIONS].reshape(2, _LANES) for one in (first, second, turn))
    powers = (a + re * c - im * s) ** 2 + (b + re * s + im * c) ** 2
    in_order = np.sort(powers.reshape(2, 4), axis=1)
    out[:] = np.concatenate([powers, np.repeat(in_order[:, 3], 4), np.repeat(in_order[:, 2], 4)])


@intrinsic(prefer_literal=True)
def _copy(_context: Any, source: Any, _start: Any, target: Any, _first: Any, _second: Any, length: Any) -> Any:
    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        code = _Vectors(context, builder, signature_, arguments)
        origin, first, second = (code.pointer(*place) for place in ((0, _SHORTS, 1), (2, _SHORTS, 3), (2, _SHORTS, 4)))
        energy = _NONE
        for piece in range(length.literal_value // _LANES):
            eight = builder.load(code.at(origin, piece), align=2)
            builder.store(eight, code.at(first, piece), align=2)
            builder.store(eight, code.at(second, piece), align=2)
            real = code.floats(eight)
            energy = code.multiply_add(real, real, energy)
        return code.total(energy)

    return types.float32(source, types.intp, target, types.intp, types.intp, length), generate


def _copy_plainly(source: Any, start: int, target: Any, first: int, second: int, length: int) -> Any:
    """Stand-in when numba is switched off."""
    block = source[start : start + length].copy()
    target[first : first + length] = target[second : second + length] = block
    return np.float32(np.sum(block.astype(np.float32) ** 2))


#: `correlate(samples, start, table, out, length)`: the sums of `samples[start:start + length]` (int16) times each
#: column of `table` (float32[length, CORRELATIONS]) into `out` (float32[CORRELATIONS]).
correlate: Any = _correlate_plainly if config.DISABLE_JIT else _correlate
#: `move(source, target)`: float32[CORRELATIONS] from one array to another one.
move: Any = _move_plainly if config.DISABLE_JIT else _move
#: `join(first, second, turn, out)`: phasors of two blocks (eight real parts, eight imaginary parts) as one: those of
#: the second are multiplied by `turn` and added. `out` (float32[24]) gets the squares of the eight, and for each half
#: of them the greatest (at 8 and 12) and the second greatest (at 16 and 20). No branch: what noise and voices bring
#: cannot be predicted.
join: Any = _join_plainly if config.DISABLE_JIT else _join
#: `copy(source, start, target, first, second, length)`: `source[start:start + length]` (int16) to two places of
#: `target`; gives the sum of squares (float32). Lengths of both are constants, multiples of 8.
copy: Any = _copy_plainly if config.DISABLE_JIT else _copy
#: Has the cache line of an address brought near, while something else is done. Any address will do.
prefetch: Any = _no_prefetch if config.DISABLE_JIT else _prefetch
