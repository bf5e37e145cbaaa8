"""Opening `state.db` for reading commands, while the daemon runs or when it is down."""

from pathlib import Path

from edge.storage.reader import Reader
from edge.storage.turn import StorageError


def open_state(folder: Path) -> Reader:
    """Open `<folder>/state.db`; raises `StorageError` when there is none: no file is not no calls."""
    file = folder / "state.db"
    if not file.is_file():
        raise StorageError(f"{file} is not there; has the daemon run with this state folder?")
    return Reader(file)
