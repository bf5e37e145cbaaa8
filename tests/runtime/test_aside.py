"""Work done in a child."""

import os
import signal
from pathlib import Path

from edge.runtime.aside import aside


def test_only_what_is_outside_of_the_process_is_kept(tmp_path: Path) -> None:
    kept: list[int] = []
    file = tmp_path / "pid"

    def work() -> None:
        kept.append(1)
        file.write_text(str(os.getpid()))

    assert aside(work)
    assert kept == []
    assert int(file.read_text()) != os.getpid()


def test_a_failure_and_a_death_are_told() -> None:
    def fail() -> None:
        raise SystemExit(0)

    assert not aside(fail)
    assert not aside(lambda: os.kill(os.getpid(), signal.SIGKILL))
