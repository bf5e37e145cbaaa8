"""Who calls: what an INVITE says of it (RFC 3323, 3325, 5806, 7044, 8224), and how it is said to another trunk.

Only a trunk with `trust_identity` is believed when it names another caller than From does (RFC 3325 section 5: the
asserted identity counts inside one trust domain).
"""

from itertools import pairwise

from msgspec import Struct

from edge.core.sip.errors import SipError
from edge.core.sip.fields import split_list
from edge.core.sip.message import Request
from edge.core.sip.trunks import Trunk
from edge.core.sip.uri import NameAddr, Uri, parse_name_addr
from edge.vocabulary.identity import Identity
from edge.vocabulary.private import Private

NUMBER_LIMIT = 64
NAME_LIMIT = 64
DIVERSIONS_LIMIT = 5
#: Octets of all headers that are passed on, so that a record of the call stays small.
HEADERS_LIMIT = 4096
#: Of Privacy, the values that concern who calls (RFC 3323 section 4.2, RFC 3325 section 9.3).
_WITHHOLD = frozenset({"id", "user", "header"})
_ANONYMOUS = Uri("sip", "anonymous", "anonymous.invalid")
#: Reasons of RFC 5806 by the cause of a History-Info entry (RFC 4458 section 2).
_REASON_OF_CAUSE = {
    "302": "unconditional",
    "404": "unknown",
    "408": "no-answer",
    "480": "deflection",
    "486": "user-busy",
    "487": "deflection",
    "503": "unavailable",
}


class Caller(Struct, frozen=True, kw_only=True):
    """Who is said to call."""

    number: Private
    name: Private
    identity: Identity


def printable(text: str, limit: int) -> str:
    """Return `text` bounded and without anything that a terminal or a log could stumble over."""
    return "".join([c for c in text if c.isprintable()])[:limit]


def read(request: Request, trunk: Trunk) -> Caller:
    """Read who calls out of a new INVITE of `trunk`."""
    extras = request.extras
    party = request.from_
    asserted = False
    withheld = party.uri.user.lower() == "anonymous" or party.uri.host.lower() == "anonymous.invalid"
    withheld = withheld or not _WITHHOLD.isdisjoint(extras.get("Privacy", "").split(";"))
    if trunk.trust_identity:
        vouched = _addresses(extras.get("P-Asserted-Identity", ""))
        if not vouched and (remote := _addresses(extras.get("Remote-Party-ID", ""))):
            vouched = [one for one in remote if _param(one, "party") in ("", "calling")][:1]
            withheld = withheld or any(_param(one, "privacy") not in ("", "off") for one in vouched)
        if vouched:
            # Of a SIP and a tel URI for one caller (RFC 3325 section 9.1) the number is the same or the better one.
            party = next((one for one in vouched if one.uri.scheme == "tel"), vouched[0])
            asserted = True
    diverted, reason = _diversions(extras)
    return Caller(
        number=Private(printable(party.uri.user, NUMBER_LIMIT)),
        name=Private(printable(party.display or request.from_.display if not withheld else "", NAME_LIMIT)),
        identity=Identity(
            asserted=asserted,
            withheld=withheld,
            diverted_from=[Private(printable(one.uri.user, NUMBER_LIMIT)) for one in diverted if one.uri.user],
            diversion_reason=reason,
            signature=Private(extras.get("Identity", "")),
            headers=_listed(request, trunk),
        ),
    )


def _listed(request: Request, trunk: Trunk) -> dict[str, Private]:
    """Return the own headers that the trunk lists."""
    found: dict[str, Private] = {}
    size = 0
    for name in trunk.headers:
        value = request.own_headers.get(name.lower())
        if value is not None and (size := size + len(name) + len(value)) <= HEADERS_LIMIT:
            found[name] = Private(value)
    return found


def _addresses(text: str) -> list[NameAddr]:
    try:
        return [parse_name_addr(part, tel=True) for part in split_list(text)] if text else []
    except SipError:
        return []


def _param(address: NameAddr, name: str) -> str:
    return next(((value or "").strip('"').lower() for key, value in address.params if key == name), "")


def _diversions(extras: dict[str, str]) -> tuple[list[NameAddr], str]:
    """Return who diverted the call, the last one first, and the reason of that one."""
    if found := _addresses(extras.get("Diversion", "")):
        return found[:DIVERSIONS_LIMIT], printable(_param(found[0], "reason"), 32)
    history = _addresses(extras.get("History-Info", ""))
    # Each entry is a target in turn; its cause says why it was left, or (RFC 4458) why the next one was taken.
    left = [(one, cause) for one, after in pairwise(history) if (cause := _cause(after))]
    if not left:
        return [], ""
    left.reverse()
    return [one for one, _ in left][:DIVERSIONS_LIMIT], _REASON_OF_CAUSE.get(left[0][1], "unknown")


def _cause(address: NameAddr) -> str:
    return address.uri.param("cause") or ""


# --- towards a trunk ------------------------------------------------------------------------------------------------


class Shown(Struct, frozen=True, kw_only=True):
    """How a caller is told to a peer: From, and further headers of the first INVITE."""

    own: NameAddr
    headers: dict[str, str]


def shown(caller: str, identity: Identity, trunk: Trunk | None, host: str) -> Shown:
    """Return how `caller` (user part) is told to a peer of `trunk` (None: no trunk); `host` is our own."""
    rules = trunk if trunk is not None else _NO_RULES
    screened = rules.caller_id or caller
    visible = rules.caller_id if rules.caller_id and rules.caller_id_in == "from" else caller
    headers: dict[str, str] = {}
    if rules.send_identity == "pai":
        headers["P-Asserted-Identity"] = f"<{Uri('sip', screened, host)}>"
    elif rules.send_identity == "rpid":
        privacy = "full" if identity.withheld else "off"
        headers["Remote-Party-ID"] = f"<{Uri('sip', screened, host)}>;party=calling;screen=yes;privacy={privacy}"
    if identity.withheld:
        headers["Privacy"] = "id"
    if rules.send_diversion and identity.diverted_from:
        reason = identity.diversion_reason or "unknown"
        first, *others = [one.reveal() for one in identity.diverted_from[:DIVERSIONS_LIMIT]]
        told = [f"<{Uri('sip', first, host)}>;reason={reason}", *(f"<{Uri('sip', one, host)}>" for one in others)]
        headers["Diversion"] = ", ".join(told)
    if identity.signature and visible == caller and not identity.withheld:
        # It is over the caller's number, so it holds for that one only.
        headers["Identity"] = identity.signature.reveal()
    for name in rules.headers:
        if name in identity.headers:
            headers[name] = identity.headers[name].reveal()
    if identity.withheld:
        return Shown(own=NameAddr(_ANONYMOUS, "Anonymous"), headers=headers)
    return Shown(own=NameAddr(Uri("sip", rules.from_user or visible, rules.from_domain or host)), headers=headers)


_NO_RULES = Trunk(name="", sources=())
