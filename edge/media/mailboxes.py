"""Mailboxes as they lie on disk: what is in them, and messages that are older than they are to be kept.

Everything here blocks as long as the disk does; it runs on the recorder's second thread.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from edge.config.mailboxes import folder_of, share_filled
from edge.config.menu_tables import Mailbox
from edge.config.site import Site
from edge.core.recording import sidecar, wav
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

    def ask(self, folder: str, tell: Callable[[int, int], None]) -> None:
        """Tell how many messages lie in a folder, and how long they are together, milliseconds."""

        def work() -> None:
            try:
                found = filled(Path(folder))
            except OSError:
                found = (0, 0)  # what is wrong with the disk is told when something is to be written
            self._post(lambda: tell(*found))

        self._aside(work)

    def _told(self, found: list[Contents]) -> None:
        for one in found:
            self._tell(one)
            if one.expired:
                _log.info("old messages deleted", mailbox=one.mailbox, messages=one.expired)


def filled(folder: Path) -> tuple[int, int]:
    """Count the complete messages of a folder, and add up how long they are, milliseconds."""
    found = _messages(folder)
    return len(found), sum(one.length_ms for one in found)


def look(mailboxes: Iterable[Mailbox], recordings: str, now_s: float) -> list[Contents]:
    """Delete what is too old, and count the rest. `recordings`: folder of the site's; `now_s`: since 1970."""
    return [_look(one, Path(folder_of(one, recordings)), now_s) for one in mailboxes]


def _look(mailbox: Mailbox, folder: Path, now_s: float) -> Contents:
    heard = new = expired = length_ms = 0
    oldest = now_s
    for one in _messages(folder):
        if mailbox.keep_days and now_s - one.left_s > mailbox.keep_days * DAY_S:
            disk.discard(str(one.path))
            expired += 1
            continue
        length_ms += one.length_ms
        if Path(sidecar.heard_path(str(one.path))).exists():
            heard += 1
        else:
            new, oldest = new + 1, min(oldest, one.left_s)
    return Contents(
        mailbox=mailbox.name,
        heard=heard,
        new=new,
        oldest_new_s=max(0.0, now_s - oldest) if new else 0.0,
        expired=expired,
        length_s=length_ms / 1000,
        filled=share_filled(mailbox, heard + new, length_ms),
    )


class _Found(NamedTuple):
    """A complete message: when it was left, seconds since 1970."""

    path: Path
    left_s: float
    length_ms: int


def _messages(folder: Path) -> list[_Found]:
    """List complete messages; what vanishes meanwhile is left out."""
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.name.endswith(".wav")]
    except FileNotFoundError:
        return []
    found: list[_Found] = []
    for path in (folder / name for name in names):
        if Path(sidecar.open_path(str(path))).exists():
            continue  # it has its name, and is just being finished
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        frames = wav.frames_in(stat.st_size, channels=1)
        found.append(_Found(path, stat.st_mtime, frames * 1000 // wav.RATE))
    return found
