"""What one stream's in-band DTMF detector remembers, as a record of shared memory; all zeros are a fresh one."""

import numpy as np

#: Samples of a block (10 ms). Each decision is made at a block's end.
BLOCK = 80
#: Blocks of the past that are kept (80 ms), since a digit is measured when it has been noticed.
HISTORY = 8
SPAN = BLOCK * HISTORY
#: Where they end when they are laid out in their order, behind a little room for windows that stand out.
LEAD = 16
NEWEST = LEAD + SPAN
#: Frequencies: four rows, then four columns.
TONES = 8

#: Positions are samples of the stream since `reset`, gaps included.
DTMF_STATE = np.dtype(
    [
        ("position", "i8"),  # samples in whole blocks, and gaps
        ("held", "i8"),  # samples of the block that is being filled
        ("at", "i8"),  # place of that block in `ring`
        ("blocks", "i8"),  # whole blocks without a gap, `HISTORY` at most
        ("phase", "i8"),  # 0 nothing, 1 a digit is recognised and still on
        ("digit", "i8"),  # row * 4 + column of the digit that is on
        ("onset", "i8"),
        ("end", "i8"),  # of the last block that held the digit; of the last digit when none is on
        ("missing", "i8"),  # blocks in a row without the digit that is on
        ("candidate", "i8"),  # row * 4 + column of what the last windows looked like
        ("hits", "i8"),  # windows in a row that looked so
        ("skipped", "i8"),  # 1: the last window has not been looked at
        ("carried", "i8"),  # samples of a tone that were seen before a gap, of `carried_digit` from `carried_onset`
        ("carried_digit", "i8"),
        ("carried_onset", "i8"),
        ("carried_end", "i8"),
        # settings (`dtmf.limit`); 0: what Q.24 has
        ("need", "i8"),  # samples that a tone must be on for
        ("patience", "i8"),  # further blocks without the digit that it takes to end it
        ("floor", "f8"),  # mean square of the weaker tone
        ("row_least", "f8"),  # power of the row, relative to the column, and of the column, relative to the row
        ("column_least", "f8"),
        ("row_power", "f8"),  # what a block shows of the digit that is on, at the nominal frequency (mean square)
        ("column_power", "f8"),
        ("row_turn", "f8"),  # measured frequencies, radians a sample
        ("column_turn", "f8"),
        ("row_cos", "f8"),  # of what they turn in a block
        ("row_sin", "f8"),
        ("column_cos", "f8"),
        ("column_sin", "f8"),
        ("level", "f8"),  # both tones together, dBm0
        ("twist", "f8"),  # column above row, dB
        ("deviation", "f8"),  # greater deviation of the two frequencies, percent
        ("ended_digit", "i8"),  # the digit that `block` told to be over
        ("ended_onset", "i8"),
        ("ended_end", "i8"),
        ("ended_level", "f8"),
        ("ended_twist", "f8"),
        ("ended_deviation", "f8"),
        ("energy", "f8"),  # sum of squares of the last block
        ("older", "f8"),  # and of the one before it
        ("before", "f4", (2 * TONES,)),  # phasors of the last block: real parts, then imaginary parts
        ("now", "f4", (2 * TONES,)),
        ("looked", "f4", (3 * TONES,)),  # scratch memory
        ("sums", "f4", (2 * TONES,)),  # scratch memory
        ("waves", "f4", (4, 16)),  # scratch memory: cosines and sines of row and column over a step
        ("rest", "i2", (3 * BLOCK,)),  # scratch memory: what the model does not explain
        ("ring", "i2", (SPAN,)),
        ("history", "i2", (NEWEST,)),  # scratch memory: what the ring holds, in order
    ],
    align=True,
)
