"""The queue of one sink: what is sent when, and what is done with the answers.

Order: events of a call form a lane; of each lane only the first event is under way, and the next one follows when it
was accepted (and recorded). Lanes go side by side, at most `Policy.parallel`.

Trouble has two sizes. A failed event waits in its lane with its own growing pause, and other lanes pass it: one event
that a receiver can't digest holds up its own call only. When lanes fail one after the other with no acceptance between
(as many as may be under way), or the sink asks for patience by Retry-After, the sink as a whole pauses; after that
pause single events are tried, a different lane each time, and the first acceptance opens it fully.
"""

import heapq
from collections import deque
from collections.abc import Iterable

from edge.core.deadline import Deadline, earliest
from edge.core.delivery.answers import backoff_ms
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
    Pending,
    Policy,
    Read,
    Record,
    TimePassed,
    Vanished,
    Woken,
)
from edge.core.delivery.progress import Progress

#: Skipped events alone (other types than the sink wants) are recorded with this delay: reading them again costs little.
SKIPPED_RECORD_MS = 2000


class _Lane:
    """Unfinished events of one call, in order."""

    __slots__ = ("attempts", "due_ms", "events", "key", "sink_fault")

    def __init__(self, key: str) -> None:
        self.key = key
        self.events: deque[Pending] = deque()
        #: Of the first event.
        self.attempts = 0
        self.due_ms = 0
        #: Its last failure may be the sink's and not the event's.
        self.sink_fault = False


