"""Who answered, from whole recordings that begin with the answer."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dsp.detectors import answer, offline, speech
from dsp.detectors.answer_state import ANSWER_STATE
from dsp.detectors.speech_state import SPEECH_STATE
from dsp.detectors.verdicts import VERDICT


def judge(streams: npt.NDArray[np.int16], rules: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Give all verdicts of kind ANSWER on `streams` (int16[calls, samples] at 8 kHz), each call's own in order.

    `rules` is an ANSWER_SETTINGS record (`answer.settings`). Each call gets one of human, machine, fax or unknown, at
    the end of its recording at the latest.
    """
    calls = len(streams)
    states: Any = np.zeros(calls, ANSWER_STATE).view(np.recarray)
    hearing: Any = np.zeros(calls, SPEECH_STATE).view(np.recarray)
    which, settings = np.zeros(calls, np.int32), rules.view(np.recarray)
    aside, aside_told = np.zeros(1, VERDICT).view(np.recarray), np.zeros(2, np.int64)

    def feed_all(_: Any, frames: Any, rows: Any, count: int, verdicts: Any, told: Any) -> None:
        speech.feed_all(hearing, frames, rows, count, aside, aside_told)  # what it tells is not asked for
        answer.feed_all(states, hearing, settings, which, rows, count, verdicts, told)

    found = offline.take(feed_all, states, streams)
    last, told = np.zeros(calls, VERDICT).view(np.recarray), np.zeros(2, np.int64)
    for row in range(calls):
        answer.finish(states[row], hearing[row], settings[0], row, last, told)
    return np.concatenate([found, np.array(last[: told[0]], VERDICT)])
