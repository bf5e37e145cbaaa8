"""`edge selftest dsp`: whether the detectors keep what is promised of them, measured on this machine."""

import importlib
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

import edge
from edge.cli.output import BAD, FINE, USAGE, complain, print_json, print_table
from edge.cli.site import JsonOption


def register(app: App) -> None:
    """Add the command."""
    app.command(selftest)


def selftest(
    what: Annotated[Literal["dsp"], Parameter(help="What to test: the detectors.")] = "dsp",
    *,
    only: Annotated[tuple[str, ...], Parameter(help="Only these: dtmf, progress, answer.", negative=())] = (),
    full: Annotated[bool, Parameter(negative=(), help="All trials, as published; takes long.")] = False,
    write: Annotated[Path | None, Parameter(help="Write the page to this file.")] = None,
    json: JsonOption = False,
) -> int:
    """Build the grid of signals, run the detectors over it, and print what was heard: hits, misses, false.

    Where spandsp is installed, its answers to the same samples stand beside. Needs a source tree.

    Exit code 1: something that is promised is not so.
    """
    root = Path(edge.__file__).parents[1]
    if not (root / "bench" / "accuracy" / "__init__.py").is_file():
        complain(f"edge selftest {what} needs a source tree: the grid is no part of the package")
        return USAGE
    sys.path.insert(0, str(root))
    accuracy, page = importlib.import_module("bench.accuracy"), importlib.import_module("bench.accuracy.page")
    if wrong := set(only) - set(accuracy.SUBJECTS):
        complain(f"--only: {', '.join(sorted(wrong))}: there are {', '.join(accuracy.SUBJECTS)}")
        return USAGE
    began = time.monotonic()
    made: list[Any] = []
    for subject in only or accuracy.SUBJECTS:
        found = _made(accuracy.run((subject,), quick=not full), subject, json=json)
        if not json:
            _print(page, found)
        made += found
    if write is not None:
        text = page.document(made, quick=not full, seconds=time.monotonic() - began)
        write.write_text(text, encoding="utf-8")
    failed = page.broken(made)
    for name in failed:
        complain(f"not kept: {name}")
    if not json:
        print(f"{len(made)} rows, {len(failed)} promises not kept, {time.monotonic() - began:.0f} s")
    return BAD if failed or not made else FINE


def _made(rows: Iterable[Any], subject: str, *, json: bool) -> list[Any]:
    """Make the rows; whoever waits at a terminal sees how far it is."""
    found = []
    for one in rows:
        found.append(one)
        if json:
            print_json(one.as_json())
        elif sys.stderr.isatty():
            sys.stderr.write(f"\r{subject}: {len(found)} conditions\x1b[K")
    if not json and sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    return found


def _print(page: Any, made: list[Any]) -> None:
    rows = [one for one in made if hasattr(one, "condition")]
    if rows:
        peers = page.peers(rows)
        columns = [rows[0].subject, *page.COLUMNS[1:], *peers, "note"]
        print_table(columns, (page.cells(row, peers) for row in rows), right=(*page.COLUMNS[2:6], *peers))
        print()
    for one in made:
        if hasattr(one, "columns"):
            print(one.title)
            print_table(one.columns, one.rows)
            print()
