"""Gives memory back to the system that a process will not need again soon, and keeps what it can't wait for."""

import contextlib
import ctypes
import gc
import mmap
import resource
import sys
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def trim() -> None:
    """Collect garbage and give freed memory back; glibc keeps tens of megabytes after a busy time."""
    gc.collect()
    _libc.malloc_trim(0)


#: mallopt(3), and from which size on a block is mapped by itself.
_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 256 * 1024


def give_large_blocks_back() -> bool:
    """Have every large block given back to the system when it is freed; whether the C library does so.

    glibc raises the size from which on it does that to the largest block ever freed: once a sound file was read, the
    memory of the next ones stayed with the process. Locked pages (`lock_memory`) could not even be trimmed.
    """
    return bool(_libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES))


def overwrite(text: str) -> None:
    """Overwrite a text that must not be found in our memory afterwards, such as a card's number; nobody may use it on.

    Python frees memory without clearing it. Only ASCII texts of two characters or more, made while the program runs:
    those of one character are shared by all.
    """
    length = len(text)
    if length >= 2 and text.isascii():
        # CPython: the characters of such a text lie at the end of the object, before a zero (`PyASCIIObject`).
        ctypes.memset(id(text) + sys.getsizeof(text) - 1 - length, 0, length)


def collect_rarely() -> None:
    """Set the garbage collector up for a process that has started and now serves: what is there stays, so freeze it.

    Set up for scripts, it stops an event loop for milliseconds now and then, to find nothing. What is in cycles (a
    call that ended) waits for 20,000 new objects, a megabyte or two. Calls that were up at two such runs wait for a
    whole collection, after half a million new objects: every few minutes at 8 calls a second. Twenty times more
    rarely, an hour's calls stayed: 12 MB at 50 calls at once.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 5, 5)


def unmap_clean_files() -> None:
    """Take the pages of files that nobody wrote to out of our memory; they stay in the page cache.

    Code and constants of a compiler that has done its work, for one. What is needed again is found in the page cache
    (a minor fault). Only mappings that are private, not writable and without a page of their own: a page that the
    dynamic linker relocated is not in the file, and would be lost.
    """
    start = end = 0
    clean = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, *values = line.split()
        if not name.endswith(":"):
            permissions, inode = values[0], values[3]
            clean = permissions[1] == "-" and permissions[3] == "p" and inode != "0"
            start, end = (int(address, 16) for address in name.split("-"))
        elif name == "Anonymous:" and clean and values[0] == "0":
            _libc.madvise(start, end - start, mmap.MADV_DONTNEED)  # refused, it changes nothing


#: mman.h: what is mapped now and later, each page from the moment on that it is first touched.
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_CAP_IPC_LOCK = 14


def lock_memory(*, present: bool) -> bool:
    """Let no page that is mapped from now on be swapped out or dropped once it was touched; whether that is allowed.

    With `present` also what is mapped now, which takes tens of milliseconds. Not kept over fork; but what a worker
    shares with a zygote that has locked its memory stays, too. Tried only where there is no limit to it: below one, a
    later allocation would fail.
    """
    infinite = resource.RLIM_INFINITY
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (infinite, infinite))
    unlimited = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == infinite
    if not unlimited and not _capabilities() >> _CAP_IPC_LOCK & 1:
        return False
    return bool(_libc.mlockall((_MCL_CURRENT if present else 0) | _MCL_FUTURE | _MCL_ONFAULT) == 0)


def _capabilities() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("CapEff:")), 16)
