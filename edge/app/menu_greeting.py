"""What is said by who answers a call that a staged appliance makes, so that it tells a human from a machine by it."""

import numpy as np

from edge.app.phone_audio import FRAME, RATE, Samples
from edge.core.menus.rehearsed_world import WhoAnswers

#: A human says little, and waits.
HUMAN_MS = 800
#: A machine goes on and on, and beeps after a moment.
MACHINE_MS, PAUSE_MS, BEEP_MS = 6000, 400, 500
FAX_MS = 3500
BEEP_HZ = 1000
#: Of the answering tone of a fax terminal (ITU-T T.30 section 4.1.1.1, CED).
CED_HZ = 2100
_AMPLITUDE = 8000
#: Quieter frames are pauses.
_LOUD = 1000


def greeting(who: WhoAnswers, voice: Samples) -> Samples:
    """Give what is heard of who answers: int16 samples at 8 kHz, empty for who says nothing. `voice`: how they talk."""
    match who:
        case "human":
            return _said(voice, HUMAN_MS)
        case "machine":
            pause = np.zeros(PAUSE_MS * RATE // 1000, np.int16)
            return np.concatenate([_said(voice, MACHINE_MS), pause, _tone(BEEP_HZ, BEEP_MS)])
        case "machine_without_beep":
            return _said(voice, MACHINE_MS)
        case "fax":
            return _tone(CED_HZ, FAX_MS)
        case _:
            return np.zeros(0, np.int16)


def _said(voice: Samples, ms: int) -> Samples:
    """Let a voice talk for so long without a pause."""
    frames = voice[: len(voice) // FRAME * FRAME].reshape(-1, FRAME)
    loud = frames[np.abs(frames.astype(np.int32)).max(axis=1) > _LOUD]
    return np.resize(loud if len(loud) else _hum(), ms * RATE // 1000)


def _hum() -> Samples:
    """Give a voice for menus that say nothing: harmonics of 120 Hz, four syllables a second."""
    at = np.arange(RATE) / RATE
    tone = sum(np.sin(2 * np.pi * 120 * n * at) / n for n in range(1, 20))
    return np.asarray(_AMPLITUDE / 3 * tone * (1 + np.sin(2 * np.pi * 4 * at)) / 2, np.int16)


def _tone(frequency_hz: int, ms: int) -> Samples:
    at = np.arange(ms * RATE // 1000) / RATE
    return np.asarray(_AMPLITUDE * np.sin(2 * np.pi * frequency_hz * at), np.int16)
