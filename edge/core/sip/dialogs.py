"""The dialogs that front relays (RFC 3261 section 12), and what is left of them afterwards; `dialog_index` finds them.

A `Dialog` is all that is needed to go on after front was killed: it is written to the table whenever it changes, so
it holds plain values only.
"""

from typing import Literal

from msgspec import Struct, field

from edge.core.sip.actions import Flow
from edge.core.sip.authentication import Challenge
from edge.core.sip.crypto import Secured
from edge.core.sip.identity import Caller
from edge.core.sip.message import Party
from edge.core.sip.sdp import Leg, write_session
from edge.core.sip.session_timers import Timer
from edge.core.sip.uri import NameAddr, Uri, Via
from edge.vocabulary.crypto import SrtpPolicy
from edge.vocabulary.endings import EndReason, FailoverCause
from edge.vocabulary.identity import Identity
from edge.vocabulary.ids import Incarnation, LegId
from edge.vocabulary.media import Address, DigitSending, Direction, KeyTones, RemoteMedia
from edge.vocabulary.reports import LegRouted

#: RFC 3261 section 17: T1, T2 and 64*T1.
T1_MS = 500
T2_MS = 4000
TIMEOUT_MS = 32_000
#: Requests in flight in one dialog; a peer that leaves more unanswered loses the oldest.
PENDING_LIMIT = 16

#: Attempts that a tombstone remembers: its record is small, and switch has heard of most.
KEPT_MOVES = 3

#: What a request of front's own is for.
Purpose = Literal["", "digit", "refresh", "refer", "notify", "hold"]

State = Literal[
    "offered",  # incoming, and the span has not said anything yet
    "early",
    "answered",  # 2xx sent (incoming), not acknowledged yet
    "confirmed",
    "refused",  # final response of 300 and up passed on, not acknowledged yet
    "ending",  # a BYE is under way
]


class Written(Struct):
    """Our own description towards one side: its o= id, and a version that grows only when the text changes."""

    id: int
    version: int = 0
    text: str = ""

    def write(self, leg: Leg) -> bytes:
        """Bytes of the description of `leg` (RFC 3264 section 8: an unchanged one keeps its version)."""
        text = write_session(self.id, 0, leg)
        if text != self.text:
            self.text = text
            self.version += 1
        return write_session(self.id, self.version, leg).encode()

    def again(self) -> bytes:
        """Bytes of the last description, once more."""
        return self.text.replace(f"o=edge {self.id} 0 ", f"o=edge {self.id} {self.version} ", 1).encode()


class Attempt(Struct, frozen=True, kw_only=True):
    """An address that the first INVITE of a leg may go to."""

    #: Empty: it was dialled directly.
    trunk: str
    uri: Uri
    flow: Flow
    #: Proxy that it is sent through (RFC 3261 section 8.1.2), None: none.
    proxy: Uri | None = None


class Left(Struct, kw_only=True):
    """An attempt that was given up, and could still speak up."""

    branch: str
    flow: Flow
    uri: Uri
    own: NameAddr
    proxy: Uri | None
    service_routes: list[NameAddr] = field(default_factory=list)
    #: CLOCK_MONOTONIC, milliseconds.
    until_ms: int
    #: It has said something, was cancelled, and has not confirmed that.
    ringing: bool = False
    cancelled: bool = False


