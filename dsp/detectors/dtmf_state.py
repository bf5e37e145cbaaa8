"""What one stream's in-band DTMF detector remembers, as a record of shared memory."""

import numpy as np

#: Samples of a sub-block (5 ms); every decision is made on the last `WINDOW` of them.
BLOCK = 40
#: Sub-blocks of a decision window (20 ms).
WINDOW = 4
#: Eight DTMF frequencies and four of dial tones.
TONES = 12
#: Sub-blocks whose energies are kept for placing onset and end.
HISTORY = 8

#: Times are samples of the arrival stream since `reset`.
DTMF_STATE = np.dtype(
    [
        ("position", "i8"),  # samples taken in, gaps included
        ("held", "i8"),  # samples waiting in `pending`
        ("blocks", "i8"),  # sub-blocks in a row that belong together
        ("phase", "i8"),  # 0 nothing, 1 candidate, 2 digit recognised and still on
        ("digit", "i8"),  # row * 4 + column
        ("hits", "i8"),
        ("misses", "i8"),
        ("low_run", "i8"),  # sub-blocks in a row far below the digit's level
        ("onset", "i8"),
        ("end", "i8"),
        ("power", "f8"),  # both tones' power (mean square), greatest of all hits
        ("row_offset_sum", "f8"),  # Hz off the nominal frequency, summed over hits
        ("column_offset_sum", "f8"),
        ("row_low", "f8"),  # least and greatest offset of the candidate's hits, Hz
        ("row_high", "f8"),
        ("column_low", "f8"),
        ("column_high", "f8"),
        ("pending", "f4", (BLOCK,)),
        ("energy", "f4", (HISTORY,)),  # mean square of the last sub-blocks, newest last
        ("re", "f4", (WINDOW, TONES)),
        ("im", "f4", (WINDOW, TONES)),
    ],
    align=True,
)
