"""A fast, small SIP user agent client (RFC 3261) on one UDP socket: places calls, acknowledges, hangs up.

It does what a load generator needs: INVITE with retransmission, ACK also for repeated answers, BYE, answers to the
peer's BYE, OPTIONS and re-INVITE. Times are wall-clock nanoseconds; those of answers are the kernel's.
"""

import math
import os
import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field

T1_S = 0.5
#: Timer B and F (RFC 3261 section 17.1.1.2): 64 * T1.
GIVE_UP_S = 32.0
#: How long a BYE is repeated.
BYE_S = 8.0

_HEADER = re.compile(rb"^([A-Za-z-]+)[ \t]*:[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_LONG = {b"v": b"via", b"f": b"from", b"t": b"to", b"i": b"call-id", b"m": b"contact", b"l": b"content-length"}


@dataclass(slots=True)
class Message:
    """A received message."""

    #: Of a response; 0: it is a request.
    status: int
    #: Of a request, or of the CSeq.
    method: str
    headers: dict[str, list[str]]
    body: str

    def first(self, name: str) -> str:
        values = self.headers.get(name)
        return values[0] if values else ""


def parse(data: bytes) -> Message | None:
    """Read a message; None for what is none."""
    head, _, body = data.partition(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    headers: dict[str, list[str]] = {}
    for name, value in _HEADER.findall(rest):
        key = name.lower()
        headers.setdefault(_LONG.get(key, key).decode(), []).append(value.decode("utf-8", "replace"))
    parts = line.split(b" ", 2)
    if len(parts) < 3:
        return None
    if parts[0] == b"SIP/2.0":
        if not parts[1].isdigit():
            return None
        cseq = headers.get("cseq", [""])[0].split()
        return Message(int(parts[1]), cseq[-1] if cseq else "", headers, body.decode("utf-8", "replace"))
    return Message(0, parts[0].decode("ascii", "replace"), headers, body.decode("utf-8", "replace"))


@dataclass(slots=True)
class RemoteAudio:
    """What the peer's SDP says."""

    host: str
    port: int
    event_pt: int | None


def read_sdp(body: str) -> RemoteAudio | None:
    """Address, port and payload type of telephone-event of the first audio stream."""
    host, port, event = "", 0, None
    for line in body.splitlines():
        if line.startswith("c=IN IP4 "):
            host = line[9:].split("/")[0].strip()
        elif line.startswith("m=audio ") and not port:
            port = int(line.split()[1])
        elif (found := re.match(r"a=rtpmap:(\d+) telephone-event/8000", line)) is not None:
            event = int(found[1])
    return RemoteAudio(host, port, event) if host and port else None


@dataclass(slots=True)
class Dialog:
    """One call."""

    id: str
    slot: int
    tag: str
    branch: str
    sdp: str
    state: str = "calling"
    to: str = ""
    target: str = ""
    routes: list[str] = field(default_factory=list)
    sent_ns: int = 0
    answered_ns: int = 0
    status: int = 0
    audio: RemoteAudio | None = None
    #: The peer hung up.
    ended_by_peer: bool = False
    cseq: int = 1
    #: Next repetition, its interval, and when to give up (monotonic seconds); 0: nothing to repeat.
    repeat_at: float = 0.0
    repeat_s: float = T1_S
    give_up_at: float = 0.0


class Uac:
    """Calls `sip:<user>@<target>`; the owner polls `receive` and `tick`, and reads the dialogs it changed."""

    def __init__(
        self, address: str, port: int, target: tuple[str, int], user: str, give_up_s: float = GIVE_UP_S
    ) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        self.socket.bind((address, port))
        self.socket.setblocking(False)
        self.address = address
        self.port: int = self.socket.getsockname()[1]
        self.target = target
        self.uri = f"sip:{user}@{target[0]}:{target[1]}"
        self.dialogs: dict[str, Dialog] = {}
        self.repeated = 0
        self._give_up_s = give_up_s
        self.bad = 0
        self._busy: dict[str, Dialog] = {}

    def call(self, slot: int, rtp_port: int) -> Dialog:
        """Send an INVITE."""
        token = os.urandom(6).hex()
        sdp = (
            f"v=0\r\no=load {slot} 1 IN IP4 {self.address}\r\ns=-\r\nc=IN IP4 {self.address}\r\nt=0 0\r\n"
            f"m=audio {rtp_port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
            "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
        )
        dialog = Dialog(f"{token}@{self.address}", slot, token[:8], f"z9hG4bK{token}", sdp, to=f"<{self.uri}>")
        self.dialogs[dialog.id] = dialog
        self._repeat(dialog, self._give_up_s)
        dialog.sent_ns = time.time_ns()
        self._send(self._invite(dialog))
        return dialog

    def hang_up(self, dialog: Dialog) -> None:
        """Send a BYE."""
        dialog.state = "ending"
        dialog.cseq += 1
        dialog.branch = f"z9hG4bK{os.urandom(6).hex()}"
        self._repeat(dialog, BYE_S)
        self._send(self._in_dialog(dialog, "BYE"))

    def tick(self, now_s: float) -> list[Dialog]:
        """Repeat what is due; returns dialogs that were given up."""
        given_up = []
        for dialog in list(self._busy.values()):
            if now_s >= dialog.give_up_at:
                self._rest(dialog)
                dialog.status = dialog.status or 408
                dialog.state = "over"
                given_up.append(dialog)
            elif now_s >= dialog.repeat_at:
                dialog.repeat_s = min(2 * dialog.repeat_s, 4.0 if dialog.state == "ending" else GIVE_UP_S)
                dialog.repeat_at = now_s + dialog.repeat_s
                self.repeated += 1
                ending = dialog.state == "ending"
                self._send(self._in_dialog(dialog, "BYE") if ending else self._invite(dialog))
        return given_up

    def receive(self) -> list[Dialog]:
        """Read what has come; returns dialogs whose state changed."""
        changed = []
        while True:
            try:
                data, extra, _flags, source = self.socket.recvmsg(65536, 128)
            except (BlockingIOError, ConnectionRefusedError):
                return changed
            message = parse(data)
            if message is None:
                self.bad += 1
                continue
            dialog = self.dialogs.get(message.first("call-id"))
            if message.status == 0:
                if self._request(message, dialog, source):
                    changed.append(dialog)
            elif dialog is not None and self._response(message, dialog, _stamp(extra)):
                changed.append(dialog)

    def _response(self, message: Message, dialog: Dialog, at_ns: int) -> bool:
        if message.method == "BYE":
            if message.status >= 200 and dialog.state == "ending":
                self._rest(dialog)
                dialog.state = "over"
                return True
            return False
        if message.method != "INVITE":
            return False
        if message.status < 200:
            dialog.repeat_at = math.inf  # it arrived; only giving up is left of the timers
            if dialog.state == "calling":
                dialog.state = "proceeding"
            return False
        if message.status >= 300:
            self._send(self._ack_failure(dialog, message))
        elif dialog.state in {"up", "ending", "over"}:
            self._send(self._in_dialog(dialog, "ACK"))  # the ACK before was lost
        if dialog.state not in {"calling", "proceeding"}:
            return False
        self._rest(dialog)
        dialog.answered_ns = at_ns
        dialog.status = message.status
        dialog.to = message.first("to")
        if message.status >= 300:
            dialog.state = "over"
            return True
        found = re.search(r"<([^>]+)>", message.first("contact"))
        dialog.target = found[1] if found else self.uri
        dialog.routes = list(reversed(message.headers.get("record-route", [])))
        dialog.audio = read_sdp(message.body)
        dialog.state = "up"
        self._send(self._in_dialog(dialog, "ACK"))
        return True

    def _request(self, message: Message, dialog: Dialog | None, source: tuple[str, int]) -> bool:
        if message.method == "ACK":
            return False
        known = dialog is not None or message.method == "OPTIONS"
        sdp = dialog.sdp if dialog is not None and message.method == "INVITE" else ""
        lines = ["SIP/2.0 200 OK" if known else "SIP/2.0 481 Call/Transaction Does Not Exist"]
        lines += [f"Via: {value}" for value in message.headers.get("via", [])]
        for name in ("From", "To", "Call-ID", "CSeq"):
            lines.append(f"{name}: {message.first(name.lower())}")
        if sdp:
            lines += [f"Contact: <sip:load@{self.address}:{self.port}>", "Content-Type: application/sdp"]
        lines += [f"Content-Length: {len(sdp)}", "", sdp]
        self.socket.sendto("\r\n".join(lines).encode(), source)
        if dialog is None or message.method != "BYE" or dialog.state == "over":
            return False
        self._rest(dialog)
        dialog.ended_by_peer = dialog.state == "up"
        dialog.state = "over"
        return True

    # --- what is sent ---------------------------------------------------------------------------------------------

    def _invite(self, dialog: Dialog) -> str:
        return self._message("INVITE", self.uri, dialog, dialog.branch, 1, f"<{self.uri}>", [], dialog.sdp)

    def _ack_failure(self, dialog: Dialog, message: Message) -> str:
        """Acknowledge a final failure: same branch, the answer's To (RFC 3261 section 17.1.1.3)."""
        return self._message("ACK", self.uri, dialog, dialog.branch, 1, message.first("to"), [], "")

    def _in_dialog(self, dialog: Dialog, method: str) -> str:
        cseq = 1 if method == "ACK" else dialog.cseq
        branch = f"z9hG4bK{os.urandom(6).hex()}" if method == "ACK" else dialog.branch
        return self._message(method, dialog.target, dialog, branch, cseq, dialog.to, dialog.routes, "")

    def _message(
        self, method: str, uri: str, dialog: Dialog, branch: str, cseq: int, to: str, routes: list[str], body: str
    ) -> str:
        own = f"{self.address}:{self.port}"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {own};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: <sip:load{dialog.slot}@{own}>;tag={dialog.tag}",
            f"To: {to}",
            f"Call-ID: {dialog.id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:load@{own}>",
        ]
        lines += [f"Route: {route}" for route in routes]
        if body:
            lines.append("Content-Type: application/sdp")
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])

    def _send(self, text: str) -> None:
        with suppress(ConnectionRefusedError):  # nobody listens: repetition goes on until it is given up
            self.socket.sendto(text.encode(), self.target)

    def _repeat(self, dialog: Dialog, give_up_s: float) -> None:
        now_s = time.monotonic()
        dialog.repeat_s = T1_S
        dialog.repeat_at = now_s + T1_S
        dialog.give_up_at = now_s + give_up_s
        self._busy[dialog.id] = dialog

    def _rest(self, dialog: Dialog) -> None:
        self._busy.pop(dialog.id, None)


def _stamp(extra: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == 35 and len(data) >= 16:
            return int.from_bytes(data[:8], "little") * 1_000_000_000 + int.from_bytes(data[8:16], "little")
    return time.time_ns()
