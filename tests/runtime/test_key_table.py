import os
import re
from pathlib import Path

import pytest

from edge.config.site import Media, Site
from edge.runtime.key_table import (
    PLACES,
    RECORD_BYTES,
    KeyRecord,
    KeyTable,
    TableFullError,
    key_table_size,
    local_key,
)
from edge.vocabulary.crypto import SUITES

RECORD = KeyRecord("AES_CM_128_HMAC_SHA1_80", bytes(range(32)), bytes(range(100, 130)))


@pytest.fixture
def memory():
    fd = os.memfd_create("keys")
    os.ftruncate(fd, 128 * RECORD_BYTES)
    yield fd
    os.close(fd)


def test_what_is_written_is_read_by_another(memory: int) -> None:
    writer, reader = KeyTable(memory), KeyTable(memory)
    assert reader.read(99) is None
    for handle in (1, 99, 1 << 62, (1 << 63) - 1):
        writer.write(handle, RECORD)
        assert reader.read(handle) == RECORD
    offered = KeyRecord("", RECORD.seed, b"")
    writer.write(5, offered)
    assert reader.read(5) == offered
    for suite, octets in SUITES.items():
        writer.write(6, KeyRecord(suite, RECORD.seed, bytes(octets)))
        assert reader.read(6) == KeyRecord(suite, RECORD.seed, bytes(octets))


def test_a_wiped_record_leaves_nothing(memory: int) -> None:
    table = KeyTable(memory)
    table.write(7, RECORD)
    assert RECORD.remote in os.pread(memory, 1 << 16, 0)
    table.wipe(7)
    assert table.read(7) is None
    assert not any(os.pread(memory, 1 << 16, 0))


def test_a_torn_record_does_not_count(memory: int) -> None:
    table = KeyTable(memory)
    table.write(7, RECORD)
    at = os.pread(memory, 1 << 16, 0).index(RECORD.remote)
    os.pwrite(memory, b"\xff", at + 3)
    assert table.read(7) is None


def test_full_is_full_and_room_comes_back(memory: int) -> None:
    table = KeyTable(memory)
    for i in range(PLACES):
        table.write(1 + 128 * i, RECORD)  # all begin at the same place
    with pytest.raises(TableFullError):
        table.write(1 + 128 * PLACES, RECORD)
    table.wipe(1)
    table.write(1 + 128 * PLACES, RECORD)
    assert table.read(1 + 128 * (PLACES - 1)) == RECORD


def test_a_successor_keeps_what_its_dialogs_name(memory: int) -> None:
    table = KeyTable(memory)
    for handle in range(1, 11):
        table.write(handle, RECORD)
    assert KeyTable(memory).keep_only({3, 4, 77}) == 8
    assert [handle for handle in range(1, 11) if table.read(handle)] == [3, 4]


def test_keys_of_a_seed_differ_by_suite_and_seed() -> None:
    keys = [local_key(seed, suite) for seed in (bytes(32), bytes([1] * 32)) for suite in SUITES]
    assert [len(key) for key in keys] == list(SUITES.values()) * 2
    assert len({key[:16] for key in keys}) == len(keys)


def test_there_is_room_for_every_leg() -> None:
    for slots in (1, 400, 8000):
        assert key_table_size(Site(name="x", media=Media(slots=slots))) >= 6 * slots * RECORD_BYTES


def test_the_memory_stays_out_of_dumps(memory: int) -> None:
    table = KeyTable(memory)
    table.write(1, RECORD)
    smaps = Path("/proc/self/smaps").read_text()
    mapping = smaps[smaps.index("/memfd:keys") :]
    flags = re.search(r"VmFlags: (.*)", mapping)
    assert flags is not None
    assert "dd" in flags[1].split()
