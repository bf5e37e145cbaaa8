"""Who sits where, over a kill of switch."""

import os
from collections.abc import Iterator

import pytest

from edge.core.calls.slots import QUARANTINE_MS
from edge.switch.seats import Seats, seats_size
from edge.vocabulary.ids import LegId, SlotIndex
from tests.switch.test_exchange import Office

A, B, C = LegId("a.1"), LegId("b.1"), LegId("c.1")


@pytest.fixture
def memory() -> Iterator[int]:
    fd = os.memfd_create("seats")
    os.ftruncate(fd, seats_size(Office(slots=3).exchange.plan.site))
    yield fd
    os.close(fd)


def test_a_new_life_seats_a_leg_where_it_sat(memory: int) -> None:
    first = Seats.shared(memory, [range(3)])
    assert [first.take(leg, 0) for leg in (A, B)] == [0, 1]
    first.give_back(SlotIndex(0), 0)
    second = Seats.shared(memory, [range(3)])
    assert second.take(A, 0) == 0, "it had given its seat back, so it gets the next free one"
    assert second.take(B, 0) == 1
    assert second.take(C, 0) == 2


def test_a_kept_seat_is_for_its_leg_only(memory: int) -> None:
    Seats.shared(memory, [range(3)]).take(A, 0)
    second = Seats.shared(memory, [range(1)])
    assert second.take(B, 0) is None
    assert second.take(A, 0) == 0
    assert second.taken == 1


def test_a_seat_that_nobody_speaks_of_is_free_after_a_while(memory: int) -> None:
    Seats.shared(memory, [range(3)]).take(A, 0)
    second = Seats.shared(memory, [range(1)])
    second.lapse(5000)
    assert second.take(B, 5000) is None, "it rests"
    assert second.take(B, 5000 + QUARANTINE_MS) == 0
    assert Seats.shared(memory, [range(1)]).take(B, 0) == 0


def test_a_seat_that_media_speaks_of_does_not_lapse(memory: int) -> None:
    Seats.shared(memory, [range(3)]).take(A, 0)
    second = Seats.shared(memory, [range(1)])
    second.hold(A, SlotIndex(0))
    second.lapse(5000)
    assert second.take(B, 9000) is None
    assert second.take(A, 9000) == 0


def test_a_seat_of_the_journal_is_taken_and_not_kept(memory: int) -> None:
    Seats.shared(memory, [range(3)]).take(A, 0)
    second = Seats.shared(memory, [range(1)])
    second.claim([(A, SlotIndex(0))])
    second.lapse(5000)
    assert (second.taken, second.take(A, 9000)) == (1, None)


def test_a_record_that_a_kill_tore_is_free(memory: int) -> None:
    Seats.shared(memory, [range(3)]).take(A, 0)
    os.pwrite(memory, b"\0", 0)  # as between the writes of id and length
    assert Seats.shared(memory, [range(3)]).take(B, 0) == 0


def test_a_leg_that_media_has_and_nobody_told_of_yet_gets_its_slot() -> None:
    seats = Seats([range(3)])
    seats.hold(A, SlotIndex(2))
    assert [seats.take(leg, 0) for leg in (B, A, C)] == [0, 2, 1]


def test_a_seat_given_back_is_no_longer_kept() -> None:
    seats = Seats([range(1)])
    seats.hold(A, SlotIndex(0))
    seats.give_back(SlotIndex(0), 0)
    assert seats.take(B, QUARANTINE_MS) == 0
    assert seats.take(A, QUARANTINE_MS) is None
