"""The outbox within its bounds: does what `edge.core.delivery.room` decides, and tells of it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec

from edge.config.site import Site
from edge.core.delivery.room import PURGE_ROWS, Purge, Room, RoomPolicy, Shed, steps_of
from edge.metrics.switch import SwitchMetrics
from edge.runtime.clock import monotonic_ms, rfc3339, wall_time
from edge.storage.deliveries import Deliveries
from edge.storage.outbox import UNTOLD
from edge.storage.store import Store
from edge.storage.turn import StorageError
from edge.switch.exchange import Exchange
from edge.vocabulary.site_events import EventsShed

#: While there is something to do: it holds the loop up for some milliseconds each time.
STEP_MS = 50
#: While events are shed it is told so often.
TELL_MS = 60_000
OUTBOX, SHEDDING = "outbox", "outbox_shedding"


class RoomKeeper:
    """Looks each second.

    `flush` writes the turn at once; `health` tells a condition, `note` one that keeps no call away, `later` calls after
    ms.
    """

    def __init__(
        self,
        store: Store,
        exchange: Exchange,
        *,
        flush: Callable[[], None],
        health: Callable[[str, str], None],
        note: Callable[[str, str], None],
        later: Callable[[int, Callable[[], None]], None],
    ) -> None:
        self._store = store
        self._exchange = exchange
        self._flush = flush
        self._health = health
        self._note = note
        self._later = later
        self._deliveries = Deliveries(Path(self._site.paths.state) / "delivery.db")
        self._room = Room(policy_of(self._site))
        self._stepping = False
        self._told_ms = -TELL_MS

    @property
    def _site(self) -> Site:
        return self._exchange.plan.site

    @property
    def _metrics(self) -> SwitchMetrics:
        return self._exchange.metrics

    @property
    def refusing(self) -> bool:
        """Whether there is no room for the events of new calls."""
        return self._room.refusing

    def look(self) -> None:
        """See whether there is something to do. Raises `StorageError`."""
        self._room.configure(policy_of(self._site))
        if not self._stepping:
            self._step()
        self._tell()

    def age(self) -> None:
        """Delete some of what is older than it is to be kept. Raises `StorageError`."""
        days = self._site.events.keep_days
        if days:
            before = rfc3339(wall_time() - timedelta(days=days))
            self._purge(Purge(self._taken(), PURGE_ROWS), before)

    def _taken(self) -> int:
        sinks = [sink.name for sink in self._site.sinks]
        return self._deliveries.taken(sinks) if sinks else self._store.last_event()

    def _step(self) -> None:
        size, last = self._store.outbox_size(), self._store.last_event()
        self._metrics.outbox_bytes.set(size)
        self._metrics.outbox_quota.set(self._site.events.quota_mb * 1_000_000)
        todo = self._room.next(size, self._taken(), last)
        if isinstance(todo, Purge):
            self._room.purged(todo, self._purge(todo, ""))
        elif isinstance(todo, Shed):
            found = self._store.shed_events(after=todo.after, window=todo.window, types=todo.types)
            self._room.shed(todo, last)
            for kind, count in found.counts.items():
                self._metrics.events_shed.labels(kind).inc(count)
        if self._room.shedding:
            self._note(SHEDDING, f"{self._full}: events are shed")  # at once: it may be over with the next look
        if todo is not None:
            self._stepping = True
            self._later(STEP_MS, self._step_again)

    def _step_again(self) -> None:
        self._stepping = False
        try:
            self._step()
        except StorageError:
            return  # the next look finds the disk as it is

    def _purge(self, purge: Purge, before: str) -> int:
        site = self._site.name
        gone = self._store.purge_events(through=purge.through, before=before, rows=purge.rows, site=site)
        self._metrics.events_purged.inc(gone)
        return gone

    @property
    def _full(self) -> str:
        return f"the outbox holds more than {self._site.events.quota_mb} MB that sinks have not taken"

    def _tell(self) -> None:
        quota = self._site.events.quota_mb
        self._health(OUTBOX, self._full if self.refusing else "")
        if not self._room.shedding:
            self._note(SHEDDING, "")
        if self._room.shedding and monotonic_ms() - self._told_ms < TELL_MS:
            return
        # What is on disk as not told: what a life before has shed is told, too.
        counts = msgspec.json.decode(self._store.meta(UNTOLD).get("", "{}"), type=dict[str, int])
        if counts:
            self._told_ms = monotonic_ms()
            self._exchange.notice(EventsShed(counts=counts, events=sum(counts.values()), quota_mb=quota))
            self._exchange.turn.meta[UNTOLD] = "{}"
            self._flush()


def policy_of(site: Site) -> RoomPolicy:
    """Read the policy from the site."""
    events = site.events
    return RoomPolicy(quota_bytes=events.quota_mb * 1_000_000, when_full=events.when_full, steps=steps_of(events.shed))
