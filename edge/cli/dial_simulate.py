"""`edge dial simulate`: what a pacing would bring, before a campaign goes live."""

import importlib.util
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter
from msgspec.structs import replace

from edge.app.simulation.words import WAYS, Way, Weather
from edge.cli.daemon import Where
from edge.cli.dial_explain import rules_named
from edge.cli.dial_store import place_of
from edge.cli.output import FINE, print_json, print_table
from edge.cli.site import (
    DEFAULT_FILE,
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    StateOption,
    UsageError,
    failed,
    usable_site,
)
from edge.config.campaigns import Campaign
from edge.config.errors import did_you_mean
from edge.config.kinds import duration_ms
from edge.config.site import Site
from edge.storage.turn import StorageError

if TYPE_CHECKING:
    from edge.app.simulation.outcome import Outcome
    from edge.app.simulation.replay import Measured
    from edge.storage.campaigns.words import Attempt

#: More agents, or days, than this are another order of machine.
MOST_AGENTS, MOST_DAYS = 2000, 366


def register(app: App) -> None:
    """Add the command."""
    app.command(simulate)


def simulate(
    *,
    campaign: Annotated[str | None, Parameter(help="A campaign of the site: its pacing, lines, ring time.")] = None,
    agents: Annotated[str | None, Parameter(help="How many agents; several: 5,20,100.")] = None,
    answer_rate: Annotated[float, Parameter(help="Share of attempts that a person answers, 0 to 1.")] = 0.3,
    machines: Annotated[float, Parameter(help="Of the others, the share that machines answer.")] = 0.1,
    talk: Annotated[str, Parameter(help="Mean talk, such as 120s.")] = "120s",
    wrap: Annotated[str, Parameter(help="Mean work after a talk.")] = "20s",
    ring: Annotated[str, Parameter(help="Mean time until an answer.")] = "9s",
    ring_limit: Annotated[str | None, Parameter(help="How long a phone may ring; 22s.")] = None,
    lines: Annotated[int | None, Parameter(help="Calls at the same time; 0: no limit.")] = None,
    detector: Annotated[bool, Parameter(help="Whether machines are hung up on.")] = True,
    weather: Annotated[Weather, Parameter(help="Whether answer rates and talk times stay, drift or jump.")] = "calm",
    pacing: Annotated[
        Literal["progressive", "power", "predictive", "oracle", "all"], Parameter(help="One pacing; all beside it.")
    ] = "all",
    ratio: Annotated[float | None, Parameter(help="Calls for each ready agent, of power.")] = None,
    rules: Annotated[str, Parameter(help="Rules whose ceiling of abandoned calls holds.")] = "us-ftc",
    days: Annotated[float, Parameter(help="Working days.")] = 1.0,
    hours: Annotated[float, Parameter(help="Hours of a working day.")] = 8.0,
    seed: Annotated[int, Parameter(help="What chance comes from; the same seed gives the same figures.")] = 1,
    replay: Annotated[
        str | None,
        Parameter(
            help="Make real attempts again: those of a campaign, or a file of dialer.attempt_ended (JSON lines)."
        ),
    ] = None,
    plot: Annotated[Path | None, Parameter(help="Draw it into this PNG file.")] = None,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Simulate a campaign: talk time, abandoned calls, and how long agents and callees wait, by pacing.

    Nothing is dialled. The decisions are those of campaigns; callees, agents and trunks are made by chance, or, with
    `--replay`, callees are those who were called. `oracle` knows in advance who answers, and when.
    """
    from edge.app.simulation.runs import simulated
    from edge.app.simulation.scenario import Scenario

    try:
        _plottable(plot)
        site = _site(config, demo=demo, needed=campaign is not None)
        named = _campaign(site, campaign)
        rule = rules_named(site, named.rules if named is not None else rules).abandonment
        if rule is None:
            raise UsageError("these rules have no ceiling of abandoned calls: take others by --rules")
        scenario = Scenario(
            answer_rate=_within("--answer-rate", answer_rate, 0.001, 0.95),
            machines=_within("--machines", machines, 0, 0.9),
            talk_s=_seconds("--talk", talk),
            wrap_up_s=_seconds("--wrap", wrap, least=0),
            ring_s=_seconds("--ring", ring),
            ring_limit_s=_seconds("--ring-limit", ring_limit or _of(named, "ring_timeout_ms", "22s")),
            lines=lines if lines is not None else named.max_channels if named is not None else 0,
            calls_per_second=named.calls_per_second if named is not None else 50,
            patience_s=rule.connect_within_ms / 1000,
            detector=detector,
            weather=weather,
            days=_within("--days", days, 0.01, MOST_DAYS),
            hours_a_day=_within("--hours", hours, 0.1, 24),
        )
        if named is not None:
            rule = replace(rule, ceiling_per_mille=min(rule.ceiling_per_mille, named.abandoned_most_permille))
            scenario = replace(scenario, patience_s=min(scenario.patience_s, named.abandoned_after_ms / 1000))
        measured = _measured(replay, campaign, (config, demo, state)) if replay is not None else None
        if measured is not None:
            scenario = replace(scenario, days=MOST_DAYS)
        sizes = _sizes(agents, site, named)
        ratio = ratio if ratio is not None else named.ratio_percent / 100 if named is not None else 1.5
        ways: Sequence[Way] = WAYS if pacing == "all" else (pacing,)
        found = [
            (size, way, simulated(replace(scenario, agents=size), way, rule, seed, ratio=ratio, measured=measured))
            for size in sizes
            for way in ways
        ]
        if plot is not None:
            from edge.cli.dial_simulation_picture import over_agents, over_time

            draw = over_agents if len(sizes) > 1 else over_time
            draw(found, rule.ceiling_per_mille / 1000).save(plot, "PNG")
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    except OSError as error:
        return failed(UsageError(str(error)))
    _tell(found, seed, json=json)
    return FINE


def _tell(found: list[tuple[int, Way, "Outcome"]], seed: int, *, json: bool) -> None:
    if json:
        for size, way, one in found:
            rounded = {name: round(value, 5) for name, value in one.figures().items()}
            print_json({"pacing": way, "agents": size, "seed": seed, **rounded, "decisions": one.decisions})
        return
    columns = ("agents", "pacing", "talk min/agent h", "calls/agent h", "utilised", "agent waits", "abandoned",
               "worst 30 d", "callees who wait", "p95 of these", "attempts")  # fmt: skip
    print_table(columns, [_row(*one) for one in found], right=[one for one in columns if one != "pacing"])


def _row(size: int, way: Way, one: "Outcome") -> tuple[object, ...]:
    found = one.figures()
    return (
        size,
        way,
        f"{found['talk_minutes_per_agent_hour']:.1f}",
        f"{found['calls_per_agent_hour']:.1f}",
        f"{found['utilisation']:.1%}",
        f"{found['agent_wait_s']:.1f}s",
        f"{found['abandonment']:.2%}",
        f"{found['worst_window']:.2%}",
        f"{found['callees_who_waited']:.1%}",
        f"{found['callee_wait_p95_s']:.1f}s",
        one.attempts,
    )


# --- options


def _plottable(plot: Path | None) -> None:
    if plot is not None and not plot.absolute().parent.is_dir():
        raise UsageError(f"--plot {plot}: there is no such folder")
    if plot is not None and importlib.util.find_spec("PIL") is None:
        raise UsageError("--plot needs Pillow, which is not installed: pip install pillow (the extra 'plot')")


def _site(config: Path | None, *, demo: bool, needed: bool) -> Site:
    """Read the site, if there is one: only a campaign needs it."""
    if config is None and not demo and not needed and not DEFAULT_FILE.exists():
        return Site(name="none")
    return usable_site(config, demo=demo, menus=False).site


def _campaign(site: Site, name: str | None) -> Campaign | None:
    found = {one.name: one for one in site.campaigns}
    if name is not None and name not in found:
        raise UsageError(f"there is no campaign '{name}' {did_you_mean(name, found)}".rstrip())
    if name is not None and not found[name].queue:
        raise UsageError(f"the campaign '{name}' has no agents, so it needs no pacing")
    return found[name] if name is not None else None


def _of(named: Campaign | None, field: str, otherwise: str) -> str:
    return otherwise if named is None else f"{getattr(named, field)}ms"


def _within(name: str, value: float, least: float, most: float) -> float:
    if not least <= value <= most:
        raise UsageError(f"{name} {value:g}: {least:g} to {most:g}")
    return value


def _seconds(name: str, text: str, *, least: float = 0.1) -> float:
    found = duration_ms(text)
    if found is None:
        raise UsageError(f"{name} {text}: a duration is wanted, such as 90s or 2m")
    return _within(name, found / 1000, least, 7200)


def _sizes(text: str | None, site: Site, named: Campaign | None) -> list[int]:
    if text is None:
        queue = next((one for one in site.queues if named is not None and one.name == named.queue), None)
        return [len(queue.agents) if queue is not None else 20]
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and part.isascii() and 1 <= int(part) <= MOST_AGENTS for part in parts):
        raise UsageError(f"--agents {text}: numbers from 1 to {MOST_AGENTS}, such as 20 or 5,20,100")
    return sorted({int(part) for part in parts})


def _measured(replay: str, campaign: str | None, where: Where) -> "list[Measured]":
    """Take the attempts of a file, or of the campaign's store."""
    from edge.app.simulation.replay import ReplayError, measured_of, read

    if not Path(replay).is_file():
        found = measured_of(_attempts_of(replay, where))
        if not found:
            raise UsageError(f"--replay {replay}: there is no such file, and no campaign of that name has dialled")
        return found
    try:
        with Path(replay).open("rb") as lines:
            found = read(lines, campaign or "")
    except ReplayError as error:
        raise UsageError(f"--replay {replay}: {error}") from None
    if not found:
        raise UsageError(f"--replay {replay}: there are no attempts{f' of {campaign}' if campaign else ''}")
    return found


def _attempts_of(campaign: str, where: Where) -> "list[Attempt]":
    config, demo, state = where
    if config is None and not demo and state is None and not DEFAULT_FILE.exists():
        return []
    place = place_of(config, demo=demo, state=state)
    if not place.is_there:
        return []
    with closing(place.open()) as store:
        return list(store.attempts(campaign=campaign, states=["ended"]))
