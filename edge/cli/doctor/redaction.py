"""Taking people and secrets out of what is given away: numbers become pseudonyms, names and digits go.

A pseudonym is made with a key that is forgotten with the bundle: within it, one number is always `num-3f9a12c0`, so a
call can be followed; from outside nobody can try out which number that is.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

#: Fields that are somebody, whole: of the site, of events, of what processes answer.
PERSONAL = frozenset(
    {
        *("user", "auth_user", "caller_id", "contact_user", "from_user", "number", "caller", "called", "target"),
        *("caller_name", "caller_e164", "called_e164", "diverted_from", "to", "refer_to", "asserted", "note"),
        *("identity", "username", "agent", "opt_out_number", "caller_ids", "may_dial", "peer_number"),
    }
)
#: Fields that are left out: what somebody typed, what menus know of him, keys.
LEFT_OUT = frozenset(
    {
        *("digits", "digit", "attributes", "headers", "values", "facts", "signature", "pin", "password", "database"),
        *("hash", "secrets", "secret", "token", "header_files", "answer", "comment"),
    }
)
_GONE = "(left out)"
#: A number in a text: five digits or more that are no part of a word, of a time or of a decimal number.
_NUMBER = re.compile(r"(?<![\w.:-])\+?\d{5,}(?![\w.]*\w)|(?<!\w)\+\d{5,}")
#: An IMEI (3GPP TS 23.003, 6.2.1) or the number of a SIM card (ITU-T E.118), whatever stands around it: names of ports
#: have them, and modems say them without a blank.
_DEVICE = re.compile(r"(?<!\d)(?:\d{15}|89\d{16,18})(?!\d)")
#: What a modem is told to dial (ITU-T V.250, 6.3.1), which stands without a blank behind the command.
_DIALLED = re.compile(r"(?i)\b(AT(?:[^\s\"]{0,80};|(?:[A-Z]\d)*)D[TP]? ?\"?)([+*#\d][\d*#+,.()@!w-]*)")
#: Keys that it is told to send (V.253; 3GPP TS 27.007, C.2.11; Huawei's), and the PIN of its card (27.007, 8.3).
_TYPED = re.compile(r'(?i)(\+VTS=|\^DTMF=\d+,|\+CPIN=)["{\[]*[\dA-D*#][^\s;]*')
#: A number as modems write it in UCS2: four digits of hexadecimal a character (3GPP TS 27.005, 3.1).
_UCS2 = re.compile(r"(?i)(?<![0-9a-f])(?:002b)?(?:003\d){5,}(?![0-9a-f])")
#: A user part of a SIP or tel URI.
_USER = re.compile(r"(?i)\b(sips?:|tel:)([^@\s<>;,\"']+)(@|(?=[\s<>;,\"']|$))")
_DONE = re.compile(r"num-[0-9a-f]{8}")
#: Shorter texts are found by chance in others.
_LEAST = 4


class Redactor:
    """Takes out what it is told of, and what looks like it."""

    def __init__(self, confidential: Iterable[str], private: Iterable[str], key: bytes | None = None) -> None:
        """`confidential`: secrets, wherever they stand; `private`: numbers and names that are known of."""
        self._key = key or secrets.token_bytes(32)
        self._confidential = sorted({text for text in confidential if len(text) >= _LEAST}, key=len, reverse=True)
        self._private = self._pattern(private)

    @staticmethod
    def _pattern(private: Iterable[str]) -> re.Pattern[str] | None:
        known = {text.strip() for text in private}
        known |= {text.lstrip("+") for text in known if text.startswith("+")}
        words = sorted((re.escape(text) for text in known if len(text) >= _LEAST), key=len, reverse=True)
        return re.compile("|".join(words)) if words else None

    def pseudonym(self, text: str) -> str:
        """Return the pseudonym of a number or name; of one number always the same, with or without its plus."""
        if not text or _DONE.fullmatch(text):
            return text
        told = re.sub(r"[\s+()./-]", "", text) or text
        return "num-" + hmac.new(self._key, told.encode(), hashlib.sha256).hexdigest()[:8]

    def text(self, text: str) -> str:
        """Return a text without what is known and without numbers."""
        text = self.known(text)
        text = _USER.sub(lambda found: found[1] + self._user(found[2]) + found[3], text)
        text = _TYPED.sub(lambda found: found[1] + _GONE, text)
        text = _DIALLED.sub(lambda found: found[1] + self.pseudonym(found[2]), text)
        text = _UCS2.sub(lambda found: self.pseudonym(bytes.fromhex(found[0]).decode("utf-16-be")), text)
        text = _DEVICE.sub(lambda found: self.pseudonym(found[0]), text)
        return _NUMBER.sub(lambda found: self.pseudonym(found[0]), text)

    def known(self, text: str) -> str:
        """Return a text without what is known, whatever else stands in it."""
        for one in self._confidential:
            text = text.replace(one, _GONE)
        if self._private is not None:
            text = self._private.sub(lambda found: self.pseudonym(found[0]), text)
        return text

    def _user(self, user: str) -> str:
        return user if user.startswith(("num-", _GONE)) else self.pseudonym(user.partition(";")[0])

    def value(self, value: Any, name: str = "", *, without: frozenset[str] = LEFT_OUT) -> Any:
        """Return plain data without people: by the names of its fields, and by what its texts look like."""
        if name in without and value not in (None, "", [], {}):
            return _GONE
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(one, str(key), without=without) for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one, name, without=without) for one in value]
        if isinstance(value, str):
            if name in PERSONAL and not _USER.search(value):
                return self.pseudonym(value)
            return self.text(_without_login(value))
        return value


def _without_login(text: str) -> str:
    """Take user, password and query out of a URL."""
    if "://" not in text or " " in text:
        return text
    url = urlsplit(text)
    host = url.netloc.rpartition("@")[2]
    return urlunsplit((url.scheme, host, url.path, _GONE if url.query else "", ""))


def forms(secret: str) -> set[bytes]:
    """Return a secret in the forms in which it could have slipped through: also reversed, in base64, URL-encoded."""
    raw = secret.encode()
    cuts: list[Callable[[bytes], bytes]] = [base64.b64encode, base64.urlsafe_b64encode]
    found = {raw, raw[::-1], quote(secret, safe="").encode(), raw.hex().encode()}
    for encode in cuts:
        # In a longer text its base64 depends on where it begins: three ways, without the ends that neighbours share.
        found |= {encode(b"\0" * shift + raw)[4 if shift else 0 :].rstrip(b"=")[:-1] for shift in range(3)}
    return {one for one in found if len(one) >= _LEAST}
