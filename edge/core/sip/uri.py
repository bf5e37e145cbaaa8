"""URIs, hosts and name-addr values (RFC 3261 sections 19.1, 20.10, 25.1; RFC 3966), strict and length-limited.

Everything that parses here can be written back by `str()`; nothing else ever leaves front.
"""

import ipaddress
import re
from functools import lru_cache

from msgspec import Struct

from edge.core.sip.errors import SipError

#: Longest URI; pjsip prints no longer ones.
URI_LIMIT = 256
#: Longest tag, branch and Call-ID.
ID_LIMIT = 128

TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]++"  # noqa: S105 - a grammar rule
_ESCAPED = r"%[0-9A-Fa-f]{2}"
_USER = rf"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|{_ESCAPED})++"
_PASSWORD = rf"(?:[A-Za-z0-9\-_.!~*'()&=+$,]|{_ESCAPED})*+"
_PARAM = rf"(?:[A-Za-z0-9\-_.!~*'()\[\]/:&+$]|{_ESCAPED})++"
HOST = r"[A-Za-z0-9.\-]++|\[[0-9A-Fa-f:.]{2,45}\]"

_SIP = re.compile(
    rf"([Ss][Ii][Pp][Ss]?):(?:({_USER})(?::({_PASSWORD}))?@)?({HOST})(?::([0-9]{{1,5}}))?"
    rf"((?:;{_PARAM}(?:={_PARAM})?)*)(\?[A-Za-z0-9\-_.!~*'()\[\]/?:+$&=%]*)?"
)
_TEL = re.compile(rf"[Tt][Ee][Ll]:(\+?[0-9A-Fa-f*#().\-]+)((?:;{_PARAM}(?:={_PARAM})?)*)")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+\-.]*):")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_HEADER_PARAM = re.compile(
    rf"[ \t]*;[ \t]*({TOKEN})(?:[ \t]*=[ \t]*([A-Za-z0-9\-.!%*_+`'~:\[\]]++|\"(?:[^\"\\]|\\.)*+\"))?"
)
_NAME_ADDR = re.compile(rf"(?:\"((?:[^\"\\]|\\.)*+)\"[ \t]*|((?:{TOKEN}[ \t]*)*))<([^<>]*)>")
_UNESCAPE = re.compile(r"\\(.)")

Params = tuple[tuple[str, str | None], ...]


@lru_cache(maxsize=4096)
def valid_host(host: str) -> bool:
    """Whether `host` is an IPv4 address, a bracketed IPv6 address or a domain name."""
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return False
        return True
    labels = host.removesuffix(".").split(".")
    if labels[-1].isdigit():
        return len(labels) == 4 and all(x.isdigit() and len(x) <= 3 and int(x) < 256 for x in labels)
    return len(host) <= 253 and all(_LABEL.fullmatch(x) for x in labels)


