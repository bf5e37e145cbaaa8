"""pjmedia's own jitter buffer and concealment on a packet trace in virtual time, in a process of its own.

The functions are those that a stream of pjmedia calls, in the order and with the settings of its defaults: G.711 in
frames of 10 ms, a store of 500 ms, adaptive from no prefetch at all, concealment (WSOLA) of at most 240 ms in a row.

`python -m bench.pjmedia IN OUT`: IN (npz) has `frames` (int16[n, 160], by RTP time), `at_ms` and `number` (what
arrives, in order: when, and which frame) and `ticks`; OUT gets `heard` (int16), `index` (int64, for each 10 ms:
which 10 ms of the stream they are, -1 made up) and `held` (samples that the concealment keeps back).

pjmedia's concealment gives out each frame some milliseconds later, so that it can join two of them. That delay is not
in the frames' numbers; it is measured here with a pulse.
"""

import ctypes
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np

HALF = 80
TICK_MS = 20
STORE_MS, MOST_CONCEALED_MS, FRAME_MS = 500, 240, 10
_MISSING, _NORMAL = 0, 1


def _library() -> Any:
    """The wheel's library, found without importing it: its Python part would start more than is wanted."""
    package = importlib.util.find_spec("pjsua2")
    if package is None or package.origin is None:
        raise RuntimeError("pjsua2 is not installed")
    return ctypes.CDLL(str(next(Path(package.origin).parent.glob("_pjsua2*.so"))))


class _Text(ctypes.Structure):
    _fields_ = (("data", ctypes.c_char_p), ("length", ctypes.c_ssize_t))


class Stream:
    """The receiving half of a pjmedia stream, without sockets and threads."""

    def __init__(self) -> None:
        self._pj = pj = _library()
        pj.pj_pool_create.restype = ctypes.c_void_p
        pj.pj_log_set_level(0)
        self._must(pj.pj_init())
        self._caching = ctypes.create_string_buffer(1 << 16)
        pj.pj_caching_pool_init(self._caching, None, ctypes.c_size_t(1 << 20))
        pool = ctypes.c_void_p(
            pj.pj_pool_create(self._caching, b"trace", ctypes.c_size_t(1 << 16), ctypes.c_size_t(1 << 16), None)
        )
        self._store, self._plc = ctypes.c_void_p(), ctypes.c_void_p()
        # A frame carries its number before its samples, so that the delay of what comes out is known.
        self._frame = np.zeros(4 + HALF, np.int16)
        count = STORE_MS // FRAME_MS
        name = _Text(b"trace", 5)
        self._must(
            pj.pjmedia_jbuf_create(
                pool, ctypes.byref(name), self._frame.nbytes, FRAME_MS, count, ctypes.byref(self._store)
            )
        )
        self._must(pj.pjmedia_jbuf_set_adaptive(self._store, 0, 1, count * 4 // 5))
        self._must(pj.pjmedia_plc_create(pool, 8000, HALF, 0, ctypes.byref(self._plc)))
        self._concealed = 0

    def _must(self, status: int) -> None:
        if status:
            raise RuntimeError(f"pjlib said {status}")

    def put(self, number: int, samples: np.ndarray) -> None:
        """Give a packet of 20 ms; `number` counts packets."""
        for half in (0, 1):
            self._frame[:4] = np.array([2 * number + half], np.int64).view(np.int16)
            self._frame[4:] = samples[half * HALF : (half + 1) * HALF]
            self._pj.pjmedia_jbuf_put_frame(
                self._store, self._address(self._frame), ctypes.c_size_t(self._frame.nbytes), 2 * number + half
            )

    @staticmethod
    def _address(array: np.ndarray) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    def get(self) -> tuple[np.ndarray, int]:
        """Take 10 ms out: samples, and which 10 ms they are (-1: made up)."""
        kind = ctypes.c_char()
        self._pj.pjmedia_jbuf_get_frame(self._store, self._address(self._frame), ctypes.byref(kind))
        out = np.zeros(HALF, np.int16)
        if kind.value[0] == _NORMAL:
            self._concealed = 0
            out[:] = self._frame[4:]
            self._pj.pjmedia_plc_save(self._plc, self._address(out))
            return out, int(self._frame[:4].view(np.int64)[0])
        if self._concealed < MOST_CONCEALED_MS // FRAME_MS:
            self._concealed += 1
            self._pj.pjmedia_plc_generate(self._plc, self._address(out))
        return out, -1


def held_back() -> int:
    """Samples by which a stream's concealment delays what is heard, with nothing lost."""
    stream = Stream()
    frames = np.zeros((4, 2 * HALF), np.int16)
    frames[1, 0] = 10_000
    heard, first = [], -1
    for number, frame in enumerate(frames):
        stream.put(number, frame)
        for _ in (0, 1):
            samples, which = stream.get()
            if which == 2:  # the half that begins with the pulse
                first = len(heard) * HALF
            heard.append(samples)
    return int(np.concatenate(heard).argmax()) - first


def run(frames: np.ndarray, at_ms: np.ndarray, number: np.ndarray, ticks: int) -> tuple[np.ndarray, np.ndarray]:
    """Play a trace: what is heard, and the index of each 10 ms."""
    stream = Stream()
    heard, index, at = [], [], 0
    for tick in range(ticks):
        while at < len(number) and at_ms[at] <= tick * TICK_MS:
            stream.put(int(number[at]), frames[number[at]])
            at += 1
        for _ in (0, 1):
            samples, which = stream.get()
            heard.append(samples)
            index.append(which)
    return np.concatenate(heard), np.array(index, np.int64)


if __name__ == "__main__":
    given = np.load(sys.argv[1])
    sound, numbers = run(given["frames"], given["at_ms"], given["number"], int(given["ticks"]))
    np.savez(sys.argv[2], heard=sound, index=numbers, held=held_back())
