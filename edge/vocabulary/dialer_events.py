"""Events of calls that campaigns make; campaigns themselves have theirs in `site_events`."""

from typing import Literal

from msgspec import Struct

from edge.vocabulary.dialing import Disposition, Evidence, Next
from edge.vocabulary.private import Private

AttemptProgress = Literal["dialled", "ringing", "answered", "waiting", "missed", "connected"]


class DialerAttemptStarted(Struct, frozen=True, tag="dialer.attempt_started", kw_only=True):
    """The call is an attempt of a campaign. Exactly one `dialer.attempt_ended` follows, just before `call.ended`."""

    #: The attempt's id, which is the call's, too.
    attempt: str
    campaign: str
    #: List and id of the contact.
    listed_in: str
    contact: str
    #: In E.164, and what the list calls it.
    number: Private
    label: str = ""
    #: Trunk or group that the call leaves by, and the number that the callee is shown.
    trunk: str
    caller: Private
    #: Which attempt of this number it is in this campaign, from 1.
    ordinal: int


class DialerAttemptEnded(Struct, frozen=True, tag="dialer.attempt_ended", kw_only=True):
    """What became of an attempt of a campaign, and what follows."""

    attempt: str
    campaign: str
    listed_in: str
    contact: str
    number: Private
    label: str = ""
    disposition: Disposition
    #: All that is known, and which of it decided.
    evidence: Evidence
    #: Milliseconds since 1970.
    started_ms: int
    ended_ms: int
    #: How long it rang; null: it did not ring.
    rang_ms: int | None = None
    #: From the start to the answer; null: nobody answered.
    answered_ms: int | None = None
    #: From the answer to the end.
    talked_ms: int = 0
    #: What is done about the contact, and not before when (after the end).
    next: Next
    #: False: the contact was not called, and this counts as no attempt: the trunk had no room or was down, the call was
    #: stopped before its INVITE left, or an agent was to be rung first and did not answer.
    placed: bool = True


class DialerSuppressed(Struct, frozen=True, tag="dialer.suppressed", kw_only=True):
    """Whom a campaign has called asked not to be called any more; the number goes on our own list with the call's end.

    Until then it is locked, so nobody calls it.
    """

    attempt: str
    campaign: str
    #: List and id of the contact, who is done.
    listed_in: str
    contact: str
    number: Private
    #: Of the menu.
    node: str
