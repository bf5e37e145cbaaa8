"""Mailboxes as they lie on disk: what is in them, and messages that are older than they are to be kept.

Everything here blocks as long as the disk does; it runs on the recorder's second thread.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from edge.config.mailboxes import folder_of
from edge.config.menu_tables import Mailbox
from edge.config.site import Site
from edge.core.recording import sidecar
from edge.media import disk
from edge.metrics.media import MailboxReading as Contents
from edge.runtime.clock import wall_time
from edge.runtime.logs import logger

DAY_S = 86_400

_log = logger("media")


class Watch:
    """Looks at the mailboxes of a site when it is told to, and tells what was found; for the main thread.

    `aside` does work on another thread, `post` brings something back from there.
    """

    def __init__(
        self,
        site: Site,
        aside: Callable[[Callable[[], None]], None],
        post: Callable[[Callable[[], None]], None],
        tell: Callable[[Contents], None],
    ) -> None:
        self._aside, self._post, self._tell = aside, post, tell
        self.take(site)

    def take(self, site: Site) -> None:
        """Know the mailboxes of this site from now on."""
        self._mailboxes, self._recordings = site.mailboxes, site.paths.recordings

    def look(self) -> None:
        """Have them looked at."""
        mailboxes, recordings = self._mailboxes, self._recordings
        if not mailboxes:
            return

        def work() -> None:
            found = look(mailboxes, recordings, wall_time().timestamp())
            self._post(lambda: self._told(found))

        self._aside(work)

    def _told(self, found: list[Contents]) -> None:
        for one in found:
            self._tell(one)
            if one.expired:
                _log.info("old messages deleted", mailbox=one.mailbox, messages=one.expired)


def look(mailboxes: Iterable[Mailbox], recordings: str, now_s: float) -> list[Contents]:
    """Delete what is too old, and count the rest. `recordings`: folder of the site's; `now_s`: since 1970."""
    return [_look(one, Path(folder_of(one, recordings)), now_s) for one in mailboxes]


def _look(mailbox: Mailbox, folder: Path, now_s: float) -> Contents:
    heard = new = expired = 0
    oldest = now_s
    for path, left_s in _messages(folder):
        if mailbox.keep_days and now_s - left_s > mailbox.keep_days * DAY_S:
            disk.discard(str(path))
            expired += 1
        elif Path(sidecar.heard_path(str(path))).exists():
            heard += 1
        else:
            new, oldest = new + 1, min(oldest, left_s)
    return Contents(mailbox.name, heard, new, max(0.0, now_s - oldest) if new else 0.0, expired)


def _messages(folder: Path) -> list[tuple[Path, float]]:
    """List complete messages with the time of their end; what vanishes meanwhile is left out."""
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.name.endswith(".wav")]
    except FileNotFoundError:
        return []
    found: list[tuple[Path, float]] = []
    for path in (folder / name for name in names):
        if Path(sidecar.open_path(str(path))).exists():
            continue  # it has its name, and is just being finished
        try:
            found.append((path, path.stat().st_mtime))
        except FileNotFoundError:
            continue
    return found
