"""Which dialog another one is to take the place of (RFC 3891), in an INVITE and in what a REFER names."""

import re
from urllib.parse import quote, unquote

from msgspec import Struct

from edge.core.sip.errors import SipError
from edge.core.sip.uri import ID_LIMIT, TOKEN, Uri, parse_name_addr

_CALL_ID = re.compile(r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}@]{1,128}")
_TAG = re.compile(TOKEN)
#: The URI of a Refer-To, what it says of header fields, and the rest.
_WITH_HEADERS = re.compile(r"([^?<>]*<[^?<>]*)\?([^<>]*)(>.*)", re.DOTALL)


class Replaces(Struct, frozen=True, kw_only=True):
    """A dialog, its tags as the one sees them who is asked: `to_tag` is its own."""

    call_id: str
    to_tag: str
    from_tag: str
    #: Only while it is not answered.
    early_only: bool = False

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"


def parse_replaces(text: str) -> Replaces:
    """Read a Replaces header; raises `SipError` 400."""
    call_id, *params = [part.strip(" \t") for part in text.split(";")]
    found: dict[str, str] = {}
    for param in params:
        name, _, value = param.partition("=")
        name = name.strip(" \t").lower()
        if name in found:
            raise SipError(400, "grammar", "bad Replaces")
        found[name] = value.strip(" \t")
    tags = [found.get(name, "") for name in ("to-tag", "from-tag")]
    if not _CALL_ID.fullmatch(call_id) or not all(_TAG.fullmatch(tag) and len(tag) <= ID_LIMIT for tag in tags):
        raise SipError(400, "grammar", "bad Replaces")
    return Replaces(call_id=call_id, to_tag=tags[0], from_tag=tags[1], early_only="early-only" in found)


def canonical_replaces(text: str) -> str:
    """Return a Replaces header as it is written; raises `SipError` 400."""
    return str(parse_replaces(text))


class ReferTo(Struct, frozen=True):
    """Where a REFER wants a call to go (RFC 3515 section 2.1)."""

    uri: Uri
    replaces: Replaces | None = None

    def __str__(self) -> str:
        tail = f"?Replaces={quote(str(self.replaces), safe='')}" if self.replaces is not None else ""
        return f"<{self.uri}{tail}>"


def parse_refer_to(text: str) -> ReferTo:
    """Read a Refer-To header. Of header fields in its URI only Replaces counts; raises `SipError` 400."""
    address, replaces = text, None
    if (match := _WITH_HEADERS.fullmatch(text)) is not None:
        address = match[1] + match[3]
        fields = [field.partition("=") for field in match[2].split("&")]
        asked = [value for name, _, value in fields if name.lower() == "replaces"]
        if len(asked) > 1:
            raise SipError(400, "grammar", "bad Refer-To")
        replaces = parse_replaces(unquote(asked[0])) if asked else None
    return ReferTo(parse_name_addr(address, tel=True).uri, replaces)


def canonical_refer_to(text: str) -> str:
    """Return a Refer-To header as it is written; raises `SipError` 400."""
    return str(parse_refer_to(text))
