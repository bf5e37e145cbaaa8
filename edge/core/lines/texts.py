"""What stands in a modem's answers (3GPP TS 27.007, 27.005), and what may stand in a command of ours."""

import re
from typing import Final, Literal, NamedTuple

_FIELD: Final = re.compile(r'\s*(?:"([^"]*)"|([^,"]*))\s*(?:,|$)')
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{4})+", re.ASCII)
_NUMBER: Final = re.compile(r"\+?[0-9*#]+", re.ASCII)
_STAMP: Final = re.compile(r"(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)([+-])(\d\d)", re.ASCII)
#: TS 27.007, 9.2, and what modems write in words for the same.
_ERRORS: Final[dict[str, tuple[str, ...]]] = {
    "no_sim": ("10", "13", "15", "sim not inserted", "sim failure", "sim wrong"),
    "pin_needed": ("11", "12", "17", "18", "sim pin required", "sim puk required"),
    "no_service": ("30", "32", "no network service", "network not allowed - emergency calls only"),
}
ErrorMeaning = Literal["no_sim", "pin_needed", "no_service", "error"]


def fields(line: str) -> list[str]:
    """Split what stands behind `+XXX:` at its commas; quoted fields without their quotes."""
    rest = line.partition(":")[2].strip()
    found: list[str] = []
    at = 0
    while at <= len(rest):
        match = _FIELD.match(rest, at)
        if match is None:
            break
        found.append(match[1] if match[1] is not None else match[2].strip())
        at = match.end()
        if not match[0].endswith(","):
            break
    return found


def whole(text: str) -> int | None:
    """Read a small whole number; None when it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def dialable(number: str, longest: int) -> str:
    """Give the number as it may stand behind ATD; an empty text where it may not.

    Digits, `*`, `#` and a leading `+` only, so that nothing of it can end the command or begin another. What ends in
    `#` would be a request to the network (TS 22.030, 6.5: forwarding, barring, USSD) and no call.
    """
    plain = number.translate({ord(blank): None for blank in " -./()"})
    return plain if _NUMBER.fullmatch(plain) and len(plain) <= longest and not plain.endswith("#") else ""


def key(digit: str) -> str:
    """Give the key as it may stand in a command or came in a report (also as its ASCII code); empty: it is none."""
    if len(digit) == 2 and digit.isascii() and digit.isdigit():
        digit = chr(int(digit))
    return digit if len(digit) == 1 and digit in "0123456789*#ABCD" else ""


def signal_dbm(rssi: int | None) -> int | None:
    """Give the strength that +CSQ's <rssi> stands for (TS 27.007, 8.5); 100 to 191 is RSCP, as LTE modems have it."""
    if rssi is None or rssi in (99, 199):
        return None
    if rssi <= 31:
        return 2 * rssi - 113
    return rssi - 216 if 100 <= rssi <= 191 else None


def registered(status: int | None) -> bool | None:
    """Say whether calls can be made by +CREG's <stat> (TS 27.007, 7.2); None: it does not say."""
    if status is None:
        return None
    return status in (1, 5, 9, 10)


def decoded(text: str) -> str:
    """Read a text that may be UCS2 in hexadecimal (TS 27.005, 3.1 with +CSCS="UCS2"); what is not is given back."""
    return bytes.fromhex(text).decode("utf-16-be", "replace") if _HEX.fullmatch(text) else text


def decoded_number(text: str) -> str:
    """Read a number that may be UCS2 in hexadecimal; its own digits are hexadecimal, too, so what comes out decides."""
    read = decoded(text)
    return read if _NUMBER.fullmatch(read) else text


def ucs2(text: str) -> str:
    """Write a text for +CSCS="UCS2"."""
    return text.encode("utf-16-be").hex().upper()


def time_stamp(text: str) -> str:
    """Give a time stamp (TS 27.005, 3.1: quarters of an hour from GMT) in ISO 8601; empty: it is none."""
    match = _STAMP.fullmatch(text)
    if match is None:
        return ""
    year, month, day, hour, minute, second, sign, quarters = match.groups()
    hours, rest = divmod(15 * int(quarters), 60)
    return f"20{year}-{month}-{day}T{hour}:{minute}:{second}{sign}{hours:02}:{rest:02}"


def error_meaning(final: str) -> ErrorMeaning:
    """Say what +CME ERROR and +CMS ERROR mean for the line."""
    said = final.partition(":")[2].strip().lower()
    for meaning, words in _ERRORS.items():
        if said in words:
            return meaning  # type: ignore[return-value]
    return "error"


class Listed(NamedTuple):
    """A call of +CLCC (TS 27.007, 7.18)."""

    incoming: bool
    #: 0 active, 1 held, 2 dialling, 3 alerting, 4 incoming, 5 waiting; 6 over (SIMCom).
    state: int
    number: str


def listed_call(line: str) -> Listed | None:
    """Read a line of +CLCC; None for calls that are none of voice (EC25 lists its data connection)."""
    found = fields(line)
    if len(found) < 4:
        return None
    direction, state, mode = (whole(text) for text in found[1:4])
    if mode != 0 or state is None or direction is None:
        return None
    return Listed(direction == 1, state, found[5] if len(found) > 5 else "")