@lru_cache(maxsize=4096)
def is_literal(host: str) -> bool:
    """Whether `host` (brackets allowed) is an IP address and needs no look-up."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


class Uri(Struct, frozen=True):
    """A sip, sips or tel URI. `tel` has its number in `user` and no host. URI headers (`?...`) are not kept."""

    scheme: str
    user: str
    host: str
    #: 0: none was given.
    port: int = 0
    params: Params = ()
    password: str = ""

    def param(self, name: str) -> str | None:
        """Value of a parameter in lower case; `""` when it has none, None when it is absent."""
        for key, value in self.params:
            if key == name:
                return (value or "").lower()
        return None

    def __str__(self) -> str:
        tail = "".join([f";{k}={v}" if v is not None else f";{k}" for k, v in self.params]) if self.params else ""
        if self.scheme == "tel":
            return f"tel:{self.user}{tail}"
        who = f"{self.user}:{self.password}@" if self.password else f"{self.user}@" if self.user else ""
        return (
            f"{self.scheme}:{who}{self.host}:{self.port}{tail}"
            if self.port
            else f"{self.scheme}:{who}{self.host}{tail}"
        )


def _params(text: str) -> Params:
    found = []
    for part in text.split(";")[1:]:
        name, equals, value = part.partition("=")
        found.append((name.lower(), value if equals else None))
    if len({name for name, _ in found}) != len(found):
        raise SipError(400, "grammar", "repeated URI parameter")
    return tuple(found)


@lru_cache(maxsize=2048)
def _parse_sip(text: str) -> Uri | None:
    match = _SIP.fullmatch(text)
    if match is None:
        return None
    scheme, user, password, host, port, params, _ = match.groups()
    number = int(port) if port else 0
    if (port and not 0 < number < 65536) or not valid_host(host):
        return None
    return Uri(scheme.lower(), user or "", host, number, _params(params) if params else (), password or "")


def has_headers(text: str) -> bool:
    """Whether a sip URI asks for header fields (`?name=value`), which a Request-URI may not (section 19.1.1)."""
    match = _SIP.fullmatch(text)
    return match is not None and match[7] is not None


def parse_uri(text: str, *, tel: bool = False) -> Uri:
    """Parse a sip or sips URI (and tel where allowed). Raises `SipError`: 414 too long, 416 other scheme, else 400."""
    if len(text) > URI_LIMIT:
        raise SipError(414, "limit", "URI too long")
    uri = _parse_sip(text)
    if uri is not None:
        return uri
    if tel and (match := _TEL.fullmatch(text)):
        return Uri("tel", match[1], "", 0, _params(match[2]))
    scheme = _SCHEME.match(text)
    if scheme and scheme[1].lower() not in ("sip", "sips", "tel"):
        raise SipError(416, "scheme", "URI scheme not supported")
    raise SipError(400, "grammar", "bad URI")


def parse_params(text: str, start: int) -> Params:
    """Header parameters from `start` to the end of `text`; raises `SipError` 400 on anything else."""
    if start == len(text):
        return ()
    found = []
    while start < len(text):
        match = _HEADER_PARAM.match(text, start)
        if match is None:
            if text[start:].strip(" \t"):
                raise SipError(400, "grammar", "bad header parameter")
            break
        found.append((match[1].lower(), match[2]))
        start = match.end()
    if len(found) > 1 and len({name for name, _ in found}) != len(found):
        raise SipError(400, "grammar", "repeated header parameter")
    return tuple(found)


class NameAddr(Struct, frozen=True):
    """The value of From, To, Contact, Route or Record-Route."""

    uri: Uri
    display: str = ""
    params: Params = ()

    @property
    def tag(self) -> str:
        """The tag, `""` when there is none."""
        for key, value in self.params:
            if key == "tag":
                return value or ""
        return ""

    def with_tag(self, tag: str) -> "NameAddr":
        """Return the same party with `tag`, and without any other parameter."""
        return NameAddr(self.uri, self.display, (("tag", tag),) if tag else ())

    def __str__(self) -> str:
        tail = "".join([f";{k}={v}" if v is not None else f";{k}" for k, v in self.params]) if self.params else ""
        if not self.display:
            return f"<{self.uri}>{tail}"
        quoted = self.display.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{self.uri}>{tail}'


def parse_name_addr(text: str, *, tel: bool = False) -> NameAddr:
    """Parse name-addr or addr-spec with header parameters; raises `SipError`."""
    match = _NAME_ADDR.match(text)
    if match is not None:
        quoted, plain, address = match.groups()
        display = _UNESCAPE.sub(r"\1", quoted) if quoted else (plain or "").strip(" \t")
        params = parse_params(text, match.end())
    else:
        # Without angle brackets, parameters belong to the header and the URI may hold none of "?,;" (section 20.10).
        if "<" in text or '"' in text or "?" in text:
            raise SipError(400, "grammar", "bad address")
        cut = text.find(";")
        cut = len(text) if cut < 0 else cut
        display, address, params = "", text[:cut].rstrip(" \t"), parse_params(text, cut)
    if any(key == "tag" and not 0 < len(value or "") <= ID_LIMIT for key, value in params):
        raise SipError(400, "limit", "bad tag")
    try:
        return NameAddr(parse_uri(address, tel=tel), display, params)
    except SipError as error:
        # Only the Request-URI has codes of its own (414, 416).
        raise SipError(400, error.why, error.detail) from None


class Via(Struct, frozen=True):
    """One Via value (RFC 3261 section 20.42)."""

    transport: str
    host: str
    #: 0: none was given.
    port: int
    params: Params

    def param(self, name: str) -> str | None:
        """Value of a parameter; `""` when it has none, None when it is absent."""
        for key, value in self.params:
            if key == name:
                return value or ""
        return None

    @property
    def branch(self) -> str:
        """The transaction's branch."""
        return self.param("branch") or ""

    def seen_from(self, host: str, port: int) -> "Via":
        """With `received` and a filled-in `rport` (RFC 3261 section 18.2.1, RFC 3581 section 4)."""
        params = [(k, v) for k, v in self.params if k not in ("received", "rport")]
        asked = self.param("rport") is not None
        if asked:
            params.append(("rport", str(port)))
        if asked or host != self.host.strip("[]"):
            params.append(("received", host))
        return Via(self.transport, self.host, self.port, tuple(params))

    def __str__(self) -> str:
        tail = "".join([f";{k}={v}" if v is not None else f";{k}" for k, v in self.params])
        return (
            f"SIP/2.0/{self.transport} {self.host}:{self.port}{tail}"
            if self.port
            else f"SIP/2.0/{self.transport} {self.host}{tail}"
        )


_VIA = re.compile(rf"[Ss][Ii][Pp][ \t]*/[ \t]*2\.0[ \t]*/[ \t]*({TOKEN})[ \t]+({HOST})(?:[ \t]*:[ \t]*([0-9]{{1,5}}))?")


def parse_via(text: str) -> Via:
    """Parse one Via value; raises `SipError` 400. A branch is required; RFC 2543 ones without the cookie are taken."""
    match = _VIA.match(text)
    if match is None:
        raise SipError(400, "grammar", "bad Via")
    transport, host, port = match.groups()
    if not valid_host(host) or (port and not 0 < int(port) < 65536):
        raise SipError(400, "grammar", "bad sent-by")
    via = Via(transport.upper(), host, int(port) if port else 0, parse_params(text, match.end()))
    if len(via.branch) > ID_LIMIT:
        raise SipError(400, "limit", "branch too long")
    return via
