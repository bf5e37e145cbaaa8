"""Kinds of texts in a configuration: each check returns what is wrong, or an empty text."""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from edge.config import device_kinds
from edge.config.zones import holidays_fault, time_zone_fault
from edge.core.delivery.template import template_fault as event_template_fault
from edge.core.routing.numbers import countries

_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)", re.ASCII)
_UNIT_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_HOST_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
# RFC 3261 section 25.1: unreserved, escaped and user-unreserved.
_SIP_USER: Final = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2}){1,128}", re.ASCII)
_SIP_PARAMETER: Final = re.compile(
    r"[A-Za-z0-9\-.!%*_+`'~]{1,64}(?:=(?:[A-Za-z0-9\-_.!~*'()\[\]/:&+$]|%[0-9A-Fa-f]{2}){1,64})?", re.ASCII
)
#: Longest URI that may be sent to a peer; the stack prints no longer ones.
MAX_URI: Final = 256
DIGITS: Final = "0123456789*#ABCD"


def duration_ms(text: str) -> int | None:
    """Give the milliseconds of a duration such as `1500ms`, `2.5s`, `5m`, `4h`; None when it is none."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    exact = Decimal(match[1]) * _UNIT_MS[match[2]]
    return int(exact) if exact == int(exact) else None


def name_fault(text: str) -> str:
    """Check a name of ours: letters, digits, `-`, `_`, at most 64."""
    return "" if _NAME.fullmatch(text) else f"'{text}' is not a name (letters, digits, '-' and '_', at most 64)"


def ipv4_fault(text: str) -> str:
    """Check an IPv4 address."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return f"'{text}' is not an IPv4 address"
    return ""


def ipv6_fault(text: str) -> str:
    """Check an IPv6 address."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return f"'{text}' is not an IPv6 address"
    return ""


def loopback_fault(text: str) -> str:
    """Check an IPv4 address in 127.0.0.0/8."""
    return ipv4_fault(text) or ("" if ipaddress.ip_address(text).is_loopback else f"'{text}' is not in 127.0.0.0/8")


def ip_fault(text: str) -> str:
    """Check an IP address of either family."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return f"'{text}' is not an IP address"
    return ""


def network_fault(text: str) -> str:
    """Check an address or a network in CIDR notation (RFC 4632), with no host bits set."""
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        if "host bits" in str(error):
            network = ipaddress.ip_network(text, strict=False)
            return f"'{text}' has bits set behind its prefix; the network is {network}"
        return f"'{text}' is not an IP address or a network such as 192.0.2.0/24"
    return ""


def is_host(text: str) -> bool:
    """Say whether it is an IP address (IPv6 without brackets) or a host name (RFC 1123)."""
    if not ip_fault(text):
        return True
    if re.fullmatch(r"[0-9.]+", text):
        return False  # a broken IPv4 address, not a name
    return len(text) <= 253 and all(_HOST_LABEL.fullmatch(label) for label in text.rstrip(".").split("."))


def host_fault(text: str) -> str:
    """Check an IP address or a host name."""
    return "" if is_host(text) else f"'{text}' is not a host name or an IP address"


