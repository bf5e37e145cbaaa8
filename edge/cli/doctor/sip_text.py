"""SIP messages without people: structure, addresses, routes and codecs stay, parties become pseudonyms.

What is not known to be harmless is left out: a header of a peer's own may hold anything.
"""

import re

from edge.cli.doctor.redaction import Redactor

_COMPACT = {
    "v": "Via",
    "f": "From",
    "t": "To",
    "i": "Call-ID",
    "m": "Contact",
    "l": "Content-Length",
    "c": "Content-Type",
    "k": "Supported",
    "s": "Subject",
    "x": "Session-Expires",
    "r": "Refer-To",
}
#: Headers whose values name parties: of those only the URIs are told.
_PARTIES = frozenset(
    {
        *("from", "to", "contact", "p-asserted-identity", "p-preferred-identity", "remote-party-id", "diversion"),
        *("refer-to", "referred-by", "history-info", "p-called-party-id", "reply-to"),
    }
)
#: Headers that say how things are done.
_PLAIN = frozenset(
    {
        *("via", "max-forwards", "cseq", "call-id", "route", "record-route", "service-route", "path", "require"),
        *("supported", "unsupported", "allow", "expires", "min-expires", "min-se", "session-expires", "content-type"),
        *("content-length", "reason", "retry-after", "rseq", "rack", "user-agent", "server", "accept", "date"),
        *("event", "subscription-state", "allow-events", "privacy", "content-encoding", "content-disposition"),
    }
)
_URI = re.compile(r"(?i)(sips?|tel):(?:([^@>\s;]*)@)?([^>\s;,]*)")
_TAG = re.compile(r";\s*tag=([^;\s,]+)", re.IGNORECASE)
#: Of SDP: how media is sent, and nothing in words.
_SDP = re.compile(r"^(?:v=|c=|t=|m=|b=)|^a=(?:rtpmap|fmtp|ptime|maxptime|rtcp|sendrecv|sendonly|recvonly|inactive)\b")


def redacted(message: str, redactor: Redactor) -> str:
    """Return a message without parties, names, digits and bodies of unknown kind."""
    head, _, body = message.replace("\r\n", "\n").partition("\n\n")
    first, *lines = re.sub(r"\n[ \t]+", " ", head).split("\n")
    found = [_start(first, redactor)]
    for line in lines:
        name, _, value = line.partition(":")
        found.append(_header(_COMPACT.get(name.strip().lower(), name.strip()), value.strip(), redactor))
    kind = next((line for line in found if line.lower().startswith("content-type:")), "")
    return "\n".join([*found, "", *_body(kind, body, redactor)])


def _start(line: str, redactor: Redactor) -> str:
    words = line.split(" ")
    if len(words) == 3 and not line.startswith("SIP/"):
        return f"{words[0]} {_uris(words[1], redactor).strip('<>')} {words[2]}"
    return " ".join(words[:2])  # a reason phrase may be anybody's words


def _header(name: str, value: str, redactor: Redactor) -> str:
    plain = name.lower()
    if plain in _PARTIES:
        tags = "".join(f";tag={redactor.text(tag)}" for tag in _TAG.findall(value))
        return f"{name}: {_uris(value, redactor)}{tags}"
    if plain in _PLAIN:
        return f"{name}: {redactor.text(value)}"
    return f"{redactor.text(name)}: (left out)"


def _uris(value: str, redactor: Redactor) -> str:
    """Return the URIs of a value, users as pseudonyms; words beside them are left out."""
    found = []
    for scheme, user, host in _URI.findall(value):
        if scheme.lower() == "tel":
            found.append(f"<tel:{redactor.pseudonym(user or host)}>")
        else:
            at = f"{redactor.pseudonym(user)}@" if user else ""
            found.append(f"<{scheme}:{at}{redactor.text(host)}>")
    return ", ".join(found) or "(left out)"


def _body(kind: str, body: str, redactor: Redactor) -> list[str]:
    lines = body.split("\n")
    if "application/sdp" not in kind.lower():
        return ["(body left out)"] if body.strip() else []
    return [redactor.known(line) for line in lines if _SDP.match(line)]
