"""Events of calls as a whole: their begin and end, and how their legs come together."""

from typing import Literal

from msgspec import Struct

from edge.vocabulary.endings import EndReason, Outcome
from edge.vocabulary.hunting import HuntStrategy
from edge.vocabulary.ids import LegId, RecordingId
from edge.vocabulary.media import RoomMode
from edge.vocabulary.private import Private

WhisperResult = Literal["accepted", "declined", "timeout", "gone"]


class CallStarted(Struct, frozen=True, tag="call.started", kw_only=True):
    """A call exists. Exactly one `call.ended` follows."""

    direction: str
    trunk: str
    caller: Private
    caller_name: Private
    called: Private
    sip_call_id: str
    #: Both numbers in E.164, of calls from a trunk with `country`; None: no whole number.
    caller_e164: Private | None = None
    called_e164: Private | None = None
    #: The network vouches for the caller's number, and the trunk is trusted.
    caller_asserted: bool = False
    #: The caller does not want its number shown.
    caller_withheld: bool = False
    #: Numbers that the call was diverted from, the last one first, and why that one diverted it (RFC 5806).
    diverted_from: list[Private] = []
    diversion_reason: str = ""
    #: Signature of the caller's network (RFC 8224), unverified.
    signature: Private | None = None
    #: Headers that the trunk lists.
    headers: dict[str, Private] = {}
    #: The trial (`[[trials]]`) that the call is part of, and which menu it gets: `control` or `candidate`. Empty: none.
    trial: str = ""
    arm: str = ""


class CallAnswered(Struct, frozen=True, tag="call.answered", kw_only=True):
    """The call's first leg was answered."""

    #: From `call.started`, milliseconds.
    after_ms: int
    #: The trunk that carries it, which may be another one of the group that was asked for; empty: none.
    trunk: str = ""


class CallEnded(Struct, frozen=True, tag="call.ended", kw_only=True):
    """The last event of a call."""

    end: EndReason
    duration_ms: int
    #: Since the answer, 0 when there was none.
    answered_ms: int
    menu: str = ""
    menu_version: str = ""
    #: Nodes in the order they were entered.
    path: list[str] = []
    #: Digits taken, by the method that was first; and reports merged into them.
    digits_by_method: dict[str, int] = {}
    digit_duplicates: int = 0
    recordings: list[RecordingId] = []
    #: The trunk that carried the first leg; empty: none.
    trunk: str = ""
    #: What the menu has set, and defaults, by name.
    attributes: dict[str, Private] = {}
    #: What the caller was spoken to in last; empty: there was no menu.
    language: str = ""
    #: As in `call.started`.
    trial: str = ""
    arm: str = ""


class HuntStarted(Struct, frozen=True, tag="hunt.started", kw_only=True):
    """Somebody is looked for among several targets; each that is dialled is a leg. One `hunt.ended` follows."""

    #: The site's list; empty: the targets stand in the menu.
    hunt_list: str
    strategy: HuntStrategy
    targets: int


class HuntEnded(Struct, frozen=True, tag="hunt.ended", kw_only=True):
    """Somebody has taken the call, or nobody did."""

    #: `completed`: `leg` has it; `cancelled`: the caller has gone, or the menu went on; else what came of it all.
    outcome: Outcome
    leg: LegId | None = None
    #: Targets that were dialled, and that were passed over since they talked with us already.
    dialled: int
    skipped: int
    after_ms: int


class WhisperStarted(Struct, frozen=True, tag="whisper.started", kw_only=True):
    """A target that has answered is told about the call. One `whisper.ended` follows."""

    leg: LegId


class WhisperEnded(Struct, frozen=True, tag="whisper.ended", kw_only=True):
    """The target takes the call, or does not."""

    leg: LegId
    #: `accepted`: it is connected with the caller; `declined`: it pressed the key for that; `timeout`: it pressed no
    #: key in time; `gone`: it has hung up, the caller has, or somebody else has taken the call.
    result: WhisperResult
    after_ms: int


class TransferRefused(Struct, frozen=True, tag="transfer.refused", kw_only=True):
    """A peer wanted a leg to go elsewhere, and we did not follow: who can send calls on, can have them paid by us."""

    leg: LegId
    #: `refer`: it asked by REFER, in the call; `redirect`: it answered our call by 3xx; `replaces`: it sent a call that
    #: was to take the leg's place.
    by: Literal["refer", "redirect", "replaces"]
    #: Where it wanted it to go: a SIP URI, without its parameters; empty: it said none that can be read.
    target: Private


class TransferRedirected(Struct, frozen=True, tag="transfer.redirected", kw_only=True):
    """A trunk sent a call of ours on to another number (3xx), which is dialled there now, as its rules allow."""

    leg: LegId
    target: Private


class TransferRequested(Struct, frozen=True, tag="transfer.requested", kw_only=True):
    """A peer wants another one to take its place (REFER), and the rules of its trunk allow it.

    `transfer.completed` or `transfer.failed` follows, or the end of the call.
    """

    leg: LegId
    #: The number that is dialled; of an attended transfer the one that the peer talks with on its other leg.
    target: Private
    #: It has talked with the target before.
    attended: bool


class TransferCompleted(Struct, frozen=True, tag="transfer.completed", kw_only=True):
    """Another leg has taken the place of a leg whose peer wanted that; the one that it took ends."""

    leg: LegId
    #: Who has its place now.
    to: LegId


class TransferFailed(Struct, frozen=True, tag="transfer.failed", kw_only=True):
    """Nobody could take the place of a leg whose peer wanted that. The talk goes on as it was, if that peer stayed."""

    leg: LegId
    #: As in the `end` of a leg, and what the peer was told.
    outcome: str
    sip_code: int


class TransferSent(Struct, frozen=True, tag="transfer.sent", kw_only=True):
    """A caller was sent elsewhere by REFER; below 300 it got there, and the call ends."""

    leg: LegId
    target: Private
    #: What its new call was answered with, or what it answered to the REFER; 408: it has not said in time.
    sip_code: int


class BridgeStarted(Struct, frozen=True, tag="bridge.started", kw_only=True):
    """Two legs hear each other."""

    leg: LegId
    other: LegId


class BridgeEnded(Struct, frozen=True, tag="bridge.ended", kw_only=True):
    """They no longer do."""

    leg: LegId
    other: LegId


class ConferenceJoined(Struct, frozen=True, tag="conference.joined", kw_only=True):
    """A further leg came into the talk: a supervisor, or one more who talks."""

    leg: LegId
    #: `talk`: heard by all; `listen`: by nobody; `whisper`: by `to` only.
    mode: RoomMode
    to: LegId | None = None


class ConferenceModeChanged(Struct, frozen=True, tag="conference.mode_changed", kw_only=True):
    """A further leg is heard by others than before."""

    leg: LegId
    mode: RoomMode
    to: LegId | None = None


class ConferenceLeft(Struct, frozen=True, tag="conference.left", kw_only=True):
    """A further leg left the talk, or goes on with it in a bridge of its own with the caller."""

    leg: LegId
