"""Prompt memory: sound files as 8 kHz samples in the engine's arena, found again by path, time stamp and size.

The index lies in shared memory beside the arena, so a successor of a killed worker has the files at once. Everything
here runs on the worker's main thread; files are read elsewhere (`loader`).
"""

import hashlib
import struct
import zlib
from collections.abc import Hashable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ENTRIES = 4096
_RECORD = struct.Struct("<I4x32sqqqq")  # checksum, SHA-256 of the path, mtime_ns, file size, offset, length
SAMPLE_BYTES = 2


class Stamp(NamedTuple):
    """What tells one version of a file from another."""

    mtime_ns: int
    size: int


class Region(NamedTuple):
    """Samples `offset` to `offset + length` of the arena."""

    offset: int
    length: int


class _Entry(NamedTuple):
    stamp: Stamp
    region: Region
    record: int


class PromptMemory:
    """The arena's book-keeping: least recently used files leave first, and never while a leg plays them."""

    def __init__(self, arena: NDArray[np.int16], index: memoryview) -> None:
        self._arena = arena
        self._index = index
        self._entries: dict[bytes, _Entry] = {}  # in order of use, least recent first
        self._free_records: list[int] = []
        self._pins: dict[Hashable, list[Region]] = {}
        self.evictions = 0
        self.take_up()

    @staticmethod
    def index_size() -> int:
        """Bytes of the index."""
        return ENTRIES * _RECORD.size

    @property
    def capacity(self) -> int:
        """Samples that the arena holds."""
        return len(self._arena)

    @property
    def used(self) -> int:
        """Samples held for files in the index."""
        return sum(e.region.length for e in self._entries.values())

    @property
    def files(self) -> int:
        """Files in the index."""
        return len(self._entries)

    def find(self, path: str, stamp: Stamp) -> Region | None:
        """Look up this version of `path`, and note that it was used; None: it has to be read."""
        key = _key(path)
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.stamp != stamp:
            self._remove(key)  # its samples stay as long as they are pinned
            return None
        self._entries[key] = self._entries.pop(key)
        return entry.region

    def store(self, path: str, stamp: Stamp, samples: NDArray[np.int16]) -> Region | None:
        """Keep `samples` (mono, 8 kHz) for `path`; None when they do not fit beside what is being played."""
        self._remove(_key(path))
        region = self._make_room(len(samples))
        if region is None:
            return None
        self._arena[region.offset : region.offset + region.length] = samples
        record = self._free_records.pop()
        self._entries[_key(path)] = _Entry(stamp, region, record)
        body = struct.pack("<32sqqqq", _key(path), *stamp, *region)
        self._index[record * _RECORD.size : (record + 1) * _RECORD.size] = (
            struct.pack("<I4x", zlib.crc32(body) or 1) + body
        )
        return region

    def pin(self, owner: Hashable, regions: Iterable[Region]) -> None:
        """Protect regions until `unpin(owner)`: the engine reads them."""
        self._pins[owner] = list(regions)

    def unpin(self, owner: Hashable) -> None:
        """Let go of what `owner` pinned, if anything."""
        self._pins.pop(owner, None)

    def take_up(self) -> None:
        """Read the index that a predecessor of this process left."""
        self._entries.clear()
        # Most records are empty: found by one look at all checksums.
        checksums = np.frombuffer(self._index, np.uint8).reshape(-1, _RECORD.size)[:ENTRIES, :4].any(axis=1)
        self._free_records = np.flatnonzero(~checksums).tolist()
        for record in np.flatnonzero(checksums).tolist():
            checksum, key, mtime_ns, size, offset, length = _RECORD.unpack_from(self._index, record * _RECORD.size)
            body = bytes(self._index[record * _RECORD.size + 8 : (record + 1) * _RECORD.size])
            inside = offset >= 0 and length >= 0 and offset + length <= self.capacity
            if checksum and checksum == (zlib.crc32(body) or 1) and inside and key not in self._entries:
                self._entries[key] = _Entry(Stamp(mtime_ns, size), Region(offset, length), record)
            else:
                self._free_records.append(record)

    def _remove(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            start = entry.record * _RECORD.size
            self._index[start : start + 4] = bytes(4)
            self._free_records.append(entry.record)

    def _make_room(self, length: int) -> Region | None:
        while True:
            offset = self._gap(length) if self._free_records else None
            if offset is not None:
                return Region(offset, length)
            pinned = {region for regions in self._pins.values() for region in regions}
            oldest = next((key for key, entry in self._entries.items() if entry.region not in pinned), None)
            if oldest is None:
                return None
            self._remove(oldest)
            self.evictions += 1

    def _gap(self, length: int) -> int | None:
        """Offset of the first gap of `length` samples."""
        taken = {entry.region for entry in self._entries.values()}
        for regions in self._pins.values():
            taken.update(regions)
        end = 0
        for region in sorted(taken):
            if region.offset - end >= length:
                return end
            end = max(end, region.offset + region.length)
        return end if self.capacity - end >= length else None


def _key(path: str) -> bytes:
    return hashlib.sha256(path.encode(errors="surrogateescape")).digest()
