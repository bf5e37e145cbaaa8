"""`edge dial start|pause|resume|stop|status`: what campaigns do, and how far they have come."""

import getpass
import time
from collections import deque
from collections.abc import Iterable
from typing import Annotated, Any

from cyclopts import App, Parameter

from edge.cli.daemon import Where, ask_process
from edge.cli.dial_lists import at
from edge.cli.output import BAD, FINE, complain, print_json, print_table, printable
from edge.cli.site import ConfigOption, DemoOption, JsonOption, StateOption
from edge.vocabulary.dialing import Disposition

CampaignArgument = Annotated[str, Parameter(help="Name of the campaign.")]
WhyOption = Annotated[str, Parameter(help="What is remembered about it.")]
WatchOption = Annotated[bool, Parameter(name="--watch", help="Show it until Ctrl-C, twice a second.", negative=())]
#: Outcomes that people look at first.
_SHOWN = ("connected", "abandoned", "machine", "no_answer", "busy")
_EVERY_S = 0.5
#: Rates are of so many looks.
_LOOKS = 40


def register(group: App) -> None:
    """Add the commands."""
    group.command(start)
    group.command(pause)
    group.command(resume)
    group.command(stop)
    group.command(status)
    group.command(held)
    group.command(settle)


def start(
    campaign: CampaignArgument,
    /,
    *,
    why: WhyOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Start a campaign: it calls whom the rules let it call until nobody is left, over restarts."""
    return _set((config, demo, state), campaign, "running", why)


def pause(
    campaign: CampaignArgument,
    /,
    *,
    why: WhyOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Begin no more calls for now. Calls in progress go on."""
    return _set((config, demo, state), campaign, "paused", why)


def resume(
    campaign: CampaignArgument,
    /,
    *,
    why: WhyOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Go on after a pause."""
    return _set((config, demo, state), campaign, "running", why)


def stop(
    campaign: CampaignArgument,
    /,
    *,
    why: WhyOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Stop a campaign. Calls in progress go on."""
    return _set((config, demo, state), campaign, "stopped", why)


def status(
    campaign: Annotated[str, Parameter(help="Name of one campaign.")] = "",
    /,
    *,
    watch: WatchOption = False,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Show campaigns: what they do, how far they have come, and what became of their calls."""
    where = (config, demo, state)
    if watch and not json:
        return _watch(where, campaign)
    found = _campaigns(where, campaign)
    if isinstance(found, int):
        return found
    if json:
        for one in found:
            print_json(one)
        return FINE
    columns = ("campaign", "state", "contacts", "done", "waiting", "due", "calls", "held", *_SHOWN, "others")
    print_table(columns, map(_row, found), right=columns[2:])
    for one in found:
        for line in _remarks(one):
            print(printable(line))
    return FINE


def held(
    *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None, json: JsonOption = False
) -> int:
    """List the attempts that nobody knows the end of: their numbers are not called until a person says what it was."""
    found = ask_process((config, demo, state), "dialer", "held", {})
    if isinstance(found, int):
        return found
    if json:
        for one in found:
            print_json(one)
        return FINE
    columns = ("attempt", "campaign", "list", "contact", "appliance", "since", "why")
    print_table(
        columns, [tuple(at(one["since_ms"]) if name == "since" else one[name] for name in columns) for one in found]
    )
    return FINE


def settle(
    attempt: Annotated[str, Parameter(help="Id of the attempt, which is the call's.")],
    disposition: Annotated[Disposition, Parameter(help="What became of it.")],
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Say what became of a held attempt. Its contact goes on as the campaign's table says of that disposition."""
    body = {"attempt": attempt, "disposition": disposition, "by": _who()}
    answer = ask_process((config, demo, state), "dialer", "settle", body)
    if isinstance(answer, int):
        return answer
    print(f"attempt {printable(attempt)} is {disposition}")
    return FINE


def _set(where: Where, campaign: str, state: str, why: str) -> int:
    body = {"campaign": campaign, "state": state, "by": _who(), "why": why}
    answer = ask_process(where, "dialer", "campaign", body)
    if isinstance(answer, int):
        return answer
    print(f"campaign {printable(campaign)} is {state}")
    return FINE


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # a user without a name, as in a container


def _campaigns(where: Where, campaign: str) -> list[dict[str, Any]] | int:
    found: list[dict[str, Any]] | int = ask_process(where, "dialer", "campaigns", {})
    if isinstance(found, int) or not campaign:
        return found
    chosen = [one for one in found if one["name"] == campaign]
    if not chosen:
        complain(f"there is no campaign '{campaign}'")
        return BAD
    return chosen


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    outcomes: dict[str, int] = one["outcomes"]
    others = sum(count for name, count in outcomes.items() if name not in _SHOWN)
    state = f"{one['state']} ({one['blocked']})" if one["state"] == "running" and one["blocked"] else one["state"]
    figures = [one[name] for name in ("contacts", "done", "waiting", "due", "open", "held")]
    return one["name"], state, *figures, *(outcomes.get(name, 0) for name in _SHOWN), others


def _remarks(one: dict[str, Any]) -> Iterable[str]:
    if one["missing_lists"]:
        yield f"{one['name']}: there is no list {', '.join(one['missing_lists'])}; edge dial import makes it"
    if one["blocked"] and one["why"]:
        yield f"{one['name']}: {one['blocked']}: {one['why']}"
    for gone in one.get("absent", ()):
        seen = f"appliance {gone['appliance']} was last seen {at(gone['seen_ms'])}"
        yield f"{one['name']}: {seen}; what it has left: edge dial held"
    previews, results = one.get("previews"), one.get("results")
    if previews or one.get("shown"):
        ends = "".join(f", {how} {count}" for how, count in sorted((previews or {}).items()))
        yield f"{one['name']}: contacts that agents look at: {one['shown']}{ends}"
    if results:
        said = ", ".join(f"{code} {count}" for code, count in sorted(results.items()))
        yield f"{one['name']}: agents said: {said}"
    if one["refused"]:
        refused = ", ".join(f"{reason} {count}" for reason, count in sorted(one["refused"].items()))
        yield f"{one['name']}: not called by the rules: {refused}"


def _watch(where: Where, campaign: str) -> int:
    """Draw bars until somebody has seen enough; rates are of the last seconds."""
    from rich.console import Console
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    progress = Progress(
        TextColumn("{task.description:<20}"),
        TextColumn("{task.fields[state]:<18}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    tasks: dict[str, Any] = {}
    before: dict[str, deque[tuple[float, int]]] = {}
    with Live(progress, console=Console(), refresh_per_second=4):
        try:
            while True:
                found = _campaigns(where, campaign)
                if isinstance(found, int):
                    return found
                for one in found:
                    if one["name"] not in tasks:
                        tasks[one["name"]] = progress.add_task(one["name"], state="", figures="", total=1)
                    total = max(1, one["contacts"])
                    state, figures = str(_row(one)[1]), _figures(one, before)
                    progress.update(
                        tasks[one["name"]], completed=one["done"], total=total, state=state, figures=figures
                    )
                time.sleep(_EVERY_S)
        except KeyboardInterrupt:
            return FINE


def _figures(one: dict[str, Any], before: dict[str, deque[tuple[float, int]]]) -> str:
    outcomes: dict[str, int] = one["outcomes"]
    ended, now = sum(outcomes.values()), time.monotonic()
    seen = before.setdefault(one["name"], deque(maxlen=_LOOKS))
    seen.append((now, ended))
    began, then = seen[0]
    rate = (ended - then) / (now - began) * 60 if now > began else 0.0
    answered = sum(outcomes.get(name, 0) for name in ("connected", "abandoned", "machine", "silence", "fax"))
    said = [f"{one['open']} calls ({one['ringing']} ring, {one['talking']} talk)", f"{rate:.0f} ended/min"]
    said.append(f"answered {100 * answered / ended:.0f} %" if ended else "answered -")
    live = outcomes.get("connected", 0) + outcomes.get("abandoned", 0)
    if one["pacing"] != "channels" and live:
        said.append(f"abandoned {100 * outcomes.get('abandoned', 0) / live:.1f} %")
    return ", ".join(said)
