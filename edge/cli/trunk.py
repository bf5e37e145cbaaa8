"""`edge trunk list|show|test`: whether trunks are registered and answer, as front knows it."""

import time
from typing import Annotated, Any

from cyclopts import App, Parameter

from edge.cli.daemon import Where, age, ask_process
from edge.cli.output import BAD, FINE, USAGE, complain, print_json, print_table
from edge.cli.site import ConfigOption, DemoOption, JsonOption, StateOption

TrunkArgument = Annotated[str, Parameter(help="Name of the trunk.")]

#: A little longer than front waits for an answer.
TEST_S = 5.0
_LOOK_S = 0.1


def register(app: App) -> None:
    """Add the commands."""
    group = App(name="trunk", help="Trunks: whether they are registered and answer.")
    group.command(list_trunks, name="list")
    group.command(show)
    group.command(try_out, name="test")
    app.command(group)


def list_trunks(
    *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None, json: JsonOption = False
) -> int:
    """List all trunks, in the order of the site file."""
    found = ask_process((config, demo, state), "front", "trunks", {})
    if isinstance(found, int):
        return found
    if json:
        for trunk in found:
            print_json(trunk)
        return FINE
    columns = ("trunk", "calls", "registration", "answers", "round trip", "address", "why")
    print_table(columns, map(row_of, found), right=("round trip",))
    return FINE


def show(
    trunk: TrunkArgument,
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Show all that is known of one trunk. Exit code 1: no calls are placed on it now."""
    found = _one((config, demo, state), "trunks", trunk)
    if isinstance(found, int):
        return found
    if json:
        print_json(found)
    else:
        print_table(("", ""), [(name, _shown(value)) for name, value in found.items() if value not in (None, [])])
    return FINE if found["up"] else BAD


def try_out(
    trunk: TrunkArgument,
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Ask a trunk by OPTIONS now, and wait for the answer. Exit code 1: there is none."""
    where = (config, demo, state)
    before = _one(where, "probe", trunk)
    if isinstance(before, int):
        return before
    if not before["address"]:
        complain(f"trunk '{trunk}' has no address that could be asked")
        return USAGE
    asked, found = time.monotonic(), before
    while (waited := time.monotonic() - asked) < TEST_S:
        time.sleep(_LOOK_S)
        looked = _one(where, "trunks", trunk)
        if isinstance(looked, int):
            return looked
        found = looked
        if found["last_answer_s"] is not None and found["last_answer_s"] <= waited + _LOOK_S:
            print_json(found) if json else print(f"{found['last_code']} after {found['rtt_ms']:.0f} ms")
            return FINE
    if json:
        print_json(found)
    else:
        print(f"no answer within {TEST_S:g} s")
    return BAD


def row_of(trunk: dict[str, Any]) -> tuple[object, ...]:
    """Return a trunk as a line of a table."""
    registration = trunk["registration"] or ""
    if registration:
        registration = f"{registration} {age(trunk['registration_age_s'])}"
    answers = f"{trunk['qualify']} {age(trunk['qualify_age_s'])}" if trunk["qualify"] else ""
    rtt = f"{trunk['rtt_ms']:.0f} ms" if trunk["rtt_ms"] is not None else ""
    address = trunk["address"] or trunk["registrar"] or ""
    return trunk["name"], "placed" if trunk["up"] else "refused", registration, answers, rtt, address, trunk["why"]


def _shown(value: object) -> object:
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _one(where: Where, what: str, trunk: str) -> dict[str, Any] | int:
    found = ask_process(where, "front", what, {"trunk": trunk})
    if isinstance(found, int):
        return found
    if not found:
        complain(f"there is no trunk '{trunk}'")
        return BAD
    one: dict[str, Any] = found[0]
    return one
