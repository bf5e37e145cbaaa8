"""`edge calls vcon`: a call that has ended as one document for other programs."""

import json as jsonlib
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from edge.cli.output import BAD, FINE, complain
from edge.cli.site import BadSiteError, ConfigOption, DemoOption, StateOption, UsageError, failed, folders
from edge.cli.state import open_state
from edge.core.vcon import NotEndedError
from edge.core.vcon import vcon as vcon_of
from edge.storage.turn import StorageError


def register(group: App) -> None:
    """Add the command."""
    group.command(vcon)


def vcon(
    call: Annotated[str, Parameter(help="Id of the call, as `edge calls --all` shows it.")],
    /,
    *,
    output: Annotated[
        Path | None, Parameter(help="File to write, readable by its owner only; nothing: standard output.")
    ] = None,
    recordings: Annotated[
        Literal["inline", "none"], Parameter(help="Recordings in the document, or only what is known of them.")
    ] = "inline",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Export a call as a vCon (draft-ietf-vcon-vcon-core): who took part, recordings, all events.

    Numbers are in it as they are in the events. Exit code 1: there is no such call, it goes on, or a recording is gone.
    """
    gone: list[str] = []

    def content(path: str) -> bytes | None:
        if recordings == "none":
            return None
        try:
            return Path(path).read_bytes()
        except OSError as error:
            gone.append(f"{path}: {error.strerror}")
            return None

    try:
        folder, _ = folders(config, demo=demo, state=state)
        events = [event.body for event in open_state(folder).events_of(call)]
        text = jsonlib.dumps(vcon_of(events, content), ensure_ascii=False, separators=(",", ":"))
        if output is None:
            sys.stdout.write(text + "\n")
        else:
            with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
                out.write(text + "\n")
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    except NotEndedError:
        complain(f"there is no call '{call}' that has ended, or its events are kept no more")
        return BAD
    except OSError as error:
        complain(error)
        return BAD
    for one in gone:
        complain(one)
    return BAD if gone else FINE
