"""The table outlives front: whatever moment the kill comes at, what was written before is there."""

import os
from collections.abc import Iterator

import pytest

from edge.config.site import Media, Sip, Site
from edge.core.sip.actions import Reserve, Suspicion
from edge.core.sip.dialogs import Dialog
from edge.core.sip.evidence import BANS, SOURCES
from edge.core.sip.guard import Kept
from edge.core.sip.reservations import Reservation
from edge.front import table as module
from edge.front.table import Table, table_size
from edge.vocabulary.ids import LegId
from tests.core.sip.world import World, answered

SITE = Site(name="test", sip=Sip(max_spans=2), media=Media(slots=8))


@pytest.fixture
def fd(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(module, "TOMBS", 4)
    monkeypatch.setattr(module, "_SPARE_SLOTS", 2)
    made = os.memfd_create("table")
    os.ftruncate(made, table_size(SITE))
    yield made
    os.close(made)


def a_dialog(call: str = "call-1") -> Dialog:
    world = World()
    answered(world, call)
    dialog = next(iter(world.door._relay.dialogs.by_leg.values()))
    dialog.leg = LegId(f"{call}.1")
    return dialog


def entomb(dialog: Dialog):  # type: ignore[no-untyped-def]
    world = World()
    world.door._relay.dialogs.add(dialog)
    world.door._relay.bury(dialog)
    return world.door.tombstone(dialog.leg)


def test_empty_table(fd: int) -> None:
    assert Table(fd, SITE).load() == ([], [])
    assert Table(fd, SITE).load() == ([], [])


def test_dialogs_and_tombstones_come_back(fd: int) -> None:
    table = Table(fd, SITE)
    table.load()
    first, second = a_dialog("call-1"), a_dialog("call-2")
    table.save(first)
    table.save(second)
    second.own_cseq = 9
    table.save(second)
    tomb = entomb(first)
    table.bury(tomb)
    dialogs, tombs = Table(fd, SITE).load()
    assert dialogs == [second]
    assert tombs == [tomb]
    table.forget(tomb.leg)
    assert Table(fd, SITE).load() == ([second], [])
    assert table.faults == 0


def test_a_kill_in_the_middle_of_a_write_leaves_the_state_before(fd: int) -> None:
    table = Table(fd, SITE)
    table.load()
    dialog = a_dialog()
    for number in range(2):
        dialog.own_cseq = number
        table.save(dialog)
        whole = os.pread(fd, table_size(SITE), 0)
        dialog.own_cseq = number + 100
        table.save(dialog)
        after = os.pread(fd, table_size(SITE), 0)
        differ = [i for i, (a, b) in enumerate(zip(whole, after, strict=True)) if a != b]
        # Torn at every octet that this write changed: either the old state or the new one, never none.
        for cut in differ[::5]:
            torn = os.memfd_create("torn")
            os.write(torn, after[:cut] + whole[cut:])
            assert [d.own_cseq for d in Table(torn, SITE).load()[0]] in ([number], [number + 100])
            os.close(torn)
        dialog.own_cseq = number
        table.save(dialog)


def test_a_kill_between_a_tombstone_and_the_end_of_its_dialog_forgets_neither(
    fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No signal can be timed to come between two writes, so the second one ends this life."""
    table = Table(fd, SITE)
    table.load()
    dialog = a_dialog()
    table.save(dialog)
    write, written = table._write, []

    def killed(at: int, payload: bytes) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(at)
        write(at, payload)

    monkeypatch.setattr(table, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        table.bury(entomb(dialog))
    dialogs, tombs = Table(fd, SITE).load()
    assert [tomb.leg for tomb in tombs] == [dialog.leg]
    assert [left.leg for left in dialogs] == [dialog.leg]


def test_slots_are_reused_and_overflow_is_counted(fd: int) -> None:
    table = Table(fd, SITE)
    table.load()
    dialog = a_dialog()
    places = module._slots(SITE)
    for number in range(places + 1):
        dialog.leg = LegId(f"c{number}.1")
        table.save(dialog)
    assert table.faults == 1
    assert len(Table(fd, SITE).load()[0]) == places
    dialog.leg = LegId("c0.1")
    table.bury(entomb(dialog))
    dialog.leg = LegId("again.1")
    table.save(dialog)
    assert table.faults == 1
    assert "again.1" in {d.leg for d in Table(fd, SITE).load()[0]}


def test_the_oldest_tombstones_give_way(fd: int) -> None:
    table = Table(fd, SITE)
    table.load()
    dialog = a_dialog()
    for number in range(6):
        dialog.leg = LegId(f"c{number}.1")
        table.bury(entomb(dialog))
    assert {t.leg for t in Table(fd, SITE).load()[1]} == {"c2.1", "c3.1", "c4.1", "c5.1"}


def test_a_large_dialog_still_fits(fd: int) -> None:
    table = Table(fd, SITE)
    table.load()
    dialog = a_dialog()
    dialog.unanswered = dialog.accepted = b"x" * 3000
    dialog.to_peer.text = dialog.to_span.text = "y" * 2000
    table.save(dialog)
    assert table.faults == 0
    assert Table(fd, SITE).load()[0] == [dialog]


def test_a_reservation_comes_back_and_gives_its_slot_to_its_dialog(fd: int) -> None:
    world = World()
    leg = LegId("call-1.1")
    world.put(Reserve(leg, "sip:bob@192.0.2.9", "", "100"))
    reservation = world.door.record(leg)
    assert isinstance(reservation, Reservation)
    table = Table(fd, SITE)
    table.load()
    table.save(reservation)
    assert Table(fd, SITE).load() == ([reservation], [])
    dialog = a_dialog("call-1")
    table.save(dialog)
    assert Table(fd, SITE).load() == ([dialog], [])
    table.save(reservation)
    table.drop(leg)
    table.drop(leg)
    assert Table(fd, SITE).load() == ([], [])
    for number in range(module._slots(SITE)):
        dialog.leg = LegId(f"c{number}.1")
        table.save(dialog)
    assert table.faults == 0


def test_too_small(fd: int) -> None:
    os.ftruncate(fd, 4096)
    with pytest.raises(ValueError, match="front table"):
        Table(fd, SITE)


def known() -> Kept:
    world = World()
    answered(world)
    for _ in range(3):
        world.put(Suspicion("203.0.113.1", "scanner"))
    world.put(Suspicion("203.0.113.2", "malformed"))
    return world.door.guard.kept()


def test_what_is_known_of_sources_comes_back(fd: int) -> None:
    table = Table(fd, SITE)
    table.load()
    assert table.load_sources() is None
    table.save_sources(Kept({}, [], {}, {}))
    kept = known()
    table.save_sources(kept)
    again = Table(fd, SITE)
    again.load()
    found = again.load_sources()
    assert found == kept
    assert [ban.source for ban in found.bans] == ["203.0.113.1"]
    assert set(found.suspects) == {"203.0.113.2"}
    assert found.carries
    heir = World()
    heir.door.guard.restore(found)
    assert heir.door.bans(heir.now_ms) == kept.bans
    assert heir.door.guard.kept() == kept


def test_a_kill_while_it_is_written_leaves_what_was_known_before(fd: int) -> None:
    table = Table(fd, SITE)
    table.load()
    kept = known()
    table.save_sources(kept)
    table.save_sources(Kept({}, [], {}, {"x": 1}))
    torn = table._sources_at + table._newest_sources * module._SOURCES
    os.pwrite(fd, b"\xff", torn + 30)
    again = Table(fd, SITE)
    again.load()
    assert again.load_sources() == kept


def test_all_that_can_be_known_has_room(fd: int) -> None:
    world = World()
    for n in range(SOURCES):
        world.put(Suspicion(f"2001:db8:ffff:ffff:ffff:ffff:{n:x}:ffff", "stranger"))
    for n in range(BANS):
        for kind in ("malformed", "rate", "connections", "stranger", "scanner", "scanner", "scanner"):
            world.put(Suspicion(f"2001:db8:eeee:eeee:eeee:eeee:{n:x}:eeee", kind))
    table = Table(fd, SITE)
    table.load()
    table.save_sources(world.door.guard.kept())
    assert table.faults == 0
