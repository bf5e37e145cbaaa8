"""What commands print: tables for people, JSON lines for programs. Text from the wire can't steer a terminal."""

import io
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Exit codes that scripts rely on.
FINE: Final = 0
BAD: Final = 1
USAGE: Final = 2
CONFIGURATION: Final = 78

_ENDLESS: Final = 100_000


def printable(value: object) -> str:
    """Escape everything that a terminal could take for a command or that would hide other text."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def print_json(value: object) -> None:
    """Print one JSON line, and flush it: the reader may be a program that waits for it."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, default=str) + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print a table; without a terminal a row is one line, whatever its length, and nothing is coloured."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    if sys.stdout.isatty():
        console().print(table)
        return
    page = io.StringIO()
    Console(file=page, highlight=False, width=_ENDLESS).print(table)
    sys.stdout.write("".join(line.rstrip() + "\n" for line in page.getvalue().splitlines()))


def console(*, stderr: bool = False) -> Console:
    """Give a console as wide as the terminal, or endlessly wide where there is none."""
    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() else _ENDLESS
    return Console(file=stream, highlight=False, soft_wrap=wide is not None, width=wide)


def complain(text: object) -> None:
    """Print a message on stderr."""
    sys.stderr.write(printable(text) + "\n")


def seconds(milliseconds: Any) -> str:
    """Show a duration."""
    return f"{milliseconds / 1000:.1f}s" if isinstance(milliseconds, (int, float)) else ""
