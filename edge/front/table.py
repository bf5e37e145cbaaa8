"""Front's memory across its own death: reservations, dialogs and tombstones in a memfd that the supervisor holds.

A leg has a record, its reservation or its dialog. The record's slot has two copies, written in turn, each with
generation, length and CRC: a kill in the middle of a write leaves the other copy, which is the state before. A
tombstone has one copy; should it be torn, a repeat of a call that is over gets no answer, which costs nothing. What is
known of sources (bans and evidence) is one record with two copies, at the end. Pages that were never touched cost no
memory.
"""

import mmap
import os
import struct
import zlib
from collections.abc import Callable
from typing import TypeVar

import msgspec

from edge.config.site import Site
from edge.core.sip.dialogs import Tombstone
from edge.core.sip.door import Record
from edge.core.sip.guard import Kept
from edge.core.sip.spans import LEGS_PER_SPAN
from edge.vocabulary.ids import LegId
from edge.vocabulary.wire import pack, unpacker

T = TypeVar("T")

MAGIC = b"edgefrt1"
_PAGE = 4096
_COPY = 4 * _PAGE
_SLOT = 2 * _COPY
_TOMB = 2048
#: Tombstones: 32 s at 256 calls a second; beyond that the oldest give way.
TOMBS = 8192
#: Of a copy of what is known of sources: 4,096 of them with all kinds of evidence.
_SOURCES = 512 * _PAGE
#: Slots beyond what spans hold and beyond calls that go on without one: those that wait for the peer's last word.
_SPARE_SLOTS = 200
_HEADER = struct.Struct("<QII")  # generation (0: empty), length, CRC-32 of generation, length and payload
_SEAL = struct.Struct("<QI")


def _slots(site: Site) -> int:
    return site.sip.max_spans * LEGS_PER_SPAN + site.media.slots + _SPARE_SLOTS


def table_size(site: Site) -> int:
    """Bytes of the memfd for `site`."""
    return _PAGE + _slots(site) * _SLOT + TOMBS * _TOMB + 2 * _SOURCES


