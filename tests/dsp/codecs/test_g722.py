"""G.722 against the ITU-T's own software, and against two implementations that phones and servers use."""

import ctypes
import hashlib

import G722
import numpy as np
import pytest

from dsp.codecs import g722
from tests.dsp.codecs import signals


def encode(samples: np.ndarray, pieces: int = 1, state: np.ndarray | None = None) -> np.ndarray:
    state = np.zeros(g722.WORDS, np.int64) if state is None else state
    scratch = np.zeros(g722.SCRATCH, np.int32)
    parts = []
    for part in np.split(samples, pieces):
        out = np.zeros(len(part) // 2 + 3, np.uint8)
        g722.encode(state, part, len(part), out, 3, scratch)
        parts.append(out[3:])
    return np.concatenate(parts)


def decode(codes: np.ndarray, pieces: int = 1) -> np.ndarray:
    state, scratch = np.zeros(g722.WORDS, np.int64), np.zeros(g722.SCRATCH, np.int32)
    parts = []
    for part in np.split(codes, pieces):
        data = np.concatenate([np.full(12, 0xEE, np.uint8), part])
        out = np.zeros(2 * len(part), np.int16)
        g722.decode(state, data, 12, len(part), out, scratch)
        parts.append(out)
    return np.concatenate(parts)


class Spandsp:
    """Debian's libspandsp, the codec of baresip and FreeSWITCH."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL("libspandsp.so.2")
        for name in ("g722_encode_init", "g722_decode_init"):
            getattr(self.library, name).restype = ctypes.c_void_p
            getattr(self.library, name).argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
        for name in ("g722_encode", "g722_decode"):
            getattr(self.library, name).argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_int]

    def encode(self, samples: np.ndarray) -> np.ndarray:
        out = np.zeros(len(samples) // 2, np.uint8)
        state = self.library.g722_encode_init(None, 64000, 0)
        self.library.g722_encode(state, out.ctypes.data, samples.ctypes.data, len(samples))
        return out

    def decode(self, codes: np.ndarray) -> np.ndarray:
        out = np.zeros(2 * len(codes), np.int16)
        state = self.library.g722_decode_init(None, 64000, 0)
        self.library.g722_decode(state, out.ctypes.data, codes.ctypes.data, len(codes))
        return out


def digest(data: np.ndarray) -> str:
    return hashlib.sha256(data.tobytes()).hexdigest()[:32]


# What the G.722 module of the ITU-T's Software Tool Library (G.191) makes of these; they overload every limiter.
@pytest.mark.parametrize(
    ("samples", "wanted"),
    [
        (signals.noise(8000, 16), "84d0713ede71e449e57134716e7f8c79"),
        (signals.noise(8000, 10, 3), "d8a0be552c9f5405d4264f9efb1bc85a"),
        (signals.square(8000, 50), "bf64b1b3a9ceb3ce2cb8fa5fcb5ef1d3"),
        (signals.square(8000, 1), "40b742e04cbe7b002c948c8850b90780"),
    ],
    ids=["noise", "quiet", "square", "nyquist"],
)
def test_encoder_as_the_reference_software(samples: np.ndarray, wanted: str) -> None:
    assert digest(encode(samples)) == wanted


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        (signals.noise(8000, 8, 5).astype(np.uint8), "f2421ff57098628e66834a6b70e8bbb5"),
        (encode(signals.square(8000, 50)), "54fd690e6ad6167e868f52d8617e6303"),
    ],
    ids=["codes", "overload"],
)
def test_decoder_as_the_reference_software(codes: np.ndarray, wanted: str) -> None:
    assert digest(decode(codes)) == wanted


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shift", [0, 3, 8])
def test_as_spandsp_and_libg722(seed: int, shift: int) -> None:
    samples = signals.speech_like(6400, seed + 1) >> shift
    codes = encode(samples)
    spandsp = Spandsp()
    assert (codes == spandsp.encode(samples)).all()
    assert bytes(codes) == G722.G722(16000, 64000).encode(samples)
    heard = decode(codes)
    assert (heard == spandsp.decode(codes)).all()
    assert list(heard) == list(G722.G722(16000, 64000).decode(bytes(codes)))


@pytest.mark.parametrize("pieces", [2, 5, 40])
def test_blocks_of_any_length_join(pieces: int) -> None:
    samples = signals.speech_like(6400)
    assert (encode(samples, pieces) == encode(samples)).all()
    codes = encode(samples)
    assert (decode(codes, pieces) == decode(codes)).all()


def test_the_state_is_all_there_is() -> None:
    # As after a crash of the engine: another process goes on with a copy of the state.
    samples = signals.speech_like(6400)
    state = np.zeros(g722.WORDS, np.int64)
    first = encode(samples[:3200], 1, state)
    second = encode(samples[3200:], 1, state.copy())
    assert (np.concatenate([first, second]) == encode(samples)).all()


@pytest.mark.parametrize("hz", [300, 1000, 3000, 5000, 6500])
def test_what_is_heard_is_what_was_said(hz: int) -> None:
    said = signals.tone(hz, 8000)
    heard = decode(encode(said)).astype(float)[2000:]
    at = np.arange(2000, 8000)
    wave = np.exp(-2j * np.pi * hz * at / signals.RATE)
    level = 2 * abs((heard * wave).mean())
    assert abs(20 * np.log10(level / 8000)) < 0.3
    # The higher band has 2 bits a sample, the lower one 6.
    rest = (heard**2).mean() - level**2 / 2
    assert 10 * np.log10(level**2 / 2 / rest) > (30 if hz < 4000 else 12)


def test_any_state_and_any_codes_stay_in_range() -> None:
    # Torn or foreign state may make noise; it must never raise or leave the tables.
    dice = np.random.default_rng(5)
    scratch, out = np.zeros(g722.SCRATCH, np.int32), np.zeros(320, np.int16)
    for _ in range(20):
        state = dice.integers(-32768, 32768, g722.WORDS)
        g722.decode(state, dice.integers(0, 256, 160).astype(np.uint8), 0, 160, out, scratch)
        g722.encode(state, out, 320, np.zeros(160, np.uint8), 0, scratch)
        assert (abs(state) <= 32768).all()