class Pending(Struct, kw_only=True):
    """A request that was passed on, with all that its response needs on the way back."""

    branch: str
    method: str
    cseq: int
    by: Party
    vias: list[Via]
    from_: NameAddr
    to: NameAddr
    record_routes: list[NameAddr] = field(default_factory=list)
    #: Where a peer's request came from.
    flow: Flow | None = None
    #: Final status that went back, 0 while there is none.
    status: int = 0
    #: The request had an offer of the peer.
    peer_offers: bool = False
    #: What that offer says, until the span's 2xx puts it in force.
    remote: RemoteMedia | None = None
    lines: tuple[str, ...] = ()
    #: How that offer would be encrypted.
    secured: Secured | None = None
    #: The span's offer in it (or front's): payload type of telephone-event there; None also without an offer.
    span_events: int | None = None
    span_offers: bool = False
    #: CSeq of a span's request as the peer got it; `cseq` is the span's own.
    sent_cseq: int = 0
    #: That request, or one of front's, as it was last sent, as long as a challenge to it could be answered.
    sent: bytes = b""
    #: Challenges that were answered, how often, and with which header fields at last.
    challenges: list[Challenge] = field(default_factory=list)
    tries: int = 0
    #: Of the first INVITE: which of its addresses it was sent to.
    attempt: int = 0
    credentials: dict[str, str] = field(default_factory=dict)
    #: It was sent again for the sake of a longer session interval.
    raised: bool = False
    #: When to give up waiting for the answer to what front sent again (CLOCK_MONOTONIC, milliseconds); 0: never.
    give_up_ms: int = 0
    #: Of front's own requests: what for, and when to give up.
    purpose: Purpose = ""
    due_ms: int = 0

    @property
    def sent_branch(self) -> str:
        """Branch of a span's request as it was last sent; each try is a transaction of its own."""
        number = self.attempt * 10 + self.tries
        return f"{self.branch}.{number}" if number else self.branch


class Reliable(Struct, kw_only=True):
    """A provisional response of ours that waits for its PRACK."""

    rseq: int
    data: bytes
    has_body: bool
    #: The next one: its status (0: none) and description.
    next_status: int = 0
    next_body: bytes = b""
    #: When the call is given up (CLOCK_MONOTONIC, milliseconds).
    until_ms: int


class Holding(Struct, kw_only=True):
    """A direction that we want, and that the peer has not agreed to yet."""

    #: Command of switch that is done then.
    command: str
    direction: Direction
    #: Our description before.
    before: str = ""
    tries: int = 0
    #: When to ask again (CLOCK_MONOTONIC, milliseconds); 0: we have asked.
    again_ms: int = 0


class Referral(Struct, kw_only=True):
    """A REFER of the peer's, as long as it is to hear what comes of it (RFC 3515 section 2.4)."""

    #: Value of Event in our NOTIFYs.
    event: str
    #: It does not want to hear it (RFC 4488).
    silent: bool = False
    #: Branch of the NOTIFY that is on its way, and the next status that the peer is to hear.
    telling: str = ""
    due: int = 0
    #: When it hears that it is over, whatever switch says (CLOCK_MONOTONIC, milliseconds).
    until_ms: int


