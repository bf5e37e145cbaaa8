"""The store over both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.storage.campaigns.database_store import DatabaseStore
from tests.support.postgres import Postgres


@pytest.fixture(scope="session")
def cluster() -> Iterator[Postgres]:
    made = Postgres()
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture
def postgres(cluster: Postgres) -> Postgres:
    cluster.clean()
    return cluster


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a store is, whose database is empty."""
    if request.param == "sqlite":
        return tmp_path / "campaigns.db"
    found: Postgres = request.getfixturevalue("postgres")
    return found.url


@pytest.fixture
def store(place: Path | str) -> Iterator[DatabaseStore]:
    made = DatabaseStore(place)
    yield made
    made.close()
