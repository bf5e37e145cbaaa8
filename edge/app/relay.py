"""Questions that the supervisor passes on to its children, and their answers, each with a time limit."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from edge.app.children import Process
from edge.runtime.clock import monotonic_ms
from edge.runtime.pump import Pump, Timer
from edge.vocabulary.supervision import Replied, Request, Scrape, Scraped

SCRAPE_MS = 1000
REQUEST_MS = 5000

#: Called with the body and the error text (None when there is none).
OnReply = Callable[[bytes, str | None], None]


class Silence(str):
    """An error text that no process has said: it did not answer."""

    __slots__ = ()


class _Pending(NamedTuple):
    process: Process
    timer: Timer
    answer: OnReply


class Relay:
    """Gives each question a number, and an answer in any case."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._pending: dict[int, _Pending] = {}
        self._count = 0

    def request(
        self,
        process: Process,
        what: str,
        body: bytes,
        answer: OnReply,
        limit_ms: int = REQUEST_MS,
        *,
        uid: int | None = None,
    ) -> None:
        """Ask `process`; `answer` is called exactly once, at `limit_ms` from now at the latest."""
        number = self._expect(process, answer, limit_ms)
        if not process.send(Request(number, what, body, uid)):
            self._settle(number, b"", Silence(f"{process.name} is not running"))

    def scrape(self, process: Process, answer: Callable[[str | None], None]) -> None:
        """Collect the metrics of `process`; None when it does not answer in time."""
        number = self._expect(
            process, lambda body, error: answer(None if error is not None else body.decode()), SCRAPE_MS
        )
        if not process.send(Scrape(number)):
            self._settle(number, b"", Silence(f"{process.name} is not running"))

    def scrape_all(self, processes: Mapping[str, Process], answer: Callable[[dict[str, str | None]], None]) -> None:
        """Collect the metrics of all `processes`."""
        texts: dict[str, str | None] = {}

        def one(name: str, text: str | None) -> None:
            texts[name] = text
            if len(texts) == len(processes):
                answer(texts)

        for name, process in processes.items():
            self.scrape(process, lambda text, name=name: one(name, text))  # type: ignore[misc]

    def replied(self, process: Process, message: Replied) -> None:
        """Take a process's answer."""
        self._from(process, message.id, message.body, message.error)

    def scraped(self, process: Process, message: Scraped) -> None:
        """Take a process's metrics."""
        self._from(process, message.id, message.text.encode(), None)

    def lost(self, process: Process) -> None:
        """Answer for a process that ended."""
        for number in [n for n, pending in self._pending.items() if pending.process is process]:
            self._settle(number, b"", Silence(f"{process.name} ended before it answered"))

    def _expect(self, process: Process, answer: OnReply, limit_ms: int) -> int:
        self._count += 1
        number = self._count
        text = Silence(f"{process.name} did not answer within {limit_ms} ms")
        timer = self._pump.at(monotonic_ms() + limit_ms, lambda: self._settle(number, b"", text))
        self._pending[number] = _Pending(process, timer, answer)
        return number

    def _from(self, process: Process, number: int, body: bytes, error: str | None) -> None:
        pending = self._pending.get(number)
        if pending is not None and pending.process is process:  # else too late, or not its question
            self._settle(number, body, error)

    def _settle(self, number: int, body: bytes, error: str | None) -> None:
        pending = self._pending.pop(number, None)
        if pending is not None:
            pending.timer.cancel()
            pending.answer(body, error)


def count_of(body: bytes) -> int | None:
    """Count the calls in switch's answer, a JSON list; None when it is something else."""
    try:
        calls: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    return len(calls) if isinstance(calls, list) else None
