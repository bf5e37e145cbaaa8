"""The queue of one sink: what is sent when, and what is done with the answers.

Order: events of a call form a lane; of each lane only the beginning is under way, and what follows waits until that was
accepted (and recorded). What is sent together is a parcel: the first event of one or many lanes; where a sink accepts
all or nothing, more than the first. At most `Policy.parallel` parcels are under way.

A parcel that was not accepted as a whole is sent again as it was, so that a receiver can know it again. When it is
refused, or comes to nothing time and again, it is cut in two: so the event that a receiver can't digest is found.

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

#: Skipped events alone (other types than the sink wants) are recorded with this delay: reading them again costs little.
SKIPPED_RECORD_MS = 2000
#: A parcel of several events that has failed (or was not answered) so often is cut in two.
CUT_AFTER = 3


class _Parcel:
    """Events that are sent together; they stay in their lanes until they are finished."""

    __slots__ = ("attempts", "due_ms", "events", "sink_fault")

    def __init__(self, events: list[Pending], attempts: int = 0, due_ms: int = 0, sink_fault: bool = False) -> None:
        self.events = events
        self.attempts = attempts
        self.due_ms = due_ms
        #: Its last failure may be the sink's and not that of an event.
        self.sink_fault = sink_fault

    @property
    def id(self) -> int:
        return self.events[0].sequence


def _lane_of(event: Pending) -> str:
    # An event without a call gets a lane of its own; no call id contains a space.
    return event.call if event.call is not None else f" {event.sequence}"


class SinkQueue:
    """The decisions for one sink. `handle` all inputs; wake it with `TimePassed` at `deadline`."""

    def __init__(self, policy: Policy, progress: Progress) -> None:
        self._policy = policy
        self._progress = progress
        self._read_to = progress.cursor
        self._more = True
        self._reading = False
        #: Unfinished events by lane, in order.
        self._lanes: dict[str, deque[Pending]] = {}
        #: Lanes of which nothing is in a parcel, by due time and sequence: exactly one entry for each.
        self._fresh: list[tuple[int, int, str]] = []
        #: Parcels to be sent again, by due time and sequence.
        self._waiting: list[tuple[int, int, _Parcel]] = []
        self._under_way: dict[int, _Parcel] = {}
        self._unfinished = 0
        self._record_now = False
        self._record_at_ms: int | None = None
        self._disabled = False
        #: First lanes of the attempts that failed since the last acceptance.
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
            (lane[0].sequence for lane in self._lanes.values()),
            default=None,
        )

    @property
    def read_to(self) -> int:
        """How far the outbox was read."""
        return self._read_to

    def has(self, sequence: int) -> bool:
        """Whether the sink is done with it."""
        return sequence in self._progress

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
                    self._vanish(given, now_ms)
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
        key = _lane_of(event)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = deque()
            heapq.heappush(self._fresh, (now_ms, event.sequence, key))
        lane.append(event)
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
        while len(self._under_way) < allowed and (parcel := self._next_parcel(now_ms)) is not None:
            parcel.attempts += 1
            self._under_way[parcel.id] = parcel
            yield Attempt(events=parcel.events, number=parcel.attempts)

    def _next_parcel(self, now_ms: int) -> _Parcel | None:
        fresh = self._fresh[0][:2] if self._fresh else None
        again = self._waiting[0][:2] if self._waiting else None
        if again is not None and again[0] <= now_ms and (fresh is None or again < fresh):
            return heapq.heappop(self._waiting)[2]
        return self._pack(now_ms) if fresh is not None and fresh[0] <= now_ms else None

    def _pack(self, now_ms: int) -> _Parcel:
        """Make a parcel of lanes that are due. While the sink is tried after a pause, one event is enough."""
        policy = self._policy
        room = 1 if self._paused else policy.max_batch
        bytes_left = policy.max_batch_bytes or None
        events: list[Pending] = []
        while self._fresh and self._fresh[0][0] <= now_ms and room > 0:
            taken = 0
            for event in self._lanes[self._fresh[0][2]]:
                too_large = bytes_left is not None and event.size > bytes_left and bool(events)
                if taken == room or too_large or (taken and not policy.atomic):
                    break
                events.append(event)
                taken += 1
                if bytes_left is not None:
                    bytes_left -= event.size
            if not taken:
                break
            heapq.heappop(self._fresh)
            room -= taken
        return _Parcel(sorted(events, key=lambda event: event.sequence))

    def _send_deadline(self) -> Deadline | None:
        heads = [heap[0][0] for heap in (self._fresh, self._waiting) if heap]
        if self._disabled or not heads:
            return None
        due_ms = min(heads)
        if self._paused:
            return None if self._under_way else Deadline(max(due_ms, self._resume_ms), "try the sink again")
        return None if len(self._under_way) >= self._policy.parallel else Deadline(due_ms, "send an event (again)")

    # --- answers --------------------------------------------------------------------------------------------------

    def _finish(self, answer: Finished, now_ms: int) -> Iterable[Action]:
        parcel = self._answered(answer.attempt)
        pairs = list(zip(parcel.events, answer.outcomes, strict=True))
        done = [event for event, outcome in pairs if outcome.result == "accepted"]
        failed = [pair for pair in pairs if pair[1].result not in {"accepted", "gone"}]
        gone = [event for event, outcome in pairs if outcome.result == "gone"]
        if done:
            self._recover(now_ms)
        if failed:
            self._pause_sink(_lane_of(parcel.events[0]), [outcome for _, outcome in failed], answer.jitter, now_ms)
        dead = [pair for pair in failed if self._is_dead(parcel, pair[1])]
        for event, outcome in dead:
            yield DeadLetter(event=event, attempts=parcel.attempts, result=outcome.result)
            done.append(event)
        left = self._again(parcel, [pair for pair in failed if pair not in dead], answer.jitter, now_ms)
        left += [_Parcel(events, parcel.attempts - 1, now_ms) for events in self._together(gone)]
        self._close(parcel.events, done, left, now_ms)
        if gone and not self._disabled:
            self._disabled = True
            yield Disabled()

    def _is_dead(self, parcel: _Parcel, outcome: Outcome) -> bool:
        policy = self._policy
        return 0 < policy.max_attempts <= parcel.attempts or 0 < policy.max_age_ms <= outcome.age_ms

    def _together(self, events: list[Pending]) -> list[list[Pending]]:
        """Say which of the events of an attempt are sent together once more; what is left out waits in its lane."""
        if self._policy.atomic:
            return [events] if events else []
        firsts = {_lane_of(event): event for event in reversed(events)}
        return [[event] for event in firsts.values()]

    def _again(
        self, parcel: _Parcel, failed: list[tuple[Pending, Outcome]], jitter: float, now_ms: int
    ) -> list[_Parcel]:
        policy = self._policy
        due_ms = now_ms + backoff_ms(parcel.attempts, policy.first_backoff_ms, policy.max_backoff_ms, jitter)
        results = {event.sequence: outcome.result for event, outcome in failed}
        parcels: list[_Parcel] = []
        for events in self._together([event for event, _ in failed]):
            result = results[events[0].sequence]
            cut = result == "refused" or (result in {"failed", "timed_out"} and parcel.attempts >= CUT_AFTER)
            parts = _halves(events) if cut else [events]
            parcels += [_Parcel(part, parcel.attempts, due_ms, result != "refused") for part in parts]
        return parcels

    def _vanish(self, given: Vanished, now_ms: int) -> None:
        parcel = self._under_way.get(given.attempt) or self._answered(given.attempt)
        away = [event for event in parcel.events if event.sequence in given.sequences]
        parcel.events = [event for event in parcel.events if event not in away]
        held = {_lane_of(event) for event in parcel.events}
        self._finish_events(away)
        self._close([event for event in away if _lane_of(event) not in held], [], [], now_ms)
        if not parcel.events:
            del self._under_way[given.attempt]

    def _answered(self, attempt: int) -> _Parcel:
        parcel = self._under_way.pop(attempt, None)
        if parcel is None:
            raise ValueError(f"no attempt {attempt} is under way")
        return parcel

    def _close(self, events: list[Pending], done: list[Pending], left: list[_Parcel], now_ms: int) -> None:
        """Take a parcel of `events` apart: `done` are finished, `left` is sent again, the lanes of the rest go on."""
        self._finish_events(done)
        held = {_lane_of(event) for parcel in left for event in parcel.events}
        for key in dict.fromkeys(_lane_of(event) for event in events):
            if key in held:
                continue
            if lane := self._lanes[key]:
                heapq.heappush(self._fresh, (now_ms, lane[0].sequence, key))
            else:
                del self._lanes[key]
        for parcel in left:
            heapq.heappush(self._waiting, (parcel.due_ms, parcel.id, parcel))

    def _finish_events(self, events: list[Pending]) -> None:
        for event in events:
            self._lanes[_lane_of(event)].remove(event)
            self._progress.finish(event.sequence)
            self._record_now = True
            self._unfinished -= 1

    def _pause_sink(self, lane: str, failed: list[Outcome], jitter: float, now_ms: int) -> None:
        policy = self._policy
        self._failed.add(lane)
        wishes = [outcome.retry_after_ms for outcome in failed if outcome.retry_after_ms is not None]
        if wishes:
            self._paused = True
            self._resume_ms = max(self._resume_ms, now_ms + min(max(wishes), policy.max_retry_after_ms))
        elif self._paused or len(self._failed) >= policy.parallel:
            # Answers that were still under way when the pause began don't lengthen it.
            if not self._paused or now_ms >= self._resume_ms:
                self._pauses += 1
                pause_ms = backoff_ms(self._pauses, policy.first_backoff_ms, policy.max_backoff_ms, jitter)
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
        """Parcels that waited for the sink, and not because of their own events, are due now."""
        for _, _, parcel in self._waiting:
            if parcel.sink_fault:
                parcel.due_ms = min(parcel.due_ms, now_ms)
        self._waiting = [(parcel.due_ms, parcel.id, parcel) for _, _, parcel in self._waiting]
        heapq.heapify(self._waiting)

    def _configure(self, policy: Policy, now_ms: int) -> Iterable[Action]:
        if policy.atomic != self._policy.atomic:
            self._unpack(now_ms)
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

    def _unpack(self, now_ms: int) -> None:
        """Put what waits to be sent together back into its lanes: the sink is of another kind now."""
        many = [parcel for _, _, parcel in self._waiting if len(parcel.events) > 1]
        self._waiting = [entry for entry in self._waiting if len(entry[2].events) == 1]
        heapq.heapify(self._waiting)
        for parcel in many:
            self._close(parcel.events, [], [], now_ms)


def _halves(events: list[Pending]) -> list[list[Pending]]:
    """Cut a parcel: between lanes, or, when it has one lane only, off its end, which waits in its lane."""
    lanes = list(dict.fromkeys(map(_lane_of, events)))
    if len(lanes) == 1:
        return [events[: (len(events) + 1) // 2]]
    first = set(lanes[: len(lanes) // 2])
    parts: tuple[list[Pending], list[Pending]] = ([], [])
    for event in events:
        parts[_lane_of(event) not in first].append(event)
    return list(parts)