def split_host_port(text: str) -> tuple[str, int | None] | None:
    """Split `host`, `host:port`, `[v6]` or `[v6]:port` in its parts; None when it is none of them."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+))(?::(\d{1,5}))?", text, re.ASCII)
    if match is None:
        return None
    host = match[1] or match[2]
    port = int(match[3]) if match[3] else None
    if (match[1] and ":" not in match[1]) or not is_host(host) or (port is not None and not 0 < port < 65536):
        return None
    return host, port


def host_port_fault(text: str) -> str:
    """Check `host` or `host:port`; empty: none."""
    return "" if not text or split_host_port(text) else f"'{text}' is not host:port"


def ip_port_fault(text: str) -> str:
    """Check an IP address with or without a port."""
    split = split_host_port(text)
    return "" if split is not None and not ip_fault(split[0]) else f"'{text}' is not an IP address, or one with :port"


def status_codes_fault(text: str) -> str:
    """Check a final status code of a refusal (`503`), or a class of them (`5xx`)."""
    return (
        ""
        if re.fullmatch(r"[3-6](?:[0-9]{2}|xx)", text, re.ASCII)
        else f"'{text}' is no status code such as 503 or 5xx"
    )


def http_url_fault(text: str) -> str:
    """Check an http or https URL with a host."""
    fault = f"'{text}' is not an http:// or https:// address"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return fault
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_host(parts.hostname) or port == 0:
        return fault
    if parts.username or parts.password:
        return "the address contains a user or password; they would appear in logs"
    return "" if text.isprintable() and " " not in text else fault


def ask_url_fault(text: str) -> str:
    """Check the address of a backend that is asked: `https://`, `http://`, or a NATS server, `nats://` or `tls://`."""
    scheme, colon, rest = text.partition("://")
    fault = http_url_fault(f"https://{rest}" if colon and scheme in {"nats", "tls"} else text)
    return fault.replace("an http:// or https:// address", "an https://, http://, tls:// or nats:// address")


def subject_fault(text: str) -> str:
    """Check a NATS subject to publish to: words with dots between them, without wildcards."""
    good = re.fullmatch(r"[A-Za-z0-9_$-]+(\.[A-Za-z0-9_$-]+)*", text, re.ASCII)
    return "" if good else f"'{text[:80]}' is no subject such as ask.edge"


def server_url_fault(text: str) -> str:
    """Check the address of a server of events: a scheme, a host, perhaps a port and a path."""
    fault = f"'{text}' is not an address such as nats://host:4222"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return fault
    if parts.username or parts.password:
        return "the address contains a user or password; they would appear in logs"
    if parts.scheme == "unix":
        return "" if parts.path.startswith("/") and not parts.netloc else f"'{text}' is not an address: unix:///path"
    if not parts.scheme or not parts.hostname or not is_host(parts.hostname) or port == 0 or " " in text:
        return fault
    return ""


def webhook_secret_fault(text: str) -> str:
    """Check a Standard Webhooks 1.0.0 secret: `whsec_` and 24 to 64 bytes in base64. The text is never repeated."""
    shape = "a webhook secret is 'whsec_' and 24 to 64 bytes in base64"
    if not text.startswith("whsec_"):
        return shape
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return f"{shape}; this is not base64"
    return "" if 24 <= len(key) <= 64 else f"{shape}; this has {len(key)} bytes"


def token_hash_fault(text: str) -> str:
    """Check the hash of a token of the API: `sha256:` and 64 hexadecimal digits."""
    good = re.fullmatch(r"sha256:[0-9a-f]{64}", text, re.ASCII)
    return "" if good else "the hash of a token is 'sha256:' and 64 hexadecimal digits; `edge tokens new` makes one"


def database_fault(text: str) -> str:
    """Check the address of a PostgreSQL database. The text is never repeated: it may hold a password."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "this is no address of a database"
    good = parts.scheme in {"postgresql", "postgres"} and bool(parts.path.strip("/"))
    return "" if good else "a database is named as postgresql://user:password@host/name"


def sip_uri_fault(text: str) -> str:
    """Check a SIP URI that may be dialled: `sip:user@host[:port][;parameters]` (RFC 3261 section 19.1)."""
    fault = f"'{text[:80]}' is not a SIP URI"
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() not in {"sip", "sips"}:
        return f"{fault} (sip:user@host:port)"
    if len(text) > MAX_URI:
        return f"{fault}: it is longer than {MAX_URI} characters"
    if "?" in rest.rpartition("@")[2]:
        return f"{fault} that can be dialled: it carries headers"
    user, at, host = rest.rpartition("@")
    host, *parameters = host.split(";")
    if at and not _SIP_USER.fullmatch(user):
        return f"{fault}: its user part has a character that must be escaped, or is empty or too long"
    if split_host_port(host) is None:
        return f"{fault}: '{host[:80]}' is not a host and port"
    wrong = next((one for one in parameters if not _SIP_PARAMETER.fullmatch(one)), None)
    return f"{fault}: parameter '{wrong[:40]}' is malformed" if wrong is not None else ""


