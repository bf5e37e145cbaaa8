"""Header fields beyond the mandatory ones: which are taken, and the canonical form each is written in.

A value that does not parse is either an error (fields that change what a request means) or dropped (the others).
"""

import re
from collections.abc import Callable

from edge.core.sip import authentication
from edge.core.sip.errors import SipError
from edge.core.sip.replaces import canonical_refer_to, canonical_replaces
from edge.core.sip.uri import HOST, TOKEN, parse_name_addr, valid_host

_NUMBER = re.compile(r"[0-9]{1,10}")
_TOKEN = re.compile(TOKEN)
_REASON_VALUE = re.compile(
    rf"[ \t]*({TOKEN})((?:[ \t]*;[ \t]*{TOKEN}(?:[ \t]*=[ \t]*(?:{TOKEN}|\"(?:[^\"\\]|\\.)*+\"))?)*)[ \t]*(?:,|$)"
)
_REASON_PARAM = re.compile(rf";[ \t]*({TOKEN})[ \t]*=[ \t]*({TOKEN}|\"(?:[^\"\\]|\\.)*+\")")
_CAUSE = re.compile(r"[1-9][0-9]{0,2}")
_SESSION_EXPIRES = re.compile(rf"([0-9]{{1,10}})((?:[ \t]*;[ \t]*{TOKEN}(?:[ \t]*=[ \t]*{TOKEN})?)*)")
_RACK = re.compile(r"([0-9]{1,10})[ \t]+([0-9]{1,10})[ \t]+([A-Z]{1,20})")
_SIGNATURE = re.compile(
    r"[A-Za-z0-9_\-.=]{1,2048}[ \t]*;[ \t]*info[ \t]*=[ \t]*<[!-;=?-~]{1,512}>"
    rf"(?:[ \t]*;[ \t]*{TOKEN}[ \t]*=[ \t]*(?:{TOKEN}|\"[ !#-\[\]-~]{{0,128}}\"))*"
)
_MEDIA_ADDRESS = re.compile(rf"({HOST}):([0-9]{{1,5}})")
_MEDIA_TYPE = re.compile(rf"({TOKEN})[ \t]*/[ \t]*({TOKEN})([ \t]*;.*)?", re.DOTALL)
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3][0-9] (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} "
    r"[0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT",
    re.IGNORECASE,
)

REASON_TEXT_LIMIT = 120


def _bad(name: str) -> SipError:
    return SipError(400, "grammar", f"bad {name}")


def number(text: str, limit: int = 2**31 - 1) -> int:
    """Read a decimal number up to `limit`; raises `SipError` 400."""
    if not _NUMBER.fullmatch(text) or int(text) > limit:
        raise SipError(400, "grammar", "bad number")
    return int(text)


def _number_text(text: str) -> str:
    return str(number(text.partition(";")[0].partition("(")[0].strip(" \t"), 2**32 - 1))


def _token_list(text: str) -> str:
    tokens = [x.strip(" \t") for x in text.split(",")]
    tokens = [x for x in tokens if x]
    if len(tokens) > 32 or not all(_TOKEN.fullmatch(x) for x in tokens):
        raise _bad("token list")
    return ", ".join(tokens)


def _true_or_false(text: str) -> str:
    word = text.partition(";")[0].strip(" \t").lower()
    if word not in ("true", "false"):
        raise _bad("flag")
    return word


def _session_expires(text: str) -> str:
    match = _SESSION_EXPIRES.fullmatch(text)
    if match is None:
        raise _bad("Session-Expires")
    seconds = number(match[1], 2**32 - 1)
    for who in ("uac", "uas"):
        if re.search(rf";[ \t]*refresher[ \t]*=[ \t]*{who}(?![A-Za-z])", match[2], re.IGNORECASE):
            return f"{seconds};refresher={who}"
    return str(seconds)


def _rack(text: str) -> str:
    match = _RACK.fullmatch(text)
    if match is None:
        raise _bad("RAck")
    return f"{number(match[1], 2**32 - 1)} {number(match[2])} {match[3]}"


def _reason(text: str) -> str:
    """RFC 3326: only SIP and Q.850 with their cause, and a bounded printable text."""
    kept = []
    position = 0
    while position < len(text):
        match = _REASON_VALUE.match(text, position)
        if match is None:
            raise _bad("Reason")
        position = match.end()
        protocol = {"sip": "SIP", "q.850": "Q.850"}.get(match[1].lower())
        params = {k.lower(): v for k, v in _REASON_PARAM.findall(match[2])}
        cause = params.get("cause", "")
        if protocol is None or not _CAUSE.fullmatch(cause):
            continue
        value = f"{protocol};cause={cause}"
        words = re.sub(r"\\(.)", r"\1", params.get("text", "").strip('"'))
        words = "".join([c for c in words if c.isprintable() and c not in '"\\'])[:REASON_TEXT_LIMIT].strip()
        kept.append(f'{value};text="{words}"' if words else value)
        if len(kept) == 2:
            break
    if not kept:
        raise _bad("Reason")
    return ", ".join(kept)


