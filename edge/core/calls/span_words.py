"""What happens in a span's stack, and what its core asks of it."""

from typing import Literal

from msgspec import Struct

from edge.vocabulary import reports
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.media import Address
from edge.vocabulary.private import Private

# --- inputs: what happened in the stack; a command is an input as it is -------------------------------------------


class Invited(Struct, frozen=True):
    """An INVITE for `leg` arrived; the stack has sent 100 and keeps the call."""

    leg: LegId


class Progressed(Struct, frozen=True):
    """Outgoing leg: a provisional response above 100."""

    leg: LegId
    code: int
    has_sdp: bool


class Confirmed(Struct, frozen=True):
    """Outgoing: 200 came and was acknowledged. Incoming: the ACK of our 200 came."""

    leg: LegId


class Disconnected(Struct, frozen=True, kw_only=True):
    """The stack has let go of the leg."""

    leg: LegId
    #: The far end's message that ended it; None when there was none (timer, transport) or it was ours.
    by: Literal["BYE", "CANCEL", "response"] | None
    #: Status that the stack names, final response or a stand-in such as 408.
    status: int
    reason_phrase: str = ""
    #: Value of the message's Reason header.
    reason_header: str = ""


class InfoReceived(Struct, frozen=True):
    """An INFO with a digit arrived."""

    leg: LegId
    digit: str
    duration_ms: int


class Failed(Struct, frozen=True):
    """The stack refused an action for `leg`."""

    leg: LegId
    text: str


class Discarded(Struct, frozen=True):
    """Switch does not know these legs."""

    legs: list[LegId]


class Ending(Struct, frozen=True):
    """The process ends: hang up everything."""


class Tick(Struct, frozen=True):
    """The deadline was reached."""


LegEvent = Progressed | Confirmed | Disconnected | InfoReceived | Failed
Event = LegEvent | Invited | Discarded | Ending | Tick

# --- actions ------------------------------------------------------------------------------------------------------


class Respond(Struct, frozen=True):
    """Answer the INVITE of `leg` by `code`; `media` is what its SDP names (180 and refusals have none)."""

    leg: LegId
    code: int
    media: Address | None = None
    text: str = ""


class Dial(Struct, frozen=True):
    """Send the INVITE of `leg`."""

    leg: LegId
    media: Address


class Release(Struct, frozen=True):
    """End `leg` by BYE (`answered`) or CANCEL."""

    leg: LegId
    answered: bool
    #: Another phone has taken the call.
    elsewhere: bool = False


class SendInfo(Struct, frozen=True):
    """Send one digit by INFO."""

    leg: LegId
    digit: Private
    duration_ms: int


class Tell(Struct, frozen=True):
    """Report to switch."""

    report: reports.AnyReport


class Finish(Struct, frozen=True):
    """Report the command as done, or as failed by the action just before it in the list, or by `error`."""

    id: CommandId
    error: str | None = None


Action = Respond | Dial | Release | SendInfo | Tell | Finish
