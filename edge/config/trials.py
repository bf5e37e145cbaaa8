"""Trials of menus and standards of indicators, as written, and what can be wrong with them."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from hashlib import blake2b
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from edge.config.errors import Findings, did_you_mean
from edge.config.located import Located, place_of
from edge.config.menu_tables import Standard, TrialSource
from edge.core.indicators.standards import Bound, Bounds, Measured
from edge.core.menus.calendar import Calendar
from edge.core.menus.model import Menu
from edge.core.routing.trials import Guards, Trial

if TYPE_CHECKING:
    from edge.config.compiled import CompiledSite


def zone_info(time_zone: str) -> tzinfo:
    """Find a time zone by its name; empty: UTC."""
    return ZoneInfo(time_zone) if time_zone else UTC


def moment_ms(text: str, time_zone: str = "") -> int:
    """Read a date or a time, in `time_zone` (empty: UTC) if it has no offset; 0 of an empty text. Raises ValueError.

    Returns milliseconds since 1970.
    """
    if not text:
        return 0
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=zone_info(time_zone))).timestamp() * 1000)


def trial_of(source: TrialSource, calendars: Mapping[str, Calendar], time_zone: str = "") -> Trial:
    """Make what calls need of a trial that has no fault. `time_zone`: of the site."""
    rails = source.stop_if
    return Trial(
        name=source.name,
        menu=source.menu,
        candidate=source.candidate,
        version=source.version,
        share=source.share,
        hours=calendars.get(source.hours) if source.hours else None,
        callers=source.callers,
        table=source.table,
        attribute=source.attribute if source.table else "",
        value=source.value,
        from_ms=moment_ms(source.starts, time_zone),
        until_ms=moment_ms(source.until, time_zone),
        guards=Guards(
            abandonment=_share(rails.abandonment_worse_by),
            containment=_share(rails.containment_worse_by),
            confidence=rails.confidence / 100,
            after_calls=rails.after_calls,
        ),
    )


def bounds_of(standard: Standard) -> Bounds:
    """Make what switch holds calls against. Repeat calls are left to reports, which know of the days after."""
    whole: list[tuple[Measured, float, bool]] = [
        ("containment", standard.containment_least / 100, False),
        ("abandonment", standard.abandonment_most / 100, True),
        ("misroutes", standard.misroutes_most / 100, True),
        ("time_in_menu", float(standard.time_in_menu_most_ms), True),
    ]
    found = [Bound("", measured, value, most) for measured, value, most in whole if value]
    for node in standard.nodes:
        parts: list[tuple[Measured, int]] = [
            ("abandonment", node.abandonment_most),
            ("no_input", node.no_input_most),
            ("no_match", node.no_match_most),
        ]
        found += [Bound(node.node, measured, percent / 100) for measured, percent in parts if percent]
    what = blake2b(repr((standard.window_ms, sorted(standard.served_at))).encode(), digest_size=8).hexdigest()
    return Bounds(menu=standard.menu, window_ms=standard.window_ms, bounds=tuple(found), what=what)


def _share(percent: int | None) -> float | None:
    return None if percent is None else percent / 100


def check_trials(site: "CompiledSite", root: Located, findings: Findings, *, menus_complete: bool) -> None:
    """Check trials and standards against the rest of the site."""
    for index, trial in enumerate(site.trials):
        _check_trial(trial, index, site, root, findings, menus_complete=menus_complete)
    seen: set[str] = set()
    for index, standard in enumerate(site.standards):
        at = ("standards", index)
        if standard.menu in seen:
            findings.follow_up(place_of(root, (*at, "menu")), f"menu '{standard.menu}' has standards already")
        seen.add(standard.menu)
        menu = site.menus.get(standard.menu)
        if menu is not None:
            _check_standard(standard, menu, root, at, findings)
        elif standard.menu and menus_complete:
            _no_menu(standard.menu, site.menus, (*at, "menu"), root, findings)


def _check_trial(
    trial: TrialSource, index: int, site: "CompiledSite", root: Located, findings: Findings, *, menus_complete: bool
) -> None:
    at = ("trials", index)
    for key in ("menu", "candidate"):
        name = getattr(trial, key)
        if name and name not in site.menus and menus_complete:
            _no_menu(name, site.menus, (*at, key), root, findings)
    if trial.menu and trial.menu == trial.candidate and not trial.version:
        place = place_of(root, (*at, "candidate"))
        findings.follow_up(place, "the candidate is the menu itself", "name another menu, or a version that is kept")
    if trial.menu and site.routes and not any(route.menu == trial.menu for route in site.routes):
        findings.warning(place_of(root, (*at, "menu")), f"no route leads to menu '{trial.menu}'")
    starts_ms, until_ms = (moment_ms(text, site.time_zone) for text in (trial.starts, trial.until))
    if starts_ms and until_ms and starts_ms >= until_ms:
        findings.follow_up(place_of(root, (*at, "until")), "it is over before it starts")
    _check_split(trial, at, site, root, findings)
    _check_others(trial, index, site, root, findings)


def _check_split(
    trial: TrialSource, at: tuple[str, int], site: "CompiledSite", root: Located, findings: Findings
) -> None:
    split = [name for name in ("share", "hours", "callers", "table") if getattr(trial, name)]
    if len(split) != 1:
        findings.follow_up(
            place_of(root, at, key=True),
            f"{' and '.join(split) or 'nothing'} says which calls get the candidate",
            "set one of share, hours, callers and table",
        )
    for what, names in (("hours", [one.name for one in site.hours]), ("table", [one.name for one in site.tables])):
        name = getattr(trial, what)
        if name and name not in names:
            advice = did_you_mean(name, names) or (f"there are {', '.join(names)}" if names else "there are none")
            findings.follow_up(place_of(root, (*at, what)), f"the site has no {what} '{name}'", advice)
    if bool(trial.table) != bool(trial.attribute):
        place = place_of(root, (*at, "table" if trial.table else "attribute"))
        findings.follow_up(place, "table and attribute go together")


def _check_others(trial: TrialSource, index: int, site: "CompiledSite", root: Located, findings: Findings) -> None:
    """Check that no call could be part of two trials."""
    for other in site.trials[:index]:
        if other.name == trial.name:
            findings.follow_up(place_of(root, ("trials", index, "name")), f"there are two trials '{trial.name}'")
        elif trial.menu == other.menu and _overlap(trial, other, site.time_zone):
            findings.follow_up(
                place_of(root, ("trials", index, "menu")),
                f"menu '{trial.menu}' is on trial '{other.name}' at the same time",
                "a call can be part of one trial only",
            )


def _overlap(one: TrialSource, other: TrialSource, time_zone: str) -> bool:
    first, second = moment_ms(one.until, time_zone), moment_ms(other.until, time_zone)
    begins, other_begins = moment_ms(one.starts, time_zone), moment_ms(other.starts, time_zone)
    return not ((first and first <= other_begins) or (second and second <= begins))


def _no_menu(
    name: str, menus: Mapping[str, Menu], at: tuple[str | int, ...], root: Located, findings: Findings
) -> None:
    findings.follow_up(
        place_of(root, at), f"there is no menu '{name}'", did_you_mean(name, menus) or f"menus: {', '.join(menus)}"
    )


def _check_standard(standard: Standard, menu: Menu, root: Located, at: tuple[str, int], findings: Findings) -> None:
    named = [(("served_at", index), name) for index, name in enumerate(standard.served_at)]
    named += [(("nodes", index, "node"), one.node) for index, one in enumerate(standard.nodes)]  # type: ignore[misc]
    for where, name in named:
        if name and name not in menu.nodes:
            findings.follow_up(
                place_of(root, (*at, *where)),
                f"menu '{menu.name}' has no node '{name}'",
                did_you_mean(name, menu.nodes),
            )
