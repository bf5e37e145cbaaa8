"""`edge bench`: what calls and detectors cost, measured on this machine."""

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

import edge
from edge.cli.output import BAD, FINE, USAGE, complain, print_json
from edge.cli.site import JsonOption

#: What can be measured, in the order of `all`.
SUBJECTS = (
    "dsp",
    "calls",
    "media",
    "capacity",
    "voice",
    "hostile",
    "fuzz",
    "siege",
    "front",
    "adoption",
    "timers",
    "menus",
    "rules",
    "reload",
    "hearing",
    "trials",
    "dialer",
    "imports",
    "power_on",
    "freezes",
    "soak",
    "dialer_kills",
    "events",
    "event_kills",
    "dialer_answers",
)


def register(app: App) -> None:
    """Add the command."""
    app.command(bench)


def bench(
    subject: Annotated[str, Parameter(help=f"What to measure: {', '.join(SUBJECTS)} or all.")] = "all",
    *,
    quick: Annotated[bool, Parameter(negative=(), help="Short runs, for a look; not for publishing.")] = False,
    write: Annotated[Path | None, Parameter(help="Write the page of figures; of a part, its rows.")] = None,
    json: JsonOption = False,
) -> int:
    """Measure what calls and detectors cost here, how calls sound, and what attacks achieve.

    Needs a source tree: the load generator is no part of the package.

    Exit code 1 when a run did not count (the load generator was late, or others took the machine).
    """
    root = Path(edge.__file__).parents[1]
    chosen = SUBJECTS if subject == "all" else (subject,)
    if subject not in {*SUBJECTS, "all"} or not (root / "bench" / "calls.py").is_file():
        complain(f"usage: edge bench {{{','.join(SUBJECTS)},all}}, in a source tree")
        return USAGE
    sys.path.insert(0, str(root))
    page = importlib.import_module("bench.page")
    figures: list[dict[str, Any]] = []

    def emit(name: str, value: Any, unit: str, **more: Any) -> None:
        figure = {"name": name, "value": value, "unit": unit, **more}
        figures.append(figure)
        if json:
            print_json(figure)
        else:
            print(page.line(figure), flush=True)

    for name in chosen:
        importlib.import_module(f"bench.{name}").measure(emit, quick=quick)
    if write is not None:
        text = page.document(figures, quick=quick)
        if subject != "all" and write.is_file():
            text = page.with_rows(write.read_text(encoding="utf-8"), figures)
        write.write_text(text, encoding="utf-8")
    return BAD if any("void" in figure for figure in figures) else FINE