class SinkQueue:
    """The decisions for one sink. `handle` all inputs; wake it with `TimePassed` at `deadline`."""

    def __init__(self, policy: Policy, progress: Progress) -> None:
        self._policy = policy
        self._progress = progress
        self._read_to = progress.cursor
        self._more = True
        self._reading = False
        self._lanes: dict[str, _Lane] = {}
        #: Lanes that are not under way, by due time and sequence: exactly one entry for each.
        self._waiting: list[tuple[int, int, str]] = []
        self._under_way: dict[int, _Lane] = {}
        self._unfinished = 0
        self._record_now = False
        self._record_at_ms: int | None = None
        self._disabled = False
        #: Lanes that failed since the last acceptance.
        self._failed: set[str] = set()
        self._paused = False
        self._pauses = 0
        self._resume_ms = 0

    @property
    def unfinished(self) -> int:
        """Events read and not finished."""
        return self._unfinished

    @property
    def oldest(self) -> int | None:
        """Sequence of the oldest unfinished event, None when all that was read is finished."""
        return min(
            (lane.events[0].sequence for lane in self._lanes.values()),
            default=None,
        )

    @property
    def read_to(self) -> int:
        """How far the outbox was read."""
        return self._read_to

    @property
    def disabled(self) -> bool:
        """Whether the sink said that it is gone."""
        return self._disabled

    @property
    def deadline(self) -> Deadline | None:
        """When something becomes due; None while only an answer or a `Woken` can move anything."""
        record = None if self._record_at_ms is None else Deadline(self._record_at_ms, "record skipped events")
        return earliest([record, self._send_deadline()])

    def handle(self, inputs: Iterable[Input], now_ms: int) -> list[Action]:
        """Take what came in one turn; returns what to do, in order, with one `Record` for all of it."""
        actions: list[Action] = []
        for given in inputs:
            match given:
                case Woken():
                    self._more = True
                case Batch():
                    self._take(given, now_ms)
                case Finished():
                    actions += self._finish(given, now_ms)
                case Vanished():
                    self._close_event(self._answered(given.sequence), now_ms)
                case Configured():
                    actions += self._configure(given.policy, now_ms)
                case TimePassed():
                    pass
        actions += self._record(now_ms)
        actions += self._send(now_ms)
        actions += self._read()
        return actions

    # --- reading --------------------------------------------------------------------------------------------------

    def _read(self) -> Iterable[Action]:
        policy = self._policy
        if self._reading or self._disabled or not self._more or self._unfinished + policy.batch > policy.window:
            return
        self._reading = True
        yield Read(after=self._read_to, limit=policy.batch)

    def _take(self, batch: Batch, now_ms: int) -> None:
        self._reading = False
        self._more = batch.more
        expected = self._read_to + 1
        for event in batch.events:
            self._skip(expected, event.sequence - 1, now_ms)
            expected = event.sequence + 1
            if event.sequence in self._progress:
                continue
            if self._policy.wants(event.type):
                self._enqueue(event, now_ms)
            else:
                self._skip(event.sequence, event.sequence, now_ms)
        self._skip(expected, batch.through, now_ms)
        self._read_to = max(self._read_to, batch.through)

    def _skip(self, first: int, last: int, now_ms: int) -> None:
        if first <= last:
            self._progress.finish_range(first, last)
            if self._record_at_ms is None:
                self._record_at_ms = now_ms + SKIPPED_RECORD_MS

    def _enqueue(self, event: Pending, now_ms: int) -> None:
        # An event without a call gets a lane of its own; no call id contains a space.
        key = event.call if event.call is not None else f" {event.sequence}"
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(key)
            lane.due_ms = now_ms
            heapq.heappush(self._waiting, (now_ms, event.sequence, key))
        lane.events.append(event)
        self._unfinished += 1

    # --- recording ------------------------------------------------------------------------------------------------

    def _record(self, now_ms: int) -> Iterable[Action]:
        due = self._record_at_ms is not None and now_ms >= self._record_at_ms
        if self._record_now or due:
            self._record_now = False
            self._record_at_ms = None
            yield Record(cursor=self._progress.cursor, ahead=self._progress.ahead)

    # --- sending --------------------------------------------------------------------------------------------------

    def _allowed(self, now_ms: int) -> int:
        if self._disabled:
            return 0
        if self._paused:
            return 1 if now_ms >= self._resume_ms else 0
        return self._policy.parallel

    def _send(self, now_ms: int) -> Iterable[Action]:
        allowed = self._allowed(now_ms)
        while self._waiting and self._waiting[0][0] <= now_ms and len(self._under_way) < allowed:
            lane = self._lanes[heapq.heappop(self._waiting)[2]]
            event = lane.events[0]
            lane.attempts += 1
            self._under_way[event.sequence] = lane
            yield Attempt(event=event, number=lane.attempts)

    def _send_deadline(self) -> Deadline | None:
        if self._disabled or not self._waiting:
            return None
        due_ms = self._waiting[0][0]
        if self._paused:
            return None if self._under_way else Deadline(max(due_ms, self._resume_ms), "try the sink again")
        return None if len(self._under_way) >= self._policy.parallel else Deadline(due_ms, "send an event (again)")

    # --- answers --------------------------------------------------------------------------------------------------

    def _finish(self, answer: Finished, now_ms: int) -> Iterable[Action]:
        lane = self._answered(answer.sequence)
        if answer.result == "accepted":
            self._close_event(lane, now_ms)
            self._recover(now_ms)
            return
        if answer.result == "gone":
            lane.attempts -= 1
            self._wait(lane, now_ms)
            if not self._disabled:
                self._disabled = True
                yield Disabled()
            return
        self._pause_sink(lane, answer, now_ms)
        policy = self._policy
        if 0 < policy.max_attempts <= lane.attempts or 0 < policy.max_age_ms <= answer.age_ms:
            yield DeadLetter(event=lane.events[0], attempts=lane.attempts, result=answer.result)
            self._close_event(lane, now_ms)
            return
        lane.sink_fault = answer.result != "refused"
        self._wait(
            lane, now_ms + backoff_ms(lane.attempts, policy.first_backoff_ms, policy.max_backoff_ms, answer.jitter)
        )

    def _answered(self, sequence: int) -> _Lane:
        lane = self._under_way.pop(sequence, None)
        if lane is None:
            raise ValueError(f"no attempt of event {sequence} is under way")
        return lane

    def _wait(self, lane: _Lane, due_ms: int) -> None:
        lane.due_ms = due_ms
        heapq.heappush(self._waiting, (due_ms, lane.events[0].sequence, lane.key))

    def _close_event(self, lane: _Lane, now_ms: int) -> None:
        event = lane.events.popleft()
        self._progress.finish(event.sequence)
        self._record_now = True
        self._unfinished -= 1
        lane.attempts = 0
        lane.sink_fault = False
        if lane.events:
            self._wait(lane, now_ms)
        else:
            del self._lanes[lane.key]

    def _pause_sink(self, lane: _Lane, answer: Finished, now_ms: int) -> None:
        policy = self._policy
        self._failed.add(lane.key)
        if answer.retry_after_ms is not None:
            self._paused = True
            self._resume_ms = max(self._resume_ms, now_ms + min(answer.retry_after_ms, policy.max_retry_after_ms))
        elif self._paused or len(self._failed) >= policy.parallel:
            # Answers that were still under way when the pause began don't lengthen it.
            if not self._paused or now_ms >= self._resume_ms:
                self._pauses += 1
                pause_ms = backoff_ms(self._pauses, policy.first_backoff_ms, policy.max_backoff_ms, answer.jitter)
                self._resume_ms = now_ms + pause_ms
            self._paused = True

    def _recover(self, now_ms: int) -> None:
        self._failed.clear()
        if not self._paused:
            return
        self._paused = False
        self._pauses = 0
        self._resume_ms = 0
        self._release(now_ms)

    def _release(self, now_ms: int) -> None:
        """Lanes that waited for the sink, and not because of their own event, are due now."""
        waiting = []
        for due_ms, sequence, key in self._waiting:
            lane = self._lanes[key]
            if lane.sink_fault:
                lane.due_ms = min(due_ms, now_ms)
            waiting.append((lane.due_ms, sequence, key))
        heapq.heapify(waiting)
        self._waiting = waiting

    def _configure(self, policy: Policy, now_ms: int) -> Iterable[Action]:
        self._policy = policy
        self._more = True
        self._failed.clear()
        self._paused = False
        self._pauses = 0
        self._resume_ms = 0
        self._release(now_ms)
        if self._disabled:
            self._disabled = False
            yield Enabled()
