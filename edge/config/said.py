"""Texts that the API has spoken in calls: where their files lie, for who makes them and who has them played."""

import re
from pathlib import Path
from typing import Final

#: In the state folder.
FOLDER: Final = "said"
_NAME = re.compile(r"[0-9a-f]{32}")


def file_of(state: Path, name: str) -> Path:
    """Give the file of a spoken text. Raises `ValueError` for what is no such name."""
    if not _NAME.fullmatch(name):
        raise ValueError("no name of a spoken text")
    return state / FOLDER / f"{name}.wav"
