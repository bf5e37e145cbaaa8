"""What a reload would do: the files against what is in force, with what each process makes of the difference.

By the loader that a reload uses, in the same kind of child, with the daemon's environment (secrets) and nothing
written. What registrations do is asked of the code that does it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from edge.app.demo import demo_overrides
from edge.app.effects import Effects
from edge.app.preparing import Source
from edge.app.reloading import merge, with_run_dir
from edge.config.compiled import CompiledSite
from edge.config.difference import Change, Setting, differences
from edge.config.loader import Inspection, inspect
from edge.config.versions import NoVersionError, Versions
from edge.core.menus.model import Menu


class Plan(Struct, kw_only=True):
    """What would come of a reload now."""

    changes: list[Change] = field(default_factory=list)
    #: Settings whose new values wait for a restart, those of earlier reloads included.
    needs_restart: list[str] = field(default_factory=list)
    #: Texts that would be spoken first, which takes its time.
    to_speak: int = 0
    #: Faults, for which the reload would be refused; `file:line:column: text`.
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def plan_of(source: Source, current: CompiledSite) -> Plan:
    """Read the files of `source` and hold them against `current`."""
    from edge.app.demo import SITE_FILE

    overrides: Mapping[str, object] = source.overrides
    found = inspect(SITE_FILE, demo_overrides(overrides)) if source.demo else inspect(Path(source.config), overrides)
    warnings = [str(warning) for warning in found.warnings]
    if found.errors:
        return Plan(errors=[str(error) for error in found.errors], warnings=warnings)
    versions = Versions(Path(current.paths.state))
    wanted = with_run_dir(_chosen(found.site, versions, warnings))
    needs_restart = merge(current, wanted).needs_restart
    effects = Effects(current, wanted, versions)
    changes = [
        effects.told(_with_sounds(_marked(change, needs_restart), current, found))
        for change in differences(current, wanted)
    ]
    return Plan(
        changes=[*changes, *effects.held(found.site)],
        needs_restart=needs_restart,
        to_speak=sum(not Path(speech.path).is_file() for speech in found.speeches),
        warnings=warnings,
    )


def _chosen(site: CompiledSite, versions: Versions, warnings: list[str]) -> CompiledSite:
    """Return the site with the menus that new calls would get: of those that are rolled back the held version."""
    menus: dict[str, Menu] = dict(site.menus)
    for pin in versions.pins:
        if pin.menu in menus:
            try:
                menus[pin.menu] = versions.kept(pin.menu, pin.version).menu
            except NoVersionError as error:
                warnings.append(f"{error}, so the menu would follow its file again")
    tried: dict[str, Menu] = {}
    for trial in site.trials:
        if trial.version:
            try:
                tried[trial.name] = versions.kept(trial.candidate, versions.find(trial.candidate, trial.version)).menu
            except NoVersionError as error:
                warnings.append(f"trial '{trial.name}' would not run: {error}")
    return replace(site, menus=menus, tried=tried)


def _marked(change: Change, needs_restart: list[str]) -> Change:
    """Mark the settings that wait for a restart."""

    def waits(setting: Setting) -> bool:
        return bool({change.what, f"{change.what}.{setting.name}"} & set(needs_restart))

    return replace(change, settings=[replace(one, needs_restart=waits(one)) for one in change.settings])


def _with_sounds(change: Change, current: CompiledSite, found: Inspection) -> Change:
    """Name the recordings of a menu that are others now: its copies are named by their content."""
    if change.what != "menu" or change.action != "changed":
        return change
    before: dict[str, Any] = {own: Path(copy).stem for copy, own in current.menus[change.name].origins.items()}
    digests = found.digests
    return replace(change, sounds=[own for own, was in before.items() if own in digests and digests[own] != was])
