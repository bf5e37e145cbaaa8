"""Who is heard in a frame, by the tones of the town that answers."""

import numpy as np
import pytest

from bench.answering import AGENT_BINS, CALLEE_BINS, FRAME, frames_of, loudest
from bench.dialer_answers import AGENTS, quantile
from bench.rtp import sine, to_ulaw, ulaw_table


@pytest.mark.parametrize("at", [*AGENT_BINS, *CALLEE_BINS])
def test_each_tone_is_told_from_all_others(at: int) -> None:
    own, others = (AGENT_BINS, CALLEE_BINS) if at in AGENT_BINS else (CALLEE_BINS, AGENT_BINS)
    [frame] = frames_of(at)
    assert loudest(frame, own) == at
    assert loudest(frame, others) is None
    shifted = frame[57:] + frame[:57]
    assert loudest(shifted, own) == at, "frames of the appliance begin anywhere"


def test_a_tone_is_heard_beside_the_one_that_announces_it_and_from_a_part_of_a_frame_on() -> None:
    table = ulaw_table()
    own = table[np.frombuffer(frames_of(CALLEE_BINS[3])[0], np.uint8)]
    tone = table[sine([440.0], 1, 0.3)[0]]
    assert loudest(to_ulaw(0.4 * own + tone).tobytes(), CALLEE_BINS) == CALLEE_BINS[3]
    assert loudest(to_ulaw(tone).tobytes(), CALLEE_BINS) is None
    half = np.concatenate([np.zeros(FRAME // 2), own[FRAME // 2 :]])
    assert loudest(to_ulaw(half).tobytes(), CALLEE_BINS) == CALLEE_BINS[3]
    assert loudest(b"\xff" * FRAME, AGENT_BINS) is None


def test_everybody_has_a_tone_and_quantiles_are_of_what_there_is() -> None:
    assert len(set(AGENT_BINS)) == AGENTS
    assert not set(AGENT_BINS) & set(CALLEE_BINS)
    assert [quantile([3.0, 1.0, 2.0], share) for share in (0.5, 0.99)] == [2.0, 3.0]
