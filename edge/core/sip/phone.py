"""One call of a small telephone (RFC 3261), for lines and for tests of menus: it calls and is called, over UDP.

Its own decisions are few: what it is told to do (`call`, `ring`, `progress`, `accept`, `refuse`, `hang_up`) and what
arrives make messages, repeated as section 17 says. It takes re-INVITE and UPDATE as they come, a REFER (RFC 3515) as
somebody asks for whom it is that is called, and answers 501 to what it does not know. What a peer sends never raises.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from edge.core.deadline import Deadline, earliest
from edge.core.sip.errors import SipError, phrase
from edge.core.sip.formats import OFFERED, OUR_EVENTS, Format, choose_format
from edge.core.sip.info import read as read_digit
from edge.core.sip.message import Request, Response, serialise
from edge.core.sip.presence import bracketed
from edge.core.sip.replaces import parse_refer_to
from edge.core.sip.sdp import Leg, read_session, remote_media, write_session
from edge.core.sip.uri import NameAddr, Params, Uri, Via
from edge.vocabulary.media import Address, RemoteMedia
from edge.vocabulary.private import Private

SDP_TYPE = "application/sdp"
SIPFRAG = "message/sipfrag;version=2.0"
ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, NOTIFY, REFER"
#: Timers T1 and T2 (section 17.1.1.1), and how long anything is repeated (64 T1).
T1_MS, T2_MS, GIVE_UP_MS = 500, 4_000, 32_000
#: CSeq of a BYE that is kept: above all that a call could send, below the limit of 2**31 (section 8.1.1.5).
_KEPT_CSEQ = 2_000_000_000
#: What it offers and takes where it is told nothing else.
G711: tuple[Format, ...] = (*OFFERED["PCMU"], *OFFERED["PCMA"])
_ANSWERED_BY_200 = frozenset({"OPTIONS", "INFO", "NOTIFY", "UPDATE"})

State = Literal["new", "calling", "ringing", "called", "up", "leaving", "over"]


class Transmit(NamedTuple):
    """Send a datagram."""

    data: bytes
    to: Address


class Rings(NamedTuple):
    """The called one rings, or is about to (a provisional response above 100)."""

    status: int


class Talks(NamedTuple):
    """Audio may flow; told again when the peer changes something."""

    media: RemoteMedia


class Pressed(NamedTuple):
    """The peer has sent a key by INFO."""

    key: Private


class Referred(NamedTuple):
    """The peer wants us to call somebody in its place; `refer_over` tells it what came of that."""

    target: Uri


class Over(NamedTuple):
    """The call is over: final status of the INVITE (200 when it was up, 0: nobody answered), and who ended it."""

    status: int
    by: Literal["us", "them"]


Action = Transmit | Rings | Talks | Pressed | Referred | Over


class _Repeat:
    """A message that is sent again until it is answered."""

    def __init__(self, data: bytes, to: Address, now_ms: int, *, capped: bool) -> None:
        self.data, self.to, self.capped = data, to, capped
        self.pause_ms = T1_MS
        self.due_ms = now_ms + T1_MS
        self.end_ms = now_ms + GIVE_UP_MS

    def again(self, now_ms: int) -> Transmit:
        self.pause_ms = min(2 * self.pause_ms, T2_MS) if self.capped else 2 * self.pause_ms
        self.due_ms = now_ms + self.pause_ms
        return Transmit(self.data, self.to)


class PhoneCall:
    """One call. `dice` gives tokens that nobody can guess: tags, branches, Call-IDs.

    `formats`: what it offers and takes, most wanted first; of one codec it takes the clock that is there.
    """

    def __init__(
        self, local: Address, rtp: Address, dice: Callable[[], str], formats: tuple[Format, ...] = G711
    ) -> None:
        self.state: State = "new"
        self.call_id = f"{dice()}@{local.host}"
        #: Final status of the INVITE so far.
        self.status = 0
        #: The call is ours.
        self.originated = False
        self._local, self._rtp, self._dice, self._formats = local, rtp, dice, formats
        self._tag = dice()
        self._contact = NameAddr(Uri("sip", "phone", bracketed(local.host), local.port))
        self._own = self._peer = self._contact
        self._target = Uri("sip", "", local.host)
        self._remote = local
        self._routes: list[NameAddr] = []
        self._cseq = 1
        self._invite: Request | None = None
        self._last: bytes = b""
        self._repeats: dict[str, _Repeat] = {}
        self._by: Literal["us", "them"] = "them"
        #: CSeq of the REFER that is being followed.
        self._refer: int | None = None

    @property
    def deadline(self) -> Deadline | None:
        """When to call `time_up`."""
        return earliest(Deadline(min(one.due_ms, one.end_ms), name) for name, one in self._repeats.items())

    # --- what it is told to do

    def call(self, uri: Uri, caller: NameAddr, to: Address, now_ms: int, *, withheld: bool = False) -> list[Action]:
        """Call `uri`, whose host is at `to`; `withheld`: the number is not to be shown (RFC 3323)."""
        self.state, self.originated, self._target, self._remote = "calling", True, uri, to
        self._own, self._peer = caller.with_tag(self._tag), NameAddr(uri)
        invite = self._request("INVITE", self._cseq)
        invite.extras["Allow"] = ALLOW
        if withheld:
            invite.extras["Privacy"] = "id"
        invite.content_type, invite.body = SDP_TYPE, self._describe()
        self._invite = invite
        return [self._repeated("INVITE", serialise(invite), now_ms, capped=False)]

    def take(self, invite: Request, source: Address) -> list[Action]:
        """Be called: `invite` has come from `source`."""
        self.state, self._invite, self._remote = "called", invite, source
        self.call_id, self._own, self._peer = invite.call_id, invite.to.with_tag(self._tag), invite.from_
        self._routes = invite.record_routes
        if invite.contact is not None:
            self._target = invite.contact.uri
        return [self._respond(invite, 100)]

    def ring(self) -> list[Action]:
        """Say that it rings."""
        return [self._respond(self._invite, 180)] if self.state == "called" and self._invite is not None else []

    def progress(self) -> list[Action]:
        """Have early media: there is something to hear before the answer (RFC 3960)."""
        media = self._media(self._invite) if self.state == "called" and self._invite is not None else None
        if media is None or self._invite is None:
            return []
        return [self._respond(self._invite, 183, self._describe()), Talks(media)]

    def accept(self, now_ms: int) -> list[Action]:
        """Answer."""
        if self.state != "called" or self._invite is None:
            return []
        media = self._media(self._invite)
        if media is None:
            return self.refuse(488, now_ms)
        self.state, self.status = "up", 200
        answer = self._respond(self._invite, 200, self._describe())
        self._repeats["200"] = _Repeat(answer.data, self._remote, now_ms, capped=True)
        return [answer, Talks(media)]

    def refuse(self, status: int, now_ms: int, reason: str = "") -> list[Action]:
        """Answer by a final status of 300 and more; `reason`: a Reason header (RFC 3326)."""
        if self.state != "called" or self._invite is None:
            return []
        answer = self._respond(self._invite, status, reason=reason)
        self._repeats["refusal"] = _Repeat(answer.data, self._remote, now_ms, capped=True)
        return [answer, *self._ended(status, "us")]

    def hang_up(self, now_ms: int, reason: str = "") -> list[Action]:
        """End the call, whatever its state; `reason`: a Reason header of the BYE (RFC 3326)."""
        match self.state:
            case "called":
                return self.refuse(480, now_ms, reason)
            case "up":
                self.state, self._by = "leaving", "us"
                self._cseq += 1
                bye = self._request("BYE", self._cseq)
                if reason:
                    bye.extras["Reason"] = reason
                return [self._repeated("BYE", serialise(bye), now_ms, capped=True)]
            case "calling" | "ringing":
                ringing, self._by = self.state == "ringing", "us"
                self.state = "leaving"
                # Before any response there is nothing to cancel yet (section 9.1): `_responded` does it then.
                return self._cancel(now_ms) if ringing else []
            case _:
                return []

    def kept(self, reason: str) -> bytes:
        """Write what a successor ends the call by when this process dies with it; empty: it is over, or about to be.

        A BYE for a call that is up, a 503 for one that rings here, a CANCEL for one that rings there (RFC 3261, 15.1.1,
        21.5.4, 9.1); `reason`: its Reason header.
        """
        match self.state:
            case "up":
                message: Request | Response = self._request("BYE", _KEPT_CSEQ)
            case "called" if self._invite is not None:
                message = self._response(self._invite, 503)
            case "calling" | "ringing" if self._invite is not None:
                message = self._request("CANCEL", self._invite.cseq, self._invite.vias[0])
            case _:
                return b""
        message.extras["Reason"] = reason
        return serialise(message)

    def refer_over(self, status: int, now_ms: int) -> list[Action]:
        """Tell the peer what came of its REFER: the final status of the call that it asked for (RFC 3515, 2.4.5)."""
        if self._refer is None or self.state != "up":
            return []
        told = self._notify(status, now_ms)
        self._refer = None
        return [told]

    # --- what happens

    def handle(self, message: Request | Response, source: Address, now_ms: int) -> list[Action]:
        """Take a message of this call."""
        if isinstance(message, Response):
            return self._responded(message, now_ms)
        match message.method:
            case "ACK":
                self._repeats.pop("200", None)
                self._repeats.pop("refusal", None)
                return []
            case "INVITE":
                return self._invited_again(message, source, now_ms)
            case "CANCEL":
                answer: list[Action] = [self._respond(message, 200)]
                return answer + self._cancelled(now_ms)
            case "BYE":
                self._repeats.clear()
                return [self._respond(message, 200), *self._ended(self.status, "them")]
            case "REFER":
                return self._referred(message, now_ms)
            case method if method in _ANSWERED_BY_200:
                body = self._describe() if method == "UPDATE" and message.body else b""
                return [self._respond(message, 200, body), *self._changed(message), *_pressed(message)]
            case _:
                return [self._respond(message, 501)]

    def time_up(self, now_ms: int) -> list[Action]:
        """Repeat what is due, and give up what nobody answers."""
        out: list[Action] = []
        for name, one in list(self._repeats.items()):
            if now_ms >= one.end_ms:
                del self._repeats[name]
                if name != "refusal" and not name.startswith("NOTIFY"):
                    out += self._ended(self.status, self._by if name == "BYE" else "them")
            elif now_ms >= one.due_ms:
                out.append(one.again(now_ms))
        return out

    # --- responses

    def _responded(self, response: Response, now_ms: int) -> list[Action]:
        if response.method == "BYE" and response.status >= 200:
            self._repeats.pop("BYE", None)
            return self._ended(self.status, "us")
        if response.method == "CANCEL":
            self._repeats.pop("CANCEL", None)
        if response.method == "NOTIFY" and response.status >= 200:
            self._repeats.pop(f"NOTIFY {response.cseq}", None)
        if response.method != "INVITE" or self._invite is None or response.cseq != self._invite.cseq:
            return []
        self._repeats.pop("INVITE", None)
        if response.status < 200:
            return self._provisional(response, now_ms)
        if response.status >= 300:
            ack = self._request("ACK", response.cseq, self._invite.vias[0])
            ack.to = response.to
            self._repeats.pop("CANCEL", None)
            return [Transmit(serialise(ack), self._remote), *self._ended(response.status, self._by)]
        return self._accepted(response, now_ms)

    def _provisional(self, response: Response, now_ms: int) -> list[Action]:
        if self.state == "leaving":
            return self._cancel(now_ms) if "CANCEL" not in self._repeats else []
        if self.state == "calling":
            self.state = "ringing"
        return [Rings(response.status)] if response.status > 100 else []

    def _accepted(self, response: Response, now_ms: int) -> list[Action]:
        self._peer = response.to
        self._routes = response.record_routes[::-1]
        if response.contact is not None:
            self._target = response.contact.uri
        acknowledged: list[Action] = [Transmit(serialise(self._request("ACK", response.cseq)), self._remote)]
        if self.state not in ("calling", "ringing", "leaving") or self.status:
            return acknowledged  # it was lost, or the 200 comes twice
        leaving, self.status, self.state = self.state == "leaving", response.status, "up"
        media = self._media(response)
        if leaving or media is None:
            return acknowledged + self.hang_up(now_ms)
        return [*acknowledged, Talks(media)]

    def _cancel(self, now_ms: int) -> list[Action]:
        if self._invite is None:
            return []
        cancel = self._request("CANCEL", self._invite.cseq, self._invite.vias[0])
        return [self._repeated("CANCEL", serialise(cancel), now_ms, capped=True)]

    # --- requests of the peer

    def _invited_again(self, invite: Request, source: Address, now_ms: int) -> list[Action]:
        if self._invite is not None and invite.cseq == self._invite.cseq and self._last:
            return [Transmit(self._last, source)]
        if self.state != "up":
            return [self._respond(invite, 481)]
        answer = self._respond(invite, 200, self._describe())
        self._repeats["200"] = _Repeat(answer.data, self._remote, now_ms, capped=True)
        return [answer, *self._changed(invite)]

    def _cancelled(self, now_ms: int) -> list[Action]:
        if self.state != "called" or self._invite is None:
            return []
        answer = self._respond(self._invite, 487)
        self._repeats["refusal"] = _Repeat(answer.data, self._remote, now_ms, capped=True)
        return [answer, *self._ended(487, "them")]

    def _referred(self, refer: Request, now_ms: int) -> list[Action]:
        """Follow a REFER of the peer's, one at a time."""
        if self.state != "up":
            return [self._respond(refer, 481)]
        if refer.cseq == self._refer:
            return [self._respond(refer, 202)]
        try:
            target = parse_refer_to(refer.extras.get("Refer-To", "")).uri
        except SipError:
            return [self._respond(refer, 400)]
        if self._refer is not None:
            return [self._respond(refer, 491)]
        self._refer = refer.cseq
        return [self._respond(refer, 202), self._notify(100, now_ms), Referred(target)]

    def _changed(self, request: Request) -> list[Action]:
        media = self._media(request) if request.content_type == SDP_TYPE else None
        return [Talks(media)] if media is not None and self.state == "up" else []

    def _ended(self, status: int, by: Literal["us", "them"]) -> list[Action]:
        if self.state == "over":
            return []
        self.state, self.status = "over", status
        return [Over(status, by)]

    # --- writing

    def _media(self, message: Request | Response) -> RemoteMedia | None:
        session = read_session(message.body)
        if isinstance(session, SipError) or session.audio is None:
            return None
        wanted = {(one.codec, one.clock_rate): one for one in self._formats}
        offered = [one for one in session.audio.formats if (one.codec, one.clock_rate) in wanted]
        chosen = choose_format(offered, [one.codec for one in self._formats])
        return remote_media(session.audio, chosen, self._remote.host) if chosen is not None else None

    def _describe(self) -> bytes:
        clocks = dict.fromkeys(one.clock_rate for one in self._formats)
        leg = Leg(address=self._rtp, formats=self._formats, events=tuple(OUR_EVENTS[clock] for clock in clocks))
        return write_session(1, 1, leg).encode()

    def _request(self, method: str, cseq: int, via: Via | None = None) -> Request:
        params: Params = (("branch", f"z9hG4bK{self._dice()}"), ("rport", None))
        return Request(
            method=method,
            uri=self._target,
            vias=[via or Via("UDP", bracketed(self._local.host), self._local.port, params)],
            from_=self._own,
            to=self._peer,
            call_id=self.call_id,
            cseq=cseq,
            contact=self._contact if method not in ("CANCEL", "BYE") else None,
            routes=[] if method == "CANCEL" else self._routes,
            max_forwards=70,
        )

    def _notify(self, status: int, now_ms: int) -> Transmit:
        self._cseq += 1
        notify = self._request("NOTIFY", self._cseq)
        notify.extras["Event"] = f"refer;id={self._refer}"
        notify.extras["Subscription-State"] = "active;expires=180" if status < 200 else "terminated;reason=noresource"
        notify.content_type, notify.body = SIPFRAG, f"SIP/2.0 {status} {phrase(status)}\r\n".encode()
        return self._repeated(f"NOTIFY {self._cseq}", serialise(notify), now_ms, capped=True)

    def _repeated(self, name: str, data: bytes, now_ms: int, *, capped: bool) -> Transmit:
        self._repeats[name] = _Repeat(data, self._remote, now_ms, capped=capped)
        return Transmit(data, self._remote)

    def _response(self, request: Request, status: int, body: bytes = b"") -> Response:
        own = request.to if request.to.tag or status == 100 else request.to.with_tag(self._tag)
        return Response(
            status=status,
            vias=request.vias,
            from_=request.from_,
            to=own,
            call_id=request.call_id,
            cseq=request.cseq,
            method=request.method,
            contact=self._contact if request.method == "INVITE" and status > 100 else None,
            record_routes=request.record_routes,
            content_type=SDP_TYPE if body else "",
            body=body,
        )

    def _respond(self, request: Request, status: int, body: bytes = b"", reason: str = "") -> Transmit:
        response = self._response(request, status, body)
        if reason:
            response.extras["Reason"] = reason
        data = serialise(response)
        if request is self._invite:
            self._last = data
        return Transmit(data, self._remote)


def _pressed(info: Request) -> list[Action]:
    digit = read_digit(info.content_type, info.body) if info.method == "INFO" else None
    return [Pressed(Private(digit.key))] if digit is not None else []
