"""What the kernel has dropped on a socket."""

import ctypes
import socket

# SO_MEMINFO of asm-generic/socket.h, and the place of the count in what it gives (SK_MEMINFO_DROPS of sock_diag.h).
_MEMINFO, _DROPS = 55, 8


def drops(sock: socket.socket) -> int:
    """Datagrams that the kernel dropped on this socket: kept out by the filter, or found no room (32 bits, wraps)."""
    size = ctypes.sizeof(ctypes.c_uint32)
    found = sock.getsockopt(socket.SOL_SOCKET, _MEMINFO, size * (_DROPS + 1))
    return int.from_bytes(found[size * _DROPS :], "little") if len(found) > size * _DROPS else 0
