"""Which events a command is about: `--call`, `--type`, `--since`, `--until`, one way for all of `edge events`."""

from datetime import UTC, datetime
from typing import Annotated, NamedTuple

from cyclopts import Parameter

from edge.cli.moments import since as read_moment
from edge.cli.site import UsageError
from edge.config.checks import EVENT_TYPES
from edge.config.errors import did_you_mean
from edge.runtime.clock import rfc3339
from edge.storage.reader import Reader, StoredEvent

CallOption = Annotated[str | None, Parameter(name="--call", help="Events of this call only.")]
TypeOption = Annotated[str | None, Parameter(name="--type", help="Events of this type only; call.* is a group.")]
SinceOption = Annotated[
    str | None, Parameter(name="--since", help="Events since a date (2026-11-01), a time or for so long (7d, 12h).")
]
UntilOption = Annotated[str | None, Parameter(name="--until", help="Events before a date, a time, or so long ago.")]


class Selection(NamedTuple):
    """What was chosen; empty: no limit. Times are RFC 3339, as events have them, `until` is not in it."""

    call: str = ""
    kind: str = ""
    since: str = ""
    until: str = ""

    def fits(self, event: StoredEvent) -> bool:
        """Whether an event is among them."""
        return (
            (not self.call or event.call == self.call)
            and self._has_kind(event.type)
            and (not self.since or event.time >= self.since)
            and (not self.until or event.time < self.until)
        )

    def _has_kind(self, type_: str) -> bool:
        kind = self.kind
        return not kind or (type_.startswith(kind[:-1]) if kind.endswith(".*") else type_ == kind)

    def sequences(self, reader: Reader) -> tuple[int, int]:
        """Give bounds: the events are above the first sequence, and up to the second. Raises `StorageError`."""
        after = reader.sequence_before(self.since) if self.since else 0
        through = reader.sequence_before(self.until) if self.until else reader.last_sequence()
        return after, max(after, through)


def selection(
    *,
    call: str | None = None,
    kind: str | None = None,
    since: str | None = None,
    until: str | None = None,
    zone: str = "",
) -> Selection:
    """Read the options; dates without an offset are those of `zone`. Raises `UsageError`."""
    groups = {f"{name.split('.')[0]}.*" for name in EVENT_TYPES}
    if kind is not None and kind not in EVENT_TYPES and kind not in groups:
        advice = did_you_mean(kind, [*EVENT_TYPES, *groups])
        raise UsageError(f"there is no event type '{kind}'" + (f" ({advice})" if advice else ""))
    chosen = Selection(call or "", kind or "", _moment(since, zone), _moment(until, zone))
    if chosen.since and chosen.until and chosen.since >= chosen.until:
        raise UsageError("--since is not before --until")
    return chosen


def _moment(given: str | None, zone: str) -> str:
    found = read_moment(given, zone)
    return rfc3339(datetime.fromtimestamp(found.ms / 1000, UTC)) if found else ""
