"""`edge menu trial list | start | stop | report`: menus on trial."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from edge.cli.control import NotRunningError, ask
from edge.cli.daemon import ask_process, run_dir, trial_cells
from edge.cli.indicator_page import Expected, difference_text, estimate_text, plain_row, svg, value_text
from edge.cli.indicator_source import Counted, count
from edge.cli.menu_report import RepeatOption, SinceOption, document, show_nodes
from edge.cli.moments import now_ms, told_since
from edge.cli.output import BAD, FINE, complain, print_json, print_table, printable
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    StateOption,
    UsageError,
    failed,
    usable_site,
)
from edge.cli.state import open_state
from edge.config.errors import did_you_mean
from edge.config.loader import Inspection
from edge.config.trials import moment_ms, trial_of
from edge.core.indicators.comparison import Compared, compare, uneven
from edge.core.indicators.tally import Counting, Tally
from edge.core.routing.trials import ARMS, Trial
from edge.storage.turn import StorageError
from edge.switch.trials import META, condition_of, describe, read_state, state_of

NameArgument = Annotated[str, Parameter(help="Name of the trial.")]


def trial_app() -> App:
    """Make the commands."""
    app = App(name="trial", help="Menus on trial: list them, start and stop them, compare.")
    app.command(list_trials, name="list")
    app.command(start)
    app.command(stop)
    app.command(report)
    return app


def list_trials(
    *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None, json: JsonOption = False
) -> int:
    """List the trials and whether they run."""
    try:
        found = _listed(config, demo, state)
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    if json:
        for trial in found:
            print_json(trial)
    elif found:
        print_table(("trial", "menu", "candidate", "split", "state"), map(trial_cells, found))
    else:
        print("there are no trials")
    return FINE


def _listed(config: Path | None, demo: bool, state: Path | None) -> list[dict[str, Any]]:
    """Ask the appliance; when it does not run, read its files."""
    try:
        request = {"what": "request", "process": "switch", "request": "trials", "body": None}
        answer = ask(run_dir(config, demo=demo, state=state), request)
        if answer["ok"]:
            return list(answer["body"])
    except NotRunningError:
        pass
    found = usable_site(config, demo=demo, overrides={} if state is None else {"paths.state": state})
    now = now_ms()
    return [describe(trial, state_of(trial, stored), now) for trial, stored in _stored(found)]


def _stored(found: Inspection) -> list[tuple[Trial, Any]]:
    try:
        meta = open_state(Path(found.site.paths.state)).meta(META)
    except StorageError:
        meta = {}  # it has never run
    trials = [trial_of(source, found.site.calendars, found.site.time_zone) for source in found.site.trials]
    return [(trial, read_state(meta[trial.name]) if trial.name in meta else None) for trial in trials]


def start(
    name: NameArgument, /, *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None
) -> int:
    """Let a stopped trial run again, also over restarts; it is counted anew. Exit code 1: it is not stopped."""
    found = ask_process((config, demo, state), "switch", "trial_start", {"name": name})
    if isinstance(found, int):
        return found
    print(f"trial {printable(name)} runs")
    return FINE


def stop(
    name: NameArgument, /, *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None
) -> int:
    """Stop a trial, also over restarts: new calls get the menu that the route names, calls in progress keep theirs."""
    found = ask_process((config, demo, state), "switch", "trial_stop", {"name": name})
    if isinstance(found, int):
        return found
    print(f"trial {printable(name)} is stopped")
    return FINE


def report(
    name: NameArgument,
    /,
    *,
    since: SinceOption = None,
    difference: Annotated[int, Parameter(help="Difference that matters: percentage points, of times percent.")] = 5,
    repeat_days: RepeatOption = 7,
    svg_file: Annotated[Path | None, Parameter(name="--svg", help="Draw the differences into this file, too.")] = None,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Compare the two menus of a trial, from the stored events; the daemon may be down.

    Exit code 1: one of them has had no calls yet.
    """
    try:
        if not 1 <= difference <= 50:
            raise UsageError("--difference is from 1 to 50")
        found = usable_site(config, demo=demo, overrides={} if state is None else {"paths.state": state})
        page = _Page(found, name, since, difference / 100, repeat_days)
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    rows = page.rows()
    if json:
        print_json(page.document(rows))
    else:
        page.show(rows)
    if svg_file is not None:
        try:
            svg_file.write_text(svg(f"{name}: candidate minus control, percentage points", rows))
        except OSError as error:
            complain(f"{svg_file}: {error.strerror}")
            return BAD
    return FINE if all(tally.calls for tally in page.sides) else BAD


