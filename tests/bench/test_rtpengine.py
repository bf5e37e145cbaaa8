"""Bencoding is what rtpengine's ng protocol is made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.rtpengine import decode, encode

VALUES = st.recursive(
    st.integers(-(2**63), 2**63) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "wire"),
    [(7, b"i7e"), ("ping", b"4:ping"), (["a", 1], b"l1:ai1ee"), ({"b": 1, "a": "x"}, b"d1:a1:x1:bi1ee")],
)
def test_known_encodings(value: object, wire: bytes) -> None:
    assert encode(value) == wire


@given(st.text(max_size=20) | st.integers(-(2**63), 2**63) | st.lists(st.text(max_size=5).filter(str.isascii)))
def test_what_is_encoded_is_decoded(value: object) -> None:
    wire = encode(value)
    assert decode(wire) == (value, len(wire))


@given(VALUES)
def test_nested_values_survive(value: object) -> None:
    assert decode(b"x" + encode(value), 1)[0] == value
