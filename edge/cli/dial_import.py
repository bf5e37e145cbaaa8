"""`edge dial import`, and what imports of all kinds have in common."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from cyclopts import App, Parameter
from msgspec.structs import replace
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from edge.cli.daemon import Where
from edge.cli.dial_store import place_of
from edge.cli.moments import now_ms
from edge.cli.output import BAD, FINE, USAGE, complain, console, print_json
from edge.cli.site import BadSiteError, ConfigOption, DemoOption, JsonOption, StateOption, UsageError, failed
from edge.config.kinds import name_fault
from edge.core.dialer.columns import ColumnsError
from edge.core.dialer.lines import Reading
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.store import opened
from edge.storage.campaigns.words import Job
from edge.storage.imports.records import Format, Records
from edge.storage.imports.rejects import Rejects
from edge.storage.imports.run import ContactsOf, Import, Target
from edge.storage.imports.text import SourceError, Text, text_of
from edge.storage.turn import StorageError

FileArgument = Annotated[Path, Parameter(help="CSV, or JSON lines (.jsonl, .ndjson).")]
_JSON_SUFFIXES = {".jsonl", ".ndjson", ".json"}


@Parameter(name="*")
@dataclass(frozen=True)
class Source:
    """How a file is to be read."""

    map: Annotated[
        tuple[str, ...],
        Parameter(name="--map", negative=(), help="FIELD=COLUMN, as number=Telefon; A+B puts two columns together."),
    ] = ()
    country: Annotated[str, Parameter(help="Country of numbers without + (ISO 3166-1, as DE).")] = ""
    encoding: Annotated[str, Parameter(help="Of the text: utf-8, utf-16, cp1252, gb18030... or auto.")] = "auto"
    delimiter: Annotated[str, Parameter(help="Of CSV: a character, comma, semicolon, tab, pipe, or auto.")] = "auto"
    header: Annotated[
        bool, Parameter(negative="--no-header", help="The first line names the columns; else they are 1, 2, ...")
    ] = True
    format: Annotated[Literal["auto", "csv", "jsonl"], Parameter(help="What the file is; auto: by its name.")] = "auto"
    rejects: Annotated[
        Path | None, Parameter(help="Where refused lines are written; FILE.rejects.csv when not given.")
    ] = None
    dry_run: Annotated[bool, Parameter(negative=(), help="Only say what would be refused; change nothing.")] = False


_DEFAULTS = Source()


def register(app: App) -> None:
    """Add the command."""
    app.command(import_contacts, name="import")


def import_contacts(
    file: FileArgument,
    /,
    *,
    into: Annotated[str, Parameter(name="--list", help="The list; it is made when it is not there.")],
    source: Source = _DEFAULTS,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Import contacts into a list: id, number, number_LABEL for further ones, priority, zone, language, country.

    All other columns are kept as attributes. The same file again changes nothing; an import that was interrupted goes
    on where it was. Exit code 1: lines were refused, or the file can't be read.
    """
    fault = name_fault(into)
    if fault:
        complain(fault)
        return USAGE
    reading = Reading(country=source.country.upper(), zones=frozenset(available_timezones()))
    return run_import((config, demo, state), file, source, reading, lambda store: ContactsOf(store, into), json=json)


def run_import(
    where: Where,
    file: Path,
    source: Source,
    reading: Reading,
    target: Callable[[CampaignStore], Target[Any]],
    *,
    json: bool,
) -> int:
    """Do an import and tell of it; returns the exit code."""
    try:
        mapping = _mapping(source.map)
        config, demo, state = where
        place = place_of(config, demo=demo, state=state)
        text = text_of(file, source.encoding)
        rejects = source.rejects or (None if source.dry_run else file.with_name(file.name + ".rejects.csv"))
        with TemporaryDirectory(prefix="edge-import-") as folder:
            # A dry run is a real one, into a store that nobody keeps: so repeated ids are found in little memory.
            store = opened(Path(folder)) if source.dry_run else place.open()
            with closing(store), closing(_records(text, source)) as records:
                known = replace(reading, key=store.secret(), now_ms=reading.now_ms or now_ms())
                into, kept = target(store), Rejects(rejects)
                work = Import(store, into, text=text, records=records, mapping=mapping, reading=known, rejects=kept)
                return _run(work, into, text, kept, json=json)
    except ColumnsError as error:
        for fault in error.faults:
            complain(f"{file}: {fault}")
        return BAD
    except SourceError as error:
        complain(error)
        return BAD
    except OSError as error:
        complain(error)
        return BAD
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)


