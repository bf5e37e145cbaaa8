"""Asking backends for a menu: beside the loop, with a deadline, and what is said becomes an input.

Each question is asked once (or twice, where its endpoint hedges). Whatever goes wrong (no connection, a certificate
that is not the endpoint's, another status than 200, an answer that is none) is the outcome `failed`; nothing of it
raises. An endpoint has threads of its own, so one that hangs holds up no other; and where it fails again and again, its
breaker has the menu go on at once.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import Literal, Protocol

from msgspec.structs import replace

from edge.config.site import Endpoint
from edge.core.calls.actions import Question
from edge.core.calls.inputs import Asked
from edge.core.delivery.breaker import Breaker
from edge.metrics.switch import SwitchMetrics
from edge.runtime.clock import monotonic_ms
from edge.runtime.memory import overwrite
from edge.switch.answers import AskError, plain
from edge.vocabulary.asks import AskAnswer
from edge.vocabulary.ids import CallId

#: Questions that an endpoint is asked at the same time, and that wait for their turn; what is more fails at once.
MOST, MOST_WAITING = 16, 256

Result = Callable[[CallId, Asked], None]
#: (endpoint, why it is asked no more; empty: it is asked again); called on one of the threads.
OnBreaker = Callable[[str, str], None]


class Backend(Protocol):
    """What carries questions to one endpoint. Its methods are called by several threads."""

    def ask(self, question: Question, deadline: float, hedged: Callable[[], None]) -> AskAnswer:
        """Ask until `deadline` (monotonic, seconds); `hedged` is called when it is asked twice.

        Raises AskError, TimeoutError.
        """

    def close(self) -> None:
        """Let go of what is kept between two questions."""


def _backend(endpoint: Endpoint) -> Backend:
    if endpoint.url.startswith("http"):
        from edge.switch.asking_http import HttpBackend  # HTTP and TLS are 3 MB, and most sites ask nobody

        return HttpBackend(endpoint)
    from edge.switch.asking_nats import NatsBackend

    return NatsBackend(endpoint)


class Asker:
    """All endpoints. `result` is called on one of their threads."""

    def __init__(self, result: Result, on_breaker: OnBreaker, metrics: SwitchMetrics) -> None:
        self._result = result
        self._on_breaker = on_breaker
        self._metrics = metrics
        self._lines: dict[str, _Line] = {}

    def take(self, endpoints: list[Endpoint]) -> None:
        """Know the endpoints of a configuration; questions under way go on."""
        named = {endpoint.name: endpoint for endpoint in endpoints}
        for name in self._lines.keys() - named.keys():
            self._lines.pop(name).close()
            self._on_breaker(name, "")
            self._metrics.forgotten_endpoint(name)
        for name, endpoint in named.items():
            line = self._lines.get(name)
            if line is None:
                self._lines[name] = _Line(endpoint, self._result, self._on_breaker, self._metrics)
                self._metrics.known_endpoint(name)
            else:
                line.take(endpoint)

    def ask(self, question: Question) -> None:
        """Ask beside the loop."""
        line = self._lines.get(question.endpoint)
        if line is None:
            self._result(question.call, _unasked(question, "there is no such endpoint any more"))
        else:
            line.ask(question)


def _unasked(question: Question, why: str) -> Asked:
    for value in question.secrets.values():
        overwrite(value.reveal())
    return Asked(number=question.number, outcome="failed", error=why)


class _Line:
    """One endpoint: its threads, its breaker and what carries its questions."""

    def __init__(self, endpoint: Endpoint, result: Result, on_breaker: OnBreaker, metrics: SwitchMetrics) -> None:
        self._endpoint = endpoint
        self._result = result
        self._on_breaker = on_breaker
        self._metrics = metrics
        self._backend: Backend | None = None
        self._breaker = Breaker(endpoint.breaker_failures, endpoint.breaker_pause_ms)
        self._waiting: queue.Queue[tuple[Question, float] | None] = queue.Queue(MOST_WAITING)
        self._threads = 0
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()

    def take(self, endpoint: Endpoint) -> None:
        """Go on with other settings."""
        with self._lock:
            if endpoint != self._endpoint:
                before, self._backend = self._backend, None
                self._endpoint = endpoint
                self._breaker.take(endpoint.breaker_failures, endpoint.breaker_pause_ms)
                if before is not None:
                    before.close()

    def close(self) -> None:
        """End the threads, each after its question."""
        for _ in range(self._threads):
            try:
                self._waiting.put_nowait(None)
            except queue.Full:
                break
        with self._lock:
            if self._backend is not None:
                self._backend.close()

    def ask(self, question: Question) -> None:
        """Have it asked by a thread."""
        name = self._endpoint.name
        with self._lock:
            admitted = self._breaker.admits(monotonic_ms())
        if not admitted:
            self._metrics.questions.labels(name, "not_asked").inc()
            self._result(question.call, _unasked(question, "not asked: it failed again and again"))
            return
        try:
            self._waiting.put_nowait((question, time.monotonic()))
        except queue.Full:
            self._settle(False, "too many questions at once")
            self._metrics.questions.labels(name, "not_asked").inc()
            self._result(question.call, _unasked(question, "too many questions at once"))
            return
        if not self._idle.acquire(blocking=False) and self._threads < MOST:
            self._threads += 1
            threading.Thread(target=self._run, name=f"asker-{name}-{self._threads}", daemon=True).start()

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            self._one(*item)
            # The thread takes no reference to a question into its wait for the next one.
            del item
            self._idle.release()

    def _one(self, question: Question, began: float) -> None:
        deadline = began + question.timeout_ms / 1000
        asked = Asked(number=question.number, outcome="failed")
        name = self._endpoint.name
        try:
            answer = self._carrier().ask(question, deadline, self._metrics.questions_hedged.labels(name).inc)
            asked = replace(asked, outcome="ok", answer=answer.result, attributes=plain(answer.attributes))
        except TimeoutError:
            asked = replace(asked, outcome="timeout", error="no answer in time")
        except AskError as error:
            outcome: Literal["timeout", "failed"] = "timeout" if time.monotonic() >= deadline else "failed"
            asked = replace(asked, outcome=outcome, error=str(error)[:200])
        finally:
            for value in question.secrets.values():
                overwrite(value.reveal())
        took_s = time.monotonic() - began
        self._metrics.questions.labels(name, asked.outcome).inc()
        self._metrics.question_seconds.labels(name).observe(took_s)
        self._settle(asked.outcome == "ok", asked.error)
        self._result(question.call, replace(asked, after_ms=round(took_s * 1000)))

    def _carrier(self) -> Backend:
        with self._lock:
            if self._backend is None:
                self._backend = _backend(self._endpoint)
            return self._backend

    def _settle(self, answered: bool, why: str) -> None:
        with self._lock:
            before = self._breaker.state
            self._breaker.came(answered, monotonic_ms())
            after = self._breaker.state
        if (before == "closed") != (after == "closed"):
            self._on_breaker(self._endpoint.name, "" if answered else why or "failed")