def _media_address(text: str) -> str:
    match = _MEDIA_ADDRESS.fullmatch(text)
    if match is None or not valid_host(match[1]) or not 0 < int(match[2]) < 65536:
        raise _bad("media address")
    return text


def _address_list(text: str) -> str:
    return ", ".join([str(parse_name_addr(part, tel=True)) for part in split_list(text) if part])


def _privacy(text: str) -> str:
    values = [value.strip(" \t").lower() for value in text.split(";")]
    if not all(_TOKEN.fullmatch(value) for value in values):
        raise _bad("Privacy")
    return ";".join(values)


def _signature(text: str) -> str:
    """RFC 8224: one or more PASSporTs, each with where its certificate lies."""
    for part in split_list(text):
        if not _SIGNATURE.fullmatch(part):
            raise _bad("Identity")
    return text


def check_date(text: str) -> None:
    """Raise `SipError` 400 unless `text` is a date as in RFC 3261 section 20.17: GMT and nothing else."""
    if not _DATE.fullmatch(text):
        raise _bad("Date")


def _media_ranges(text: str) -> str:
    """Accept without parameters, in lower case (section 20.1)."""
    ranges = [part.partition(";")[0].strip(" \t").lower() for part in text.split(",")]
    ranges = [part for part in ranges if part]
    if len(ranges) > 32 or not all(_MEDIA_TYPE.fullmatch(part) for part in ranges):
        raise _bad("Accept")
    return ", ".join(ranges)


def _routes(text: str) -> str:
    return ", ".join([str(parse_name_addr(part)) for part in split_list(text)])


def media_type(text: str) -> str:
    """`type/subtype` in lower case without parameters; raises `SipError` 400."""
    match = _MEDIA_TYPE.fullmatch(text)
    if match is None:
        raise _bad("Content-Type")
    return f"{match[1]}/{match[2]}".lower()


def split_list(text: str) -> list[str]:
    """Split at commas that stand outside quotes and angle brackets."""
    if "," not in text:
        return [text.strip(" \t")]
    parts, start, quoted, angle, skip = [], 0, False, False, False
    for position, char in enumerate(text):
        if skip:
            skip = False
        elif quoted:
            skip = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char == "<":
            angle = True
        elif char == ">":
            angle = False
        elif char == "," and not angle:
            parts.append(text[start:position].strip(" \t"))
            start = position + 1
    parts.append(text[start:].strip(" \t"))
    return parts


Canonical = Callable[[str], str]

#: Fields whose broken value makes the message broken.
STRICT: dict[str, Canonical] = {
    "Require": _token_list,
    "Proxy-Require": _token_list,
    "Content-Encoding": _token_list,
    "RAck": _rack,
    "RSeq": _number_text,
    "Session-Expires": _session_expires,
    "Min-SE": _number_text,
    "Refer-To": canonical_refer_to,
    "Replaces": canonical_replaces,
    "P-Asserted-Identity": _address_list,
    "X-Edge-Media": _media_address,
}
#: Optional fields: a broken one is dropped (RFC 3261 section 8.2 allows that for what is not needed).
LENIENT: dict[str, Canonical] = {
    "Supported": _token_list,
    "Unsupported": _token_list,
    "Allow": _token_list,
    "Accept": _media_ranges,
    "Retry-After": _number_text,
    "Reason": _reason,
    "WWW-Authenticate": authentication.scan,
    "Proxy-Authenticate": authentication.scan,
    "Remote-Party-ID": _address_list,
    "Diversion": _address_list,
    "History-Info": _address_list,
    "Privacy": _privacy,
    "Identity": _signature,
    "Expires": _number_text,
    "Min-Expires": _number_text,
    "Refer-Sub": _true_or_false,
    "Service-Route": _routes,
}
#: Fields of which a second line continues the list of the first (RFC 3261 section 7.3.1).
LISTS = frozenset(
    {
        "Require",
        "Proxy-Require",
        "Content-Encoding",
        "Supported",
        "Unsupported",
        "Allow",
        "Accept",
        "Reason",
        "P-Asserted-Identity",
        "WWW-Authenticate",
        "Proxy-Authenticate",
        "Remote-Party-ID",
        "Diversion",
        "History-Info",
        "Identity",
        "Service-Route",
    }
)

#: Wire name in lower case -> canonical name, compact forms included (RFC 3261 section 7.3.3, RFC 4028, RFC 3515).
NAMES = {name.lower(): name for name in (*STRICT, *LENIENT)} | {
    name.lower(): name
    for name in (
        "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Route", "Record-Route",
        "Max-Forwards", "Content-Type", "Content-Length", "Date",
    )
}  # fmt: skip
NAMES |= {
    "v": "Via", "f": "From", "t": "To", "i": "Call-ID", "m": "Contact", "c": "Content-Type", "l": "Content-Length",
    "y": "Identity", "k": "Supported", "e": "Content-Encoding", "x": "Session-Expires", "r": "Refer-To",
}  # fmt: skip
