"""Which campaigns' store a command is about: the one that the site names, or the file in the state folder."""

from pathlib import Path
from typing import NamedTuple

from edge.cli.site import at_hand, usable_site
from edge.config.site import Site
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.store import FILE, opened
from edge.storage.turn import SchemaError, StorageError


class Place(NamedTuple):
    """Where the store is, and the time zone of dates that people type (empty: UTC)."""

    state: Path
    database: str
    time_zone: str

    @property
    def is_there(self) -> bool:
        """Whether there can be something in it: no file is an empty store."""
        return bool(self.database) or (self.state / FILE).is_file()

    def open(self) -> CampaignStore:
        """Open it, or begin it where the appliance has not run yet. Raises `StorageError`."""
        try:
            if not self.database:
                self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            return opened(self.state, self.database)
        except SchemaError as error:
            raise StorageError(str(error)) from error
        except OSError as error:
            raise StorageError(f"{error.filename}: {error.strerror}") from error


def place_of(config: Path | None, *, demo: bool, state: Path | None) -> Place:
    """Find the store; raises `UsageError`, `BadSiteError`."""
    if state is not None and config is None:
        return Place(state, "", "")
    site = site_of(config, demo=demo, state=state)
    return Place(Path(site.paths.state), site.dialer.database, site.time_zone)


def site_of(config: Path | None, *, demo: bool, state: Path | None) -> Site:
    """Read the site, with what its store is opened by; raises `UsageError`, `BadSiteError`."""
    overrides: dict[str, object] = {} if state is None else {"paths.state": state}
    found = usable_site(config, demo=demo, overrides=overrides, menus=False)
    at_hand(found, found.site.dialer.database)
    return found.site
