"""What nodes of menus are made of, whatever their kind."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

#: The name of a node of the same menu. The mark lets `ways` find every place where a node names another one.
NodeId = Annotated[str, Meta(extra={"way": True})]
#: A sound whose path begins so is no file but a tone, in the notation of `indications.conf`: one cycle of it.
TONE = "tone:"


class Sound(Struct, frozen=True):
    """One thing to play: the file (or a tone, see `TONE`), and what the author wrote (for events and the console)."""

    path: str
    label: str


class Announcement(Struct, frozen=True, kw_only=True):
    """Sounds that are mixed over a talk, whose voices are lowered by `duck_db` meanwhile."""

    sounds: list[Sound]
    #: Again, so long after its last beginning; 0: once, when the talk begins.
    every_ms: int = 0
    to: Literal["both", "caller", "target"] = "both"
    duck_db: int = 12
