"""What pjsua2's classes do not offer, called by ctypes in the same shared object."""

import contextlib
import ctypes
import os
import socket

import pjsua2
from pjsua2 import _pjsua2

#: The build whose traps we know. Another one is refused: its traps are others.
VERSION = b"2.15.1"
#: PJSUA_MAX_CALLS of the build.
MAX_LEGS = 4

# The import above is lazy; without this line every forked worker would parse the wrapper again (20 ms, 5 MB).
_ = pjsua2.Endpoint

# CDLL lets go of the GIL during a call.
_lib = ctypes.CDLL(_pjsua2.__file__)

_lib.pj_get_version.restype = ctypes.c_char_p
_lib.pj_log_set_level.argtypes = [ctypes.c_int]
_lib.pj_srand.argtypes = [ctypes.c_uint]


class _Text(ctypes.Structure):
    """pj_str_t."""

    _fields_ = (("ptr", ctypes.c_void_p), ("slen", ctypes.c_ssize_t))


_lib.pj_gethostname.restype = ctypes.POINTER(_Text)
_lib.pjsua_set_no_snd_dev.restype = ctypes.c_void_p
_lib.pjsua_call_get_max_count.restype = ctypes.c_uint
_lib.pjmedia_port_get_frame.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
_lib.pjsua_get_pjsip_endpt.restype = ctypes.c_void_p
_lib.pjsip_endpt_get_timer_heap.argtypes = [ctypes.c_void_p]
_lib.pjsip_endpt_get_timer_heap.restype = ctypes.c_void_p
_lib.pj_timer_heap_earliest_time.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
_lib.pj_gettickcount.argtypes = [ctypes.c_void_p]


class _Time(ctypes.Structure):
    """pj_time_val."""

    _fields_ = (("sec", ctypes.c_long), ("msec", ctypes.c_long))

    @property
    def ms(self) -> int:
        return int(self.sec * 1000 + self.msec)


class _Frame(ctypes.Structure):
    """pjmedia_frame of 2.15.1, x86-64."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buf", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("timestamp", ctypes.c_uint64),
        ("bit_info", ctypes.c_uint32),
    )


if ctypes.sizeof(_Frame) != 40:
    raise RuntimeError("pjmedia_frame is not laid out as on x86-64")


def check_version() -> None:
    """Raise RuntimeError unless the library is the one that we know."""
    version = _lib.pj_get_version()
    if version != VERSION:
        raise RuntimeError(f"pjproject is {version!r}, not {VERSION!r}")


def check_legs() -> None:
    """Raise RuntimeError unless the initialised library holds `MAX_LEGS` calls."""
    count = _lib.pjsua_call_get_max_count()
    if count != MAX_LEGS:
        raise RuntimeError(f"pjsua holds {count} calls, not {MAX_LEGS}")


def be_quiet() -> None:
    """No log lines of the library; it prints to stdout before a level can be set in its configuration."""
    _lib.pj_log_set_level(0)


def forget_host_name() -> None:
    """Let the library know no name of this machine, so that it looks none up.

    It does so at each INVITE when it may make no socket to ask the kernel for its address, and would take what it finds
    for a Via that front replaces: files, and name servers where the files have no answer. Without a name it takes the
    loopback address.
    """
    _lib.pj_gethostname().contents.slen = 0


def seed() -> None:
    """Seed the library's rand(): Call-IDs, tags and branches. Its own seed is host, time and pid."""
    _lib.pj_srand(int.from_bytes(os.urandom(4), "little"))


class Timers:
    """The timers of the initialised library: retransmissions, ends of transactions and sessions."""

    def __init__(self) -> None:
        self._heap = _lib.pjsip_endpt_get_timer_heap(_lib.pjsua_get_pjsip_endpt())
        if not self._heap:
            raise RuntimeError("the library has no timer heap")
        self._due, self._now = _Time(), _Time()

    def wait_ms(self) -> int | None:
        """Milliseconds until the first is due, 0 when it is; None when there is none."""
        if _lib.pj_timer_heap_earliest_time(self._heap, ctypes.byref(self._due)) != 0:
            return None
        _lib.pj_gettickcount(ctypes.byref(self._now))
        return max(0, self._due.ms - self._now.ms)


def keep_on_loopback(fd: int) -> None:
    """Bind a socket to the loopback device: nothing leaves the machine by it, whatever address a datagram is given."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fd)) as twin:
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")


def socket_at(address: str, port: int) -> int:
    """Return the descriptor of this process that is bound to `address`:`port`. Raises RuntimeError without one."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - each span would have pages of pathlib of its own
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(name))) as twin:
            if twin.type == socket.SOCK_DGRAM and twin.getsockname() == (address, port):
                return int(name)
    raise RuntimeError(f"the library has no socket at {address}:{port}")


class Bridge:
    """pjmedia's conference bridge without a sound device and without a clock.

    The bridge frees ports of ended streams when it is ticked, and never otherwise: without `tick` it runs out of them
    after some 250 calls, and every further one is answered 488.
    """

    _SAMPLES = 160

    def __init__(self) -> None:
        self._port = _lib.pjsua_set_no_snd_dev()
        if not self._port:
            raise RuntimeError("pjsua_set_no_snd_dev gave no port")
        self._samples = (ctypes.c_int16 * self._SAMPLES)()
        self._frame = _Frame(buf=ctypes.addressof(self._samples))

    def tick(self) -> None:
        """Run the bridge for one frame."""
        self._frame.size = 2 * self._SAMPLES
        _lib.pjmedia_port_get_frame(self._port, ctypes.byref(self._frame))
        self._frame.timestamp += self._SAMPLES
