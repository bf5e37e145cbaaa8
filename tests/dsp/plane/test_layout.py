"""The shared state's layout."""

import itertools

import numpy as np
import pytest

from dsp.detectors.dtmf_state import DTMF_STATE
from dsp.plane import layout as lo


def addresses(array) -> tuple[int, int]:
    start = array.ctypes.data
    return start, start + array.nbytes


def test_parts_do_not_overlap_and_fit():
    size = lo.state_bytes(7, 1001 * 2)
    buffer = np.zeros(size, np.uint8)
    state = lo.map_state(buffer, 7, 1001 * 2)
    parts = sorted(addresses(a) for name, a in state._asdict().items() if name not in {"leg_words", "rule_words"})
    assert parts[0][0] == buffer.ctypes.data
    assert parts[-1][1] <= buffer.ctypes.data + size
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(parts))
    assert addresses(state.leg_words) == addresses(state.legs)
    assert size % lo.PAGE == 0
    assert state.prompts.shape == (1001,)


def test_a_mapped_state_is_seen_by_others():
    memory = bytearray(lo.state_bytes(2, 320))
    one, two = lo.map_state(memory, 2, 320), lo.map_state(memory, 2, 320)
    one.legs[1].rx_packets = 7
    assert two.legs[1].rx_packets == 7
    assert one.ctl[lo.WAKE_FD] == -1


@pytest.mark.parametrize(("slots", "prompt"), [(3, 320), (2, 640)])
def test_other_sizes_are_refused(slots, prompt):
    memory = bytearray(lo.state_bytes(4, 4096))
    lo.map_state(memory, 2, 320)
    with pytest.raises(ValueError, match="other sizes"):
        lo.map_state(memory, slots, prompt)


def test_another_version_is_refused():
    memory = bytearray(lo.state_bytes(2, 320))
    lo.map_state(memory, 2, 320).ctl[lo.CTL_VERSION] = 99
    with pytest.raises(ValueError, match="another version"):
        lo.map_state(memory, 2, 320)


def test_a_small_buffer_is_refused():
    with pytest.raises(ValueError, match="needed"):
        lo.map_state(bytearray(100), 2, 320)


def test_the_design_s_limits():
    assert lo.JITTER_SAMPLES % lo.FRAME == 0
    assert lo.RECORD_FRAMES % lo.FRAME == 0  # the recorder's frames never wrap inside the ring
    assert lo.LEG.itemsize % 8 == 0
    assert DTMF_STATE.itemsize % 8 == 0
    assert lo.TICK_BUCKETS + len(lo.TICK_BOUNDS_US) < lo.CONTROL_WORDS
