"""Loopback addresses for tests: each user gets a 127.x.y.z of its own, so that fixed ports never collide.

An address is held by an flock on a file in the temporary folder: safe across parallel pytest runs, and given back by
the kernel when a run dies. The files stay; only their lock means something.
"""

import fcntl
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDER = Path(tempfile.gettempdir()) / f"loopback-addresses.{os.getuid()}"


def _candidates() -> Iterator[str]:
    """Addresses in random order without end; 127.0 and 127.1 are left to people and other tools."""
    dice = random.Random(os.urandom(8))  # not the global generator: a seeded test must not make runs collide
    while True:
        yield f"127.{dice.randint(2, 254)}.{dice.randint(0, 255)}.{dice.randint(1, 254)}"


@contextmanager
def address() -> Iterator[str]:
    """A loopback address that nobody else holds until the block ends."""
    _FOLDER.mkdir(mode=0o700, exist_ok=True)
    for candidate in _candidates():
        # Close-on-exec, so that a started process which outlives the test does not keep the address.
        fd = os.open(_FOLDER / candidate, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            continue
        try:
            yield candidate
        finally:
            os.close(fd)
        return
