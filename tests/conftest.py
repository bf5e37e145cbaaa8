"""What holds for all tests: free addresses, one seed of chance for all workers, what begins first."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support import addresses

_SEED = "EDGE_TEST_SEED"


def pytest_configure(config: pytest.Config) -> None:
    """Throw the dice once, for workers of a parallel run inherit the environment; take Ctrl-C."""
    os.environ.setdefault(_SEED, str(int.from_bytes(os.urandom(3), "big")))
    # What a script starts in the background ignores Ctrl-C, and so would all that tests start and end that way.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A thread for each core in each worker would only be in the others' way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_report_header() -> str:
    """Tell how to repeat what chance has chosen."""
    return f"seed of chance: {_SEED}={os.environ[_SEED]}"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One a core: with more, phones of tests wait for a core, and what they measure is that."""
    return len(os.sched_getaffinity(0))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that nobody waits for it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("first") is None)


# How long an example takes is the machine's affair; how long a test may, pytest-timeout's.
settings.register_profile("edge", deadline=None)
settings.load_profile("edge")


@pytest.fixture
def seed() -> int:
    """The seed of this run, the same in all workers; told when the test fails."""
    chosen = int(os.environ[_SEED])
    print(f"{_SEED}={chosen}")
    return chosen


@pytest.fixture
def address() -> Iterator[str]:
    """A free 127.x.y.z for this test."""
    with addresses.address() as free:
        yield free
