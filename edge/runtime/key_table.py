"""The key table: master keys of SRTP in a memory that front writes and media reads, and nobody else has.

Messages, records of dialogs and legs, the journal and logs carry handles only. The memory is kept out of core dumps
and, where that is allowed, out of swap. A record is whole when its checksum fits; it is written once, before anybody is
told its handle, and overwritten with zeros when its dialog lets go of it.

What we send with is not written down but derived from a seed: an offer proposes a key for each suite, long before it is
known which will be used.
"""

import contextlib
import ctypes
import hmac
import mmap
import os
import struct
import zlib
from typing import NamedTuple

from edge.config.site import Site
from edge.vocabulary.crypto import SUITES

SEED_BYTES = 32
_REMOTE_BYTES = 48
#: Checksum of the rest; handle, suite (0: only offered), length of the peer's key, seed, the peer's key.
_RECORD = struct.Struct(f"<I4xQBB6x{SEED_BYTES}s{_REMOTE_BYTES}s")
RECORD_BYTES = 128
#: A handle's record is in one of so many places; where they begin follows from the handle.
PLACES = 32
_NAMES = list(SUITES)
#: A leg has its offer's seed and the keys in force, during a change also the next ones; then the table is half full.
_RECORDS_PER_LEG = 6
_SPARE_LEGS = 256

_libc = ctypes.CDLL(None, use_errno=True)


class TableFullError(Exception):
    """There is no room for another record."""


class KeyRecord(NamedTuple):
    """What a handle stands for."""

    #: Empty: offered, and not answered yet.
    suite: str
    seed: bytes
    #: The peer's master key and salt.
    remote: bytes


def local_key(seed: bytes, suite: str) -> bytes:
    """Master key and salt that we send with, for one suite of a seed."""
    return hmac.digest(seed, b"SRTP " + suite.encode(), "sha512")[: SUITES[suite]]


def key_table_size(site: Site) -> int:
    """Bytes of the memfd for `site`: a power of two."""
    wanted = (max(site.media.slots, 4 * site.sip.max_spans) + _SPARE_LEGS) * _RECORDS_PER_LEG * RECORD_BYTES
    return 1 << (wanted - 1).bit_length()


class KeyTable:
    """The table in `fd`, which is as long as `key_table_size` says and holds zero bytes at first."""

    def __init__(self, fd: int) -> None:
        size = os.fstat(fd).st_size
        self._map = mmap.mmap(fd, size)
        self._count = size // RECORD_BYTES
        with contextlib.suppress(OSError, ValueError):
            self._map.madvise(mmap.MADV_DONTDUMP)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        # MLOCK_ONFAULT: pages that are never used cost nothing. Refused beyond RLIMIT_MEMLOCK, and then it stays away.
        _libc.mlock2(ctypes.c_void_p(address), ctypes.c_size_t(size), ctypes.c_uint(1))

    def write(self, handle: int, record: KeyRecord) -> None:
        """Put a record in; raises `TableFullError`."""
        place = next((at for at in self._places(handle) if self._handle_at(at) in (0, handle)), None)
        if place is None:
            raise TableFullError
        suite = _NAMES.index(record.suite) + 1 if record.suite else 0
        body = _RECORD.pack(0, handle, suite, len(record.remote), record.seed, record.remote)[4:]
        self._map[place + 4 : place + 4 + len(body)] = body
        struct.pack_into("<I", self._map, place, zlib.crc32(body))

    def read(self, handle: int) -> KeyRecord | None:
        """Return a handle's record; None: there is none (any more)."""
        for place in self._places(handle):
            if self._handle_at(place) == handle:
                raw = self._map[place : place + _RECORD.size]
                check, _, suite, length, seed, remote = _RECORD.unpack(raw)
                if zlib.crc32(raw[4:]) != check or suite > len(_NAMES) or length > _REMOTE_BYTES:
                    return None
                return KeyRecord(_NAMES[suite - 1] if suite else "", seed, remote[:length])
        return None

    def wipe(self, handle: int) -> None:
        """Overwrite a handle's record."""
        for place in self._places(handle):
            if self._handle_at(place) == handle:
                self._map[place : place + RECORD_BYTES] = bytes(RECORD_BYTES)

    def keep_only(self, handles: set[int]) -> int:
        """Overwrite all records but these; return how many that were. For a writer that follows a killed one."""
        wiped = 0
        for place in range(0, self._count * RECORD_BYTES, RECORD_BYTES):
            found = self._handle_at(place)
            if found and found not in handles:
                self._map[place : place + RECORD_BYTES] = bytes(RECORD_BYTES)
                wiped += 1
        return wiped

    def _places(self, handle: int) -> list[int]:
        return [(handle + i) % self._count * RECORD_BYTES for i in range(min(PLACES, self._count))]

    def _handle_at(self, place: int) -> int:
        found: int = struct.unpack_from("<Q", self._map, place + 8)[0]
        return found
