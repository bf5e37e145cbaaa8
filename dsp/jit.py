"""The one place that sets numba's options and declares the C functions that kernels call.

C functions are `ExternalFunction`s (resolved by name in the process), because a kernel that calls through a ctypes
pointer is never cached. They return what the C function returns; errno cannot be read. The functions of libsrtp are not
visible in the process: LLVM is told where they are, under names of their own, before any compiled code is loaded.

numba's cache looks at a function's own file only, so a kernel would go on running old code of a helper that changed in
another file, and it does not tell bounds-checked code from plain code. Therefore the cache lies in a folder that is
named after the content of all of `dsp`, after the compiler and after that option.

An installed appliance has it beside the code, compiled by root as it was installed. Who may not write there reads it,
and keeps what is missing (the processor is another one than it was) in a folder of his own, which nobody else reads:
whoever gets hold of the daemon could leave machine code for root to run otherwise.
"""

import contextlib
import ctypes
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite
import numba
import numpy as np
from llvmlite import binding as _llvm
from llvmlite import ir as _ir
from numba import config as _numba_config
from numba import types as _types
from numba.core.typing.templates import signature
from numba.extending import intrinsic as _intrinsic

from dsp import compiling, libsrtp
from dsp.compiling import Kernel

#: numba declares its options at run time, so they have no types.
config: Any = _numba_config
#: What code that is written by hand needs (`dsp/vectors.py`).
ir: Any = _ir
types: Any = _types
intrinsic: Any = _intrinsic

#: A signed 64-bit value: numba makes a float of uint64 and int64 together, and bytes are unsigned.
i64: Any = np.int64

F = TypeVar("F", bound=Callable[..., Any])

_ROOT = Path(__file__).parent


def _key() -> str:
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}\0".encode())
    for path in sorted(_ROOT.rglob("*.py")):
        digest.update(str(path.relative_to(_ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16] + ("-checked" if config.BOUNDSCHECK else "")


def _cache_folders() -> list[Path]:
    """Where compiled code is looked for, in this order; new code goes into the last one.

    What the environment says and nothing else; or beside the code; or, where that can't be written to, there, and in
    the service's cache (systemd.exec(5) CACHE_DIRECTORY) or the user's.
    """
    key, given, service = _key(), os.environ.get("NUMBA_CACHE_DIR"), os.environ.get("CACHE_DIRECTORY")
    if given:
        return [Path(given) / key]
    folder = _ROOT / "__pycache__"
    beside = folder / f"compiled-{key}"
    if os.access(folder if folder.exists() else _ROOT, os.W_OK):
        return [beside]
    if service:
        return [beside, Path(service.split(":")[0]) / "kernels" / key]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return [beside, home / "edge-dsp" / key]


#: Folders of compiled code; the last one is numba's.
CACHE_FOLDERS = _cache_folders()
config.CACHE_DIR = str(CACHE_FOLDERS[-1])
compiling.install(tuple(CACHE_FOLDERS[:-1]))


def is_kept(function: Any) -> bool:
    """Whether nothing has to be compiled for `function`, a kernel, when Python calls it on this processor."""
    return not isinstance(function, Kernel) or function.is_kept()


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


#: Has the cache line of an address brought near, while something else is done. Any address will do.
prefetch: Any = _no_prefetch if config.DISABLE_JIT else _prefetch
