"""A callee whose responses are traps, each of which has hurt somebody's stack; and an honest one, to see what works.

The appliance dials `sip:NAME@...`, and NAME says what it gets.
"""

import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.support.addresses import address
from tests.support.sip_wire import Message, parse, respond, sdp
from tests.support.waiting import until

if TYPE_CHECKING:
    from bench.siege import Siege

Answer = bytes
Trap = Callable[["Callee", Message], list[Answer]]
#: Longest that a channel may stay taken by a trap.
RELEASED_S = 40
TOGETHER = 6


class Callee:
    """Listens on port 5060 of an address."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 5060))
        self.sock.settimeout(0.2)
        #: Requests that came, by method.
        self.seen: dict[str, int] = {}
        self._open = True
        self._cseq = 77
        self._peers: dict[str, tuple[str, int]] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._open = False
        self._thread.join(5)
        self.sock.close()

    def ok(self, invite: Message, status: int = 200, body: str | None = None, **changes: str) -> bytes:
        """Write a response; `changes` replaces headers (underscores for dashes), an empty value takes them away."""
        response = respond(invite, status, changes.pop("tag", "callee"))
        response.body = sdp(self.host, 40_000) if body is None else body
        response.headers += [("Contact", f"<sip:callee@{self.host}>"), ("Content-Type", "application/sdp")]
        for name, value in changes.items():
            header = name.replace("_", "-")
            response.headers = [(n, v) for n, v in response.headers if n.lower() != header.lower()]
            if value:
                response.headers.append((header, value))
        return response.encode()

    def request(self, invite: Message, method: str, **headers: str) -> bytes:
        """Write a request of ours within the dialog."""
        contact = re.search(r"<([^>]+)>", invite.get("Contact"))
        self._cseq += 1
        made = Message(f"{method} {contact[1] if contact else 'sip:x'} SIP/2.0")
        made.headers = [
            ("Via", f"SIP/2.0/UDP {self.host}:5060;branch=z9hG4bK{method}{time.monotonic_ns()}"),
            ("Max-Forwards", "70"),
            ("From", f"{invite.get('To')};tag=callee"),
            ("To", invite.get("From")),
            ("Call-ID", invite.call_id),
            ("CSeq", f"{self._cseq} {method}"),
            ("Contact", f"<sip:callee@{self.host}>"),
            *headers.items(),
        ]
        return made.encode()

    def _run(self) -> None:
        while self._open:
            try:
                data, peer = self.sock.recvfrom(65_536)
            except (TimeoutError, OSError):
                continue
            found = parse(data)
            if found is not None and found.is_request:
                with suppress(OSError, ValueError, KeyError, IndexError):
                    self._take(found, peer)

    def _take(self, found: Message, peer: tuple[str, int]) -> None:
        first = found.method == "INVITE" and ";tag=" not in found.get("To")
        self.seen[found.method] = self.seen.get(found.method, 0) + 1
        if first and found.call_id not in self._peers:
            self._peers[found.call_id] = peer
            threading.Thread(target=self._spring, args=(found, peer), daemon=True).start()
        elif found.method == "CANCEL":
            self._send(respond(found, 200, "callee").encode(), peer)
            invite = Message(found.start.replace("CANCEL", "INVITE", 1), found.headers)
            self._send(respond(invite, 487, "callee").encode().replace(b" CANCEL\r\n", b" INVITE\r\n"), peer)
        elif found.method not in {"ACK", "INVITE"}:
            self._send(respond(found, 200, "callee").encode(), peer)

    def _spring(self, invite: Message, peer: tuple[str, int]) -> None:
        match = re.match(r"sip:([^@]+)@", invite.uri)
        trap = TRAPS.get(match[1] if match else "", _honest)
        for data in trap(self, invite):
            self._send(data, peer)
            time.sleep(0.02)
        time.sleep(0.4)
        if trap is not _honest:
            self._send(self.ok(invite, 486, "", Content_Type=""), peer)
        # Where what it said made a call all the same.
        self._send(self.request(invite, "BYE"), peer)

    def _send(self, data: bytes, peer: tuple[str, int]) -> None:
        with suppress(OSError):
            self.sock.sendto(data[:65_000], peer)


def _honest(at: Callee, invite: Message) -> list[Answer]:
    return [at.ok(invite, 180, "", Content_Type=""), at.ok(invite)]


def _headers(**changes: str) -> Trap:
    return lambda at, invite: [at.ok(invite, **changes)]


def _body(body: str) -> Trap:
    return lambda at, invite: [at.ok(invite, body=body)]


def _statuses(*codes: int, **changes: str) -> Trap:
    return lambda at, invite: [at.ok(invite, code, "" if code >= 300 else None, **changes) for code in codes]


def _raw(old: bytes, new: bytes, status: int = 200) -> Trap:
    return lambda at, invite: [re.sub(old, lambda _: new, at.ok(invite, status), count=1)]


def _different_183s(at: Callee, invite: Message) -> list[Answer]:
    other = sdp(at.host, 41_000, payload_types=(8,))
    return [at.ok(invite, 183, "v=0\r\nm=audio x\r\n"), at.ok(invite, 183), at.ok(invite, 183, other), at.ok(invite)]


def _fork(at: Callee, invite: Message) -> list[Answer]:
    return [at.ok(invite, 200, tag=tag) for tag in ("callee", "second", "third", "callee")]


def _requests(*methods: str) -> Trap:
    def spring(at: Callee, invite: Message) -> list[Answer]:
        sent = [at.request(invite, method, Refer_To="<sip:900@evil.example>") for method in methods]
        return [at.ok(invite, 183), *sent, at.ok(invite), *sent]

    return spring


_CHALLENGE = 'Digest realm="elsewhere.example", nonce="n", algorithm=MD5, qop="auth"'
_CRYPTO = "".join(f"a=crypto:{n} AES_CM_128_HMAC_SHA1_80 inline:{'A' * 40}\r\n" for n in range(1, 66))

TRAPS: dict[str, Trap] = {
    "empty-host-contact": _headers(Contact="<sip:k@[]>"),
    "empty-host-route": _headers(Record_Route="<sip:[];lr>"),
    "empty-host-to": _raw(rb"To: <[^>]*>", b"To: <sip:[]>"),
    "empty-host-183": lambda at, invite: [
        at.ok(invite, 183, Contact="<sip:[]>"),
        at.ok(invite, 180, Record_Route="<sip:[]>"),
    ],
    "two-different-183s": _different_183s,
    "many-provisionals": _statuses(*[180, 183, 181, 182, 199] * 12),
    "no-contact": _headers(Contact=""),
    "no-description": _headers(Content_Type=""),
    "no-audio": lambda at, invite: [at.ok(invite, body=sdp(at.host, 40_000).replace("m=audio", "m=video"))],
    "zero-port": lambda at, invite: [at.ok(invite, body=sdp(at.host, 0))],
    "extreme-ptime": lambda at, invite: [at.ok(invite, body=sdp(at.host, 40_000, ptime_ms=99_999))],
    "many-crypto": lambda at, invite: [at.ok(invite, body=sdp(at.host, 40_000) + _CRYPTO)],
    "nonsense-body": _body("\x00\x01\x02" * 200),
    "multipart": lambda at, invite: [at.ok(invite, body="--x--", Content_Type="multipart/mixed;boundary=x")],
    "fork": _fork,
    "no-tag": _raw(rb";tag=callee", b""),
    "foreign-realm": _statuses(401, WWW_Authenticate=_CHALLENGE),
    "foreign-proxy": _statuses(407, 407, 407, Proxy_Authenticate=_CHALLENGE),
    "endless-challenges": _statuses(*[401] * 20, WWW_Authenticate=_CHALLENGE.replace("elsewhere", "again")),
    "redirect": _statuses(302, Contact="<sip:900@evil.example>"),
    "redirect-to-nobody": _statuses(302, Contact="<sip:[]>"),
    "session-too-small": _statuses(422, Min_SE="4294967295"),
    "try-later": _statuses(503, Retry_After="4294967295"),
    "status-699": _statuses(699),
    "status-beyond": _raw(rb"SIP/2.0 [0-9]+", b"SIP/2.0 4294967301"),
    "status-099": _raw(rb"SIP/2.0 [0-9]+", b"SIP/2.0 099"),
    "other-method": _raw(rb"CSeq: ([0-9]+) INVITE", b"CSeq: 1 BYE"),
    "other-number": _raw(rb"CSeq: [0-9]+", b"CSeq: 2147483647"),
    "other-call": _raw(rb"Call-ID: ", b"Call-ID: x"),
    "two-vias": _raw(rb"\r\nVia: ", b"\r\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKx\r\nVia: "),
    "long-length": _raw(rb"Content-Length: [0-9]+", b"Content-Length: 9999"),
    "two-lengths": _raw(rb"Content-Length: ", b"Content-Length: 0\r\nContent-Length: "),
    "control-octets": _raw(rb"Contact: <", b"Contact: <\x00\x1b[2J"),
    "header-bomb": _raw(rb"\r\nContact", b"\r\nX-A: y" * 600 + b"\r\nContact"),
    "huge": _raw(rb"\r\nContact", b"\r\nX-Huge: " + b"a" * 50_000 + b"\r\nContact"),
    "reliable-twice": lambda at, invite: [
        at.ok(invite, 183, Require="100rel", RSeq=number) for number in ("1", "1", "4294967295", "0")
    ],
    "answer-and-refusal": _statuses(200, 486, 200, 603),
    "refusal-and-answer": _statuses(486, 200, 183),
    "early-requests": _requests("UPDATE", "INVITE", "INFO", "REFER"),
    "early-bye": _requests("BYE"),
}  # fmt: skip


def trap(at: "Siege", names: Any) -> dict[str, int]:
    """Dial every trap, and an honest callee after each few; count what went wrong."""
    restarts = at.restarts()
    figures = {"traps": 0, "not_released": 0, "honest": 0, "honest_failed": 0}
    with address() as host:
        callee = Callee(host)
        try:
            pending = list(names)
            while pending:
                some, pending = pending[:TOGETHER], pending[TOGETHER:]
                calls = [_dial(at, f"sip:{name}@{host}") for name in some]
                figures["traps"] += len(calls)
                figures["not_released"] += sum(not _ended(at, call) for call in calls)
                honest = _dial(at, f"sip:honest@{host}")
                figures["honest"] += 1
                figures["honest_failed"] += not (_ended(at, honest) and "call.answered" in at.edge.types(honest))
        finally:
            callee.close()
    after = at.restarts()
    return {**figures, **{name: after[name] - restarts[name] for name in restarts}}


def _dial(at: "Siege", target: str) -> str:
    body = {"target": target, "menu": "main", "ring_timeout_ms": 5000}
    made = at.edge.control(what="request", process="switch", request="originate", body=body)
    return str(made["body"]["call"])


def _ended(at: "Siege", call: str) -> bool:
    try:
        return bool(until(lambda: "call.ended" in at.edge.types(call), RELEASED_S, "the call's end"))
    except AssertionError:
        return False
