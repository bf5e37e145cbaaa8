"""How settings are annotated: what the loader enforces of a value, and the pages say of it."""

from typing import Annotated, Any, Final

from msgspec import Meta

#: A day in milliseconds: the bound for settings whose unit was mistaken.
DAY_MS: Final = 86_400_000


def of_kind(kind: str, **more: Any) -> Any:
    """Annotate a text with its kind (`kinds`)."""
    return Meta(extra={"kind": kind, **more})


def lasting(least: int, most: int) -> Any:
    """Annotate milliseconds that are written as a duration."""
    return Meta(extra={"kind": "duration", "least": least, "most": most})


def ranging(least: int, most: int) -> Any:
    """Annotate a number with its range."""
    return Meta(extra={"least": least, "most": most})


#: Filled by the loader, not by the author of a file.
HIDDEN: Final = Meta(extra={"hidden": True})
Name = Annotated[str, of_kind("name")]
OptionalName = Annotated[str, of_kind("name", optional=True)]
Path = Annotated[str, of_kind("path")]
OptionalPath = Annotated[str, of_kind("path", optional=True)]
