import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.media import prompts
from edge.media.prompts import PromptMemory, Region, Stamp

ONE = Stamp(1, 100)


def memory(samples: int = 1000) -> tuple[PromptMemory, np.ndarray, bytearray]:
    arena = np.zeros(samples, np.int16)
    index = bytearray(PromptMemory.index_size())
    return PromptMemory(arena, memoryview(index)), arena, index


def sound(length: int, value: int = 1) -> np.ndarray:
    return np.full(length, value, np.int16)


def test_a_stored_file_is_found_by_its_version_only() -> None:
    held, arena, _ = memory()
    region = held.store("a", ONE, sound(10, 7))
    assert region is not None
    assert held.find("a", ONE) == region
    assert list(arena[region.offset : region.offset + 10]) == [7] * 10
    assert held.find("b", ONE) is None
    assert held.find("a", Stamp(2, 100)) is None
    assert held.find("a", ONE) is None


def test_a_successor_finds_everything() -> None:
    held, arena, index = memory()
    regions = {name: held.store(name, ONE, sound(50)) for name in "abc"}
    held.find("b", Stamp(2, 2))
    successor = PromptMemory(arena, memoryview(index))
    assert successor.find("a", ONE) == regions["a"]
    assert successor.find("b", ONE) is None
    assert successor.find("c", ONE) == regions["c"]
    assert (successor.files, successor.used) == (2, 100)


def test_the_least_recently_used_goes_first() -> None:
    held, _, _ = memory(300)
    for name in "abc":
        held.store(name, ONE, sound(100))
    held.find("a", ONE)
    held.store("d", ONE, sound(100))
    assert held.find("b", ONE) is None
    assert all(held.find(name, ONE) for name in "acd")
    assert held.evictions == 1


def test_what_is_played_is_never_overwritten() -> None:
    held, arena, _ = memory(300)
    playing = held.store("a", ONE, sound(100, 5))
    assert playing is not None
    held.pin("leg", [playing])
    held.find("a", Stamp(9, 9))  # changed on disk: no longer found, but still heard
    for n in range(20):
        held.store(f"x{n}", ONE, sound(100, 6))
    assert set(arena[playing.offset : playing.offset + 100]) == {5}
    assert held.store("large", ONE, sound(250)) is None
    held.unpin("leg")
    assert held.store("large", ONE, sound(250)) is not None


def test_a_torn_record_is_dropped() -> None:
    held, arena, index = memory()
    held.store("a", ONE, sound(10))
    used = [i for i in range(len(index)) if index[i]]
    for i in used:
        torn = bytearray(index)
        torn[i] ^= 0x40
        assert PromptMemory(arena, memoryview(torn)).find("a", ONE) is None


def test_a_full_index_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "ENTRIES", 3)
    held, _, _ = memory()
    for n in range(5):
        held.store(str(n), ONE, sound(1))
    assert [bool(held.find(str(n), ONE)) for n in range(5)] == [False, False, True, True, True]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdefgh"), st.integers(1, 120), st.sampled_from(["store", "pin", "unpin", "change"])
        ),
        max_size=60,
    )
)
def test_regions_in_use_never_overlap(steps: list[tuple[str, int, str]]) -> None:
    held, arena, _ = memory(400)
    played: dict[str, tuple[Region, int]] = {}
    for value, (name, length, action) in enumerate(steps, 1):
        if action == "store":
            held.store(name, ONE, sound(length, value))
        elif action == "pin" and (region := held.find(name, ONE)):
            held.pin(name, [region])
            played[name] = (region, int(arena[region.offset]))
        elif action == "unpin":
            held.unpin(name)
            played.pop(name, None)
        else:
            held.find(name, Stamp(value, 0))
        for region, content in played.values():
            assert set(arena[region.offset : region.offset + region.length]) == {content}