class Dialog(Struct, kw_only=True, tag="dialog"):
    """One leg's dialog, seen from both sides."""

    leg: LegId
    span: Incarnation
    #: The span's SIP port on the inner address.
    port: int
    incoming: bool
    #: Trunk name; empty for a leg dialled directly to an address.
    trunk: str
    call_id: str
    state: State
    #: The peer and we, as the peer sees them; without tags.
    peer: NameAddr
    own: NameAddr
    own_tag: str = ""
    peer_tag: str = ""
    #: The peer's tag as the span knows it; differs after a fork (the span must not see two).
    shown_tag: str = ""
    #: Request-URI of the first INVITE (CANCEL and the ACK of a refusal repeat it).
    request_uri: Uri
    #: Remote target and route set for requests to the peer.
    target: Uri
    routes: list[NameAddr] = field(default_factory=list)
    flow: Flow
    #: Where the first INVITE of ours went; a provisional response may have moved `flow` on to its Contact.
    invite_flow: Flow | None = None
    #: Host that the first INVITE came from or went to.
    first_host: str
    #: Proxy that the first INVITE of ours goes through, and what the trunk's registrar wants after it (RFC 3608).
    proxy: Uri | None = None
    service_routes: list[NameAddr] = field(default_factory=list)
    #: Of the first INVITE of ours: group that its trunk was chosen from, addresses that may still be tried, how many
    #: were, those that may still speak up, and further hosts that were dialled.
    group: str = ""
    others: list[Attempt] = field(default_factory=list)
    attempt: int = 0
    left: list[Left] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)
    #: Numbers that the call was sent on to by a 3xx, and how often in a row.
    sent_on: list[str] = field(default_factory=list)
    redirected: int = 0
    #: Who is said to call, for the next address may be told it in another way.
    calling: str = ""
    identity: Identity = Identity()
    #: When to go on if nothing was heard, nothing rings, or a cancelled attempt has not ended; 0: not.
    heard_by_ms: int = 0
    ring_by_ms: int = 0
    moving_by_ms: int = 0
    #: The next address waits for one that was given up to end its ringing: why there is a next one; None: none waits.
    next_due: FailoverCause | None = None
    #: When the INVITE went out or came in, the called party was alerted, and answered (CLOCK_MONOTONIC, ms); 0: not.
    seized_ms: int = 0
    #: Final response of the attempt that is given up; None: none came.
    last_end: EndReason | None = None
    #: What switch was told of attempts that were given up; it may not have it on disk.
    moves: list[LegRouted] = field(default_factory=list)
    rang_ms: int = 0
    answered_ms: int = 0
    #: Where the peer's first INVITE came from (incoming).
    source: Address | None = None
    #: CSeq of the first INVITE between us and the peer; of an outgoing one each answered challenge raises it.
    invite_cseq: int
    #: Branch of the first INVITE as it came.
    invite_branch: str
    #: Highest CSeq of each side, as the peer sees them; 0: none.
    peer_cseq: int = 0
    #: Method and transaction of the peer's request that had it; empty: not known.
    peer_request: str = ""
    own_cseq: int = 0
    #: How far our numbers are above those of the span, for each try with credentials took one.
    cseq_shift: int = 0
    #: CSeq that the span gave the first INVITE (outgoing).
    first_cseq: int = 0
    #: Reason of the span's CANCEL; a BYE that follows since the answer had crossed it says the same.
    cancelled_why: str = ""
    #: Codecs of the trunk in its order.
    codecs: list[str]
    #: How the trunk wants digits.
    dtmf: DigitSending = "auto"
    #: Which tones of the peer are keys, as the trunk says.
    key_tones: KeyTones = KeyTones()
    #: The trunk lets the peer's media address be learned.
    symmetric: bool = False
    #: Content type of the peer's last INFO with a digit.
    info_type: str = ""
    #: Who is said to call (incoming).
    caller: Caller | None = None
    #: Further headers of the first INVITE (outgoing).
    headers: dict[str, str] = field(default_factory=dict)
    remote: RemoteMedia | None = None
    #: The leg's address in the media engine; None until the span names it.
    media: Address | None = None
    #: Our last offer named our IPv6 address.
    offered_six: bool = False
    lines: tuple[str, ...] = ("",)
    to_peer: Written
    to_span: Written
    #: Our offer went out in a 2xx, and the answer comes in the ACK; with the span's telephone-event payload type.
    answer_due: bool = False
    span_events: int | None = None
    pending: dict[str, Pending] = field(default_factory=dict)
    #: Provisional response with SDP went to the span (outgoing); pjsip must not get a second.
    early_media: bool = False
    #: A provisional response of the peer was seen (outgoing); only then may a CANCEL be sent.
    provisional: bool = False
    #: First INVITE as sent to the span, while it has not answered.
    unanswered: bytes = b""
    #: 2xx as sent to the peer (incoming): a repeat of the INVITE gets it again as long as the call is up.
    accepted: bytes = b""
    #: The span is gone, and front plays its part in the call, which goes on.
    adopted: bool = False
    #: The call can't go on, or its end was asked for: front plays the span's part towards the peer, to an end.
    orphan: bool = False
    timer: Timer = field(default_factory=Timer)
    #: We have sent the peer elsewhere by REFER, and wait to hear what came of it.
    referring: bool = False
    #: Leg whose place it is to take (incoming, Replaces).
    replaces: LegId | None = None
    #: Its provisional responses are acknowledged (incoming): the one that is not yet, and the number of the last one.
    wants_reliable: bool = False
    reliable: Reliable | None = None
    rseq: int = 0
    #: A REFER of the peer's that is being followed, and how many there were.
    referral: Referral | None = None
    referrals: int = 0
    #: What the peer is being asked for: to be held, or resumed.
    holding: Holding | None = None
    #: What we want of the audio: `sendonly` while we hold the peer.
    direction: Direction = "sendrecv"
    #: Front's own answer to the last request of the peer that it did not pass on; that request's method and branch.
    reply: bytes = b""
    reply_to: str = ""
    reply_flow: Flow | None = None
    #: CSeq of a re-INVITE whose 2xx (`reply`) is not acknowledged yet, and when to give up; 0: none.
    ack_cseq: int = 0
    ack_by_ms: int = 0
    #: The end was reported by front, or need not be; and what it said.
    told: bool = False
    end: EndReason | None = None
    #: The trunk's policy, and what came of it.
    srtp: SrtpPolicy = "off"
    secured: Secured | None = None
    #: Handle of the keys that we offered; 0: none.
    offered_keys: int = 0
    #: All handles that are kept for it, and how many there ever were.
    keys: list[int] = field(default_factory=list)
    keys_made: int = 0
    #: CSeq of the BYE that ends it, by whoever.
    bye_cseq: int = 0
    #: Challenges that front answered to a BYE of its own, and how often.
    bye_challenges: list[Challenge] = field(default_factory=list)
    bye_tries: int = 0
    by_peer: bool = False
    #: When to give up (CLOCK_MONOTONIC, milliseconds); 0: never.
    deadline_ms: int = 0

    @property
    def first_flow(self) -> Flow:
        """Where the first INVITE of ours goes, its CANCEL, and the ACK of its refusal (RFC 3261 section 17.1.1.3)."""
        return self.invite_flow or self.flow

    def invite(self) -> Pending | None:
        """Return the first INVITE as long as it is known."""
        for pending in self.pending.values():
            if (
                pending.method == "INVITE"
                and (pending.cseq if self.incoming else pending.sent_cseq) == self.invite_cseq
                and (pending.by == "peer") == self.incoming
            ):
                return pending
        return None

    def invite_of_span(self, cseq: int) -> Pending | None:
        """Return the INVITE that the span numbered so, as long as it is known."""
        for pending in self.pending.values():
            if pending.method == "INVITE" and pending.by == "span" and pending.cseq == cseq:
                return pending
        return None

    def number_for_peer(self, cseq: int) -> int:
        """Translate the span's number of an INVITE into the one that the peer knows it by."""
        invite = self.invite_of_span(cseq)
        return invite.sent_cseq if invite is not None else cseq + self.cseq_shift

    @property
    def offering(self) -> bool:
        """Whether an offer of ours is under way (RFC 3261 section 14.2, RFC 3311 section 5.2)."""
        ours = [pending for pending in self.pending.values() if pending.by != "peer" and not pending.status]
        return self.answer_due or any(pending.method == "INVITE" or pending.span_offers for pending in ours)

    @property
    def inviting(self) -> bool:
        """Whether a re-INVITE or UPDATE of ours is under way."""
        ours = [pending for pending in self.pending.values() if pending.by != "peer" and not pending.status]
        return any(pending.method in ("INVITE", "UPDATE") for pending in ours)

    def add(self, pending: Pending) -> None:
        """Remember a request; an INVITE replaces the former one of the same side, which is answered by then."""
        if pending.method == "INVITE":
            for branch, other in list(self.pending.items()):
                if other.method == "INVITE" and other.by == pending.by and other.status:
                    del self.pending[branch]
        while len(self.pending) >= PENDING_LIMIT:
            branch = next((b for b, p in self.pending.items() if p.method != "INVITE"), next(iter(self.pending)))
            del self.pending[branch]
        self.pending[pending.branch] = pending


class Tombstone(Struct, frozen=True, kw_only=True):
    """What answers repeats of a dialog that is over."""

    leg: LegId
    call_id: str
    peer_tag: str
    own_tag: str
    incoming: bool
    trunk: str
    invite_cseq: int
    invite_branch: str
    #: Final status of the first INVITE.
    status: int
    bye_cseq: int
    until_ms: int
    #: Its span, who should have reported the end; empty: front has, and what it said.
    span: Incarnation
    end: EndReason | None
    #: The peer hung up.
    by_peer: bool
    #: The last of what `Dialog.moves` had.
    moves: list[LegRouted] = field(default_factory=list)
