"""The few process attributes of Linux that Python has no call for (prctl(2))."""

import ctypes
import os

_SET_PDEATHSIG = 1
_SET_CHILD_SUBREAPER = 36
_SET_NO_NEW_PRIVS = 38

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, argument: int) -> None:
    # prctl is variadic and some options insist on zeroes in all five places, as unsigned longs.
    words = [ctypes.c_ulong(word) for word in (argument, 0, 0, 0)]
    if _libc.prctl(ctypes.c_int(option), *words) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl({option}, {argument}): {os.strerror(error)}")


def set_death_signal(number: int) -> None:
    """Have the kernel send signal `number` when the parent (the thread that forked us) ends. Not kept over fork."""
    _prctl(_SET_PDEATHSIG, number)


def become_subreaper() -> None:
    """Be the new parent of grandchildren whose own parent ended; the supervisor does, for its zygotes' workers."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def forbid_new_privileges() -> None:
    """Let no execve of this process or its children gain privileges. Can't be undone."""
    _prctl(_SET_NO_NEW_PRIVS, 1)
