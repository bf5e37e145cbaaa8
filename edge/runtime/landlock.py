"""Files that a process may change from now on, for ever (landlock(7)): those beneath a few folders, and no others.

Reading stays as it is; so does what is open. What is refused fails with EACCES. Kernels from 5.13 on have it, where it
is switched on (Debian's are).
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from edge.runtime.prctl import forbid_new_privileges

# Of all architectures (asm-generic/unistd.h), and of linux/landlock.h.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_WRITE_FILE, _REMOVE_DIR, _REMOVE_FILE, _MAKE_REG = 1 << 1, 1 << 4, 1 << 5, 1 << 8
_MAKE_OTHERS = 1 << 6 | 1 << 7 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12
#: Since version 3 of the interface; a file that may not be truncated by its path can still be written by it before.
_TRUNCATE = 1 << 14

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _call(number: int, *words: int | bytes | None) -> int:
    passed = [ctypes.c_long(word) if isinstance(word, int) else word for word in words]
    return int(_libc.syscall(ctypes.c_long(number), *passed))


def write_only_beneath(folders: Iterable[Path]) -> bool:
    """Give up writing, making and removing files elsewhere, in this thread and what it starts; False: no such kernel.

    Beneath `folders` regular files may be made, written, renamed and removed, and devices written. Raises OSError when
    a folder is not there.
    """
    version = _call(_CREATE_RULESET, None, 0, _VERSION)
    if version < 1:
        return False
    truncate = _TRUNCATE if version >= 3 else 0
    handled = _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_REG | _MAKE_OTHERS | truncate
    rules = _call(_CREATE_RULESET, struct.pack("=Q", handled), 8, 0)
    if rules < 0:
        return False
    try:
        for folder in folders:
            place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            try:
                allowed = struct.pack("=Qi", _WRITE_FILE | _REMOVE_FILE | _MAKE_REG | truncate, place)
                if _call(_ADD_RULE, rules, _PATH_BENEATH, allowed, 0) != 0:
                    raise OSError(ctypes.get_errno(), f"landlock: {folder}")
            finally:
                os.close(place)
        forbid_new_privileges()
        return _call(_RESTRICT_SELF, rules, 0) == 0
    finally:
        os.close(rules)
