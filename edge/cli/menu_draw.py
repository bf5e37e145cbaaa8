"""`edge menu draw`: a menu as a picture, with `--stats` the ways that callers really took."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from edge.cli.menu_named import compiled_menu
from edge.cli.moments import told_since
from edge.cli.output import BAD, FINE, complain
from edge.cli.site import BadSiteError, ConfigOption, DemoOption, StateOption, UsageError, failed, usable_site
from edge.cli.state import open_state
from edge.core.callbacks.window import stamp
from edge.core.indicators.paths import Hung, NodeEntered, Paths, count_paths
from edge.core.menus.drawing import dot, graph_of, mermaid
from edge.core.menus.model import Menu
from edge.storage.reader import Reader
from edge.storage.turn import StorageError

#: A menu is drawn in well under a second; Graphviz must not hang a shell for ever.
_DRAW_SECONDS = 60
#: By the ending of the output file, what Graphviz is asked for.
_PICTURES = {".svg": "svg", ".png": "png", ".pdf": "pdf"}


def draw(
    menu: Annotated[str, Parameter(help="Name of a menu of the site, or a menu file.")],
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], help="Picture (.svg, .png, .pdf), .dot or .mmd; none: Mermaid on stdout."),
    ] = None,
    stats: Annotated[bool, Parameter(negative=(), help="Show how many callers went where, and gave up where.")] = False,
    since: Annotated[
        str | None, Parameter(help="With --stats: calls since a date (2026-11-01) or for so long (7d, 12h).")
    ] = None,
    version: Annotated[
        str | None, Parameter(help="With --stats: of this version of the menu, not of this file's.")
    ] = None,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Draw a menu. Pictures are made by Graphviz (Debian package graphviz)."""
    try:
        if (since or version) and not stats:
            raise UsageError("--since and --version need --stats")
        found = usable_site(config, demo=demo, overrides={} if state is None else {"paths.state": state})
        compiled = compiled_menu(menu, found)
        begin_ms = told_since(since, found.site.time_zone)
        paths = _paths(compiled, Path(found.site.paths.state), begin_ms, version) if stats else None
        _write(compiled, paths, output)
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    except DrawingError as error:
        complain(error)
        return BAD
    return FINE


class DrawingError(Exception):
    """There is no picture; the text says why."""


def _paths(menu: Menu, state: Path, begin_ms: int, version: str | None) -> Paths:
    counted = count_paths(_calls(open_state(state), menu.name, stamp(begin_ms) if begin_ms else ""), menu.name)
    wanted = version or menu.version
    fitting = [one for one in counted if one.startswith(wanted)]
    if len(fitting) == 1:
        return counted[fitting[0]]
    known = ", ".join(f"{one[:8]} ({paths.calls} calls)" for one, paths in counted.items()) or "none"
    if version:
        raise UsageError(f"{len(fitting)} versions of '{menu.name}' begin with '{version}'; with calls: {known}")
    complain(f"no calls ran on version {menu.version[:8]} of '{menu.name}'; --version: {known}")
    return Paths()


def _calls(reader: Reader, menu: str, begin: str) -> Iterable[list[NodeEntered | Hung]]:
    """Collect what the events tell of each call that began a menu since `begin`, as events write it (empty: all)."""
    calls: dict[str, list[NodeEntered | Hung]] = {}
    for event in reader.every_event(("menu.node_entered", "call.ended")):
        if event.type == "menu.node_entered" and (event.call in calls or event.time >= begin):
            data = _data(event.body)
            if data["menu"] == menu or event.call in calls:
                entered = NodeEntered(data["menu"], data["menu_version"], data["node"])
                calls.setdefault(event.call, []).append(entered)
        elif event.type == "call.ended" and event.call in calls:
            calls[event.call].append(Hung(_data(event.body)["end"]["ended_by"]))
    return calls.values()


def _data(body: bytes) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(body)["data"]
    return data


def _write(menu: Menu, paths: Paths | None, output: Path | None) -> None:
    graph = graph_of(menu)
    ending = output.suffix if output is not None else ".mmd"
    if output is None:
        sys.stdout.write(mermaid(graph, paths))
        return
    try:
        if ending == ".mmd":
            output.write_text(mermaid(graph, paths))
        elif ending == ".dot":
            output.write_text(dot(graph, paths))
        elif ending in _PICTURES:
            output.write_bytes(_picture(dot(graph, paths), _PICTURES[ending]))
        else:
            raise UsageError(f"'{output.name}' must end in .svg, .png, .pdf, .dot or .mmd")
    except OSError as error:
        raise DrawingError(f"{output}: {error.strerror}") from error


def _picture(text: str, form: str) -> bytes:
    try:
        done = subprocess.run(
            ["dot", f"-T{form}"],
            input=text.encode(),
            capture_output=True,
            timeout=_DRAW_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise DrawingError("Graphviz is not installed (apt install graphviz); .mmd and .dot need none") from None
    except subprocess.TimeoutExpired:
        raise DrawingError(f"Graphviz did not finish within {_DRAW_SECONDS} s") from None
    if done.returncode:
        raise DrawingError(f"Graphviz: {done.stderr.decode(errors='replace').strip()[:300]}")
    return done.stdout
