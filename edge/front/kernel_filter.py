"""Puts source filters on SIP sockets (SO_ATTACH_FILTER of socket(7))."""

import ctypes
import errno
import socket

from edge.core.sip.source_filter import Instruction, Network, program
from edge.runtime.drops import drops
from edge.runtime.logs import logger

#: asm-generic/socket.h; the socket module does not name them.
_ATTACH_FILTER, _DETACH_FILTER = 26, 27


#: One datagram of a stranger in so many is let in, as evidence of who scans.
SAMPLE = 32

_log = logger("front")


class _Step(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def attach(sock: socket.socket, instructions: list[Instruction]) -> str:
    """Put a filter in the place of the one that is there, at once for every datagram; return why not, or ""."""
    steps = (_Step * len(instructions))(*[_Step(*step) for step in instructions])
    header = bytes(_Program(len(instructions), ctypes.addressof(steps)))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, header)
    except OSError:
        # The old one and the new one may be more than a socket's option memory holds (net.core.optmem_max).
        detach(sock)
        try:
            sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, header)
        except OSError as error:
            return f"{len(instructions)} instructions: {error.strerror}"
    return ""


def detach(sock: socket.socket) -> None:
    """Take the filter away; everything passes."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise


class SourceFilter:
    """The filter of a socket, and how it changes. Without one, front itself drops what strangers send."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._drops = drops(sock)
        self._trouble = ""
        #: Length of the program that is in force; 0: there is none.
        self.instructions = 0

    def update(self, allowed: list[Network], denied: list[str]) -> None:
        """Let `allowed` in without `denied`, and of all others a few."""
        made = program(allowed, denied, SAMPLE)
        if made is None:
            detach(self._sock)
            self._tell("too many networks for a filter: strangers are dropped by front itself", 0)
            return
        fault = attach(self._sock, made.instructions)
        self.instructions = 0 if fault else len(made.instructions)
        if fault:
            self._tell(f"the kernel takes no filter ({fault}): strangers are dropped by front itself", 0)
        else:
            joined = f"{made.joined} ranges of sources joined: some strangers reach front" if made.joined else ""
            self._tell(joined, len(made.instructions))

    def _tell(self, trouble: str, instructions: int) -> None:
        self.instructions = instructions
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble:
                _log.warning("source filter", reason=trouble)

    def new_drops(self) -> int:
        """Datagrams that the kernel dropped since the last call."""
        before, self._drops = self._drops, drops(self._sock)
        return (self._drops - before) % 2**32
