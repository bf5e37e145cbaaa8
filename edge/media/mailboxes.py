"""Mailboxes as they lie on disk: what is in them, and messages that are older than they are to be kept.

Everything here blocks as long as the disk does; it runs on the recorder's second thread.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from edge.config.mailboxes import Mailbox, folder_of
from edge.core.recording import sidecar
from edge.media import disk

DAY_S = 86_400


class Contents(NamedTuple):
    """What is in a mailbox."""

    mailbox: str
    heard: int
    new: int
    #: Age of the oldest one that nobody has heard; 0: there is none.
    oldest_new_s: float
    #: Deleted now, because they were too old.
    expired: int


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