def sip_user_fault(text: str) -> str:
    """Check the user part of a SIP URI of ours."""
    return "" if _SIP_USER.fullmatch(text) else f"'{text[:40]}' cannot be the user part of a SIP URI"


def quotable_fault(text: str) -> str:
    """Check what is written between quotes in a digest: at most 128 characters. The text is never repeated."""
    if len(text) > 128:
        return "this is longer than 128 characters"
    return "it has a quote or a backslash" if '"' in text or "\\" in text else ""


def header_parameter_fault(text: str) -> str:
    """Check a header parameter: `name`, `name=value` or `name="text"` (RFC 3261 section 25.1)."""
    word = r"[A-Za-z0-9\-.!%*_+`'~]{1,64}"
    good = re.fullmatch(rf"{word}(?:=(?:{word}|\"[^\"\\]{{0,128}}\"))?", text, re.ASCII)
    return "" if good else f"'{text[:40]}' is not a header parameter"


def dial_number_fault(text: str) -> str:
    """Check a number to be dialled on a trunk."""
    return "" if re.fullmatch(r"\+?[0-9*#]{1,32}", text, re.ASCII) else f"'{text[:40]}' is not a number"


def country_fault(text: str) -> str:
    """Check a country code (ISO 3166-1 alpha-2)."""
    return "" if text in countries() else f"'{text[:40]}' is not a country with telephone numbers such as 'DE' or 'US'"


def number_prefix_fault(text: str) -> str:
    """Check the beginning of numbers in E.164: `+49`."""
    shape = r"\+[1-9][0-9]{0,14}"
    return "" if re.fullmatch(shape, text, re.ASCII) else f"'{text[:40]}' is not the beginning of numbers such as '+49'"


def time_of_day_fault(text: str) -> str:
    """Check a time of the day."""
    good = re.fullmatch(r"(?:[01]\d|2[0-3]):[0-5]\d", text, re.ASCII)
    return "" if good else f"'{text[:40]}' is not a time such as 17:30"


def scale_fault(text: str) -> str:
    """Check a scale of whole numbers: `1-5`."""
    match = re.fullmatch(r"(\d{1,2})-(\d{1,2})", text, re.ASCII)
    if match is None:
        return f"'{text[:40]}' is not a scale such as 1-5"
    least, most = int(match[1]), int(match[2])
    if least >= most:
        return f"a scale rises: '{most}-{least}'"
    return "" if most <= 10 else "a scale ends at 10: two keys at the most are a number"


def own_header_fault(text: str) -> str:
    """Check the name of a header of one's own."""
    if text.lower().startswith("x-edge-"):
        return f"'{text[:40]}' is a name that the appliance keeps for itself"
    shape = r"[Xx]-[A-Za-z0-9\-]{1,62}"
    return (
        "" if re.fullmatch(shape, text, re.ASCII) else f"'{text[:40]}' is not the name of a header such as 'X-Account'"
    )


def id_digits_fault(text: str) -> str:
    """Check the number of an agent: 1 to 12 digits."""
    return "" if re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) else f"'{text[:40]}' is not 1 to 12 digits"


def pin_fault(text: str) -> str:
    """Check a PIN; it is never repeated."""
    return "" if re.fullmatch(r"[0-9]{4,12}", text, re.ASCII) else "a PIN is 4 to 12 digits"


def digits_fault(text: str) -> str:
    """Check DTMF digits."""
    wrong = next((char for char in text if char not in DIGITS), None)
    return f"'{wrong}' is not a DTMF digit" if wrong else ("" if text else "there are no digits")


def route_number_fault(text: str) -> str:
    """Check a user part, `*` at its end standing for any rest."""
    if text == "*":
        return ""
    plain = text.removesuffix("*")
    if "*" in plain:
        return "'*' may stand at the end only"
    return "" if _SIP_USER.fullmatch(plain) else f"'{text[:40]}' cannot be the user part of a SIP URI"


def language_fault(text: str) -> str:
    """Check a language tag such as `en`, `en-gb`, `cmn` (the shape of BCP 47, no registry)."""
    shape = r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}"
    return "" if re.fullmatch(shape, text, re.ASCII) else f"'{text[:40]}' is not a language such as 'en' or 'en-gb'"


