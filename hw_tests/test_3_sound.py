"""What the device does to sound, and whether keys are keys after it."""

import time

import numpy as np
import pytest

from dsp.analysis import Analysis
from dsp.tones.generator import dtmf
from edge.cli.hw_bench import Bench
from edge.cli.hw_sound import TRIES, Loop, Recorded, through
from edge.cli.hw_target import Target
from edge.core.lines.words import Connected, Fault, SendDigit
from edge.vocabulary.private import Private

Figures = dict[str, object]
KEYS = "1234567890*#"
#: ITU-T Q.24, table A-1: 40 ms are a key to everybody; networks that code speech spoil such short ones.
TONE, PAUSE, LEVEL_DBM0 = 800, 800, -10.0
#: What gains of a profile can mend.
MOST_GAIN_DB = 40
NOISE_DBM0 = -35.0


def heard_keys(samples: np.ndarray) -> list[dict[str, object]]:
    """Keys that our detector finds."""
    analysis = Analysis(1)
    analysis.feed(samples[None])
    return [one.facts for one in analysis.finish() if one.kind == "dtmf"]


def test_loop(loop: Loop, figures: Figures) -> None:
    recorded, measured = through(loop, print)
    gain_in, gain_out = measured.recommended()
    figures |= {
        "latency_ms": round(recorded.latency_ms(measured.lag), 1),
        "gain_db": measured.gain_db,
        "ripple_db": round(measured.ripple_db, 1),
        "noise_dbm0": measured.noise_dbm0,
        "clips_at_dbm0": "never" if measured.clips_at_dbm0 is None else measured.clips_at_dbm0,
        "drift_ppm": measured.drift_ppm,
        "slipped_samples": measured.slipped,
        "underruns": recorded.underruns,
        "overruns": recorded.overruns,
        "gain_in_db": gain_in,
        "gain_out_db": gain_out,
        "gains_db": {str(hz): db for hz, db in measured.gains},
    }
    assert abs(measured.gain_db) <= MOST_GAIN_DB
    assert measured.noise_dbm0 <= NOISE_DBM0
    assert measured.slipped == 0, "sound is lost on the way"


def test_keys_in_the_sound(loop: Loop, figures: Figures) -> None:
    """Each key goes out as a tone, comes back, and is heard once, as itself, by the detector of calls."""
    parts = [np.zeros(4 * PAUSE, np.int16)]
    for key in KEYS:
        parts += [dtmf(key, TONE, LEVEL_DBM0), np.zeros(PAUSE, np.int16)]
    for left in reversed(range(TRIES)):
        recorded: Recorded = loop.run(np.concatenate(parts))
        keys = heard_keys(recorded.samples)
        heard = "".join(str(one["digit"]) for one in keys)
        if heard == KEYS or not left:
            break
    figures["sent"], figures["heard"] = KEYS, heard
    if keys:
        levels = [float(str(one["level_dbm0"])) for one in keys]
        twists = [abs(float(str(one["twist_db"]))) for one in keys]
        figures |= {"level_dbm0": round(float(np.median(levels)), 1), "most_twist_db": max(twists)}
    assert heard == KEYS


def test_keys_by_the_modem(target: Target, call: Connected, bench: Bench, figures: Figures) -> None:
    """The modem has the network send keys, and refuses none; what the far side hears of them only it can say."""
    if target.profile is None or target.profile.dsp.dtmf != "info":
        pytest.skip("this device sends keys as tones in its sound")
    place = len(bench.said)
    for key in KEYS:
        bench.tell(SendDigit(Private(key)))
    # As long as they take, paced as the profile says.
    time.sleep(len(KEYS) * (target.profile.dialogue.digit_pause_ms / 1000 + 0.1))
    faults = [action.text for _, action in bench.said[place:] if isinstance(action, Fault)]
    figures["sent"], figures["refused"] = KEYS, len(faults)
    assert not faults
