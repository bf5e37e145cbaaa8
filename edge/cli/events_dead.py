"""`edge events dead`: dead letters, which are events that a sink did not take in the attempts or the time it has."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import App, Parameter

from edge.cli.daemon import ask_process
from edge.cli.events_replay import SinkOption, WaitOption, send_again
from edge.cli.output import BAD, FINE, USAGE, complain, print_json, print_table
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    StateOption,
    UsageError,
    failed,
    state_and_zone,
)
from edge.storage.turn import StorageError

if TYPE_CHECKING:
    from edge.forwarder.replay_store import LetterHead

T = TypeVar("T")

AnySinkOption = Annotated[str, Parameter(name="--sink", help="Of this sink only.")]
AllOption = Annotated[bool, Parameter(name="--all", negative=(), help="All of the sink.")]
IdsArgument = Annotated[str, Parameter(name="id", help="Ids of events, as `dead list` shows them.")]


def register(events: App) -> None:
    """Add the commands to those of events."""
    dead = App(name="dead", help="Dead letters: what a sink did not take.")
    dead.command(list_letters, name="list")
    dead.command(show, name="show")
    dead.command(replay, name="replay")
    dead.command(drop, name="drop")
    events.command(dead)


def _letters(folder: Path, sink: str) -> "list[LetterHead]":
    from edge.forwarder.replay_store import letters

    with closing(_open(folder)) as db:
        return _read(lambda: letters(db, sink))


def _open(folder: Path) -> sqlite3.Connection:
    file = folder / "delivery.db"
    if not file.is_file():
        raise StorageError(f"{file} is not there; has the daemon run with this state folder?")
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _read(work: Callable[[], T]) -> T:
    try:
        return work()
    except sqlite3.Error as error:
        raise StorageError(str(error)) from error


def list_letters(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    sink: AnySinkOption = "",
    json: JsonOption = False,
) -> int:
    """List dead letters, in the order of their events. Works when the daemon is down, too."""
    try:
        folder, _ = state_and_zone(config, demo=demo, state=state)
        found = _letters(folder, sink)
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    if json:
        for letter in found:
            print_json(letter._asdict())
        return FINE
    rows = (
        (one.sink, one.id, one.type, one.time, one.attempts, one.result, one.replay and f"replay {one.replay}")
        for one in found
    )
    print_table(("sink", "id", "type", "since", "attempts", "last result", ""), rows, right=("attempts",))
    return FINE


def show(
    id: Annotated[str, Parameter(help="Id of the event.")],  # noqa: A002
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    sink: AnySinkOption = "",
) -> int:
    """Print a dead letter as it would be sent, a line a sink that did not take it. Exit code 1: there is none."""
    from edge.forwarder.replay_store import letter_bodies

    try:
        folder, _ = state_and_zone(config, demo=demo, state=state)
        with closing(_open(folder)) as db:
            found = _read(lambda: letter_bodies(db, id, sink))
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    for _, body in found:
        print(body.decode(errors="replace"))
    if not found:
        complain(f"there is no dead letter {id}")
    return FINE if found else BAD


def _chosen(ids: tuple[str, ...], *, all_: bool) -> bool:
    if bool(ids) == all_:
        complain("which letters? Give their ids, or --all")
        return False
    return True


def replay(
    *ids: IdsArgument,
    sink: SinkOption,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    all: AllOption = False,  # noqa: A002
    wait: WaitOption = False,
    json: JsonOption = False,
) -> int:
    """Send dead letters again. What the sink takes is a letter no more; the rest stays. Exit code 1: there are none."""
    if not _chosen(ids, all_=all):
        return USAGE
    request = {"sink": sink, "chosen": {"letters": True}, "letters": list(ids)}
    return send_again((config, demo, state), request, wait=wait, json=json)


def drop(
    *ids: IdsArgument,
    sink: SinkOption,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    all: AllOption = False,  # noqa: A002
    json: JsonOption = False,
) -> int:
    """Delete dead letters for good, but not those that are just sent again. Exit code 1: there are none."""
    if not _chosen(ids, all_=all):
        return USAGE
    request = {"sink": sink, "letters": list(ids)}
    found: Any = ask_process((config, demo, state), "forwarder", "dead_drop", request)
    if isinstance(found, int):
        return found
    if json:
        print_json(found)
    else:
        print(f"{found['dropped']} dead letters deleted")
    return FINE if found["dropped"] else BAD
