"""Mailboxes: where messages of callers lie, how long they may be, and who is told of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct, field

from edge.config.errors import Findings
from edge.config.located import Located, place_of

if TYPE_CHECKING:
    from edge.config.site import Site

#: Folder of mailboxes in that of recordings.
FOLDER = "voicemail"
#: What a greeting begins with that is a text, and no file.
SAY = "say:"


class Mailbox(Struct, frozen=True, kw_only=True):
    """Takes messages, by the node `voicemail`."""

    #: What menus, events and commands call it.
    name: Annotated[str, Meta(extra={"kind": "name"})]
    #: Where its messages lie; empty: `voicemail/<name>` in the folder of recordings.
    folder: Annotated[str, Meta(extra={"kind": "path", "optional": True})] = ""
    #: Name of a sound in the prompts folder, or `say: TEXT`, which is spoken in the first language of the menu. Empty:
    #: an ordinary sentence. A node may have its own.
    greeting: str = ""
    #: Instead of it when the transfer before found everybody busy.
    greeting_busy: str = ""
    #: Instead of it when nobody answered the transfer before.
    greeting_no_answer: str = ""
    #: Longest message.
    max_length_ms: Annotated[int, Meta(extra={"least": 2_000, "most": 3_600_000})] = 180_000
    #: What is shorter is none: the caller is asked again.
    min_length_ms: Annotated[int, Meta(extra={"least": 0, "most": 60_000})] = 1_000
    #: Silence that ends a message, and is cut off.
    silence_ms: Annotated[int, Meta(extra={"least": 1_000, "most": 60_000})] = 4_000
    #: Callers can listen to their message, say it again, and mark it as urgent.
    review: bool = False
    #: Days after which messages are deleted; 0: they are kept.
    keep_days: Annotated[int, Meta(extra={"least": 0, "most": 3_650})] = 0
    #: Who is to be told of a message, for the backend that gets `voicemail.left`: names, addresses, whatever it knows.
    notify: list[str] = field(default_factory=list)


def folder_of(mailbox: Mailbox, recordings: str) -> str:
    """Name the folder of a mailbox. `recordings`: that of the site's recordings."""
    return mailbox.folder or f"{recordings}/{FOLDER}/{mailbox.name}"


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
