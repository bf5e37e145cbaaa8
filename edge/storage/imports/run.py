"""An import from its first line to its last; resumable, for a batch and how far the import came are written at once.

Who is killed and starts the same command again goes on behind the last batch that is in the store; refused lines of
the batch that was not are written anew.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from edge.core.dialer.columns import (
    CONSENT_FIELDS,
    CONTACT_FIELDS,
    SUPPRESSION_FIELDS,
    Columns,
    ColumnsError,
    columns_of,
    unknown_fields,
)
from edge.core.dialer.lines import Fault, Reading, RefusedError, consent_of, contact_of, suppression_of
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import Added, Job, Note, Row
from edge.storage.imports.records import Record, Records
from edge.storage.imports.rejects import Reject, Rejects
from edge.storage.imports.text import Text
from edge.vocabulary.dialing import Consent
from edge.vocabulary.private import Private

T = TypeVar("T")

#: Lines that are written at once: a lease of the dialer waits as long as that takes (some 50 ms).
_BATCH = 1000
#: Kinds of lines (JSON) whose columns are remembered.
_SHAPES = 100


class Target(Protocol[T]):
    """What an import fills."""

    #: What it is called in the job.
    name: str
    fields: tuple[str, ...]
    required: tuple[str, ...]
    #: How many entries of earlier imports went; None: none ever do, or not yet.
    gone: int | None = None
    #: Why those that should have gone did not.
    kept_because: str = ""

    def read(self, cells: Mapping[str, str], columns: Columns, reading: Reading, line: int) -> T:
        """Make something of a line. Raises `RefusedError`."""

    def write(self, items: Sequence[T], job: Job, now_ms: int, note: Note) -> Added:
        """Write a batch."""

    def finish(self, job: Job) -> None:  # noqa: ARG002
        """Do what is to be done when all lines are in; most have nothing to do."""
        return


class ContactsOf(Target[Row]):
    """Contacts of a list."""

    fields = CONTACT_FIELDS
    required = ("number",)

    def __init__(self, store: CampaignStore, listed_in: str) -> None:
        self._store = store
        self._list = listed_in
        self.name = f"list {listed_in}"

    def read(self, cells: Mapping[str, str], columns: Columns, reading: Reading, line: int) -> Row:
        """Make a contact of a line."""
        return Row(contact=contact_of(cells, columns, reading, self._list), line=line)

    def write(self, items: Sequence[Row], job: Job, now_ms: int, note: Note) -> Added:
        """Add a batch."""
        return self._store.add(self._list, items, now_ms, job, note)


class SuppressionsOf(Target[tuple[Private, int]]):
    """Numbers that are not to be called: our own list grows, others get a new edition."""

    fields = SUPPRESSION_FIELDS
    required = ("number",)

    def __init__(self, store: CampaignStore, listed_in: str, loaded_ms: int | None, *, smaller: bool = False) -> None:
        """`loaded_ms`: as of when the edition is; None: lines are added to those that are there.

        `smaller`: it may have less than half the numbers of the one before.
        """
        self._store = store
        self._list = listed_in
        self._loaded_ms = loaded_ms
        self._smaller = smaller
        self._edition = 0
        self.name = f"suppressions {listed_in}"
        before = [one.numbers for one in store.suppression_lists() if one.name == listed_in and one.loaded_ms]
        self._before = before[0] if before else 0

    def read(
        self,
        cells: Mapping[str, str],
        columns: Columns,
        reading: Reading,
        line: int,  # noqa: ARG002
    ) -> tuple[Private, int]:
        """Make a number of a line."""
        return suppression_of(cells, columns, reading)

    def write(self, items: Sequence[tuple[Private, int]], job: Job, now_ms: int, note: Note) -> Added:  # noqa: ARG002
        """Put a batch on the list."""
        if self._loaded_ms is not None and not self._edition:
            self._edition = self._store.begin_edition(self._list, again=job.lines > 0)
        return self._store.suppress(self._list, dict(items), self._edition, note)

    def finish(self, job: Job) -> None:
        """Take the edition for the list, unless something speaks against it: then its numbers and the old ones count.

        A download that broke off must not let people be called who asked not to be.
        """
        if self._loaded_ms is None:
            return
        numbers = job.new + job.same
        if job.refused:
            self.kept_because = f"{job.refused} lines were refused"
        elif not numbers:
            self.kept_because = "there is no number in it"
        elif 2 * numbers < self._before and not self._smaller:
            self.kept_because = f"it has {numbers} numbers, and there were {self._before}"
        else:
            edition = self._edition or self._store.begin_edition(self._list, again=True)
            self.gone = self._store.finish_edition(self._list, edition, self._loaded_ms)


class Consents(Target[tuple[Private, Consent]]):
    """Consents."""

    name = "consents"
    fields = CONSENT_FIELDS
    required = ("number", "given")

    def __init__(self, store: CampaignStore) -> None:
        self._store = store

    def read(
        self,
        cells: Mapping[str, str],
        columns: Columns,
        reading: Reading,
        line: int,  # noqa: ARG002
    ) -> tuple[Private, Consent]:
        """Make a consent of a line."""
        return consent_of(cells, columns, reading)

    def write(self, items: Sequence[tuple[Private, Consent]], job: Job, now_ms: int, note: Note) -> Added:  # noqa: ARG002
        """Keep a batch."""
        return self._store.agree(items, note)


class Import(Generic[T]):
    """One import. `steps` does it, and gives the job after each batch."""

    def __init__(
        self,
        store: CampaignStore,
        target: Target[T],
        *,
        text: Text,
        records: Records,
        mapping: Mapping[str, str],
        reading: Reading,
        rejects: Rejects,
    ) -> None:
        """Begin or go on. Raises `ColumnsError` when columns are missing, `StorageError`."""
        self._target = target
        self._records = records
        self._mapping = dict(mapping)
        self._reading = reading
        self._store = store
        self._rejects = rejects
        self._columns: dict[tuple[str, ...], Columns] = {}
        if records.whole:
            self._columns_of(records.names)
        elif faults := unknown_fields(mapping, target.fields):
            raise ColumnsError(faults)
        said = (target.name, text.digest, sorted(mapping.items()), reading.country, reading.kind, text.encoding)
        told = msgspec.json.encode((*said, records.delimiter))
        new = Job(
            id=hashlib.blake2b(told, digest_size=16).hexdigest(),
            file=str(text.file),
            target=target.name,
            started_ms=reading.now_ms,
        )
        self.job = store.begin_job(new)
        #: Where it goes on: 0 at the beginning.
        self.resumed = self.job.lines

    def steps(self, now_ms: Callable[[], int]) -> Iterator[Job]:
        """Do the import. Raises `StorageError`, `SourceError`; then the same import goes on from where it was."""
        self._rejects.cut(self.job.rejects_bytes)
        good: list[tuple[Record, T]] = []
        bad: list[Reject] = []
        taken = last = 0
        for record in self._records.records(self.job.lines):
            last = record.last
            try:
                good.append((record, self._read(record)))
            except RefusedError as error:
                bad += [Reject(record.line, fault.field, fault.reason, record.raw) for fault in error.faults]
            taken += 1
            if taken == _BATCH:
                yield self._write(good, bad, last, now_ms())
                good, bad, taken = [], [], 0
        if taken:
            yield self._write(good, bad, last, now_ms())
        self._target.finish(self.job)
        self.job = msgspec.structs.replace(self.job, finished_ms=now_ms())
        self._store.save_job(self.job)
        yield self.job

    def _read(self, record: Record) -> T:
        if record.fault:
            raise RefusedError([Fault("", record.fault)])
        try:
            columns = self._columns_of(tuple(record.cells))
        except ColumnsError as error:  # lines of JSON name their own
            raise RefusedError([Fault("", fault) for fault in error.faults]) from None
        return self._target.read(record.cells, columns, self._reading, record.line)

    def _columns_of(self, names: tuple[str, ...]) -> Columns:
        found = self._columns.get(names)
        if found is None:
            if len(self._columns) > _SHAPES:
                self._columns.clear()
            wanted = (self._target.fields, self._target.required)
            found = columns_of(names, self._mapping, *wanted, whole=self._records.whole)
            self._columns[names] = found
        return found

    def _write(self, good: list[tuple[Record, T]], bad: list[Reject], last: int, now_ms: int) -> Job:
        """Write a batch, its refused lines and how far it came: all, or nothing that a next try would not undo."""
        job = done = self.job

        def note(added: Added) -> Job:
            nonlocal done
            again = [
                Reject(record.line, "id", f"came in line {added.repeated[record.line]} already", record.raw)
                for record, _ in good
                if record.line in added.repeated
            ]
            refused = sorted([*bad, *again], key=lambda one: one.line)
            done = msgspec.structs.replace(
                job,
                lines=last,
                rejects_bytes=self._rejects.append(job.rejects_bytes, refused),
                new=job.new + added.new,
                changed=job.changed + added.changed,
                same=job.same + added.same,
                kept=job.kept + added.kept,
                refused=job.refused + len({one.line for one in refused}),
            )
            return done

        self._target.write([item for _, item in good], job, now_ms, note)
        self.job = done
        return done
