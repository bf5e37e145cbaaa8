"""`edge events replay`, `replays`, `cancel`: events sent again to a sink, with the same ids, beside what is new."""

import time
from typing import Annotated, Any

from cyclopts import Parameter

from edge.cli.daemon import Where, ask_process
from edge.cli.event_selection import CallOption, SinceOption, TypeOption, UntilOption, selection
from edge.cli.output import BAD, FINE, complain, print_json, print_table
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

SinkOption = Annotated[str, Parameter(name="--sink", help="Name of the sink in the site file.")]
DryOption = Annotated[bool, Parameter(name="--dry-run", negative=(), help="Only say how many events they are.")]
WaitOption = Annotated[bool, Parameter(name="--wait", negative=(), help="Wait until all are sent, showing progress.")]

_LOOK_S = 0.5


def replay(
    *,
    sink: SinkOption,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    call: CallOption = None,
    type: TypeOption = None,  # noqa: A002 -- the option's name
    since: SinceOption = None,
    until: UntilOption = None,
    dry_run: DryOption = False,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> int:
    """Send events again to a sink: same ids, same bytes, in order per call, while what is new goes on.

    The request survives restarts and kills; `edge events replays` shows how far it is. Types that the sink does not
    want are left out. Exit code 1: there is nothing to send.
    """
    where: Where = (config, demo, state)
    try:
        _, zone = state_and_zone(config, demo=demo, state=state)
        if not (call or since or until):
            raise UsageError("which events? Give --call, --since or --until")
        chosen = selection(call=call, kind=type, since=since, until=until, zone=zone)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    types = [chosen.kind] if chosen.kind else []
    wanted = {"call": chosen.call, "types": types, "since": chosen.since, "until": chosen.until}
    return send_again(where, {"sink": sink, "chosen": wanted, "dry_run": dry_run}, wait=wait, json=json)


def send_again(where: Where, request: dict[str, Any], *, wait: bool, json: bool) -> int:
    """Ask for a replay and say what came of it."""
    found: Any = ask_process(where, "forwarder", "replay", request)
    if isinstance(found, int):
        return found
    if json:
        print_json(found)
    elif not found["events"]:
        complain("there is nothing to send")
    elif not found["id"]:
        print(f"{found['events']} events would be sent to {found['sink']}")
    else:
        print(f"replay {found['id']}: {found['events']} events to {found['sink']}", flush=True)
    if found["id"] and wait:
        return _wait(where, found["id"], json=json)
    return FINE if found["events"] else BAD


def _wait(where: Where, number: int, *, json: bool) -> int:
    done = -1
    while True:
        known: Any = ask_process(where, "forwarder", "replays", None)
        if isinstance(known, int):
            return known
        one = next((row for row in known if row["id"] == number), None)
        if one is None or one["ended"]:
            if one is not None and json:
                print_json(one)
            return FINE if one is not None and one["how"] == "done" else BAD
        if one["done"] != done and not json:
            done = one["done"]
            complain(f"{done} of {one['events']}")
        time.sleep(_LOOK_S)


def replays(
    *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None, json: JsonOption = False
) -> int:
    """List replays, the newest first, with how far they are."""
    known: Any = ask_process((config, demo, state), "forwarder", "replays", None)
    if isinstance(known, int):
        return known
    if json:
        for one in known:
            print_json(one)
        return FINE
    rows = ((one["id"], one["sink"], one["how"], one["done"], one["events"], one["asked"], _what(one)) for one in known)
    print_table(("id", "sink", "is", "done", "of", "asked", "what"), rows, right=("id", "done", "of"))
    return FINE


def _what(one: dict[str, Any]) -> str:
    chosen = one["chosen"]
    if chosen["letters"]:
        return "dead letters"
    parts = [f"{name} {chosen[name]}" for name in ("call", "since", "until") if chosen[name]]
    return " ".join([*parts, *chosen["types"]])


def cancel(
    number: Annotated[int, Parameter(name="id", help="Number of the replay.")],
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """End a replay; what it has sent is sent. Exit code 1: there is none of this number that goes on."""
    found: Any = ask_process((config, demo, state), "forwarder", "replay_cancel", {"id": number})
    return found if isinstance(found, int) else FINE
