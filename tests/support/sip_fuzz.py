"""SIP messages that are almost right, made from a seed: what each number gives is the same in every run.

A template is taken, its placeholders are filled, and then one to six times something is done to it: octets are changed,
lines repeated, moved, lost, values replaced by what has hurt parsers before.
"""

import random
import re
from collections.abc import Callable, Mapping

_SDP = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8 101\r\n"
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)
_HEAD = (
    "Via: SIP/2.0/{transport} {host}:{port};rport;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n"
    'From: "Fuzz" <sip:fuzz@{host}:{port}>;tag={tag}\r\nTo: <sip:100@{edge}>{to_tag}\r\nCall-ID: {call}\r\n'
    "CSeq: {cseq} {method}\r\nContact: <sip:fuzz@{host}:{port}>\r\n"
)
_MORE = (
    "Supported: 100rel, timer\r\nSession-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\nRequire: timer\r\n"
    "Record-Route: <sip:{host};lr>, <sip:p2.example;lr>\r\nRoute: <sip:{edge};lr>\r\nAccept: application/sdp\r\n"
    "P-Asserted-Identity: <sip:+4930123@{host}>\r\nDiversion: <sip:200@{host}>;reason=busy\r\nUser-Agent: x/1\r\n"
    'Reason: Q.850;cause=16;text="done"\r\nDate: Fri, 01 Jan 2027 16:00:00 GMT\r\nReferred-By: <sip:a@{host}>\r\n'
)
_CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth,auth-int", opaque="o"\r\n'

_ACCOUNT = 'Expires: 60\r\nAuthorization: Digest x="y"\r\n'
_REPLACES = "Refer-To: <sip:900@{host}?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>\r\n"

#: Requests that begin something.
NEW = [
    ("INVITE", "INVITE sip:100@{edge} SIP/2.0\r\n" + _HEAD + _MORE, "application/sdp", _SDP),
    ("INVITE", "INVITE sip:100@{edge} SIP/2.0\r\n" + _HEAD, "application/sdp", _SDP),
    ("INVITE", "INVITE sip:100@{edge} SIP/2.0\r\n" + _HEAD, "", ""),
    ("OPTIONS", "OPTIONS sip:{edge} SIP/2.0\r\n" + _HEAD + _MORE, "", ""),
    ("REGISTER", "REGISTER sip:{edge} SIP/2.0\r\n" + _HEAD + 'Expires: 60\r\nAuthorization: Digest x="y"\r\n', "", ""),
    ("SUBSCRIBE", "SUBSCRIBE sip:100@{edge} SIP/2.0\r\n" + _HEAD + "Event: presence\r\nExpires: 0\r\n", "", ""),
    ("MESSAGE", "MESSAGE sip:100@{edge} SIP/2.0\r\n" + _HEAD, "multipart/mixed;boundary=x", "--x\r\n\r\na\r\n--x--"),
    ("REFER", "REFER sip:100@{edge} SIP/2.0\r\n" + _HEAD + "Refer-To: <sip:900@{host}>\r\n", "", ""),
]
#: Requests of a call that is there.
WITHIN = [
    ("INVITE", "INVITE sip:edge@{edge} SIP/2.0\r\n" + _HEAD + _MORE, "application/sdp", _SDP),
    ("ACK", "ACK sip:edge@{edge} SIP/2.0\r\n" + _HEAD, "application/sdp", _SDP),
    ("UPDATE", "UPDATE sip:edge@{edge} SIP/2.0\r\n" + _HEAD, "application/sdp", _SDP),
    ("INFO", "INFO sip:edge@{edge} SIP/2.0\r\n" + _HEAD, "application/dtmf-relay", "Signal=1\r\nDuration=160\r\n"),
    ("PRACK", "PRACK sip:edge@{edge} SIP/2.0\r\n" + _HEAD + "RAck: 1 {cseq} INVITE\r\n", "", ""),
    ("OPTIONS", "OPTIONS sip:edge@{edge} SIP/2.0\r\n" + _HEAD, "", ""),
    ("CANCEL", "CANCEL sip:100@{edge} SIP/2.0\r\n" + _HEAD, "", ""),
    ("BYE", "BYE sip:edge@{edge} SIP/2.0\r\n" + _HEAD + _MORE, "", ""),
    (
        "REFER",
        "REFER sip:edge@{edge} SIP/2.0\r\n"
        + _HEAD
        + "Refer-To: <sip:900@{host}?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>\r\n",
        "",
        "",
    ),
]
_ECHO = (
    "Via: {via}\r\nFrom: {from}\r\nTo: {to}{to_tag}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n"
    "Contact: <sip:fuzz@{host}:{port}>\r\n"
)
#: Responses to a request that we were sent.
RESPONSES = [
    ("", "SIP/2.0 183 Progress\r\n" + _ECHO + "Require: 100rel\r\nRSeq: 1\r\n", "application/sdp", _SDP),
    ("", "SIP/2.0 180 Ringing\r\n" + _ECHO + "Record-Route: <sip:{host};lr>\r\n", "", ""),
    ("", "SIP/2.0 200 OK\r\n" + _ECHO + _MORE, "application/sdp", _SDP),
    ("", "SIP/2.0 302 Moved\r\n" + _ECHO, "", ""),
    ("", "SIP/2.0 401 Unauthorized\r\n" + _ECHO + _CHALLENGE, "", ""),
    ("", "SIP/2.0 486 Busy\r\n" + _ECHO + "Retry-After: 5\r\n", "", ""),
]

