"""`edge calls transfer|bridge|queue|end`: where a call goes that waits, and whom it was with leaves it."""

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from edge.cli.conference import CallArgument
from edge.cli.daemon import Where, ask_process
from edge.cli.output import FINE
from edge.cli.site import ConfigOption, DemoOption, StateOption

AfterOption = Annotated[
    Literal["end", "return"],
    Parameter(name="--after", help="When the talk is over: both end, or who is left goes on in his menu."),
]


def register(calls: App) -> None:
    """Add the commands to `edge calls`."""
    for command in (transfer, bridge, queue, end):
        calls.command(command)


def transfer(
    call: CallArgument,
    who: Annotated[str, Parameter(help="SIP URI, or number on --trunk.")],
    *,
    trunk: Annotated[str, Parameter(name="--trunk", help="Trunk to dial through.")] = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Connect a caller with somebody; the call ends with that talk. Who is not to be had leaves him where he was."""
    return _told((config, demo, state), "transfer", {"id": call, "target": who, "trunk": trunk})


def bridge(
    call: CallArgument,
    other: Annotated[str, Parameter(help="Id of the call whose caller he is to talk with.")],
    *,
    after: AfterOption = "end",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Have the callers of two calls talk with each other. `edge calls drop` of the other one's leg parts them."""
    return _told((config, demo, state), "bridge", {"id": call, "other": other, "after": after})


def queue(
    call: CallArgument,
    name: Annotated[str, Parameter(help="A queue of the site.")],
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Have a caller wait in a queue."""
    return _told((config, demo, state), "queue", {"id": call, "queue": name})


def end(call: CallArgument, *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None) -> int:
    """End a call."""
    return _told((config, demo, state), "hang_up", {"id": call})


def _told(where: Where, what: str, body: dict[str, Any]) -> int:
    found = ask_process(where, "switch", what, body)
    if isinstance(found, int):
        return found
    print(found.get("operation", found["call"]))
    return FINE
