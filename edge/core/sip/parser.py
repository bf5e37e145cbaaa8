"""Bytes to typed messages: RFC 3261 section 25, strict and length-limited. Nothing here raises on input.

The limits are those of the front door: what is longer is an attack or a mistake, and the stack behind us is safe only
below them.
"""

import re

from edge.core.sip.errors import SipError
from edge.core.sip.fields import LENIENT, LISTS, NAMES, STRICT, check_date, media_type, number, split_list
from edge.core.sip.message import KeepAlive, Malformed, NotSip, Parsed, Request, Response
from edge.core.sip.uri import ID_LIMIT, NameAddr, has_headers, parse_name_addr, parse_uri, parse_via

#: Octets of a whole message.
MESSAGE_LIMIT = 8192
HEADERS_LIMIT = 64
VIAS_LIMIT = 10
ROUTES_LIMIT = 10
#: Contacts of a response that are kept.
CONTACTS_LIMIT = 64
HEADER_LIMIT = 1024
#: A signature with its claims (RFC 8224) is longer than what people write.
SIGNATURE_LIMIT = 3072
#: Headers of peers' own (`X-...`), and octets of each.
OWN_HEADERS_LIMIT = 16
OWN_HEADER_LIMIT = 256

_REQUEST_LINE = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]{1,64}) ([^ ]+) [Ss][Ii][Pp]/([0-9]{1,3}\.[0-9]{1,3})")
_STATUS_LINE = re.compile(r"[Ss][Ii][Pp]/([0-9]{1,3}\.[0-9]{1,3}) ([0-9]{3})(?: (.*))?")
_LOOKS_LIKE_SIP = re.compile(rb"[^\r\n]{0,2048}SIP/[0-9]", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
#: A quoted pair may hold one (section 25.1), which is then nobody's name.
_QUOTED_CONTROL = re.compile(r"(\\\\)|\\[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FOLD = re.compile(r"\r\n[ \t]+")
_WORD = r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]+"
_OWN = re.compile(r"x-[a-z0-9\-]{1,62}")
_CALL_ID = re.compile(rf"{_WORD}(?:@{_WORD})?")
_CSEQ = re.compile(r"([0-9]{1,10})[ \t]+([A-Za-z0-9\-.!%*_+`'~]{1,64})")
_SINGLE = frozenset({"From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type", "Content-Length"})
_ECHO = ("Via", "From", "To", "Call-ID", "CSeq")

_Fields = dict[str, list[str]]


def parse(data: bytes, *, stream: bool = False) -> Parsed:
    """One message from a datagram, or from exactly one frame of a stream (then Content-Length is required)."""
    if not data.strip(b"\r\n\x00"):
        return KeepAlive()
    if not _LOOKS_LIKE_SIP.match(data):
        return NotSip()
    too_long = len(data) > MESSAGE_LIMIT
    head, blank, body = data[:MESSAGE_LIMIT].partition(b"\r\n\r\n")
    try:
        text = head.decode()
    except UnicodeDecodeError:
        text = head.decode(errors="replace")
        return _broken(text, SipError(400, "grammar", "not UTF-8"))
    try:
        if too_long:
            raise SipError(513, "limit", "message too long")
        if not blank:
            raise SipError(400, "grammar", "no end of headers")
        return _message(text, body, stream)
    except SipError as error:
        return _broken(text, error)


def _message(text: str, body: bytes, stream: bool) -> Parsed:
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    lines = text.split("\r\n")
    if _CONTROL.search("".join(lines)):
        lines = _QUOTED_CONTROL.sub(r"\1", text).split("\r\n")
        if _CONTROL.search("".join(lines)):
            raise SipError(400, "grammar", "control character")
    first = lines[0]
    if match := _REQUEST_LINE.fullmatch(first):
        if match[3] != "2.0":
            raise SipError(505, "version", "SIP version")
        fields = _fields(lines)
        return _request(match[1], match[2], fields, _body(fields, body, stream))
    if match := _STATUS_LINE.fullmatch(first):
        fields = _fields(lines)
        return _response(match[1], int(match[2]), fields, _body(fields, body, stream))
    raise SipError(400, "grammar", "bad start line")


def _fields(lines: list[str]) -> _Fields:
    if len(lines) - 1 > HEADERS_LIMIT:
        raise SipError(513, "limit", "too many headers")
    fields: _Fields = {}
    names = NAMES
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        key = name.lower().rstrip(" \t")
        canonical = names.get(key)
        if len(line) > (SIGNATURE_LIMIT if canonical == "Identity" else HEADER_LIMIT):
            raise SipError(513, "limit", "header too long")
        if canonical is None:
            if not colon or not name.strip(" \t"):
                raise SipError(400, "grammar", "bad header line")
            if key.startswith("x-"):
                fields.setdefault(key, []).append(value.strip(" \t"))
            continue
        value = value.strip(" \t")
        if canonical not in fields:
            fields[canonical] = [value]
        elif canonical in _SINGLE:
            raise SipError(400, "repeated_header", f"{canonical} twice")
        else:
            fields[canonical].append(value)
    return fields


def _body(fields: _Fields, body: bytes, stream: bool) -> bytes:
    stated = fields.get("Content-Length")
    if stated is None:
        if stream:
            raise SipError(400, "length", "no Content-Length on a stream")
        return body
    length = number(stated[0])
    if length > len(body) or (stream and length != len(body)):
        raise SipError(400, "length", "Content-Length and body differ")
    # Octets of a datagram after the message are nobody's (section 18.3).
    return body[:length]


def _one(fields: _Fields, name: str) -> str:
    values = fields.get(name)
    if values is None:
        raise SipError(400, "missing_header", f"no {name}")
    return values[0]


def _addresses(fields: _Fields, name: str) -> list[NameAddr]:
    values = fields.get(name)
    if values is None:
        return []
    parts = [part for value in values for part in split_list(value)]
    if len(parts) > ROUTES_LIMIT:
        raise SipError(513, "limit", f"too many {name}")
    # pjsip asserts on a route without a host; no tel URI is taken here, so every one has one.
    return [parse_name_addr(part) for part in parts]


def _extras(fields: _Fields) -> dict[str, str]:
    found = {}
    for name, values in fields.items():
        check = STRICT.get(name)
        lenient = check is None
        if check is None:
            check = LENIENT.get(name)
            if check is None:
                continue
        if len(values) > 1 and name not in LISTS:
            if lenient:
                continue
            raise SipError(400, "repeated_header", f"{name} twice")
        try:
            value = check(", ".join(values))
        except SipError as error:
            if lenient:
                continue
            raise SipError(400, error.why, f"bad {name}") from None
        if value:
            found[name] = value
    return found


def _own_headers(fields: _Fields) -> dict[str, str]:
    """Return those that stand once, are short and can be shown."""
    found: dict[str, str] = {}
    for name, values in fields.items():
        if name.startswith("x-") and len(found) < OWN_HEADERS_LIMIT and len(values) == 1 and _OWN.fullmatch(name):
            value = values[0]
            if 0 < len(value) <= OWN_HEADER_LIMIT and value.isprintable():
                found[name] = value
    return found


def _common(fields: _Fields, *, redirects: bool = False) -> dict[str, object]:
    vias = [parse_via(part) for value in fields.get("Via", ()) for part in split_list(value)]
    if not vias:
        raise SipError(400, "missing_header", "no Via")
    if len(vias) > VIAS_LIMIT:
        raise SipError(513, "limit", "too many Via")
    call_id = _one(fields, "Call-ID")
    if len(call_id) > ID_LIMIT or not _CALL_ID.fullmatch(call_id):
        raise SipError(400, "grammar", "bad Call-ID")
    cseq = _CSEQ.fullmatch(_one(fields, "CSeq"))
    if cseq is None or int(cseq[1]) >= 2**31:
        raise SipError(400, "grammar", "bad CSeq")
    forwards = fields.get("Max-Forwards")
    contacts: list[NameAddr] = []
    if (values := fields.get("Contact")) and values != ["*"]:
        # Several contacts are legal with REGISTER and in 3xx only; each is checked all the same.
        contacts = [parse_name_addr(part, tel=redirects) for value in values for part in split_list(value)]
    return {
        "vias": vias,
        "from_": parse_name_addr(_one(fields, "From"), tel=True),
        "to": parse_name_addr(_one(fields, "To"), tel=True),
        "call_id": call_id,
        "cseq": int(cseq[1]),
        "method": cseq[2],
        "contact": contacts[0] if contacts else None,
        "contacts": contacts[:CONTACTS_LIMIT] if cseq[2] == "REGISTER" or redirects else [],
        "routes": _addresses(fields, "Route"),
        "record_routes": _addresses(fields, "Record-Route"),
        "max_forwards": number(forwards[0], 255) if forwards else None,
        "extras": _extras(fields),
        "own_headers": _own_headers(fields),
        "content_type": media_type(fields["Content-Type"][0]) if "Content-Type" in fields else "",
    }


def _request(method: str, uri: str, fields: _Fields, body: bytes) -> Request:
    common = _common(fields)
    del common["contacts"]
    if common["method"] != method:
        raise SipError(400, "grammar", "CSeq names another method")
    if body and not common["content_type"]:
        raise SipError(400, "missing_header", "no Content-Type")
    for date in fields.get("Date", ()):
        check_date(date)
    if "?" in uri and has_headers(uri):
        raise SipError(400, "grammar", "header fields in a Request-URI")
    return Request(uri=parse_uri(uri, tel=True), body=body, **common)  # type: ignore[arg-type]


def _response(version: str, status: int, fields: _Fields, body: bytes) -> Response:
    if version != "2.0" or not 100 <= status <= 699:
        raise SipError(400, "version", "bad status line")
    common = _common(fields, redirects=300 <= status < 400)
    if body and not common["content_type"]:
        raise SipError(400, "missing_header", "no Content-Type")
    return Response(status=status, body=body, **common)  # type: ignore[arg-type]


def _broken(text: str, error: SipError) -> Malformed:
    """Say what can be said about a message that does not parse, and the lines that its answer repeats."""
    lines = _FOLD.sub(" ", text).split("\r\n")
    method = ""
    first = lines[0].split(" ", 1)[0]
    if not first.upper().startswith("SIP/"):
        method = first if first in ("INVITE", "ACK") or first.isalnum() else "?"
    echo: list[tuple[str, str]] = []
    for line in lines[1 : HEADERS_LIMIT + 1]:
        name, _, value = line.partition(":")
        canonical = NAMES.get(name.lower().rstrip(" \t"), "")
        value = value.strip(" \t")
        repeated = canonical != "Via" and any(known == canonical for known, _ in echo)
        if canonical in _ECHO and not repeated and 0 < len(value) <= HEADER_LIMIT and value.isprintable():
            echo.append((canonical, value))
    complete = {name for name, _ in echo} == set(_ECHO) and len(echo) <= HEADERS_LIMIT
    return Malformed(
        status=error.status,
        why=error.why,
        detail=error.detail,
        method=method,
        echo=tuple(echo) if complete else (),
        headers=error.headers,
    )