#: Values that have hurt parsers.
_EVIL = [
    b"[]",
    b"<sip:[]>",
    b"<sip:k@[]>",
    b"sip:",
    b"<sip:;lr>",
    b"@",
    b"%00",
    b"\x00",
    b"\r\n ",
    b"\r\n\r\n",
    b"\r",
    b"\n",
    b";",
    b",",
    b"<",
    b">",
    b'"',
    b"\\",
    b"=",
    b":",
    b";tag=",
    b";branch=",
    b";lr",
    b";maddr=255.255.255.255",
    b";received=::1",
    b"-1",
    b"0",
    b"65536",
    b"4294967296",
    b"99999999999999999999",
    b"2147483648",
    b"%s%n%x",
    b"../../../etc/passwd",
    b"' OR 1=1--",
    b"\xff\xfe",
    b"\xc0\xaf",
    "\u202e".encode(),
    b"\x1b[2J",
    b"A" * 257,
    b"A" * 1100,
    b"a." * 130,
    b"1" * 40,
    b"SIP/2.0",
    b"SIP/9.9",
    b"INVITE",
    b"IN IP6 ::",
    b"IN IP4 0.0.0.0",
    b"IN IP4 255.255.255.255",
    b"m=audio 0 RTP/AVP 0\r\n",
    b"m=audio 40000 RTP/SAVP 0\r\na=crypto:1 X inline:A\r\n",
    b"a=ptime:0\r\n",
    b"a=maxptime:1\r\n",
    b"a=rtpmap:0 \r\n",
    b"a=candidate:1 1 UDP 1 1.1.1.1 1 typ host\r\n",
    b"Content-Length: 5\r\n",
    b"l: 9999\r\n",
    b"Via: SIP/2.0/UDP a\r\n",
    b"Require: nothing\r\n",
    b"To: <sip:a>\r\n",
]


def message(template: tuple[str, str, str, str], values: Mapping[str, object]) -> bytes:
    """Fill a template: a message that is right."""
    method, head, kind, body = template
    filled = {"method": method, "transport": "UDP", "to_tag": "", **values}
    text = head.format(**filled)
    content = body.format(**filled).encode()
    if kind:
        text += f"Content-Type: {kind}\r\n"
    return f"{text}Content-Length: {len(content)}\r\n\r\n".encode() + content


