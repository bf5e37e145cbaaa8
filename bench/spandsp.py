"""spandsp's detectors (Debian's libspandsp2) by ctypes: a second opinion for the accuracy tables and the benchmark.

All take int16 samples at 8 kHz and are fed by 20 ms, as ours are. Their settings are spandsp's own defaults, and of
`dtmf_rx` also with its filter against dial tones, which is off by default.
"""

import ctypes
import ctypes.util
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FRAME = 160
Samples = npt.NDArray[np.int16]

#: modem_connect_tones.h
CNG, ANS, ANS_PR, ANSAM, ANSAM_PR, PREAMBLE, CED_OR_PREAMBLE = range(1, 8)

_REPORT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int)


def _load() -> Any:
    name = ctypes.util.find_library("spandsp") or "libspandsp.so.2"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        return None
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    for function, result, *arguments in (
        ("dtmf_rx_init", pointer, pointer, pointer, pointer),
        ("dtmf_rx", integer, pointer, pointer, integer),
        ("dtmf_rx_parms", None, pointer, integer, integer, integer, integer),
        ("dtmf_rx_get", ctypes.c_size_t, pointer, ctypes.c_char_p, integer),
        ("dtmf_rx_fillin", integer, pointer, integer),
        ("dtmf_rx_set_realtime_callback", None, pointer, _REPORT, pointer),
        ("dtmf_rx_free", integer, pointer),
        ("super_tone_rx_make_descriptor", pointer, pointer),
        ("super_tone_rx_add_tone", integer, pointer),
        ("super_tone_rx_add_element", integer, pointer, integer, integer, integer, integer, integer),
        ("super_tone_rx_free_descriptor", integer, pointer),
        ("super_tone_rx_init", pointer, pointer, pointer, _REPORT, pointer),
        ("super_tone_rx", integer, pointer, pointer, integer),
        ("super_tone_rx_free", integer, pointer),
        ("modem_connect_tones_rx_init", pointer, pointer, integer, _REPORT, pointer),
        ("modem_connect_tones_rx", integer, pointer, pointer, integer),
        ("modem_connect_tones_rx_free", integer, pointer),
    ):
        entry = getattr(library, function)
        entry.restype, entry.argtypes = result, arguments
    return library


#: None where it is not installed (`scripts/install-test-peers`).
LIBRARY = _load()


class Report(NamedTuple):
    """What a detector said after it had taken in `at` samples: a digit's ASCII or tone's number; 0 or less: ended."""

    at: int
    code: int


def available() -> bool:
    """Tell whether the library is there."""
    return LIBRARY is not None


def _frames(samples: Samples) -> Iterator[tuple[int, int, int]]:
    """(end, address, length) of each frame."""
    if samples.dtype != np.int16 or not samples.flags.c_contiguous:
        raise ValueError("int16, contiguous")
    base = samples.ctypes.data
    for start in range(0, len(samples), FRAME):
        length = min(FRAME, len(samples) - start)
        yield start + length, base + 2 * start, length


def digits(samples: Samples, lost: Sequence[bool] = (), *, filtered: bool = False) -> str:
    """Give the digits that `dtmf_rx` hears; a frame that is `lost` is filled in (`dtmf_rx_fillin`).

    `filtered`: with its filter against dial tones; twists and threshold stay as they are by default.
    """
    state = LIBRARY.dtmf_rx_init(None, None, None)
    if filtered:
        LIBRARY.dtmf_rx_parms(state, 1, -1, -1, -100)  # negative (-99 and less): left as it is
    heard, out = b"", ctypes.create_string_buffer(129)
    for number, (_, address, length) in enumerate(_frames(samples)):
        if number < len(lost) and lost[number]:
            LIBRARY.dtmf_rx_fillin(state, length)
        else:
            LIBRARY.dtmf_rx(state, address, length)
        if LIBRARY.dtmf_rx_get(state, out, 128):
            heard += out.value
    LIBRARY.dtmf_rx_free(state)
    return heard.decode()


def digit_reports(samples: Samples) -> list[Report]:
    """Give what `dtmf_rx` reports as it happens: the digit when it is recognised, 0 when it is over."""
    reports: list[Report] = []
    now = 0

    @_REPORT
    def told(_user: Any, code: int, _level: int, _delay: int) -> None:
        reports.append(Report(now, code))

    state = LIBRARY.dtmf_rx_init(None, None, None)
    LIBRARY.dtmf_rx_set_realtime_callback(state, told, None)
    for now, address, length in _frames(samples):  # noqa: B007, told reads it
        LIBRARY.dtmf_rx(state, address, length)
    LIBRARY.dtmf_rx_free(state)
    return reports


def modem_tones(samples: Samples, kind: int) -> list[Report]:
    """Give what `modem_connect_tones_rx`, listening for `kind` (CNG, ANS_PR...), reports."""
    reports: list[Report] = []
    now = 0

    @_REPORT
    def told(_user: Any, code: int, _level: int, _delay: int) -> None:
        reports.append(Report(now, code))

    state = LIBRARY.modem_connect_tones_rx_init(None, kind, told, None)
    for now, address, length in _frames(samples):  # noqa: B007, told reads it
        LIBRARY.modem_connect_tones_rx(state, address, length)
    LIBRARY.modem_connect_tones_rx_free(state)
    return reports


class Element(NamedTuple):
    """A step of a cadence: one or two frequencies (0: none, both 0: silence) for min to max ms; 0: endless."""

    first_hz: int
    second_hz: int
    min_ms: int
    max_ms: int


class SupervisoryTones:
    """`super_tone_rx` with a set of cadences; codes are their indices, -1 means that a tone has ended."""

    def __init__(self, tones: Sequence[Sequence[Element]]) -> None:
        self._descriptor = LIBRARY.super_tone_rx_make_descriptor(None)
        for tone in tones:
            number = LIBRARY.super_tone_rx_add_tone(self._descriptor)
            for element in tone:
                LIBRARY.super_tone_rx_add_element(self._descriptor, number, *element)

    def reports(self, samples: Samples) -> list[Report]:
        """Give what it reports on a recording."""
        reports: list[Report] = []
        now = 0

        @_REPORT
        def told(_user: Any, code: int, _level: int, _delay: int) -> None:
            reports.append(Report(now, code))

        state = LIBRARY.super_tone_rx_init(None, self._descriptor, told, None)
        for now, address, length in _frames(samples):  # noqa: B007, told reads it
            LIBRARY.super_tone_rx(state, address, length)
        LIBRARY.super_tone_rx_free(state)
        return reports

    def close(self) -> None:
        """Free the descriptor."""
        LIBRARY.super_tone_rx_free_descriptor(self._descriptor)
