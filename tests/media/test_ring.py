import pytest

from dsp.plane import layout
from dsp.plane.engine import Engine
from edge.media.prompts import Region
from edge.media.ring import CommandRing, EngineStuckError, EventRing
from tests.media.planes import plane


def test_commands_go_in_order_and_the_ring_is_bounded() -> None:
    state = plane()
    ring = CommandRing(Engine(state))
    for n in range(layout.COMMANDS):
        ring.push(layout.CMD_UNBRIDGE, n % 4, n)
    with pytest.raises(EngineStuckError):
        ring.push(layout.CMD_CLOSE, 0, 0)
    assert state.ctl[layout.COMMAND_HEAD] == layout.COMMANDS
    state.ctl[layout.COMMAND_TAIL] = 1
    ring.push(layout.CMD_CLOSE, 3, 9)
    assert state.commands[0, :4].tolist() == [layout.CMD_CLOSE, 3, 9, 0]
    assert state.commands[1, :3].tolist() == [layout.CMD_UNBRIDGE, 1, 1]


def test_an_entry_has_nothing_left_of_the_one_before() -> None:
    state = plane()
    ring = CommandRing(Engine(state))
    state.commands[0] = 77
    ring.play((1, 2), 5, [Region(1000, 160), Region(70000, 8)], times=0, barge_in=True)
    assert state.commands[0].tolist() == [3, 1, 2, 5, 0, 1, 2, 1000 << 32 | 160, 70000 << 32 | 8] + [0] * 15


def test_digits_are_little_endian_words() -> None:
    state = plane()
    CommandRing(Engine(state)).send_digits((1, 2), 5, "0123456789*#", duration=800, gap=400)
    entry = state.commands[0]
    assert entry[:7].tolist() == [layout.CMD_SEND_DIGITS, 1, 2, 5, 800, 400, 12]
    assert entry[7:9].tobytes() == b"0123456789*#\0\0\0\0"


def test_the_full_play_list_fits_into_an_entry() -> None:
    state = plane()
    CommandRing(Engine(state)).play(
        (0, 1), 1, [Region(i, 1) for i in range(layout.PLAY_ITEMS)], times=1, barge_in=False
    )
    assert state.commands[0, 7 + layout.PLAY_ITEMS - 1] == (layout.PLAY_ITEMS - 1) << 32 | 1


def test_an_event_counts_as_taken_when_it_was_dealt_with() -> None:
    state = plane()
    for n in range(3):
        state.events[n, 0] = n + 1
    state.ctl[layout.EVENT_HEAD] = 3
    ring = EventRing(state)
    for seen, event in enumerate(ring):
        assert (event[0], int(state.ctl[layout.EVENT_TAIL])) == (seen + 1, seen)
        if seen == 1:
            break  # killed here
    assert [event[0] for event in EventRing(state)] == [2, 3]
    assert list(EventRing(state)) == []