def template_fault(text: str) -> str:
    """Check a text in which values may be inserted."""
    return "" if len(text) <= 256 else "the text is longer than 256 characters"


def attribute_fault(text: str) -> str:
    """Check the name of an attribute: small letters, digits and `_`, at most 32."""
    good = re.fullmatch(r"[a-z][a-z0-9_]{0,31}", text, re.ASCII)
    return "" if good else f"'{text[:40]}' is not the name of an attribute (small letters, digits and '_', at most 32)"


def pattern_fault(text: str) -> str:
    """Check a regular expression for digits. Only what takes little time whatever is typed is allowed."""
    if len(text) > 128:
        return "the pattern is longer than 128 characters"
    plain = re.sub(r"\\d|\[\^?[0-9*#A-D-]+\]", "0", text)
    if not re.fullmatch(r"[0-9#A-D.*?+|(){},]*", plain, re.ASCII) or "(?" in plain:
        return "the pattern has more than digits, '\\d', '.', '[...]', '|', '?', '*', '+', '{n,m}' and groups"
    if re.search(r"\)[*+?{]", plain) or len(re.findall(r"[*+]|,\}", plain)) > 3:
        return "the pattern repeats a group, or more than three things without end"
    try:
        re.compile(text)
    except (re.error, OverflowError) as error:
        return f"not a pattern: {error}"
    return ""


def speech_fault(text: str) -> str:
    """Check a text to be spoken."""
    if not text.strip():
        return "there is no text to speak"
    return "" if len(text) <= 2000 else f"the text has {len(text)} characters; at most 2000 are spoken in one go"


def date_fault(text: str) -> str:
    """Check a date."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return f"'{text[:40]}' is no date such as 2026-11-22"
    return ""


def program_fault(text: str) -> str:
    """Check the name of a program, or its absolute path."""
    if not text or not text.isprintable():
        return "expected the name of a program, or its path"
    return "" if "/" not in text or text.startswith("/") else f"'{text[:80]}': give a name, or an absolute path"


def moment_fault(text: str) -> str:
    """Check a date, or a time with or without an offset from UTC."""
    try:
        datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return f"'{text[:40]}' is no time such as 2026-12-01 or 2026-12-01T08:00+01:00"
    return ""


def reason_fault(text: str) -> str:
    """Check a text that goes into events."""
    return "" if len(text) <= 128 else "the text is longer than 128 characters"


#: By the word that a field carries in its annotation.
FAULTS: Final[dict[str, Callable[[str], str]]] = {
    "name": name_fault,
    "ip": ip_fault,
    "ipv4": ipv4_fault,
    "ipv6": ipv6_fault,
    "loopback": loopback_fault,
    "network": network_fault,
    "host": host_fault,
    "host_port": host_port_fault,
    "ip_port": ip_port_fault,
    "status_codes": status_codes_fault,
    "http_url": http_url_fault,
    "ask_url": ask_url_fault,
    "subject": subject_fault,
    "server_url": server_url_fault,
    "event_template": event_template_fault,
    "webhook_secret": webhook_secret_fault,
    "token_hash": token_hash_fault,
    "database": database_fault,
    "digits": digits_fault,
    "id_digits": id_digits_fault,
    "pin": pin_fault,
    "language": language_fault,
    "speech": speech_fault,
    "template": template_fault,
    "attribute": attribute_fault,
    "pattern": pattern_fault,
    "time_zone": time_zone_fault,
    "holidays": holidays_fault,
    "reason": reason_fault,
    "moment": moment_fault,
    "date": date_fault,
    "program": program_fault,
    "country": country_fault,
    "own_header": own_header_fault,
    "dial_number": dial_number_fault,
    "route_number": route_number_fault,
    "number_prefix": number_prefix_fault,
    "time_of_day": time_of_day_fault,
    "scale": scale_fault,
    "sip_user": sip_user_fault,
    "quotable": quotable_fault,
    "header_parameter": header_parameter_fault,
    **device_kinds.FAULTS,
}
