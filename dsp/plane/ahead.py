"""Memory of the legs that come next is brought near while the kernel serves the present one.

Between two ticks other programs, and the system itself, use the caches: most of the pass's own time was waiting for the
first touch of each leg's record and of the place in its ring, which nobody touched for seconds.
"""

from typing import Any

from dsp.jit import i64, kernel, prefetch
from dsp.plane import layout as lo

LINE = 64
#: What every pass touches of a record: all but the large arrays. Pairs of offsets, the second one is excluded.
_FIELDS: Any = lo.LEG.fields
_PARTS = (
    (0, _FIELDS["jd_counts"][1] + LINE),
    (_FIELDS["jd_lost"][1], _FIELDS["pc_history"][1]),
    (_FIELDS["cn_payload_type"][1], _FIELDS["te_seen"][1]),
    (_FIELDS["dg_number"][1], _FIELDS["pl_offset"][1]),
    (_FIELDS["pl_last"][1], lo.LEG.itemsize),
)
(_A, _A_END), (_B, _B_END), (_C, _C_END), (_D, _D_END), (_E, _E_END) = _PARTS
_HISTORY = _FIELDS["pc_history"][1]
_RECORD = lo.LEG.itemsize
_FRAME_BYTES = 2 * lo.FRAME


@kernel
def _lines(start: int, end: int) -> None:
    for address in range(start, end, LINE):
        prefetch(address)


@kernel
def record(words: Any, slot: int) -> None:
    """Bring a leg's record near; `words` is `state.leg_words`."""
    base = words.ctypes.data + slot * _RECORD
    _lines(base + _A, base + _A_END)
    _lines(base + _B, base + _B_END)
    _lines(base + _C, base + _C_END)
    _lines(base + _D, base + _D_END)
    _lines(base + _E, base + _E_END)


@kernel
def places(leg: Any, words: Any, ring: Any, slot: int) -> None:
    """Bring near where a leg's next packet and what it plays will be stored; its record is near already."""
    at = leg.jb_newest_ts % lo.JITTER_SAMPLES
    base = ring.ctypes.data + 2 * at
    _lines(base, base + _FRAME_BYTES + LINE)
    at = leg.pc_at % i64(lo.CONCEAL_HISTORY)
    base = words.ctypes.data + slot * _RECORD + _HISTORY + 2 * at
    _lines(base, base + _FRAME_BYTES + LINE)
