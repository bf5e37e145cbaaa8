"""Servers that several tests share."""

from collections.abc import Iterator

import pytest

from tests.support.brokers import Rabbit


@pytest.fixture(scope="session")
def rabbit() -> Iterator[Rabbit]:
    """RabbitMQ takes longest to start; tests clean up behind them."""
    made = Rabbit()
    yield made
    made.remove()
