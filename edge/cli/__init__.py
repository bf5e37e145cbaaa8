"""The command `edge`. Each module of this folder registers its commands on one app.

Exit codes: 0 fine, 1 the thing asked about is bad, 2 wrong usage, 78 bad configuration.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cyclopts import App, CycloptsError

#: Modules with a `register(app)`, in the order of the help page. Each has the command that it is called by.
COMMANDS = (
    "daemon",
    "init",
    "check",
    "plan",
    "doctor",
    "call",
    "calls",
    "trunk",
    "hw",
    "callbacks",
    "dial",
    "survey",
    "queue",
    "agents",
    "events",
    "sinks",
    "recordings",
    "voicemail",
    "bans",
    "tokens",
    "analyze",
    "amd",
    "menu",
    "prompts",
    "selftest",
    "warmup",
    "bench",
)
#: The commands of module `daemon`, which has none of its name.
OF_DAEMON = frozenset({"run", "status", "reload", "stop"})


def _version() -> str:
    try:
        return version("edge-appliance")
    except PackageNotFoundError:
        return "not installed"


def build(wanted: str = "") -> App:
    """Make the app with all commands, or with the module alone that has the command `wanted`."""
    app = App(name="edge", help="Telephony edge appliance.", version=_version)
    known = {**{name: name for name in COMMANDS}, **dict.fromkeys(OF_DAEMON, "daemon")}
    for name in [known[wanted]] if wanted in known and wanted != "daemon" else COMMANDS:
        importlib.import_module(f"edge.cli.{name}").register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    from edge.cli.output import USAGE

    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result: Any = build(*tokens[:1])(tokens, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        return USAGE
    except BrokenPipeError:  # `edge events list | head`
        sys.stderr.close()
        return 0
    return result if isinstance(result, int) else 0
