"""Media slots: none is given twice, none too soon."""

from hypothesis import given
from hypothesis import strategies as st

from edge.core.calls.slots import QUARANTINE_MS, Slots


def test_a_freed_slot_rests():
    slots = Slots(1)
    assert slots.take(0) == 0
    assert slots.take(0) is None
    slots.give_back(0, 5000)
    assert slots.take(5000 + QUARANTINE_MS - 1) is None
    assert slots.take(5000 + QUARANTINE_MS) == 0


def test_longest_free_first():
    slots = Slots(3)
    slots.give_back(slots.take(0), 0)
    assert [slots.take(2000) for _ in range(3)] == [1, 2, 0]


def test_giving_back_twice_is_once():
    slots = Slots(1)
    slots.take(0)
    slots.give_back(0, 0)
    slots.give_back(0, 0)
    assert slots.take(2000) == 0
    assert slots.take(2000) is None


def test_a_claimed_slot_rests_as_others_do():
    slots = Slots(1)
    slots.claim([0])
    slots.give_back(0, 0)
    assert slots.take(QUARANTINE_MS - 1) is None
    assert slots.take(QUARANTINE_MS) == 0


def test_claimed_slots_are_not_given_out():
    slots = Slots(3)
    slots.claim([0, 2, 99])
    assert (slots.take(0), slots.take(0), slots.taken) == (1, None, 3)


def test_a_claimed_slot_rests_like_any_other():
    slots = Slots(2)
    slots.claim([0])
    slots.give_back(0, 0)
    assert [slots.take(0), slots.take(0)] == [1, None]
    assert slots.take(QUARANTINE_MS) == 0


STEPS = st.lists(st.tuples(st.one_of(st.just("take"), st.integers(0, 4)), st.integers(0, 700)), max_size=200)


@given(STEPS)
def test_never_twice_never_too_soon(steps):
    slots = Slots(5)
    now, held, freed = 0, set(), {}
    for step, pause in steps:
        now += pause
        if step == "take":
            slot = slots.take(now)
            if slot is not None:
                assert slot not in held
                assert now - freed.get(slot, -QUARANTINE_MS) >= QUARANTINE_MS
                held.add(slot)
        elif step in held:
            slots.give_back(step, now)
            held.discard(step)
            freed[step] = now
        assert slots.taken == len(held)
