"""Bodies of what operators and other processes ask switch (`requests`)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from edge.core.menus.model import Menu
from edge.vocabulary.media import RoomMode

#: In dB; what media takes.
Gain = Annotated[float, Meta(ge=-60.0, le=24.0)]
#: As the front door takes them from peers: what could end a line or forge another header is refused.
OwnHeader = Annotated[str, Meta(pattern=r"\A[Xx]-(?![Ee][Dd][Gg][Ee]-)[A-Za-z0-9\-]{1,62}\Z")]
OwnValue = Annotated[str, Meta(pattern=r"\A[ -~]{1,256}\Z")]


class OriginateRequest(Struct, frozen=True, kw_only=True):
    """Make a call. `menu` is the name of a menu of the site, or a compiled menu."""

    target: str
    menu: str | Menu
    trunk: str = ""
    caller: str = "edge"
    #: The callee is not shown the caller's number.
    withheld: bool = False
    #: Headers of one's own, of those that the trunk lists.
    headers: dict[OwnHeader, OwnValue] = {}
    ring_timeout_ms: int = 60000


class CallRequest(Struct, frozen=True):
    """Name a call."""

    id: str


class TrialRequest(Struct, frozen=True):
    """Name a trial."""

    name: str


class InviteRequest(Struct, frozen=True, kw_only=True):
    """Ask a further leg into a call's talk."""

    id: str
    #: SIP URI, or a number to be dialled on `trunk`.
    target: str
    mode: RoomMode
    #: Whom it whispers to; None: the leg that the first one talks with.
    to: str | None = None
    #: Its keys 4, 5 and 6 change the mode.
    supervises: bool = False
    trunk: str = ""
    caller: str = "edge"
    ring_timeout_ms: int = 30000


class LegRequest(Struct, frozen=True, kw_only=True):
    """Name a leg of a call: its id, or its number in the call."""

    id: str
    leg: str


class HoldRequest(LegRequest, frozen=True, kw_only=True):
    """Put a leg of a talk on hold, or resume it."""

    on: bool


class ModeRequest(LegRequest, frozen=True, kw_only=True):
    """Change how a further leg takes part."""

    mode: RoomMode
    to: str | None = None


class AnnounceRequest(Struct, frozen=True, kw_only=True):
    """Mix a sound file over a call's talk, the voices lowered by `duck_db` meanwhile."""

    id: str
    #: Absolute path.
    file: str
    to: Literal["both", "caller", "target"] = "both"
    duck_db: Annotated[int, Meta(ge=0, le=60)] = 12


class SoundRequest(LegRequest, frozen=True, kw_only=True):
    """Mute a leg or change its levels; what is not given stays."""

    muted: bool | None = None
    deaf: bool | None = None
    gain_db: Gain | None = None
    heard_gain_db: Gain | None = None
    auto_level: bool | None = None
