"""RTP peers in C (`talkers.c`), in a process of their own that keeps to given cores."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: More wake-ups than this that were 5 ms late, and the run says nothing about the other side.
MAX_LATE = 0.001


def build(folder: Path) -> Path:
    """Compile the program. Raises RuntimeError without a C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise RuntimeError("no C compiler: media cannot be measured")
    program = folder / "talkers"
    subprocess.run([compiler, "-O2", "-Wall", "-o", str(program), str(Path(__file__).with_suffix(".c"))], check=True)
    return program


class Talkers:
    """One process; ports `first_port` and every second one above, one for each leg."""

    def __init__(self, program: Path, address: str, first_port: int, count: int) -> None:
        self._command = [str(program), address, str(first_port), str(count)]
        self.address, self.first_port, self.count = address, first_port, count
        self._process: subprocess.Popen[str] | None = None

    def peers(self) -> list[tuple[str, int]]:
        """Where each of them is."""
        return [(self.address, self.first_port + 2 * i) for i in range(self.count)]

    def bind(self, warm_s: float, seconds: float, cores: Sequence[int]) -> None:
        command = ["taskset", "-c", ",".join(map(str, cores)), *self._command, str(warm_s), str(seconds)]
        # Above everything but the engines: what is late here must not be told of them.
        real_time = ["chrt", "--rr", "5"] if shutil.which("chrt") else []
        self._process = subprocess.Popen(
            [*real_time, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._expect("ready")

    def talk(self, targets: Sequence[tuple[str, int]]) -> None:
        """Begin to send, each to its target."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{host} {port}\n" for host, port in targets))
        self._process.stdin.flush()

    def warm(self) -> None:
        """Wait until the measurement begins."""
        self._expect("warm")

    def done(self) -> None:
        """Wait until the measurement is over; they go on talking."""
        self._expect("done")

    def figures(self) -> dict[str, Any]:
        """End it; what was measured."""
        assert self._process is not None
        out, _ = self._process.communicate()
        return dict(json.loads(out.splitlines()[-1]))

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _expect(self, word: str) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if line != word:
            raise RuntimeError(f"the talkers said {line!r}, not {word!r}")


@contextmanager
def talkers(program: Path, address: str, first_port: int, count: int) -> Iterator[Talkers]:
    """Talkers that are gone when the block ends."""
    made = Talkers(program, address, first_port, count)
    try:
        yield made
    finally:
        made.end()


def void(figures: dict[str, Any]) -> list[str]:
    """Why a run says nothing; empty when it does."""
    reasons = []
    if figures["late_wakes"] > MAX_LATE:
        reasons.append(f"generator late in {100 * figures['late_wakes']:.2f} % of its turns")
    if figures["send_errors"]:
        reasons.append(f"{figures['send_errors']} packets could not be sent")
    return reasons
