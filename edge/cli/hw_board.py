"""`edge hw board`: what systemd should know of the computer that the appliance runs on."""

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from cyclopts import Parameter

from edge.cli.hw_profiles import devices_of, named, site_or_none
from edge.cli.output import BAD, FINE, complain, print_json
from edge.cli.site import BadSiteError, ConfigOption, JsonOption, UsageError, failed
from edge.config.boards import files_of, pins, recognise
from edge.core.lines.profile import Board, DeviceProfile

ROOT: Final = Path("/")
#: Where the kernel says what computer it is, on those with a device tree.
_MODEL: Final = "proc/device-tree/model"

State = Literal["as it should be", "not there", "another"]


class Standing(NamedTuple):
    """A board and its files under `root`."""

    name: str
    board: Board
    cores: int
    files: dict[str, str]
    states: dict[str, State]

    @property
    def differs(self) -> list[str]:
        """Files that are there, and are not as the profile has them."""
        return [path for path, state in self.states.items() if state == "another"]


def board(
    *,
    profile: Annotated[str | None, Parameter(help="Profile of the board; else it is recognised.")] = None,
    write: Annotated[bool, Parameter(negative=(), help="Put the files in their places; takes root.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Show the files by which systemd keeps a core for the media engine and feeds the board's watchdog.

    They are made of the board's profile and of the cores that there are; nothing is written without --write. Exit code
    1: no profile is of this board, or a file is another one than the profile makes.
    """
    try:
        profiles = devices_of(site_or_none(config))
        found = standing(profiles, profile, ROOT)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    if found is None:
        complain(
            "no profile is of this board: --profile NAME, or write one of kind 'board' (docs/firmware-profiles.md)"
        )
        return BAD
    if write:
        try:
            _write(found, ROOT)
        except OSError as error:
            complain(error)
            return BAD
        found = found._replace(states=dict.fromkeys(found.files, "as it should be"))
    if json:
        print_json(_document(found))
    else:
        _print(found, written=write)
    return BAD if found.differs else FINE


def standing(profiles: dict[str, DeviceProfile], wanted: str | None, root: Path) -> Standing | None:
    """Find the board and compare its files; None: no profile is of it. Raises `UsageError`."""
    boards = {name: one for name, one in profiles.items() if one.board is not None}
    name = wanted if wanted is not None else recognise(boards, _model(root), os.uname().machine)
    if name is None:
        return None
    known = named(name, boards).board or Board()
    cores = os.cpu_count() or 1
    files = files_of(name, known, cores)
    return Standing(name, known, cores, files, {path: _state(root / path, text) for path, text in files.items()})


def _model(root: Path) -> str:
    try:
        return (root / _MODEL).read_text(errors="replace").rstrip("\0")
    except OSError:
        return ""


def _state(path: Path, text: str) -> State:
    try:
        return "as it should be" if path.read_text() == text else "another"
    except OSError:
        return "not there"


def _write(found: Standing, root: Path) -> None:
    for path, text in found.files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: half a file would be read at the next start.
        new = place.with_name(f".{place.name}.new")
        new.write_text(text)
        new.replace(place)


def _document(found: Standing) -> dict[str, Any]:
    return {
        "profile": found.name,
        "cores": found.cores,
        "media_cores": found.board.media_cores if pins(found.board, found.cores) else [],
        "files": [
            {"path": f"/{path}", "state": found.states[path].replace(" ", "_"), "text": text}
            for path, text in found.files.items()
        ],
    }


def _print(found: Standing, *, written: bool) -> None:
    print(f"profile {found.name}; {found.cores} cores")
    for path, text in found.files.items():
        print(f"\n/{path}: {'written' if written else found.states[path]}")
        print("".join(f"    {line}\n" for line in text.splitlines()), end="")
    print()
    if pins(found.board, found.cores):
        print(f"The site file keeps the core for the engine: [media] cores = {found.board.media_cores}")
    elif found.board.media_cores:
        print(f"No core is kept for the engine: the profile is of a board with {found.board.cores}.")
    if written:
        print(
            "In force after the next boot; the service's own after systemctl daemon-reload && systemctl restart edge."
        )