class _Page:
    """The report of one trial. Raises `UsageError`, `StorageError`."""

    def __init__(self, found: Inspection, name: str, since: str | None, sought: float, repeat_days: int) -> None:
        known = {trial.name: (trial, stored) for trial, stored in _stored(found)}
        if name not in known:
            advice = did_you_mean(name, known) or f"there are {', '.join(known) or 'none'}"
            raise UsageError(f"there is no trial '{name}' ({advice})")
        self.trial, stored = known[name]
        self.state = state_of(self.trial, stored)
        self.sought = sought
        self.repeat_days = repeat_days
        self.standards = {one.menu: one for one in found.site.standards}
        zone = found.site.time_zone
        begin = told_since(since, zone) if since is not None else moment_ms(self.state.since)
        counting, self.counted = self._count(Path(found.site.paths.state), begin)
        self.sides = [counting.tallies.get(arm, Tally()) for arm in ARMS]
        self.condition = condition_of(self.trial, self.state, now_ms())
        #: The one look that was planned: its time is over, and nobody ended it because of what he saw.
        self.final = self.condition == "over" and not self.state.stopped

    def _count(self, folder: Path, begin_ms: int) -> tuple[Counting[str], Counted]:
        served = {name: one.served_at for name, one in self.standards.items()}
        return count(
            folder,
            lambda call: call.arm if call.trial == self.trial.name else None,
            served,
            begin_ms=begin_ms,
            repeat_days=self.repeat_days,
        )

    def rows(self) -> list[Compared]:
        """Compare."""
        part = self.trial.share / 100 or None
        return compare(*self.sides, sought=self.sought, part=part, final=self.final)

    @property
    def warnings(self) -> list[str]:
        """What makes the comparison doubtful."""
        found = []
        calls = [tally.calls for tally in self.sides]
        if self.trial.share and uneven(calls[0], calls[1], self.trial.share / 100):
            got = 100 * calls[1] / sum(calls)
            found.append(f"the candidate got {got:.1f} % of the calls, not {self.trial.share} %: look for the reason")
        if not self.trial.share:
            found.append("the two sides are not drawn by chance: what differs may be the callers, not the menus")
        for arm, tally in zip(ARMS, self.sides, strict=True):
            if len(tally.versions) > 1:
                found.append(f"{arm} has changed during the trial: it had {len(tally.versions)} versions")
        if self.counted.unreadable:
            found.append(f"{self.counted.unreadable} events could not be read and are left out")
        return found

    def document(self, rows: list[Compared]) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            **describe(self.trial, self.state, now_ms()),
            "final": self.final,
            "open_calls": self.counted.open,
            "warnings": self.warnings,
            "sides": {arm: document(tally) for arm, tally in zip(ARMS, self.sides, strict=True)},
            "comparison": [plain_row(row) for row in rows],
        }

    def show(self, rows: list[Compared]) -> None:
        """Print it."""
        print(printable(" ".join(self._head())))
        print()
        sides = [
            ("calls", *(str(tally.calls) for tally in self.sides), "", ""),
            *(
                (
                    row.indicator,
                    estimate_text(row.unit, row.control),
                    estimate_text(row.unit, row.candidate),
                    difference_text(row.unit, row.difference),
                    self._verdict(row),
                )
                for row in rows
            ),
        ]
        print_table(("indicator", "control", "candidate", "difference", "verdict"), sides)
        self._show_standards(rows)
        for arm, tally in zip(ARMS, self.sides, strict=True):
            print(f"\n{arm}, by node")
            show_nodes(tally, Expected(self.standards.get(self._menu(arm))))
        print()
        for warning in self.warnings:
            print(printable(f"warning: {warning}"))
        print(self._reading())

    def _menu(self, arm: str) -> str:
        return self.trial.menu if arm == "control" else self.trial.candidate

    def _head(self) -> list[str]:
        shown = trial_cells(describe(self.trial, self.state, now_ms()))
        parts = [f"trial {shown[0]}:", f"menu {shown[1]} (control) against {shown[2]} (candidate),", f"{shown[3]},"]
        parts.append(shown[4])
        if self.state.alarm is not None:
            alarm = self.state.alarm
            parts.append(
                f"({alarm.indicator} {100 * alarm.worse_by:.1f} points worse, at least {100 * alarm.at_least:.1f})"
            )
        if self.counted.open:
            parts.append(f"; {self.counted.open} calls are open")
        return parts

    def _verdict(self, row: Compared) -> str:
        if row.verdict not in {"no difference seen yet", "too few calls"} or not row.more_calls:
            return row.verdict
        unit = "points" if row.unit == "share" else "%"
        return f"{row.verdict}; about {row.more_calls:,} calls more show {100 * self.sought:.0f} {unit}"

    def _show_standards(self, rows: list[Compared]) -> None:
        judged = []
        for arm, tally in zip(ARMS, self.sides, strict=True):
            expected = Expected(self.standards.get(self._menu(arm)))
            for row in rows:
                found = row.control if arm == "control" else row.candidate
                text, met = expected.said(row.indicator, row.unit, found)
                if text and tally.calls:
                    judged.append((arm, row.indicator, text, value_text(row.unit, found.value), met))
        if judged:
            print()
            print_table(("side", "indicator", "standard", "measured", ""), judged)

    def _reading(self) -> str:
        intervals = "Intervals are for one look at the numbers: 19 of 20 such intervals contain the truth. "
        if self.final:
            return f"{intervals}The trial ran its planned time, so the verdicts are by them."
        return (
            f"{intervals}Verdicts hold however often you look: they are by wider intervals (`always` in --json), "
            "19 of 20 of which contain the truth at all looks together. Calls wanted are for one look at the end, "
            "with a chance of 80 % to see such a difference."
        )
