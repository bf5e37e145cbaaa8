"""Who holds an address or a lock that we can't have, from /proc: an error names a process, not only a number."""

import contextlib
import os
import socket
import struct
from pathlib import Path

#: State of a listening TCP socket in /proc/net/tcp.
_LISTENING = "0A"


def _is_at(local: str, host: str, port: int) -> bool:
    address, _, hex_port = local.partition(":")
    if int(hex_port, 16) != port:
        return False
    # Each word of 32 bits is printed as a number of this machine; its memory is the address in network order.
    packed = b"".join(struct.pack("=I", int(address[i : i + 8], 16)) for i in range(0, len(address), 8))
    family = socket.AF_INET6 if len(packed) == 16 else socket.AF_INET
    wanted = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    return packed == wanted or socket.inet_ntop(family, packed) in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound


def _inodes(kind: str, host: str, port: int) -> set[str]:
    found = set()
    for table in (kind, kind + "6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if _is_at(fields[1], host, port) and (kind == "udp" or fields[3] == _LISTENING):
                    found.add(fields[9])
    return found


def holder_of(kind: str, host: str, port: int) -> str:
    """Name the process that has `kind` ("udp", "tcp") `host:port` open: `pid 812 (sipp -sn uas)`, or empty.

    Empty when nobody is found, as for processes of other users when we are not root.
    """
    links = {f"socket:[{inode}]" for inode in _inodes(kind, host, port)}
    if not links:
        return ""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            for fd in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(fd.readlink()) in links:
                        command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                        return f"pid {process.name} ({command.strip()[:120]})"
    return ""


def lock_holder(fd: int) -> int:
    """Return the process that holds an flock on the file behind `fd`, 0 when it is not told.

    By the inode alone: some file systems show another device number in /proc/locks than to stat.
    """
    inode = str(os.fstat(fd).st_ino)
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == inode:
                return int(fields[4])
    return 0
