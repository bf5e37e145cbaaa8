"""`edge events verify`: whether every event is there, in order, whole, and each call has one end."""

from collections.abc import Iterator

from edge.cli.event_selection import CallOption, Selection, SinceOption, UntilOption, selection
from edge.cli.output import BAD, FINE, console, print_json, print_table, printable
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    StateOption,
    UsageError,
    failed,
    state_and_zone,
)
from edge.cli.state import open_state
from edge.storage.reader import CallEnd, Reader
from edge.storage.turn import StorageError

#: Findings that are listed; all are counted.
_LISTED = 200


def verify(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    call: CallOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    json: JsonOption = False,
) -> int:
    """Look for gaps, missing and second ends, and events that are none. Works when the daemon is down, too.

    What retention has purged and what was shed for want of room is told and is no fault.

    Exit code 1: something is wrong; each finding is named.
    """
    try:
        folder, zone = state_and_zone(config, demo=demo, state=state)
        reader = open_state(folder)
        report = Report(reader, selection(call=call, since=since, until=until, zone=zone))
        found = 0
        rows = []
        for finding in report.findings():
            found += 1
            if json:
                print_json(finding)
            elif found <= _LISTED:
                rows.append((finding["call"], finding["sequence"], finding["fault"], finding["text"]))
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    summary = report.summary() | {"findings": found}
    if json:
        print_json(summary)
    else:
        if rows:
            print_table(("call", "sequence", "fault", "what"), rows, right=("sequence",))
        if found > len(rows):
            console().print(f"... and {found - len(rows)} more", markup=False)
        console().print(printable(_told(summary)), markup=False, soft_wrap=True)
    return BAD if found else FINE


class Report:
    """One look at the outbox as it is now; a daemon that writes meanwhile is not in its way. Raises `StorageError`."""

    def __init__(self, reader: Reader, chosen: Selection) -> None:
        from edge.core.delivery.verify import Verifier  # the classes of all events are a megabyte

        self._reader = reader
        self._chosen = chosen
        self._purged = reader.purged()
        self._after, self._end = chosen.sequences(reader)
        self._verifier = Verifier(self._accounted)

    def findings(self) -> Iterator[dict[str, object]]:
        """Give all findings, those of events first."""
        from edge.core.delivery.verify import Event

        verifier, call = self._verifier, self._chosen.call
        for row in self._reader.events_of(call) if call else self._reader.every_event(after=self._after):
            if row.sequence > self._end:
                break
            if row.sequence > self._after:
                for finding in verifier.take(Event(*row)):
                    yield finding._asdict()
        for known in self._calls():
            ended = known.state == "ended" and not (self._chosen.until and (known.ended or "") >= self._chosen.until)
            for finding in verifier.close_call(known.id, ended=ended, gone=self._is_gone(known)):
                if not self._goes_on(known.id):
                    yield finding._asdict()
        for finding in verifier.close():
            yield finding._asdict()

    def _calls(self) -> Iterator[CallEnd]:
        if not self._chosen.call:
            yield from self._reader.call_ends()
            return
        row = self._reader.call(self._chosen.call)
        if row is not None:
            yield CallEnd(row.id, row.state, row.started, row.ended)

    def _is_gone(self, call: CallEnd) -> bool:
        """Whether no event of a call is to be expected: they were purged, or are of another time than the chosen."""
        since, until, last = self._chosen.since, self._chosen.until, call.ended or call.started
        return last <= self._purged.time or bool(since and last < since) or bool(until and call.started >= until)

    def _goes_on(self, call: str) -> bool:
        """Whether events of a call came after we began to look, so that half of it was judged."""
        return any(row.sequence > self._end for row in self._reader.events_of(call))

    def _accounted(self, call: str, first: int, last: int) -> int:
        known = self._reader.numbers_of(call, first, last)
        return last - first + 1 if known < last - first + 1 and self._was_purged(call, last) else known

    def _was_purged(self, call: str, last: int) -> bool:
        """Whether the numbers up to `last` can have been purged: all that is there of the call came after them."""
        if not self._purged.sequence:
            return False
        row = self._reader.call(call)
        if row is not None and row.started > self._purged.time:
            return False
        left = (row.callseq for row in self._reader.events_of(call) if row.sequence > self._purged.sequence)
        return last < next(left, 0)

    def summary(self) -> dict[str, object]:
        """Say what was looked at."""
        purged = self._purged
        return {
            "events": self._verifier.events,
            "calls": self._verifier.calls,
            "purged": purged.events,
            "purged_until": purged.time,
            "shed": self._reader.shed_events(),
        }


def _told(summary: dict[str, object]) -> str:
    text = f"{summary['events']} events of {summary['calls']} calls, {summary['findings'] or 'no'} findings"
    if summary["purged"]:
        text += f"; {summary['purged']} purged, up to {summary['purged_until']}"
    if summary["shed"]:
        text += f"; {summary['shed']} shed for want of room"
    return text
