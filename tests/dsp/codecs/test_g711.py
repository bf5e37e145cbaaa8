"""G.711 against its definition."""

import numpy as np
import pytest

from dsp.codecs import g711
from tests.dsp.naive import g711 as naive


@pytest.mark.parametrize("law", [0, 1])
def test_every_code_decodes_as_defined(law):
    want = [naive.decode_mulaw(c) if law == 0 else naive.decode_alaw(c) for c in range(256)]
    assert g711.DECODE[law].tolist() == want


@pytest.mark.parametrize("law", [0, 1])
def test_every_sample_encodes_as_defined(law):
    samples = np.arange(-32768, 32768).astype(np.int16)
    out = np.zeros(len(samples), np.uint8)
    g711.encode(samples, len(samples), g711.ENCODE[law], out, 0)
    encode = naive.encode_mulaw if law == 0 else naive.encode_alaw
    assert out.tolist() == [encode(int(s)) for s in samples]


@pytest.mark.parametrize("law", [0, 1])
def test_decoding_and_encoding_again_gives_the_code_back(law):
    codes = np.arange(256).astype(np.uint8)
    samples, again = np.zeros(256, np.int16), np.zeros(256, np.uint8)
    g711.decode(codes, 0, 256, g711.DECODE[law], samples)
    g711.encode(samples, 256, g711.ENCODE[law], again, 0)
    differing = [c for c in range(256) if again[c] != c]
    assert differing == ([0x7F] if law == 0 else [])  # mu-law has two zeros; the negative one becomes the positive
    assert -32768 not in samples.tolist()  # the playout ring's mark for "no sample"


def test_offsets():
    codes = np.arange(20).astype(np.uint8)
    samples, out = np.zeros(4, np.int16), np.zeros(10, np.uint8)
    g711.decode(codes, 10, 4, g711.DECODE[1], samples)
    g711.encode(samples, 4, g711.ENCODE[1], out, 3)
    assert out.tolist() == [0, 0, 0, 10, 11, 12, 13, 0, 0, 0]


def test_silence_codes():
    assert g711.DECODE[0][g711.MULAW_ZERO] == 0
    assert g711.DECODE[1][g711.ALAW_ZERO] == 8  # A-law has no zero, only the least step
    assert g711.ENCODE[0][0] == g711.MULAW_ZERO
    assert g711.ENCODE[1][0] == g711.ALAW_ZERO
