"""Mailboxes: where messages of callers lie, how long they may be, and who is told of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from edge.config.errors import Findings
from edge.config.located import Located, place_of
from edge.config.menu_tables import Mailbox

if TYPE_CHECKING:
    from edge.config.site import Site
    from edge.core.menus.kinds.record import Room

#: Folder of mailboxes in that of recordings.
FOLDER = "voicemail"
MINUTE_MS = 60_000
#: What a greeting begins with that is a text, and no file.
SAY = "say:"


def folder_of(mailbox: Mailbox, recordings: str) -> str:
    """Name the folder of a mailbox. `recordings`: that of the site's recordings."""
    return mailbox.folder or f"{recordings}/{FOLDER}/{mailbox.name}"


def room_of(mailbox: Mailbox) -> "Room | None":
    """Give the limits of a mailbox; None: it has none."""
    from edge.core.menus.kinds.record import Room  # media asks for other things here, and walks no menus

    if not mailbox.max_messages and not mailbox.max_minutes:
        return None
    return Room(messages=mailbox.max_messages or None, length_ms=mailbox.max_minutes * MINUTE_MS or None)


def share_filled(mailbox: Mailbox, messages: int, length_ms: int) -> float:
    """Say how much of a mailbox is used, by the tighter one of its limits; 0 without limits."""
    used = ((messages, mailbox.max_messages), (length_ms, mailbox.max_minutes * MINUTE_MS))
    return max((what / limit for what, limit in used if limit), default=0.0)


def roots_of(mailboxes: Iterable[Mailbox], recordings: str) -> list[str]:
    """List the folders that recordings and messages lie in, none of them within another."""
    folders = [Path(recordings), *(Path(one.folder) for one in mailboxes if one.folder)]
    unlike = list(dict.fromkeys(folders))
    return [str(one) for one in unlike if not any(one != other and one.is_relative_to(other) for other in unlike)]


def check_mailboxes(site: "Site", root: Located, findings: Findings) -> None:
    """Check that no two share a folder, and that lengths fit each other."""
    folders: dict[str, str] = {}
    for index, one in enumerate(site.mailboxes):
        if one.min_length_ms >= one.max_length_ms:
            place = place_of(root, ("mailboxes", index, "min_length"))
            findings.follow_up(place, f"min_length, {one.min_length_ms} ms, is not less than max_length")
        folder = folder_of(one, site.paths.recordings)
        other = folders.setdefault(folder, one.name)
        if other != one.name:
            place = place_of(root, ("mailboxes", index, "folder"))
            findings.follow_up(place, f"mailbox '{other}' has the same folder")
