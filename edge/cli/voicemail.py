"""`edge voicemail list | mailboxes | show | play | delete`: messages that callers have left in mailboxes."""

import shutil
import subprocess
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter
from msgspec import Struct, structs

from edge.cli.output import BAD, FINE, complain, print_json, print_table, seconds
from edge.cli.recordings import Recording, find
from edge.cli.site import BadSiteError, ConfigOption, DemoOption, JsonOption, UsageError, failed, usable_site
from edge.config.errors import did_you_mean
from edge.config.mailboxes import MINUTE_MS, folder_of, room_of, share_filled
from edge.config.menu_tables import Mailbox
from edge.core.recording import sidecar
from edge.media import disk
from edge.media.mailboxes import filled
from edge.storage.reader import Reader
from edge.storage.turn import StorageError

#: Programs that play a WAV file and end, the first one that is there is taken.
PLAYERS: Final = (("aplay", "-q"), ("paplay",), ("pw-play",), ("play", "-q"), ("ffplay", "-v", "error", "-autoexit"))

Id = Annotated[str, Parameter(help="Id of a message, as `edge voicemail list` shows it.")]


class Message(Struct, kw_only=True):
    """A complete message in a mailbox."""

    mailbox: str
    recording: Recording
    note: sidecar.Sidecar
    heard: bool
    #: Number of the caller; empty: it was hidden, or the call is not remembered any more.
    caller: str


def register(app: App) -> None:
    """Add the commands."""
    group = App(name="voicemail", help="Messages in mailboxes: list, show, play and delete them.")
    group.command(list_messages, name="list")
    group.command(list_mailboxes, name="mailboxes")
    group.command(show)
    group.command(play)
    group.command(delete)
    app.command(group)


def list_messages(
    mailbox: Annotated[str, Parameter(help="Of this mailbox only.")] = "",
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    new: Annotated[bool, Parameter(negative=(), help="Only those that nobody has heard yet.")] = False,
    json: JsonOption = False,
) -> int:
    """List messages, the oldest first. A message is heard when `edge voicemail play` has played it to its end."""
    try:
        messages = _messages(config, demo=demo, mailbox=mailbox)
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    messages = [one for one in messages if not (new and one.heard)]
    if json:
        for one in messages:
            print_json(_line(one))
        return FINE
    rows = [
        (one.note.started, one.mailbox, one.caller, seconds(one.note.duration_ms), _state(one), one.note.recording)
        for one in messages
    ]
    print_table(("left", "mailbox", "from", "length", "state", "message"), rows, right=("length",))
    return FINE


def list_mailboxes(*, config: ConfigOption = None, demo: DemoOption = False, json: JsonOption = False) -> int:
    """List the mailboxes, and how full they are. A full one takes no message; callers are told so."""
    try:
        site = usable_site(config, demo=demo).site
        found = [_mailbox(box, filled(Path(folder_of(box, site.paths.recordings)))) for box in site.mailboxes]
    except (UsageError, BadSiteError) as error:
        return failed(error)
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
        return BAD
    if json:
        for one in found:
            print_json(one)
        return FINE
    rows = [
        (
            one["mailbox"],
            f"{one['messages']} of {one['max_messages']}" if one["max_messages"] else one["messages"],
            f"{one['minutes']} of {one['max_minutes']}" if one["max_minutes"] else one["minutes"],
            "FULL" if one["full"] else f"{one['filled']:.0%}" if one["max_messages"] or one["max_minutes"] else "",
        )
        for one in found
    ]
    print_table(("mailbox", "messages", "minutes", "filled"), rows, right=("messages", "minutes", "filled"))
    return FINE


def _mailbox(box: Mailbox, content: tuple[int, int]) -> dict[str, object]:
    messages, length_ms = content
    room = room_of(box)
    return {
        "mailbox": box.name,
        "messages": messages,
        "max_messages": box.max_messages,
        "minutes": round(length_ms / MINUTE_MS, 1),
        "max_minutes": box.max_minutes,
        "filled": round(share_filled(box, messages, length_ms), 3),
        "full": room is not None and room.is_full(messages, length_ms),
    }


