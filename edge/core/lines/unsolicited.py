"""What lines mean that a modem sends on its own: by its profile, then by the standards."""

import re
from typing import Final

from edge.core.lines.profile import Dialogue

#: V.250, 6.3; 3GPP TS 27.007: 6.5 +CRING, 7.2 +CREG, 7.11 +CLIP, 7.12 +CCWA, 7.18 +CLCC, 8.3 +CPIN; 27.005: 3.4 +CMTI.
STANDARD: Final[tuple[tuple[str, str], ...]] = (
    (r"RING|\+CRING: ?VOICE", "ring"),
    (r'\+CLIP: ?"?(?P<number>[^",]*)"?,\d+(,[^,]*,[^,]*,[^,]*,(?P<validity>\d))?.*', "caller"),
    (r"\+CCWA: ?.*", "waiting"),
    (r"(?P<line>\+CLCC: ?.*)", "call"),
    (r"NO CARRIER", "no_carrier"),
    (r"BUSY", "busy"),
    (r"NO ANSWER", "no_answer"),
    (r"NO DIAL ?TONE", "no_dialtone"),
    (r"\+CREG: ?(?P<status>\d)(,.*)?", "registration"),
    (r'\+CMTI: ?"?[A-Z]{2}"?, ?(?P<index>\d+)', "sms_stored"),
    (r"\+CPIN: ?READY", "sim_ready"),
    (r"\+CPIN: ?SIM P[IU][NK]2?", "pin_needed"),
    (r"\+CPIN: ?(NOT INSERTED|NOT READY)|\+CME ERROR: ?SIM not inserted", "sim_lost"),
)
#: What says that a call is over, and why.
CALL_OVER: Final = ("busy", "no_answer", "no_carrier", "no_dialtone", "rejected")


class Patterns:
    """The patterns of one modem."""

    def __init__(self, dialogue: Dialogue) -> None:
        own: list[tuple[str, str]] = [(one.match, one.means) for one in dialogue.unsolicited]
        own += [(one.match, one.means) for one in dialogue.errors if one.means in CALL_OVER]
        self._patterns = [(re.compile(match, re.ASCII), means) for match, means in (*own, *STANDARD)]

    def meaning(self, line: str) -> tuple[str, dict[str, str]] | None:
        """Say what the line means, and what it names; None: nothing that we know."""
        for pattern, means in self._patterns:
            match = pattern.fullmatch(line)
            if match is not None:
                return means, {name: text for name, text in match.groupdict().items() if text is not None}
        return None
