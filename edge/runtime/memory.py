"""Gives memory back to the system that a process will not need again soon."""

import ctypes
import gc
import mmap
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def trim() -> None:
    """Collect garbage and give freed memory back; glibc keeps tens of megabytes after a busy time."""
    gc.collect()
    _libc.malloc_trim(0)


def collect_rarely() -> None:
    """Set the garbage collector up for a process that has started and now serves: what is there stays, so freeze it.

    Set up for scripts, it stops an event loop for milliseconds now and then, to find nothing. What is in cycles (a
    call that ended) waits for 20,000 new objects, a megabyte or two.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 50)


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