def _records(text: Text, source: Source) -> Records:
    form: Format = "jsonl" if text.file.suffix.lower() in _JSON_SUFFIXES else "csv"
    if source.format != "auto":
        form = source.format
    return Records(text, form, delimiter=source.delimiter, header=source.header)


def _mapping(given: tuple[str, ...]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for one in given:
        field, equals, column = one.partition("=")
        if not equals or not field or not column:
            raise UsageError(f"--map is FIELD=COLUMN, as number=Telefon; this is '{one}'")
        if field in mapping:
            raise UsageError(f"--map names '{field}' twice")
        mapping[field] = column
    return mapping


def _run(work: Import[Any], target: Target[Any], text: Text, rejects: Rejects, *, json: bool) -> int:
    if work.resumed:
        complain(f"{text.file}: goes on behind line {work.resumed}, where an earlier import stopped")
    begun = time.monotonic()
    try:
        _show_progress(work, text)
    except (StorageError, OSError, KeyboardInterrupt) as error:
        complain(f"{text.file}: stopped behind line {work.job.lines}; the same command goes on from there")
        if isinstance(error, KeyboardInterrupt):
            return BAD
        raise
    took = time.monotonic() - begun
    _tell(work.job, text, rejects, target, lines=work.job.lines - work.resumed, took=took, json=json)
    return BAD if work.job.refused or target.kept_because else FINE


def _show_progress(work: Import[Any], text: Text) -> None:
    """Do the import, with a bar where somebody looks on."""
    screen = console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} lines/s, {task.fields[refused]} refused"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        line: TaskID = bar.add_task(text.file.name, total=max(text.lines, 1), rate=0, refused=0)
        begun = time.monotonic()
        for job in work.steps(now_ms):
            rate = (job.lines - work.resumed) / max(time.monotonic() - begun, 1e-3)
            bar.update(line, completed=job.lines, rate=f"{rate:,.0f}", refused=f"{job.refused:,}")


def _tell(job: Job, text: Text, rejects: Rejects, target: Target[Any], *, lines: int, took: float, json: bool) -> None:
    gone, because = target.gone, target.kept_because
    rate = round(lines / took) if took > 0 else lines
    if json:
        told = {
            "kind": "import",
            "file": str(text.file),
            "target": job.target,
            "encoding": text.encoding,
            "lines": job.lines,
            "new": job.new,
            "changed": job.changed,
            "same": job.same,
            "kept": job.kept,
            "refused": job.refused,
            "gone": gone,
            "edition_kept_because": because or None,
            "rejects": str(rejects.file) if job.refused and rejects.file else None,
            "lines_per_second": rate,
        }
        print_json(told)
        return
    for one in rejects.shown:
        complain(f"{text.file}:{one.line}: {one.told}")
    if job.refused:
        where = f"; all of them, with their reasons: {rejects.file}" if rejects.file else ""
        complain(f"{job.refused} lines were refused{where}")
    counts = f"{job.new} new, {job.changed} changed, {job.same} the same, {job.kept} in progress or done and left alone"
    print(f"{job.target} ({text.encoding}): {counts}, {job.refused} refused; {rate:,} lines/s")
    if gone is not None:
        print(f"{gone} numbers are not on the list any more")
    if because:
        complain(
            f"{because}, so this edition does not take the place of the one before: the numbers of both count, and the "
            "list is as old as it was"
        )
