"""Which site a command is about: `--config FILE`, `--demo`, or for reading commands just `--state DIR`.

The loader is imported by who loads: `edge run` leaves that to another process, and every call waits for its start.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from edge.cli.output import BAD, CONFIGURATION, USAGE, complain
from edge.config.errors import ConfigError

if TYPE_CHECKING:
    from edge.config.loader import Inspection, Whereabouts

NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
DEFAULT_FILE: Final = Path("/etc/edge/site.toml")

ConfigOption = Annotated[Path | None, Parameter(name="--config", help=f"Site file; {DEFAULT_FILE} when not given.")]
DemoOption = Annotated[bool, Parameter(name="--demo", negative=(), help="The demo site.")]
StateOption = Annotated[Path | None, Parameter(name="--state", help="State folder; instead of the site's.")]
JsonOption = Annotated[bool, Parameter(name="--json", negative=(), help="JSON lines.")]
LimitOption = Annotated[int, Parameter(name="--limit", help="Newest entries only, this many; 0: all.")]


def site_file(config: Path | None, *, demo: bool) -> Path:
    """Name the site file; demo and a file of one's own exclude each other."""
    from edge.app.demo import SITE_FILE

    if demo and config is not None:
        raise UsageError("--demo and --config exclude each other")
    return SITE_FILE if demo else config or DEFAULT_FILE


def inspect_site(
    config: Path | None,
    *,
    demo: bool,
    overrides: Mapping[str, object] = NOTHING,
    menus: bool = True,
    spare_secrets: bool = False,
) -> "Inspection":
    """Read and check the site that the options name. Without `menus` for who compiles them himself."""
    from edge.app.demo import demo_overrides
    from edge.config.loader import inspect

    file, over = site_file(config, demo=demo), demo_overrides(overrides) if demo else overrides
    return inspect(file, over, menus=menus, spare_secrets=spare_secrets)


def site_faults(found: "Inspection") -> list[ConfigError]:
    """List the faults of the site file itself; those of menus are not among them."""
    return [error for error in found.errors if error.file.endswith(".toml")]


def usable_site(
    config: Path | None, *, demo: bool, overrides: Mapping[str, object] = NOTHING, menus: bool = True
) -> "Inspection":
    """Read and check the site that the options name. Raises `UsageError`, `BadSiteError`.

    Menus may have faults, and secrets may be `WITHHELD`: who uses one asks `at_hand` for it.
    """
    found = inspect_site(config, demo=demo, overrides=overrides, menus=menus, spare_secrets=True)
    faults = site_faults(found)
    if faults:
        raise BadSiteError(faults)
    return found


def at_hand(found: "Inspection", *secrets: object) -> None:
    """Raise `BadSiteError` with the reasons when one of these settings is a secret that cannot be had here."""
    from edge.config.shape import WITHHELD

    if WITHHELD in secrets:
        raise BadSiteError(found.withheld)


def whereabouts(config: Path | None, *, demo: bool, overrides: Mapping[str, object] = NOTHING) -> "Whereabouts":
    """Read where things of the site lie, whatever else its file says. Raises `UsageError`, `BadSiteError`."""
    from edge.app.demo import demo_overrides
    from edge.config.loader import inspect_paths

    found, faults = inspect_paths(site_file(config, demo=demo), demo_overrides(overrides) if demo else overrides)
    if faults:
        raise BadSiteError(faults)
    return found


def folders(config: Path | None, *, demo: bool, state: Path | None) -> tuple[Path, Path]:
    """Find the state and recordings folders; raises `BadSiteError` when the site file leaves them open."""
    if state is not None and config is None:
        # The demo keeps its recordings in its state folder; a site of its own is asked for where it keeps them.
        return state, state / "recordings"
    paths = whereabouts(config, demo=demo, overrides={} if state is None else {"paths.state": state}).paths
    return Path(paths.state), Path(paths.recordings)


def state_and_zone(config: Path | None, *, demo: bool, state: Path | None) -> tuple[Path, str]:
    """Find the state folder, and the time zone of dates that people type (empty: UTC); raises as `folders`."""
    if state is not None and config is None:
        return state, ""
    found = whereabouts(config, demo=demo, overrides={} if state is None else {"paths.state": state})
    return Path(found.paths.state), found.time_zone


class UsageError(Exception):
    """Options that don't go together."""


class BadSiteError(Exception):
    """The site file can't be used."""

    def __init__(self, errors: list[ConfigError]) -> None:
        super().__init__("the site file can't be used")
        self.errors = errors

    def report(self) -> int:
        """Print the faults; the exit code."""
        for error in self.errors:
            complain(error)
        return CONFIGURATION


def failed(error: Exception) -> int:
    """Print why a command has nothing to show; the exit code."""
    if isinstance(error, BadSiteError):
        return error.report()
    complain(error)
    return USAGE if isinstance(error, UsageError) else BAD
