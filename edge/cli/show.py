"""`edge calls show`: one call, and with `--media` what its legs hear and say at this moment."""

import json as jsonlib
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.live import Live

from edge.cli import ladder
from edge.cli.control import NotRunningError, ask
from edge.cli.daemon import run_dir
from edge.cli.output import BAD, FINE, complain, console, print_json, print_table
from edge.cli.picture import call_picture
from edge.cli.site import BadSiteError, ConfigOption, DemoOption, JsonOption, StateOption, UsageError, failed

#: Between two looks of `--watch`.
WATCH_S = 0.5
_ENGINE = re.compile(r"media[0-9]*")


class GoneError(Exception):
    """The appliance does not answer the question; the text says why."""


def show(
    call: Annotated[str, Parameter(help="Id of the call, as `edge calls` shows it.")],
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    media: Annotated[bool, Parameter(negative=(), help="Levels, buffer, loss and quality of each leg.")] = False,
    watch: Annotated[
        bool, Parameter(negative=(), help="The same (with --media), again and again, until the call ends or Ctrl-C.")
    ] = False,
    sip: Annotated[
        bool, Parameter(negative=(), help="Its SIP messages as a ladder; also of a call that has ended lately.")
    ] = False,
    mermaid: Annotated[bool, Parameter(negative=(), help="With --sip: as a Mermaid sequence diagram.")] = False,
    messages: Annotated[bool, Parameter(negative=(), help="With --sip: the messages themselves.")] = False,
    json: JsonOption = False,
) -> int:
    """Show a call in progress. Exit code 1: there is no such call, or the appliance does not run."""
    try:
        if sip or mermaid or messages:
            return _sip(run_dir(config, demo=demo, state=state), call, mermaid=mermaid, messages=messages, json=json)
        look = Look(run_dir(config, demo=demo, state=state), call, media=media or watch)
        first = look()
    except (UsageError, BadSiteError) as error:
        return failed(error)
    except (NotRunningError, GoneError) as error:
        complain(error)
        return BAD
    if json or not (watch and sys.stdout.isatty()):
        _print(look, first, json=json, watch=watch)
    else:
        _live(look, first)
    return FINE


def _sip(folder: Path, call: str, *, mermaid: bool, messages: bool, json: bool) -> int:
    found = sip_messages(folder, call)
    if json:
        for one in found:
            print_json(one)
    else:
        draw = ladder.mermaid if mermaid else ladder.whole if messages else ladder.ladder
        sys.stdout.write(draw(found))
    return FINE


def sip_messages(folder: Path, call: str) -> list[dict[str, Any]]:
    """Return the SIP messages of a call, oldest first. Raises `NotRunningError` and `GoneError`."""
    found: list[dict[str, Any]] = asked(folder, call, "web", "sip", {"call": call})
    if not found:
        raise GoneError(f"{call}: no SIP messages are remembered; there is no such call, or it is too long ago")
    return found


def asked(folder: Path, call: str, process: str, what: str, body: dict[str, str]) -> Any:
    """Return what a process answers about a call. Raises `NotRunningError` and `GoneError`."""
    answer = ask(folder, {"what": "request", "process": process, "request": what, "body": body})
    if not answer["ok"]:
        raise GoneError(f"{call}: {answer['error']}")
    return answer["body"]


class Look:
    """Asks switch for a call and the media engines for its legs. Raises `NotRunningError` and `GoneError`."""

    def __init__(self, folder: Path, call: str, *, media: bool) -> None:
        self._folder, self._call, self._media = folder, call, media
        self._engines: list[str] = []

    def __call__(self) -> dict[str, Any]:
        """Return the call, with `media`: its legs' views (empty when not asked for)."""
        found: dict[str, Any] = self._ask("switch", "call", {"id": self._call})
        if found["state"] != "open":
            raise GoneError(f"{self._call}: the call has ended")
        found.pop("events", None)
        found["media"] = self._views() if self._media else []
        return found

    def _views(self) -> list[dict[str, Any]]:
        if not self._engines:
            status = ask(self._folder, {"what": "status"})
            names = [process["name"] for process in status["body"]["processes"]]
            self._engines = [name for name in names if _ENGINE.fullmatch(name)]
        # All legs of a call are on one engine; which, only the engines know.
        views = [view for name in self._engines for view in self._ask(name, "legs", {"call": self._call})]
        return sorted(views, key=lambda view: str(view["leg"]))

    def _ask(self, process: str, what: str, body: dict[str, str]) -> Any:
        return asked(self._folder, self._call, process, what, body)


def _print(look: Callable[[], dict[str, Any]], found: dict[str, Any], *, json: bool, watch: bool) -> None:
    while True:
        if json:
            print_json(found)
        else:
            _page(found)
        if not watch:
            return
        try:
            time.sleep(WATCH_S)
            found = look()
        except (NotRunningError, GoneError, KeyboardInterrupt):
            return


def _page(found: dict[str, Any]) -> None:
    if found["media"]:
        console().print(call_picture(found, found["media"]))
        return
    rows = [(key, value if isinstance(value, str | int) else jsonlib.dumps(value)) for key, value in found.items()]
    print_table(
        ("what", "value"), [row for row in rows if row[0] not in {"legs", "media"} and row[1] not in ("", None)]
    )
    print()
    columns = ("id", "trunk", "address", "span", "signalling", "media", "slot")
    print_table(columns, [[leg.get(column) for column in columns] for leg in found["legs"]])


def _live(look: Callable[[], dict[str, Any]], found: dict[str, Any]) -> None:
    with Live(call_picture(found, found["media"]), console=console(), auto_refresh=False) as live:
        while True:
            try:
                time.sleep(WATCH_S)
                found = look()
            except (NotRunningError, GoneError, KeyboardInterrupt):
                return
            live.update(call_picture(found, found["media"]), refresh=True)