class Table:
    """The table in `fd`, which is as long as `table_size` says and holds zero bytes at first."""

    def __init__(self, fd: int, site: Site) -> None:
        size = os.fstat(fd).st_size
        if size < table_size(site):
            raise ValueError(f"front table of {size} bytes; {table_size(site)} are needed")
        self._fd = fd
        self._map = mmap.mmap(fd, size)
        self._tombs_at = _PAGE + _slots(site) * _SLOT
        self._free = list(range(_slots(site) - 1, -1, -1))
        self._slot_of: dict[LegId, int] = {}
        self._generation = 0
        #: Slot -> which of its copies (0, 1) was written last; the other one is next.
        self._newest: dict[int, int] = {}
        self._free_tombs = list(range(TOMBS - 1, -1, -1))
        #: In the order of their making, which is also that of their expiry.
        self._tomb_of: dict[LegId, int] = {}
        self._sources_at = self._tombs_at + TOMBS * _TOMB
        self._newest_sources = 1
        self._encode = pack
        #: Records that found no slot or were too large: they would not survive a kill.
        self.faults = 0

    def load(self) -> tuple[list[Record], list[Tombstone]]:
        """Read what an earlier life left. Whatever does not decode is dropped and counted."""
        if self._map[: len(MAGIC)] != MAGIC:
            self._map[: len(MAGIC)] = MAGIC
            return [], []
        records, tombs = self._load_records(), self._load_tombs()
        return records, tombs

    def _load_records(self) -> list[Record]:
        decode: Callable[[bytes], Record] = unpacker(Record).decode  # type: ignore[arg-type]
        found = []
        free = []
        for slot in reversed(range(len(self._free))):
            at = _PAGE + slot * _SLOT
            copies = [self._read(at, _COPY), self._read(at + _COPY, _COPY)]
            newest = int(copies[1][0] > copies[0][0])
            self._newest[slot] = newest
            generation, payload = copies[newest]
            self._generation = max(self._generation, generation)
            record = self._decoded(decode, payload) if payload else None
            if record is None:
                free.append(slot)
            else:
                self._slot_of[record.leg] = slot
                found.append(record)
        self._free = free
        return found

    def _load_tombs(self) -> list[Tombstone]:
        decode = unpacker(Tombstone).decode
        found: list[tuple[int, int, Tombstone]] = []
        free = []
        for index in reversed(range(TOMBS)):
            generation, payload = self._read(self._tombs_at + index * _TOMB, _TOMB)
            self._generation = max(self._generation, generation)
            tomb = self._decoded(decode, payload) if payload else None
            if tomb is None:
                free.append(index)
            else:
                found.append((tomb.until_ms, index, tomb))
        self._free_tombs = free
        found.sort(key=lambda entry: entry[:2])
        self._tomb_of = {tomb.leg: index for _, index, tomb in found}
        return [tomb for _, _, tomb in found]

    def load_sources(self) -> Kept | None:
        """Read what an earlier life knew of sources; after `load`."""
        copies = [self._read(self._sources_at + copy * _SOURCES, _SOURCES) for copy in (0, 1)]
        self._newest_sources = int(copies[1][0] > copies[0][0])
        generation, payload = copies[self._newest_sources]
        self._generation = max(self._generation, generation)
        return self._decoded(unpacker(Kept).decode, payload) if payload else None

    def _decoded(self, decode: Callable[[bytes], T], payload: bytes) -> T | None:
        try:
            return decode(payload)
        except msgspec.DecodeError:
            self.faults += 1
            return None

    def _read(self, at: int, size: int) -> tuple[int, bytes]:
        """Return generation and payload at an offset; (0, b"") when there is nothing whole."""
        # Not through the mapping: a read fault there would give memory to every page that was never used.
        generation, length, check = _HEADER.unpack(os.pread(self._fd, _HEADER.size, at))
        if generation == 0 or length > size - _HEADER.size:
            return 0, b""
        payload = os.pread(self._fd, length, at + _HEADER.size)
        if zlib.crc32(payload, zlib.crc32(_SEAL.pack(generation, length))) != check:
            return 0, b""
        return generation, payload

    def _write(self, at: int, payload: bytes) -> None:
        self._generation += 1
        check = zlib.crc32(payload, zlib.crc32(_SEAL.pack(self._generation, len(payload))))
        _HEADER.pack_into(self._map, at, self._generation, len(payload), check)
        self._map[at + _HEADER.size : at + _HEADER.size + len(payload)] = payload

    def save(self, record: Record) -> None:
        """Write a leg's record, over the older of its two copies: so a dialog replaces its reservation whole."""
        payload = self._encode(record)
        slot = self._slot_of.get(record.leg)
        if slot is None:
            if not self._free or len(payload) > _COPY - _HEADER.size:
                self.faults += 1
                return
            slot = self._free.pop()
            self._slot_of[record.leg] = slot
        elif len(payload) > _COPY - _HEADER.size:
            self.faults += 1
            return
        self._write(self._older(slot), payload)

    def save_sources(self, kept: Kept) -> None:
        """Write what is known of sources, over the older copy."""
        payload = self._encode(kept)
        if len(payload) > _SOURCES - _HEADER.size:
            self.faults += 1
            return
        self._newest_sources = 1 - self._newest_sources
        self._write(self._sources_at + self._newest_sources * _SOURCES, payload)

    def _older(self, slot: int) -> int:
        at = _PAGE + slot * _SLOT
        newest = self._newest.get(slot, 1)
        self._newest[slot] = 1 - newest
        return at + (1 - newest) * _COPY

    def bury(self, tomb: Tombstone) -> None:
        """Write a tombstone, then free the dialog's slot: in this order, or a kill between would forget the call."""
        self.forget(tomb.leg)
        if not self._free_tombs:
            self.forget(next(iter(self._tomb_of)))
        index = self._free_tombs.pop()
        payload = self._encode(tomb)
        if len(payload) <= _TOMB - _HEADER.size:
            self._write(self._tombs_at + index * _TOMB, payload)
            self._tomb_of[tomb.leg] = index
        else:
            self.faults += 1
            self._free_tombs.append(index)
        self.drop(tomb.leg)

    def drop(self, leg: LegId) -> None:
        """Free the slot of a leg's record."""
        slot = self._slot_of.pop(leg, None)
        if slot is not None:
            # An empty record of a higher generation: a kill here leaves either it or the record, never half of it.
            self._write(self._older(slot), b"")
            self._free.append(slot)

    def forget(self, leg: LegId) -> None:
        """Free the place of an expired tombstone."""
        index = self._tomb_of.pop(leg, None)
        if index is not None:
            _HEADER.pack_into(self._map, self._tombs_at + index * _TOMB, 0, 0, 0)
            self._free_tombs.append(index)