class Mutator:
    """Makes messages wrong."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self._ways: list[Callable[[bytes], bytes]] = [
            self._flip,
            self._insert,
            self._cut,
            self._repeat_line,
            self._swap_lines,
            self._drop_line,
            self._value,
            self._value,
            self._number,
            self._bomb,
            self._length,
            self._truncate,
            self._twice,
        ]

    def mutate(self, data: bytes) -> bytes:
        """Do one to six things to a message; at most 64 KB come out."""
        for _ in range(self.dice.choice((1, 1, 1, 2, 2, 3, 6))):
            data = self.dice.choice(self._ways)(data)
        if self.dice.random() < 0.5:
            data = _with_true_length(data)
        return data[:65_000]

    def _at(self, data: bytes) -> int:
        return self.dice.randrange(len(data) + 1)

    def _flip(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self.dice.choice((1, 2, 8))):
            if changed:
                changed[self.dice.randrange(len(changed))] = self.dice.randrange(256)
        return bytes(changed)

    def _insert(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + self.dice.choice(_EVIL) + data[at:]

    def _cut(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + data[at + self.dice.choice((1, 2, 5, 30)) :]

    def _lines(self, data: bytes) -> list[bytes]:
        return data.split(b"\r\n")

    def _repeat_line(self, data: bytes) -> bytes:
        lines = self._lines(data)
        at = self.dice.randrange(len(lines))
        return b"\r\n".join([*lines[:at], *[lines[at]] * self.dice.choice((2, 3, 70)), *lines[at + 1 :]])

    def _swap_lines(self, data: bytes) -> bytes:
        lines = self._lines(data)
        a, b = self.dice.randrange(len(lines)), self.dice.randrange(len(lines))
        lines[a], lines[b] = lines[b], lines[a]
        return b"\r\n".join(lines)

    def _drop_line(self, data: bytes) -> bytes:
        lines = self._lines(data)
        del lines[self.dice.randrange(len(lines))]
        return b"\r\n".join(lines)

    def _value(self, data: bytes) -> bytes:
        """Replace what stands between two separators of a line."""
        spans = [m.span(1) for m in re.finditer(rb"[:;,=<@ ]([^:;,=<>@ \r\n]+)", data)]
        if not spans:
            return data
        start, end = self.dice.choice(spans)
        return data[:start] + self.dice.choice(_EVIL) + data[end:]

    def _number(self, data: bytes) -> bytes:
        spans = [m.span() for m in re.finditer(rb"[0-9]+", data)]
        if not spans:
            return data
        start, end = self.dice.choice(spans)
        return data[:start] + self.dice.choice((b"0", b"-1", b"1" * 12, b"256", b"2147483648", b"1e9")) + data[end:]

    def _bomb(self, data: bytes) -> bytes:
        at = data.find(b"\r\n") + 2
        line = self.dice.choice(
            (b"X: y\r\n", b"Via: SIP/2.0/UDP h\r\n", b"Record-Route: <sip:a;lr>\r\n", b"a" * 500 + b": b\r\n")
        )
        return data[:at] + line * self.dice.choice((5, 80, 600)) + data[at:]

    def _length(self, data: bytes) -> bytes:
        return re.sub(rb"Content-Length: [0-9]+", lambda m: m[0] + self.dice.choice((b"0", b"9", b" ", b", 5")), data)

    def _truncate(self, data: bytes) -> bytes:
        return data[: self._at(data)]

    def _twice(self, data: bytes) -> bytes:
        return data + data


def _with_true_length(data: bytes) -> bytes:
    """Let the length be right, so that what is wrong elsewhere is looked at."""
    head, blank, body = data.partition(b"\r\n\r\n")
    return re.sub(rb"(Content-Length:)[^\r\n]*", lambda m: m[1] + b" %d" % len(body), head) + blank + body
