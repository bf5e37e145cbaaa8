"""`edge recordings expire`: recordings that are older than the site keeps them are deleted.

Only what lies in the folders of days and has a sidecar is looked at: neither messages of mailboxes, which have rules of
their own, nor what is being recorded, nor what nobody knows the age of.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec import Struct

from edge.cli.output import BAD, FINE, USAGE, complain, print_json
from edge.cli.site import BadSiteError, ConfigOption, DemoOption, JsonOption, usable_site
from edge.core.recording import sidecar

#: `YYYY/MM/DD` below the folder of recordings.
_DAYS = "[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]"


class Expired(Struct, frozen=True):
    """A recording that is older than it is kept."""

    note: sidecar.Sidecar
    #: Of the sidecar; it goes last, so what a kill leaves is found again.
    path: Path

    def delete(self) -> None:
        """Delete its files. Raises OSError."""
        for suffix in (".wav", ".heard", ".json"):
            self.path.with_suffix(suffix).unlink(missing_ok=True)


def expired(root: Path, before: datetime) -> Iterator[Expired]:
    """Find the recordings that ended before then, oldest day first."""
    for path in sorted(root.glob(f"{_DAYS}/*.json")):
        with suppress(FileNotFoundError):
            note = sidecar.decode_sidecar(path.read_bytes())
            if note is not None and ended(note) < before:
                yield Expired(note, path)


def ended(note: sidecar.Sidecar) -> datetime:
    """Say when a recording ended."""
    return datetime.fromisoformat(note.started) + timedelta(milliseconds=note.duration_ms)


def expire(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    keep_days: Annotated[int | None, Parameter(help="Instead of [recording] keep_days; 0: delete none.")] = None,
    dry_run: Annotated[bool, Parameter(help="Only say what would be deleted.", negative="")] = False,
    json: JsonOption = False,
) -> int:
    """Delete recordings that are older than the site keeps them. Exit code 1: at least one could not be deleted."""
    try:
        site = usable_site(config, demo=demo).site
    except BadSiteError as error:
        return error.report()
    days = site.recording.keep_days if keep_days is None else keep_days
    if days < 0:
        complain("--keep-days: 0 or more")
        return USAGE
    root = Path(site.paths.recordings)
    count = size = failed = 0
    for one in expired(root, datetime.now(UTC) - timedelta(days=days)) if days else ():
        count, size = count + 1, size + one.note.size_bytes
        try:
            if not dry_run:
                one.delete()
        except OSError as error:
            failed += 1
            complain(f"{one.path}: {error.strerror}")
        else:
            if json:
                told = {"call": one.note.call, "recording": one.note.recording, "started": one.note.started}
                print_json({**told, "path": str(one.path.with_suffix(".wav")), "size_bytes": one.note.size_bytes})
    if not dry_run:
        _drop_empty(root)
    if not json:
        how_long = f"recordings are kept {days} days" if days else "recordings are kept for ever"
        print(f"{count - failed} {'would be ' if dry_run else ''}deleted, {size / 1e6:.1f} MB; {how_long}")
    return BAD if failed else FINE


def _drop_empty(root: Path) -> None:
    """Remove folders of former days, months and years that have nothing in them; today's may be about to be used."""
    today = datetime.now(UTC) - timedelta(days=1)
    for depth in (3, 2, 1):
        for folder in root.glob("/".join(_DAYS.split("/")[:depth])):
            if "/".join(folder.parts[-depth:]) < today.strftime("%Y/%m/%d"[: 3 * depth - 1]):
                with suppress(OSError):  # not empty
                    folder.rmdir()
