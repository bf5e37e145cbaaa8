"""Who answered: what one dialled leg's detector remembers, and its settings, as records of shared memory."""

import numpy as np

#: Thresholds, in samples at 8 kHz unless a name says otherwise. What each means to an author of settings, and its
#: default, stands in `dsp.detectors.answer.DEFAULTS`.
ANSWER_SETTINGS = np.dtype(
    [
        ("deadline", "i8"),
        ("no_speech", "i8"),
        ("short_greeting", "i8"),
        ("short_wait", "i8"),
        ("short_pause", "i8"),
        ("wait", "i8"),
        ("machine_speech", "i8"),
        ("least_speech", "i8"),
        ("beep", "i8"),
        ("beep_joined", "i8"),
        ("beep_most", "i8"),
        ("beep_least_hz", "i8"),
        ("beep_most_hz", "i8"),
        ("fax_tone", "i8"),
        ("greeting_end", "i8"),
        ("listen", "i8"),
        ("revise", "i8"),
    ],
    align=True,
)

#: All zeros are a fresh state. Positions are those of the leg's speech detector since `start`.
ANSWER_STATE = np.dtype(
    [
        ("started", "i8"),
        ("begin", "i8"),  # position of the speech detector when the leg was answered
        ("verdict", "i8"),  # 0: none yet
        ("done", "i8"),  # 1: nothing more will be told
        ("greeting", "i8"),  # begin of the first speech; -1 none yet
        ("spoke_until", "i8"),
        ("speech", "i8"),  # of the greeting's spurts that are over, samples
        ("spurt", "i8"),  # onset of the spurt that is being counted; -1 none
        ("counted", "i8"),  # from where on it is counted
        ("loudest", "f4"),  # level of the voice so far
        ("pauses", "i8"),
        ("longest_pause", "i8"),
        ("tone_start", "i8"),  # of the tone that is on, or was on last; -1 none
        ("tone_end", "i8"),
        ("tone_joined", "i8"),  # 1: it came right out of a voice
        ("tone_hz", "f4"),
        ("tone_level", "f4"),
        ("beeps", "i8"),
        ("greeting_told", "i8"),
        ("told_at", "i8"),  # position of the verdict
        ("again", "i8"),  # begin of what is said after a human has been told; -1 nothing yet
        ("floor_before", "f4"),  # noise floor when the greeting began
    ],
    align=True,
)
