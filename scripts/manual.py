"""Make the manual page edge(1) and completions for bash, zsh and fish from the commands: `manual.py FOLDER`.

`scripts/release` runs it with the Python of the release that it makes, so a site has those of its version.
"""

import argparse
import inspect
import os
import time
from collections.abc import Iterator
from pathlib import Path

from cyclopts import App
from cyclopts.argument import Argument

from edge.cli import build

SHELLS = {"bash": "edge.bash", "zsh": "_edge", "fish": "edge.fish"}
_OWN = frozenset({"--help", "-h", "--version"})
_HEAD = """\
.TH EDGE 1 "{date}" "edge-appliance {version}" "User Commands"
.SH NAME
edge \\- {help}
.SH SYNOPSIS
.B edge
.I command
.RI [ options ]
.SH DESCRIPTION
One program for the appliance itself and for all that operators do with it. Each command explains itself:
.BI "edge " command " \\-\\-help" .
.SH COMMANDS
"""
_FOOT = """\
.SH "EXIT STATUS"
.TP
.B 0
Fine.
.TP
.B 1
The thing asked about is bad.
.TP
.B 2
Wrong usage.
.TP
.B 78
Bad configuration.
.SH FILES
.TP
.I /etc/edge/site.toml
Settings;
.I /usr/share/doc/edge\\-appliance/configuration.md
has all of them.
.TP
.I /var/lib/edge
State: calls, events that wait for delivery, campaigns.
.TP
.I /var/spool/edge
Recordings.
.SH "SEE ALSO"
.I /usr/share/doc/edge\\-appliance/
"""


def escaped(text: str) -> str:
    """Write text as roff takes it: nothing in it is a request, and hyphens can be copied."""
    lines = text.replace("\\", "\\e").replace("-", "\\-").splitlines()
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in lines)


def described(text: str) -> str:
    """Set a command's own words: paragraphs for empty lines."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n.PP\n".join(escaped(one) for one in paragraphs) + "\n"


def option(argument: Argument) -> str:
    """Describe an argument: its names, what it is, and what it is when not given."""
    names = [*argument.names, *argument.negatives]
    if argument.index is not None:
        names = [argument.names[0].lstrip("-").upper()]
    text = inspect.cleandoc(argument.parameter.help or "")
    default = argument.field_info.default
    if not argument.required and isinstance(default, str | int | float) and not isinstance(default, bool):
        text += f" Default: {default}." if default != "" else ""
    return f".TP\n.B {escaped(', '.join(names))}\n{escaped(text.strip()) or '.br'}\n"


def commands(app: App, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield a section for each command, those below it after it."""
    words = app.default_command.__doc__ if app.default_command is not None else app.help
    yield f'.SS "{escaped(" ".join(("edge", *path)))}"\n{described(words or app.help or "")}' if path else ""
    if app.default_command is not None and path:
        yield from (option(argument) for argument in app.assemble_argument_collection() if argument.show)
    for name in app:
        if name not in _OWN:
            yield from commands(app[name], (*path, name))


def page(app: App, version: str, epoch: int) -> str:
    """Write edge(1)."""
    date = time.strftime("%Y-%m-%d", time.gmtime(epoch))
    head = _HEAD.format(date=date, version=version, help=escaped(app.help.rstrip(".")))
    return head + "".join(commands(app)) + _FOOT


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Make edge(1) and completions.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--version", default="")
    given = parser.parse_args()
    (given.folder / "man").mkdir(parents=True, exist_ok=True)
    (given.folder / "completions").mkdir(exist_ok=True)
    app = build()
    text = page(app, given.version, int(os.environ.get("SOURCE_DATE_EPOCH", time.time())))
    (given.folder / "man/edge.1").write_text(text, "utf-8")
    for shell, name in SHELLS.items():
        (given.folder / "completions" / name).write_text(app.generate_completion(shell=shell), "utf-8")


if __name__ == "__main__":
    main()
