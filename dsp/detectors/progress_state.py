"""What the call progress detector remembers of a stream, and its sizes; no kernels here."""

from typing import Any

import numpy as np

from dsp.detectors.waves import WAVES

FRAME = 160
#: Samples of an energy block (5 ms), and how many are kept.
BLOCK = 40
BLOCKS = 32
#: The low band: lines of a Fourier transform over 40 ms, 225 Hz to 800 Hz.
BIN_HZ = 25
FIRST_BIN = 9
BINS = 24
#: The high band: 600 Hz to 2850 Hz, over 20 ms.
HIGH_HZ = 50
FIRST_HIGH = 12
HIGH_BINS = 46
#: Tables of eight of these bins each, one for every fourth bin: of any eleven bins, two of them hold all.
HIGH_GROUPS = 14
#: Windows (one a frame) of a burst that are kept for telling its frequencies exactly; steps between two bins.
WINDOWS = 16
STEPS = 8
#: Frequencies of a burst, and bursts that are remembered.
LINES = 4
BURSTS = 8
#: Sizes of the tables: kinds of sound, cadences, bursts of a cadence, tones (see `progress.LABELS`).
SOUNDS = 62
CADENCES = 240
STEPS_OF_CADENCE = 6
LABELS = 9

#: Times are samples of the stream since the state was made; a record of zeros is a fresh state.
PROGRESS_STATE = np.dtype(
    [
        ("country", "i8"),  # setting: 1 + index in the tables' countries; 0: any
        ("position", "i8"),  # samples taken in
        ("sums", "f4", (8,)),  # of the newest frame, by `lines.describe`
        ("energy", "f4", (BLOCKS,)),  # mean squares of the last blocks, newest last
        ("previous", "f4", (2, BINS)),  # spectrum of the frame before, low band
        ("has_previous", "i8"),
        # the burst of tone that is on, or may be: 0 none, 1 candidate, 2 on
        ("phase", "i8"),
        ("band", "i8"),  # 0 low, 1 high
        ("k1", "i8"),  # low band: strongest bin, and the strongest apart from it (or the same)
        ("k2", "i8"),
        ("frequency", "f8"),  # high band: mean, Hz
        ("power", "f8"),  # mean square
        ("share", "f8"),  # of the whole power that its lines have
        ("hits", "i8"),
        ("misses", "i8"),  # frames in a row without it
        ("miss_at", "i8"),
        ("low_run", "i8"),  # blocks in a row that are far weaker
        ("first", "i8"),  # start of the first window with it
        ("onset", "i8"),
        ("marks", "i8"),
        ("lost", "i8"),  # 1: a gap in the stream came before or within it
        ("windows", "i8"),
        ("spectrum", "f4", (WINDOWS, 2, BINS)),
        ("analysed", "i8"),  # windows that the lines were found in
        ("lines", "i8"),
        ("line_hz", "f4", (LINES,)),  # strongest first
        ("line_power", "f4", (LINES,)),
        ("mask", "i8"),  # bit n: it sounds like kind n of the tables
        # what may take its place: a tone of another frequency
        ("next_hits", "i8"),
        ("next_band", "i8"),
        ("next_k1", "i8"),
        ("next_k2", "i8"),
        ("next_frequency", "f8"),
        ("next_power", "f8"),
        ("next_first", "i8"),
        # answering tone (2100 Hz): reversals of phase, and modulation by 15 Hz
        ("turn", "f8"),  # phase of the last frame, and how many frames ago that was
        ("turn_age", "i8"),
        ("reversals", "i8"),
        ("am", "f8", (3,)),  # real, imaginary, sum of energies
        # bursts that have ended, newest last
        ("bursts", "i8"),
        ("b_start", "i8", (BURSTS,)),
        ("b_end", "i8", (BURSTS,)),
        ("b_mask", "i8", (BURSTS,)),
        ("b_flags", "i8", (BURSTS,)),
        ("b_low_hz", "f4", (BURSTS,)),
        ("b_high_hz", "f4", (BURSTS,)),
        ("b_power", "f4", (BURSTS,)),
        ("loud", "i8"),  # blocks since the last burst that are not silent
        ("used", "i8"),  # bursts up to here are part of a tone that was told
        ("next_check", "i8"),
        # the tone that was told and is on
        ("label", "i8"),  # 1 + code; 0 none
        ("begin", "i8"),
        ("last", "i8"),  # end of what belongs to it
        ("cadence", "i8"),
        # evidence of the tone told last
        ("cycles", "i8"),
        ("on", "i8"),  # samples: a burst, the pause behind it (0: not seen whole)
        ("off", "i8"),
    ],
    align=True,
)

#: Bytes of a cache line: a wide load across two of them takes twice as long, so the tables begin with one.
LINE = 64
#: Tables and scratch memory of the kernels; one record, since each array that is passed costs.
_KIT = np.dtype(
    [
        ("low", "f4", (BINS // 8, *WAVES)),
        ("high", "f4", (HIGH_GROUPS, *WAVES)),  # group n begins with the bin 4 n
        ("turn", "f4", (2, BINS)),  # phase of a bin over half a frame
        ("weight", "f4", (8,)),  # of the blocks of a window
        ("fine", "f4", (2 * (WINDOWS + 1), WINDOWS, 2, STEPS)),  # of n windows: even bins at 2 n, odd ones behind
        ("fine_gain", "f4", (STEPS,)),
        ("am", "f4", (2, 40)),
        # kinds of sound
        ("id", "i8"),  # tells tables apart; 0: none
        ("sounds", "i8"),
        ("frequencies", "i8", (SOUNDS,)),
        ("hz", "f4", (SOUNDS, LINES)),
        ("modulation", "f4", (SOUNDS,)),
        ("tolerance", "f4", (SOUNDS,)),
        # cadences, in the order of their labels
        ("label_first", "i8", (LABELS + 1,)),
        ("countries", "i8", (CADENCES,)),  # bit n: country n has it
        ("made_of", "i8", (CADENCES,)),  # bit n: sound n is one of its
        ("steps", "i8", (CADENCES,)),
        ("step_sound", "i8", (CADENCES, STEPS_OF_CADENCE)),
        ("step_on", "i8", (CADENCES, STEPS_OF_CADENCE)),  # samples; 0: endless
        ("step_off", "i8", (CADENCES, STEPS_OF_CADENCE)),
        # scratch
        ("z", "f4", (2, BINS)),
        ("h", "f4", (2, BINS)),
        ("p", "f4", (BINS,)),
        ("z_high", "f4", (2, 16)),
        ("p_fine", "f4", (BINS * STEPS,)),
    ],
    align=True,
)
PROGRESS_KIT = np.dtype(
    [*((name, _KIT[name]) for name in _KIT.names or ()), ("rest", "u1", (LINE - _KIT.itemsize % LINE,))], align=True
)


def make_kits(count: int) -> Any:
    """Make room for tables: PROGRESS_KIT[count], zeros, each at the begin of a cache line."""
    size = count * PROGRESS_KIT.itemsize
    room = np.zeros(size + LINE, np.uint8)
    start = -room.ctypes.data % LINE
    return room[start : start + size].view(PROGRESS_KIT).view(np.recarray)
