"""Fixtures for all tests."""

from collections.abc import Iterator

import pytest

from tests.support import addresses


@pytest.fixture
def address() -> Iterator[str]:
    """A free 127.x.y.z for this test."""
    with addresses.address() as free:
        yield free