def show(message: Id, /, *, config: ConfigOption = None, demo: DemoOption = False, json: JsonOption = False) -> int:
    """Show all that is noted about a message. Exit code 1: there is none of this id."""
    try:
        line = _line(_one(message, config, demo=demo))
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    except LookupError as error:
        complain(error)
        return BAD
    if json:
        print_json(line)
    else:
        print_table(("what", "value"), list(line.items()))
    return FINE


def play(
    message: Id,
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    player: Annotated[str, Parameter(name="--with", help="Program that plays it; it is given the file.")] = "",
) -> int:
    """Play a message on this machine's speaker, and mark it as heard. Exit code 1: it could not be played."""
    try:
        one = _one(message, config, demo=demo)
        command = [player] if player else _player()
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    except LookupError as error:
        complain(error)
        return BAD
    try:
        done = subprocess.run([*command, one.recording.path], check=False)
        if done.returncode != 0:
            complain(f"{command[0]} ended with {done.returncode}")
            return BAD
        Path(sidecar.heard_path(one.recording.path)).touch(mode=disk.FILE_MODE)
    except OSError as error:
        complain(f"{error.filename or command[0]}: {error.strerror}")
        return BAD
    return FINE


def delete(
    *messages: Annotated[str, Parameter(help="Ids of messages.")],
    config: ConfigOption = None,
    demo: DemoOption = False,
) -> int:
    """Delete messages, with what is noted about them. Exit code 1: one is not there, or could not be deleted."""
    code = FINE
    for message in messages:
        try:
            disk.discard(_one(message, config, demo=demo).recording.path)
        except (UsageError, BadSiteError, StorageError) as error:
            return failed(error)
        except OSError as error:
            complain(f"{error.filename}: {error.strerror}")
            code = BAD
        except LookupError as error:
            complain(error)
            code = BAD
    return code


def _messages(config: Path | None, *, demo: bool, mailbox: str) -> list[Message]:
    """Find messages. Raises `UsageError` for a mailbox that there is none of."""
    site = usable_site(config, demo=demo).site
    known = [one.name for one in site.mailboxes]
    if mailbox and mailbox not in known:
        raise UsageError(f"there is no mailbox '{mailbox}' ({did_you_mean(mailbox, known) or 'see [[mailboxes]]'})")
    reader = Reader(Path(site.paths.state, "state.db"))  # without one, nobody knows who has called
    found = [
        Message(
            mailbox=box.name,
            recording=one,
            note=one.note,
            heard=Path(sidecar.heard_path(one.path)).exists(),
            caller=_caller(reader, one.note),
        )
        for box in site.mailboxes
        if mailbox in {"", box.name}
        for one in find(Path(folder_of(box, site.paths.recordings)))
        if one.note is not None
    ]
    return sorted(found, key=lambda one: one.note.started)


def _caller(reader: Reader, note: sidecar.Sidecar) -> str:
    row = reader.call(note.call)
    return row.caller if row is not None else ""


def _one(message: str, config: Path | None, *, demo: bool) -> Message:
    """Find a message. Raises `LookupError` when there is none."""
    found = next((one for one in _messages(config, demo=demo, mailbox="") if one.note.recording == message), None)
    if found is None:
        raise LookupError(f"there is no message '{message}'")
    return found


def _line(one: Message) -> dict[str, object]:
    note = structs.asdict(one.note)
    return {
        "message": note.pop("recording"),
        "mailbox": one.mailbox,
        "caller": one.caller,
        "heard": one.heard,
        **note,
        "path": one.recording.path,
        "state": one.recording.state,
    }


def _state(one: Message) -> str:
    return ("heard" if one.heard else "new") + ("" if one.recording.state == "complete" else ", cut short")


def _player() -> list[str]:
    for command in PLAYERS:
        if shutil.which(command[0]) is not None:
            return list(command)
    raise LookupError(f"no program to play it: none of {', '.join(command[0] for command in PLAYERS)}; or use --with")
