"""What one stream's speech detector remembers, as a record of shared memory."""

import numpy as np

#: Samples of a frame (20 ms at 8 kHz) and of a block (10 ms): a frame is judged for what it is, a block for when.
FRAME = 160
BLOCK = 80
#: Frames whose levels are kept: what has not changed over all of them is no voice (300 ms).
STEADY = 15
#: Windows of the least level, and their length in frames: the noise floor is the least of the last 2.5 s.
WINDOWS = 5
WINDOW_FRAMES = 25

#: Times are samples since `reset`; levels are dBm0. All zeros are a fresh state.
SPEECH_STATE = np.dtype(
    [
        ("position", "i8"),  # samples taken in, gaps included
        ("talking", "i8"),  # 1: a spurt of speech is on
        ("onset", "i8"),  # of the present or last spurt
        ("last_active", "i8"),  # end of the last block with voice in it
        ("spurts", "i8"),  # begun so far, those taken back not counted
        ("recent", "i8"),  # bit n: block `newest - n` was loud enough for voice
        # what the stream is, in figures that only grow
        ("frames", "i8"),
        ("active_blocks", "i8"),
        ("active_power", "f8"),  # sum of their mean squares
        ("clipped", "i8"),  # samples at the end of the scale, in runs
        ("clipped_frames", "i8"),
        ("zero_frames", "i8"),  # digital silence
        # levels of the last frames, and what follows from them
        ("levels", "f4", (STEADY + 1,)),
        ("filled", "i8"),
        ("steady", "i8"),  # 1: the last STEADY frames are one unchanging sound
        ("level", "f4"),  # of the newest frame
        ("smooth", "f8"),  # mean square, over some 40 ms
        ("floor", "f4"),  # noise floor
        ("minima", "f4", (WINDOWS,)),
        ("window", "i8"),  # frames in the newest window
        ("threshold", "f4"),  # level from which a block of the newest frame was loud enough for voice
        ("loudest", "f4"),  # level of the voice: its loudest frames, forgotten slowly
        ("mask", "f4"),  # what a sound that was no voice leaves behind in a room is softer than this
        # one pure tone
        ("tone_frames", "i8"),  # frames in a row that hold one and the same tone; 0: none
        ("tone_start", "i8"),
        ("tone_end", "i8"),  # end of the last frame with it
        ("tone_missed", "i8"),  # frames since then
        ("tone_hz", "f4"),
        ("tone_level", "f4"),
        ("heard", "f4", (16,)),  # what `speech_sums.hear` tells of the newest frame
        ("range", "f4", (2,)),  # the least and the greatest of the last STEADY levels
        # what has been told (`feed_all`)
        ("told_onset", "i8"),  # onset + 1 of the spurt whose begin was told and whose end was not; 0: none
        ("told_clipping", "i8"),
        ("told_dead", "i8"),
        ("clip_run", "i8"),  # frames in a row with clipping, and without
        ("clean_run", "i8"),
        ("silent_since", "i8"),  # end of the last frame above the noise floor of any line
    ],
    align=True,
)
