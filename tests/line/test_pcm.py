"""Octets of devices against the engine's own G.711."""

import numpy as np
import pytest

from dsp.codecs import g711
from edge.line.pcm import decoded, encoded

ALL = np.arange(-32768, 32768).astype(np.int16)


@pytest.mark.parametrize(("law", "encoding"), [(0, "ulaw"), (1, "alaw")])
def test_g711_is_that_of_the_engine(law: int, encoding: str) -> None:
    octets = bytes(range(256))
    assert (decoded(octets, encoding) == g711.DECODE[law]).all()
    ours = decoded(encoded(ALL, encoding), encoding).astype(int)
    theirs = g711.DECODE[law][g711.ENCODE[law][ALL.view(np.uint16) >> 2]].astype(int)
    wide = ALL.astype(int)
    # Where two codes are equally near, either will do; the engine's table sees 14 bits.
    assert (abs(ours - wide) <= abs(theirs - wide)).all()
    assert (ours != theirs).mean() < 0.05


@pytest.mark.parametrize("encoding", ["s16le", "u8", "ulaw", "alaw"])
def test_what_was_decoded_is_encoded_alike(encoding: str) -> None:
    octets = bytes(range(256))
    back = encoded(decoded(octets, encoding), encoding)
    # mu-law has two zeros (ITU-T G.711): the negative one is written as the other.
    assert [a for a, b in zip(octets, back, strict=True) if a != b] in ([], [0x7F], [0xFF])


def test_u8_is_rounded_and_never_wraps() -> None:
    assert encoded(np.array([0, 127, 128, 32767, -32768, -128], np.int16), "u8") == bytes([128, 128, 129, 255, 0, 128])
