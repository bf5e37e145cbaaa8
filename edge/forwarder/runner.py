"""One sink at work: feeds its queue, does what the queue decides, sends with its own connections."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple, Protocol

from edge.config.site import Sink
from edge.core.delivery.model import (
    Action,
    Attempt,
    Batch,
    Configured,
    DeadLetter,
    Disabled,
    Enabled,
    Finished,
    Input,
    Outcome,
    Pending,
    Policy,
    Read,
    Record,
    TimePassed,
    Vanished,
    Woken,
)
from edge.core.delivery.progress import Progress
from edge.core.delivery.queue import SinkQueue
from edge.forwarder.belonging import Belonging, Wanted
from edge.forwarder.sinks.base import TLS_FAULT, Answer, Outgoing, SinkContext, deliver
from edge.forwarder.sinks.base import Sink as SinkClient
from edge.forwarder.sinks.kinds import class_of, settings_from
from edge.forwarder.standing import Standing
from edge.forwarder.store import STORAGE_ERRORS, Letter
from edge.metrics.forwarder import ForwarderMetrics
from edge.runtime.clock import monotonic_ms, rfc3339, wall_time
from edge.runtime.logs import logger
from edge.storage.reader import Belongs, EventHead, StoredEvent

#: Pause before a failed read or write of a file is tried again, seconds.
STORAGE_RETRY_S = 1.0
#: How long an answer waits for others while half of the attempts are still under way, seconds: what came by then is
#: recorded by one write to the disk.
GATHER_S = 0.002
#: What closing a sink's connections may take, seconds.
CLOSE_S = 1.0

#: (condition, text): a health condition of the process; empty text: it passed.
OnCondition = Callable[[str, str], None]


class EventSource(Protocol):
    """Where events come from: the outbox, or what was chosen of it. Raises STORAGE_ERRORS."""

    @property
    def whole(self) -> bool:
        """Whether a sequence that is missing was lost to the sink."""

    def heads_after(self, sequence: int, limit: int) -> list[EventHead]:
        """Return the next events, in order."""

    def event(self, sequence: int) -> StoredEvent | None:
        """Return one event, None when it is not there (any more)."""

    def events_at(self, sequences: Sequence[int]) -> dict[int, StoredEvent]:
        """Return those of some events that are there, by sequence."""

    def events_of(self, call: str) -> list[StoredEvent]:
        """Return the events of a call, in order."""

    def last_sequence(self) -> int:
        """Return the sequence of the last event."""

    def belongs(self, call: str) -> Belongs | None:
        """Return what a call belongs to; None: there is no such call."""


class Place(Protocol):
    """Where it is written how far the sink is. Raises STORAGE_ERRORS."""

    def record(self, sink: str, cursor: int, ahead: list[list[int]], letters: Iterable[Letter], now: datetime) -> None:
        """Write progress and dead letters, all or nothing."""


class _Client(NamedTuple):
    """A sink made from its settings, and how it is served."""

    sink: SinkClient
    timeout_ms: int
    policy: Policy
    #: Which calls it wants; None: all.
    belonging: Belonging | None


class SinkRunner:
    """Runs one sink on the running asyncio loop. Raises BadSettingsError."""

    def __init__(
        self,
        sink: Sink,
        progress: Progress,
        *,
        site: str,
        outbox: EventSource,
        store: Place,
        metrics: ForwarderMetrics,
        on_condition: OnCondition,
    ) -> None:
        self.name = sink.name
        self._type = sink.type
        self._site = site
        self._outbox = outbox
        self._store = store
        self._metrics = metrics
        self._on_condition = on_condition
        self._log = logger("forwarder").bind(sink=sink.name)
        self._loop = asyncio.get_running_loop()
        self._dice = random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._inputs: list[Input] = []
        self._turn_is_due = False
        #: Attempts whose answers wait for a turn, and what ends that.
        self._answered = 0
        self._gathering: asyncio.TimerHandle | None = None
        #: Actions that wait because the file of the first one can't be read or written now.
        self._held: deque[Action] = deque()
        self._letters: list[Letter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0
        self._retry: asyncio.TimerHandle | None = None
        self._failing = False
        self._closed = False
        self._last_taken = self._last_error = self._last_error_at = ""
        #: What the sink says keeps events from it, and what we say of its certificates.
        self._said = self._tls_fault = ""
        self._client = self._make(sink)
        self._queue = SinkQueue(self._client.policy, progress)

    # --- life -----------------------------------------------------------------------------------------------------

    def woken(self) -> None:
        """Take notice that the outbox may have grown."""
        self._feed(Woken())

    def configure(self, sink: Sink) -> None:
        """Go on with new settings of the same sink; what is under way ends by the old ones. Raises BadSettingsError."""
        before, self._client = self._client, self._make(sink)
        self._type = sink.type
        task = self._loop.create_task(_retire(before.sink, set(self._tasks)))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        self._feed(Configured(self._client.policy))

    async def close(self) -> None:
        """Stop. Attempts under way are broken off and will be made again by whoever comes after."""
        self._turn()  # what was accepted and not yet recorded
        self._closed = True
        for timer in (self._timer, self._retry, self._gathering):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks or self._retiring:
            await asyncio.wait(self._tasks | self._retiring)
        await _close(self._client.sink)
        for what in ("gone", "storage", "says", "tls"):
            self._on_condition(self._condition(what), "")

    def _make(self, sink: Sink) -> _Client:
        kind = class_of(sink.type)
        settings = settings_from(sink, kind)
        context = SinkContext(
            self._site,
            self._log,
            self._says,
            lambda call: [event.body for event in self._outbox.events_of(call)],
        )
        made = kind.make(settings, context)
        policy = Policy(
            types=tuple(settings.types),
            parallel=made.parallel,
            max_backoff_ms=settings.max_backoff_ms,
            max_attempts=settings.max_attempts,
            max_age_ms=settings.max_age_seconds * 1000,
            max_batch=made.max_batch,
            max_batch_bytes=made.max_batch_bytes,
            atomic=made.atomic,
        )
        belonging = Belonging.made(Wanted.of(settings), self._outbox)
        return _Client(made, settings.timeout_ms, policy, belonging)

    def _says(self, text: str) -> None:
        """Tell what the sink says of itself."""
        self._said = text
        self._on_condition(self._condition("says"), text)

    def _tell_tls(self, answers: list[Answer]) -> None:
        """Tell that certificates keep events away, where the sink itself says nothing: no repetition mends that."""
        faults = (answer.error for answer in answers if answer.error.startswith(TLS_FAULT))
        fault = "" if self._said else next(faults, "")
        if fault != self._tls_fault:
            self._tls_fault = fault
            self._on_condition(self._condition("tls"), fault)

    @property
    def idle(self) -> bool:
        """Whether all that was read is done, and on disk as done."""
        return not (self._queue.unfinished or self._inputs or self._held)

    def standing(self) -> Standing:
        """Say how the sink is doing."""
        backlog, lag_s = self._behind()
        return Standing(
            name=self.name,
            type=self._type,
            backlog=backlog,
            lag_s=round(lag_s, 3),
            last_taken=self._last_taken,
            last_error=self._last_error,
            last_error_at=self._last_error_at,
        )

    def measure(self) -> None:
        """Bring the gauges up to date."""
        backlog, lag_s = self._behind()
        self._metrics.backlog.labels(self.name).set(backlog)
        self._metrics.lag.labels(self.name).set(lag_s)
        self._metrics.disabled.labels(self.name).set(self._queue.disabled)

    def _behind(self) -> tuple[int, float]:
        """Events that were not taken, and the age of the oldest in seconds."""
        queue = self._queue
        lag_s = 0.0
        backlog = queue.unfinished
        with suppress(*STORAGE_ERRORS):
            backlog += max(0, self._outbox.last_sequence() - queue.read_to)
            oldest = queue.oldest
            if oldest is None and backlog:
                unread = self._outbox.heads_after(queue.read_to, 1)
                oldest = unread[0].sequence if unread else None
            stored = None if oldest is None else self._outbox.event(oldest)
            if stored is not None:
                lag_s = _age_ms(stored.time) / 1000
        return backlog, lag_s

    # --- the turn -------------------------------------------------------------------------------------------------

    def _feed(self, given: Input) -> None:
        """Hand in at the next turn of the loop: the answers of one turn are recorded by one write to the disk."""
        self._inputs.append(given)
        if not self._turn_is_due:
            self._turn_is_due = True
            self._loop.call_soon(self._turn)

    def _gather(self, given: Finished) -> None:
        """Hand in an answer, with others that come in a moment: a write to the disk for each would be all there is."""
        self._answered += 1
        if self._turn_is_due or 2 * self._answered >= len(self._tasks):
            self._feed(given)
            return
        self._inputs.append(given)
        if self._gathering is None:
            self._gathering = self._loop.call_later(GATHER_S, self._turn)

    def _turn(self) -> None:
        self._turn_is_due = False
        self._answered = 0
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        if self._closed:
            return
        while self._inputs:
            inputs, self._inputs = self._inputs, []
            self._held.extend(self._queue.handle(inputs, monotonic_ms()))
            self._perform()
        self._arm()

    def _arm(self) -> None:
        deadline = self._queue.deadline
        at_ms = 0 if deadline is None else deadline.at_ms
        if self._timer is not None and at_ms != self._timer_ms:
            self._timer.cancel()
            self._timer = None
        if deadline is not None and self._timer is None:
            self._timer_ms = at_ms
            self._timer = self._loop.call_later(max(0, at_ms - monotonic_ms()) / 1000, self._time_passed)

    def _time_passed(self) -> None:
        self._timer = None
        self._feed(TimePassed())

    def _perform(self) -> None:
        """Carry out what is held, in order, up to the first that fails."""
        if self._retry is not None:
            return
        while self._held:
            try:
                self._do(self._held[0])
            except STORAGE_ERRORS as error:
                self._storage_failed(error)
                return
            self._held.popleft()
        if self._failing:
            self._failing = False
            self._log.info("storage works again")
            self._on_condition(self._condition("storage"), "")

    def _storage_failed(self, error: Exception) -> None:
        self._metrics.storage_errors.inc()
        if not self._failing:
            self._failing = True
            self._log.error("storage does not work, delivery waits", error=str(error))
            self._on_condition(self._condition("storage"), f"delivery waits: {error}")
        self._retry = self._loop.call_later(STORAGE_RETRY_S, self._try_storage)

    def _try_storage(self) -> None:
        self._retry = None
        self._feed(TimePassed())

    def _condition(self, what: str) -> str:
        return f"sink-{what}-{self.name}"

    # --- actions --------------------------------------------------------------------------------------------------

    def _do(self, action: Action) -> None:
        match action:
            case Read():
                self._read(action)
            case Attempt():
                self._attempt(action)
            case DeadLetter():
                self._put_aside(action)
            case Record():
                self._store.record(self.name, action.cursor, action.ahead, self._letters, wall_time())
                if self._letters:
                    self._metrics.dead_letters.labels(self.name).inc(len(self._letters))
                    self._letters.clear()
            case Disabled():
                self._log.error("sink says that it is gone (410); nothing is sent until the next reload")
                self._on_condition(self._condition("gone"), "answered 410 Gone; reload to try again")
            case Enabled():
                self._on_condition(self._condition("gone"), "")

    def _read(self, action: Read) -> None:
        heads = self._outbox.heads_after(action.after, action.limit)
        through = heads[-1].sequence if heads else action.after
        if self._outbox.whole and action.after > 0:
            self._count_missing(action.after, heads)
        belonging = self._client.belonging
        events = [Pending(*head) for head in heads if belonging is None or belonging.wants(head.call)]
        self._inputs.append(Batch(events, through, len(heads) == action.limit))

    def _count_missing(self, after: int, heads: list[EventHead]) -> None:
        """Tell what is not there: sequences have no gaps of their own, so it was purged or shed."""
        missing = 0
        for head in heads:
            if head.sequence > after + 1:
                missing += sum(not self._queue.has(one) for one in range(after + 1, head.sequence))
            after = head.sequence
        if missing:
            self._metrics.missing.labels(self.name).inc(missing)
            self._log.error("events left the outbox before the sink took them", count=missing)

    def _put_aside(self, action: DeadLetter) -> None:
        event = action.event
        stored = self._outbox.event(event.sequence)
        body = b"" if stored is None else stored.body
        self._letters.append(Letter(event, action.attempts, action.result, body))
        self._log.error("event put aside as dead letter", id=event.id, attempts=action.attempts, result=action.result)

    def _attempt(self, action: Attempt) -> None:
        found = self._outbox.events_at([event.sequence for event in action.events])
        missing = [event for event in action.events if event.sequence not in found]
        if missing:
            self._metrics.missing.labels(self.name).inc(len(missing))
            for event in missing:
                self._log.error("event left the outbox before the sink took it", id=event.id)
            self._inputs.append(Vanished(action.id, [event.sequence for event in missing]))
        there = [
            Outgoing(event.id, event.type, event.call, found[event.sequence].time, found[event.sequence].body)
            for event in action.events
            if event.sequence in found
        ]
        if not there:
            return
        task = self._loop.create_task(self._deliver(action, there, self._client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, action: Attempt, events: list[Outgoing], client: _Client) -> None:
        began_s = self._loop.time()
        answers = await deliver(client.sink, events, client.timeout_ms)
        self._metrics.attempt_seconds.labels(self.name).observe(self._loop.time() - began_s)
        self._tell(action, events, answers)
        outcomes = [
            Outcome(answer.result, answer.retry_after_ms, _age_ms(event.time))
            for event, answer in zip(events, answers, strict=True)
        ]
        self._gather(Finished(attempt=action.id, outcomes=outcomes, jitter=self._dice.random()))

    def _tell(self, action: Attempt, events: list[Outgoing], answers: list[Answer]) -> None:
        for result, count in Counter(answer.result for answer in answers).items():
            self._metrics.attempts.labels(self.name, result).inc(count)
        bad = [pair for pair in zip(events, answers, strict=True) if pair[1].result != "accepted"]
        self._tell_tls(answers)
        now = rfc3339(wall_time())
        if len(bad) < len(events):
            self._last_taken = now
        if bad:
            event, answer = bad[0]
            self._last_error_at = now
            self._last_error = " ".join(filter(None, [answer.result, str(answer.status or ""), answer.error]))
            self._log.warning(
                "event not accepted",
                id=event.id,
                type=event.type,
                attempt=action.number,
                result=answer.result,
                status=answer.status,
                error=answer.error,
                others=len(bad) - 1,
            )


async def _retire(client: SinkClient, tasks: set[asyncio.Task[None]]) -> None:
    """Close a client when the attempts that use it are done."""
    if tasks:
        await asyncio.wait(tasks)
    await _close(client)


async def _close(client: SinkClient) -> None:
    """Close a client, however it takes that: a peer that hangs, or a package's own faults, keep nobody waiting."""
    with suppress(Exception):
        async with asyncio.timeout(CLOSE_S):
            await client.close()


def _age_ms(time: str) -> int:
    """Age of an event by its time stamp; 0 for one from the future or from nowhere."""
    try:
        return max(0, int((wall_time() - datetime.fromisoformat(time)).total_seconds() * 1000))
    except (ValueError, TypeError):
        return 0
