"""One call of a test phone: its dialog (RFC 3261 12) and its audio."""

import threading
from typing import TYPE_CHECKING, Literal

from tests.support.rtp_stream import RtpStream
from tests.support.sip_transport import Repeating, Source
from tests.support.sip_wire import Described, Message, address_uri, read_sdp, respond, sdp, tag, token
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.softphone import Softphone

State = Literal["early", "answered", "ended"]
LIMIT_S = 15.0


class Call:
    """One dialog with its audio."""

    def __init__(self, phone: "Softphone", *, outgoing: bool, target: Source, call_id: str = "") -> None:
        self.phone = phone
        self.outgoing = outgoing
        self.call_id = call_id or f"{token()}@{phone.address}"
        self.state: State = "early"
        #: Status codes of all responses to the first INVITE, in order (as sent, for an incoming call).
        self.responses: list[int] = []
        #: Requests and responses received, in order.
        self.received: list[Message] = []
        self.ended_by: Literal["us", "them", ""] = ""
        #: Incoming: the INVITE was read and 100 sent, the call is the test's.
        self.invited = False
        #: The peer's present session description.
        self.remote: Described | None = None
        #: Its direction in the last offer or answer of ours.
        self.direction = "sendrecv"
        self.audio = RtpStream(phone.address, phone.tone_hz)
        self.audio.event_type = phone.event_type
        self._target = target
        self._local_tag = token()
        self._local = ""
        self._remote_party = ""
        self._contact = ""
        self._routes: list[str] = []
        self._cseq = 0
        self._sdp_version = 0
        self._invite: Message | None = None
        self._repeating: dict[tuple[int, str], Repeating] = {}
        self._answers: dict[tuple[int, str], Message] = {}
        self._acks: dict[int, Message] = {}
        self._cancelled = False
        #: An answer and a giving up are in two threads; the one that comes second sees the other.
        self._crossing = threading.Lock()
        #: Methods of requests that are not answered until `answer_withheld`, and the last one of each.
        self.withholds: set[str] = set()
        self.withheld: dict[str, Message] = {}
        #: ACKs of final responses that wait for `acknowledge`; only where `phone.acknowledges` says so.
        self.unacknowledged: list[Message] = []

    # --- what a test reads ---

    @property
    def final(self) -> int | None:
        """Final status of the first INVITE."""
        return next((code for code in self.responses if code >= 200), None)

    @property
    def answered(self) -> bool:
        return self.final is not None and self.final < 300

    def is_followed_by(self, invite: Message) -> bool:
        """Whether an INVITE with this Call-ID is another call: this one was refused, and sent on to us once more."""
        return self.state == "ended" and self._invite is not None and invite.cseq != self._invite.cseq

    def acknowledge_provisional(self, response: Message) -> None:
        """Send PRACK (RFC 3262), within the dialog that the response makes."""
        self._remote_party = response.get("To")
        self.send("PRACK", {"RAck": f"{response.get('RSeq')} {response.cseq[0]} INVITE"})

    def named_for_peer(self) -> str:
        """Return the dialog as a Replaces header of a message to its other side names it (RFC 3891)."""
        return f"{self.call_id};to-tag={tag(self._remote_party)};from-tag={self._local_tag}"

    def requests(self, method: str, *, repeats: bool = False) -> list[Message]:
        """Requests of the peer within this call; repeats (over UDP, of what we were late to answer) only if wished."""
        received = [m for m in self.received if m.is_request and m.method == method]
        first: dict[str, Message] = {}
        for message in received:
            first.setdefault(message.branch, message)
        return received if repeats else list(first.values())

    def wait_answered(self, limit_s: float = LIMIT_S) -> "Call":
        """Wait for 200; AssertionError at once when another final response came."""
        until(lambda: self.final is not None or self.state == "ended", limit_s, "a final response")
        assert self.answered, f"refused: {self.responses}"
        return self

    def wait_ended(self, limit_s: float = LIMIT_S) -> "Call":
        until(lambda: self.state == "ended", limit_s, f"end of the call; so far {self.responses}")
        return self

    # --- caller ---

    def start(self, uri: str, headers: dict[str, str], *, offer: bool) -> None:
        """Send the INVITE (used by `Softphone.call`)."""
        self._local = f"<{self.phone.uri}>;tag={self._local_tag}"
        self._remote_party = f"<{uri}>"
        self._contact = uri
        message = self._request("INVITE", body=self._describe() if offer else "")
        message.headers += headers.items()
        self._invite = message
        self._send_request(message)

    def repeat_invite(self) -> None:
        """Send the first INVITE once more, unchanged, as a retransmission."""
        assert self._invite is not None
        self.phone.transport.send(self._invite, self._target)

    def cancel(self) -> None:
        """Give up before the answer; or after it, when it was faster than the test."""
        assert self._invite is not None
        with self._crossing:
            self._cancelled = True
            too_late = self.state == "answered"
        if too_late:
            self.bye()
            return
        cancel = Message(f"CANCEL {self._invite.uri} SIP/2.0")
        names = ("Via", "From", "To", "Call-ID", "Max-Forwards", "Route")
        cancel.headers = [(n, v) for n, v in self._invite.headers if n in names]
        cancel.headers.append(("CSeq", f"{self._invite.cseq[0]} CANCEL"))
        self._send_request(cancel)

    # --- callee ---

    def ring(self) -> None:
        """Send 180."""
        self._answer_invite(180)

    def early_media(self) -> None:
        """Send 183 with SDP and start to play."""
        self._answer_invite(183, body=self._describe())
        self.audio.sending = True

    def accept(self) -> None:
        """Send 200 with SDP and start to play; who has been cancelled meanwhile has nothing to accept."""
        with self._crossing:
            if self.state == "ended":
                return
            answer = self._answer_invite(200, body=self._describe())
            assert self._invite is not None
            # Repeated by us until the ACK, over TCP, too (RFC 3261 13.3.1.4).
            self._repeating[self._invite.cseq[0], "ACK"] = self.phone.transport.send_repeatedly(
                answer, self._target, self._lost
            )
            self.state = "answered"
            self.audio.sending = True

    def reject(self, code: int = 486, headers: dict[str, str] | None = None) -> None:
        """Send a final response."""
        self._answer_invite(code, headers=headers)
        self._end("us")

    # --- both ---

    def answer_withheld(self) -> None:
        """Answer what was withheld, and from now on everything."""
        self.withholds = set()
        held, self.withheld = self.withheld, {}
        for message in held.values():
            self._on_request(message)

    def acknowledge(self) -> None:
        """Send the ACKs that are held back; waits for one, since a response is seen before its ACK is made."""
        until(lambda: self.unacknowledged, LIMIT_S, "an ACK that is held back")
        held, self.unacknowledged = self.unacknowledged, []
        for ack in held:
            self.phone.transport.send(ack, self._target)

    def bye(self, headers: dict[str, str] | None = None) -> None:
        """Send BYE; `state` is `ended` when it was answered."""
        message = self._request("BYE")
        message.headers += (headers or {}).items()
        self.audio.sending = False
        self.ended_by = self.ended_by or "us"
        self._send_request(message)

    def hang_up(self) -> None:
        """BYE, CANCEL or refusal, whatever fits."""
        if self.state == "answered":
            self.bye()
        elif self.outgoing:
            self.cancel()
        else:
            self.reject(480)

    def reinvite(self, direction: str = "sendrecv", *, new_port: bool = False, offer: bool = True) -> None:
        """Change the session: hold (`sendonly`), resume, move the audio to a new port. Read `last_reinvite` after."""
        if new_port:
            old, self.audio = self.audio, RtpStream(self.phone.address, self.phone.tone_hz)
            self.audio.remote, self.audio.sending = old.remote, old.sending
            self.audio.payload_type, self.audio.event_type = old.payload_type, old.event_type
            old.close()
        self.direction = direction
        self._send_request(self._request("INVITE", body=self._describe() if offer else ""))

    @property
    def last_reinvite(self) -> int | None:
        """Final status of the newest re-INVITE, None before it came."""
        finals = [m.status for m in self.received if m.status >= 200 and m.cseq == (self._cseq, "INVITE")]
        return finals[-1] if finals else None

    def info_digit(self, key: str, duration_ms: int = 160) -> None:
        """Send a digit by INFO (application/dtmf-relay)."""
        message = self._request("INFO", body=f"Signal={key}\r\nDuration={duration_ms}\r\n")
        message.headers.append(("Content-Type", "application/dtmf-relay"))
        self._send_request(message)

    def send(self, method: str, headers: dict[str, str] | None = None, body: str = "") -> None:
        """Any other request within the dialog (REFER, UPDATE, OPTIONS ...)."""
        message = self._request(method, body=body)
        message.headers += (headers or {}).items()
        self._send_request(message)

    # --- building ---

    def _describe(self) -> str:
        self._sdp_version += 1
        return sdp(
            self.phone.address,
            self.audio.port,
            version=self._sdp_version,
            payload_types=self.phone.payload_types,
            event_type=self.phone.event_type,
            direction=self.direction,
            ptime_ms=self.phone.ptime_ms,
        )

    def _request(self, method: str, body: str = "") -> Message:
        self._cseq += 1
        return self._build(method, self._cseq, f"z9hG4bK{token()}", body)

    def _build(self, method: str, cseq: int, branch: str, body: str = "") -> Message:
        phone = self.phone
        message = Message(f"{method} {self._contact} SIP/2.0", body=body)
        message.headers = [
            ("Via", f"SIP/2.0/{phone.transport.kind.upper()} {phone.address}:{phone.port};rport;branch={branch}"),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in self._routes),
            ("From", self._local),
            ("To", self._remote_party),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        if method in {"INVITE", "UPDATE"}:
            message.headers += [("Contact", self._own_contact()), ("Allow", "INVITE,ACK,BYE,CANCEL,INFO,UPDATE")]
        if body.startswith("v=0"):
            message.headers.append(("Content-Type", "application/sdp"))
        return message

    def _own_contact(self) -> str:
        suffix = ";transport=tcp" if self.phone.transport.kind == "tcp" else ""
        return f"<{self.phone.uri}{suffix}>"

    def _send_request(self, message: Message) -> None:
        number, method = message.cseq
        self._repeating[number, method] = self.phone.transport.send_repeatedly(
            message, self._target, self._lost, capped=method != "INVITE"
        )

    def _answer_invite(self, code: int, body: str = "", headers: dict[str, str] | None = None) -> Message:
        assert self._invite is not None, "no INVITE to answer"
        response = respond(self._invite, code, self._local_tag)
        if body:
            response.body = body
            response.headers.append(("Content-Type", "application/sdp"))
        response.headers.append(("Contact", self._own_contact()))
        response.headers += (headers or {}).items()
        self._reply(self._invite, response)
        if not tag(self._invite.get("To")):
            self.responses.append(code)
        return response

    def _reply(self, request: Message, response: Message) -> None:
        self._answers[request.cseq] = response
        self.phone.transport.send(response, self._target)

    # --- receiving, in the transport's thread ---

    def receive(self, message: Message, source: Source) -> None:
        """Take a message of this call."""
        self.received.append(message)
        if message.is_request:
            if self.phone.transport.kind == "tcp":
                self._target = source  # answers go back on their connection
            self._on_request(message)
        else:
            self._on_response(message)

    def _on_request(self, message: Message) -> None:
        method = message.method
        known = self._answers.get(message.cseq)
        if method == "ACK":
            self._stop(message.cseq[0], "ACK")
            self._learn(message.body)
        elif known is not None:
            self.phone.transport.send(known, self._target)
        elif method in self.withholds:
            self.withheld[method] = message
        elif method == "INVITE":
            self._on_invite(message)
        elif method == "CANCEL":
            self._reply(message, respond(message, 200, self._local_tag))
            with self._crossing:
                if self.state == "early":
                    self._answer_invite(487)
                    self._end("them")
        elif method == "BYE":
            self._reply(message, respond(message, 200, self._local_tag))
            self._end("them")
        else:
            response = respond(message, 200, self._local_tag)
            if method == "UPDATE":
                response.headers.append(("Contact", self._own_contact()))
            if timer := message.get("Session-Expires"):
                response.headers += [("Session-Expires", timer), ("Require", "timer")]
            self._reply(message, response)

    def _on_invite(self, message: Message) -> None:
        first = self._invite is None and not self.outgoing
        self._learn(message.body)
        if first:
            self._invite = message
            self._local = f"{message.get('To')};tag={self._local_tag}"
            self._remote_party = message.get("From")
            self._contact = address_uri(message.get("Contact"))
            self._routes = message.all("Record-Route")
            self.phone.transport.send(respond(message, 100, ""), self._target)
            if self.phone.auto_answer:
                self.accept()
            self.invited = True
            return
        self._mirror_direction()
        response = respond(message, 200, self._local_tag)
        response.body = self._describe()
        response.headers += [("Contact", self._own_contact()), ("Content-Type", "application/sdp")]
        self._answers[message.cseq] = response
        self._repeating[message.cseq[0], "ACK"] = self.phone.transport.send_repeatedly(
            response, self._target, self._lost
        )

    def _mirror_direction(self) -> None:
        mirrored = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
        self.direction = mirrored.get(self.remote.direction if self.remote else "", "sendrecv")

    def _on_response(self, message: Message) -> None:
        number, method = message.cseq
        if message.status >= 100:
            self._stop(number, method)
        if method == "INVITE":
            self._on_invite_response(message, number)
        elif method == "BYE" and message.status >= 200:
            self._end("us")

    def _on_invite_response(self, message: Message, number: int) -> None:
        first = self._invite is not None and self._invite.cseq[0] == number and self.outgoing
        repeated = number in self._acks
        if first and not repeated:
            self.responses.append(message.status)
        if message.body:
            self._learn(message.body)
        if message.status >= 200:
            self._acknowledge(message, number, first=first)
        elif self.remote is not None and message.body:
            self.audio.sending = True
        if not first or repeated or message.status < 200:
            return
        if message.status >= 300:
            self._end("us" if self._cancelled else "them")
            return
        with self._crossing:
            self.state = "answered"
            cancelled = self._cancelled
        self.audio.sending = True
        if cancelled:
            self.bye()  # the CANCEL came too late

    def _acknowledge(self, message: Message, number: int, *, first: bool) -> None:
        if number in self._acks:
            if self._acks[number] not in self.unacknowledged:
                self.phone.transport.send(self._acks[number], self._target)
            return
        if message.status < 300:
            if first:
                self._remote_party = message.get("To")
                self._contact = address_uri(message.get("Contact"))
                self._routes = message.all("Record-Route")[::-1]
            offerless = first and self._invite is not None and not self._invite.body
            ack = self._build("ACK", number, f"z9hG4bK{token()}", self._describe() if offerless else "")
        else:
            ack = self._build("ACK", number, message.branch)
            if first and self._invite is not None:
                ack.start = f"ACK {self._invite.uri} SIP/2.0"
            ack.headers = [(n, message.get("To") if n == "To" else v) for n, v in ack.headers]
        self._acks[number] = ack
        if self.phone.acknowledges:
            self.phone.transport.send(ack, self._target)
        else:
            self.unacknowledged.append(ack)

    def _learn(self, body: str) -> None:
        described = read_sdp(body) if body else None
        if described is None:
            return
        self.remote = described
        common = [t for t in described.payload_types if t in self.phone.payload_types]
        if common:
            self.audio.payload_type = common[0]
        if self.phone.event_type is not None:
            self.audio.event_type = described.event_type
        self.audio.remote = (described.host, described.port) if described.port else None

    def _stop(self, number: int, method: str) -> None:
        repeating = self._repeating.pop((number, method), None)
        if repeating is not None:
            repeating.stop()

    def _lost(self) -> None:
        if self.state != "ended":
            self.responses.append(408)
            self._end("them")

    def _end(self, by: Literal["us", "them"]) -> None:
        self.ended_by = self.ended_by or by
        self.audio.sending = False
        for repeating in self._repeating.values():
            repeating.stop()
        self.state = "ended"
