"""The rule of Asterisk's application AMD(), written anew from its documentation, with the documented defaults.

It is here to be compared with; it is not Asterisk's code, and what the documentation leaves open (how the silence of a
frame is told: mean of the samples' amounts below the threshold, over 20 ms) may differ from it.
"""

from typing import NamedTuple

import numpy as np

from bench.accuracy.signals import Samples

FRAME = 160
MS = 20


class Settings(NamedTuple):
    """As `amd.conf` names them, ms."""

    initial_silence: int = 2500
    greeting: int = 1500
    after_greeting_silence: int = 800
    total_analysis_time: int = 5000
    minimum_word_length: int = 100
    between_words_silence: int = 50
    maximum_number_of_words: int = 2
    silence_threshold: int = 256
    maximum_word_length: int = 5000


class _Word:
    """What has been heard so far, ms."""

    def __init__(self) -> None:
        self.silent = self.voice = self.word = self.words = 0
        self.in_word = self.greeted = False

    def silence(self, rule: Settings) -> tuple[str, str] | None:
        """Take in a silent frame; give a verdict when it decides."""
        self.silent += MS
        if self.silent >= rule.between_words_silence:
            self.in_word = False
            self.word = 0
        if not self.greeted and self.silent >= rule.initial_silence:
            return "machine", "INITIALSILENCE"
        if self.greeted and self.silent >= rule.after_greeting_silence:
            return "human", "HUMAN"
        return None

    def sound(self, rule: Settings) -> tuple[str, str] | None:
        """Take in a frame with sound; give a verdict when it decides."""
        self.silent = 0
        self.voice += MS
        self.word += MS
        if self.word >= rule.minimum_word_length and not self.in_word:
            self.in_word = self.greeted = True
            self.words += 1
        if self.word >= rule.maximum_word_length:
            return "machine", "MAXWORDLENGTH"
        if self.words > rule.maximum_number_of_words:
            return "machine", "MAXWORDS"
        if self.greeted and self.voice >= rule.greeting:
            return "machine", "LONGGREETING"
        return None


def judge(samples: Samples, rule: Settings | None = None) -> tuple[str, str, int]:
    """Give verdict (human, machine, unknown), cause and when (sample)."""
    rule = rule or Settings()
    frames = len(samples) // FRAME
    amounts = np.mean(np.abs(samples[: frames * FRAME].astype(np.int32)).reshape(frames, FRAME), axis=1)
    heard = _Word()
    for at, amount in enumerate(amounts):
        if (at + 1) * MS >= rule.total_analysis_time:
            return "unknown", "TOOLONG", (at + 1) * FRAME
        told = heard.silence(rule) if amount < rule.silence_threshold else heard.sound(rule)
        if told is not None:
            return (*told, (at + 1) * FRAME)
    return "unknown", "ended", len(samples)
