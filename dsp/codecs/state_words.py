"""How many words (int64) the codecs' states have. Apart from their kernels: who lays out memory needs no compiler."""

#: G.722: a band's predictor, see `g722`.
G722_BAND = 19
#: Samples that its filter bank keeps of the past, for each of its two phases.
G722_PAST = 11
#: An encoder's and a decoder's state.
G722_WORDS = 2 * G722_BAND + 2 * G722_PAST

#: Taps on each side of the half-band filter between 8 and 16 kHz, see `resample`.
HALF_BAND_SIDE = 12
_PAST = 2 * HALF_BAND_SIDE - 1
#: Even samples (of 16 kHz) that wait for their odd neighbours.
HALF_BAND_EVEN = HALF_BAND_SIDE - 1
UP_WORDS = _PAST
DOWN_WORDS = _PAST + HALF_BAND_EVEN
