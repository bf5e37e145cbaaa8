"""System calls that a process gives up for ever (seccomp(2)): a hijacked one would need them, an honest one does not.

A refused call fails with EPERM; nothing is killed. What stays: its open descriptors, local sockets, memory, threads,
reading files. What goes: programs and processes of its own, sockets of any network, listening, writing to files that
are not open yet, other processes' memory, mounts, namespaces, modules, BPF, io_uring.

Who works with devices (`DEVICES`: lines) may also open files for writing, rename and remove them, which `landlock`
confines to their place, and make sockets of the network: each call has one of RTP, and a modem may be at a TCP port.
"""

import ctypes
import os
import platform
import socket
import struct
from typing import NamedTuple

from edge.runtime.prctl import forbid_new_privileges

_SET_SECCOMP, _MODE_FILTER = 22, 2
_ARCHITECTURE_X86_64 = 0xC000003E
_X32 = 0x40000000
_ALLOW, _REFUSE, _NO_SUCH_CALL = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38
# struct seccomp_data
_NUMBER, _ARCHITECTURE = 0, 4
_CLONE_THREAD = 0x00010000
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

# Numbers of asm/unistd_64.h.
#: What a span does all the time: looked at first.
_USUAL = (232, 281, 45, 44, 47, 46, 0, 1, 202, 7)  # epoll_wait, epoll_pwait, recv*, send*, read, write, futex, poll
_REFUSED = {
    59: "execve", 322: "execveat", 57: "fork", 58: "vfork", 101: "ptrace",
    310: "process_vm_readv", 311: "process_vm_writev",
    62: "kill", 424: "pidfd_send_signal", 438: "pidfd_getfd", 50: "listen", 43: "accept", 288: "accept4",
    165: "mount", 166: "umount2", 155: "pivot_root", 161: "chroot", 428: "open_tree", 429: "move_mount", 430: "fsopen",
    272: "unshare", 308: "setns", 175: "init_module", 313: "finit_module", 176: "delete_module", 246: "kexec_load",
    320: "kexec_file_load", 321: "bpf", 298: "perf_event_open", 425: "io_uring_setup", 323: "userfaultfd",
    248: "add_key", 249: "request_key", 250: "keyctl", 169: "reboot", 167: "swapon", 168: "swapoff",
    304: "open_by_handle_at",
    82: "rename", 264: "renameat", 316: "renameat2", 83: "mkdir", 258: "mkdirat", 84: "rmdir", 85: "creat", 86: "link",
    265: "linkat", 87: "unlink", 263: "unlinkat", 88: "symlink", 266: "symlinkat", 90: "chmod", 268: "fchmodat",
    92: "chown", 260: "fchownat", 76: "truncate", 133: "mknod", 259: "mknodat", 437: "openat2",
}  # fmt: skip
#: Of these, what `DEVICES` keeps: rename, renameat, renameat2, unlink, unlinkat.
_OF_DEVICES = frozenset({82, 264, 316, 87, 263})
_SOCKET, _CLONE, _CLONE3, _OPEN, _OPENAT = 41, 56, 435, 2, 257

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06


class _Step(NamedTuple):
    code: int
    jt: int
    jf: int
    k: int


class _Program(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _argument(index: int) -> _Step:
    return _Step(_LOAD, 0, 0, 16 + 8 * index)


def _when(number: int, steps: list[_Step]) -> list[_Step]:
    """Take `steps`, which end in returns, for one system call."""
    return [_Step(_EQUAL, 0, len(steps), number), *steps]


def _returns(value: int) -> _Step:
    return _Step(_RETURN, 0, 0, value)


def program(*, devices: bool = False) -> list[_Step]:
    """Write the filter for x86-64."""
    opens = [_Step(_ANY_BIT, 0, 1, 0 if devices else _WRITES), _returns(_REFUSE), _returns(_ALLOW)]
    refused = [number for number in _REFUSED if not (devices and number in _OF_DEVICES)]
    families = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6) if devices else (socket.AF_UNIX,)
    return [
        _Step(_LOAD, 0, 0, _ARCHITECTURE),
        _Step(_EQUAL, 1, 0, _ARCHITECTURE_X86_64),
        _returns(_REFUSE),
        _Step(_LOAD, 0, 0, _NUMBER),
        *[step for number in _USUAL for step in _when(number, [_returns(_ALLOW)])],
        _Step(_AT_LEAST, 0, 1, _X32),
        _returns(_REFUSE),
        *[step for number in refused for step in _when(number, [_returns(_REFUSE)])],
        # The C library takes ENOSYS for an old kernel, and uses clone.
        *_when(_CLONE3, [_returns(_NO_SUCH_CALL)]),
        *_when(_CLONE, [_argument(0), _Step(_ANY_BIT, 0, 1, _CLONE_THREAD), _returns(_ALLOW), _returns(_REFUSE)]),
        *_when(_OPEN, [_argument(1), *opens]),
        *_when(_OPENAT, [_argument(2), *opens]),
        *_when(
            _SOCKET,
            [_argument(0), *[s for family in families for s in _when(family, [_returns(_ALLOW)])], _returns(_REFUSE)],
        ),
        _returns(_ALLOW),
    ]


def _packed(steps: list[_Step]) -> bytes:
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


#: What the kernel is given (`struct sock_filter`), and the C library: made once, in the zygote, for what a worker makes
#: itself is memory of its own.
PEERS, DEVICES = _packed(program()), _packed(program(devices=True))
_FITS = platform.machine() == "x86_64"
_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int, *4 * [ctypes.c_ulong]]


def confine(rules: bytes = PEERS) -> bool:
    """Give the calls up (`PEERS` or `DEVICES`), in this thread and what it starts from now on.

    False where the filter is not known to fit.
    """
    if not _FITS:
        return False
    forbid_new_privileges()
    header = _Program(len(rules) // 8, rules)
    return bool(_libc.prctl(_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(header), 0, 0) == 0)
