"""What a SIP status code and a Q.850 cause say about the end of a leg, as tables.

Sources: RFC 3261 section 21 (status codes), RFC 3398 sections 7.2.4.1 and 8.2.6.1 (codes and causes at a gateway),
RFC 3326 (Reason header), ITU-T Q.850 table 1 (causes), RFC 8197 (607), RFC 8688 (608).
"""

import re
from typing import Final

from msgspec import Struct

from edge.vocabulary.endings import EndReason, Outcome, Party

#: Final responses of the far end to our INVITE.
OUTCOME_OF_STATUS: Final[dict[int, Outcome]] = {
    401: "rejected",  # front answers challenges; one that comes through was not met
    402: "rejected",
    403: "rejected",
    404: "not_found",
    407: "rejected",
    408: "no_answer",
    410: "not_found",
    415: "media_lost",
    480: "no_answer",
    484: "not_found",
    485: "not_found",
    486: "busy",
    487: "no_answer",  # not asked for by a CANCEL of ours: the far end's own ring time ran out
    488: "media_lost",
    502: "unreachable",
    503: "unreachable",
    504: "unreachable",
    600: "busy",
    603: "rejected",
    604: "not_found",
    606: "media_lost",
    607: "rejected",
    608: "rejected",
}

#: Codes with which switch refuses an incoming leg. 4xx towards the caller that say something about *us*.
OUTCOME_OF_REFUSAL: Final[dict[int, Outcome]] = {
    404: "no_route",
    480: "no_answer",
    486: "busy",
    488: "media_lost",
    500: "failed",
    503: "no_room",
    600: "busy",
    603: "rejected",
}

#: A Q.850 cause in the Reason header is what the network behind the gateway said, so it comes before the status code,
#: which is one of few for many causes. Causes that say nothing (16, 31, 127) are left to the status.
OUTCOME_OF_CAUSE: Final[dict[int, Outcome]] = {
    1: "not_found",  # unallocated number
    2: "not_found",  # no route to transit network
    3: "not_found",  # no route to destination
    5: "not_found",  # misdialled trunk prefix
    17: "busy",
    18: "no_answer",  # no user responding
    19: "no_answer",  # alerting, no answer
    20: "no_answer",  # subscriber absent
    21: "rejected",
    22: "not_found",  # number changed
    23: "not_found",  # redirected to a new destination
    24: "rejected",  # for a feature at the destination
    25: "unreachable",  # exchange routing error
    26: "no_answer",  # answered by another of the phones that rang
    27: "unreachable",  # destination out of order
    28: "not_found",  # invalid number format
    29: "rejected",  # facility rejected
    34: "unreachable",  # no circuit available
    38: "unreachable",  # network out of order
    41: "unreachable",  # temporary failure
    42: "unreachable",  # switching equipment congestion
    43: "unreachable",  # access information discarded
    44: "unreachable",  # requested circuit not available
    47: "unreachable",  # resource unavailable
    50: "rejected",  # facility not subscribed
    53: "rejected",  # outgoing calls barred within the group
    55: "rejected",  # incoming calls barred within the group
    57: "rejected",  # bearer capability not authorised
    58: "unreachable",  # bearer capability not available now
    63: "unreachable",  # service or option not available
    65: "media_lost",  # bearer capability not implemented
    69: "rejected",  # facility not implemented
    70: "media_lost",  # only restricted digital information
    79: "rejected",  # service or option not implemented
    87: "rejected",  # not a member of the closed user group
    88: "media_lost",  # incompatible destination
    102: "unreachable",  # recovery on timer expiry
    111: "failed",  # protocol error
}

#: Cause that a gateway makes of a status code (RFC 3398 section 7.2.4.1, with 403 and 606 without their Warning).
CAUSE_OF_STATUS: Final[dict[int, int]] = {
    400: 41,
    401: 21,
    402: 21,
    403: 21,
    404: 1,
    405: 63,
    406: 79,
    407: 21,
    408: 102,
    410: 22,
    413: 127,
    414: 127,
    415: 79,
    416: 127,
    420: 127,
    421: 127,
    423: 127,
    480: 18,
    481: 41,
    482: 25,
    483: 25,
    484: 28,
    485: 1,
    486: 17,
    500: 41,
    501: 79,
    502: 38,
    503: 41,
    504: 102,
    505: 127,
    513: 127,
    600: 17,
    603: 21,
    604: 1,
    607: 21,
    608: 21,
}

#: Characters of a reason text that we keep.
MAX_TEXT: Final = 120

_VALUE = re.compile(r"(SIP|Q\.850)\s*(?=;)([^,\"]*(?:\"(?:[^\"\\]|\\.)*\"[^,\"]*)*)", re.IGNORECASE)
_CAUSE = re.compile(r";\s*cause\s*=\s*(\d{1,3})(?!\d)", re.IGNORECASE)
_TEXT = re.compile(r";\s*text\s*=\s*\"((?:[^\"\\]|\\.)*)\"", re.IGNORECASE)
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"")


class Why(Struct, frozen=True):
    """What a Reason header says (RFC 3326)."""

    #: SIP status code; None: no such value.
    status: int | None = None
    #: Q.850 cause, 0 to 127; None: no such value.
    cause: int | None = None
    #: Text of the Q.850 value, else of the SIP value.
    text: str = ""


def why(header: str) -> Why:
    """Read a Reason header; a broken value counts for nothing."""
    found: dict[str, tuple[int, str]] = {}
    for value in _VALUE.finditer(header[:1024]):
        cause = _CAUSE.search(_QUOTED.sub('""', value.group(2)))  # text="...;cause=1" is text
        protocol = value.group(1).upper()
        if cause is not None and protocol not in found:
            text = _TEXT.search(value.group(2))
            words = re.sub(r"\\(.)", r"\1", text.group(1)) if text is not None else ""
            found[protocol] = (int(cause.group(1)), words)
    status, said = found.get("SIP", (None, ""))
    cause_, text_ = found.get("Q.850", (None, ""))
    if cause_ is not None and cause_ > 127:
        cause_, text_ = None, ""
    return Why(status, cause_, text_ or said)


_NOTHING: Final = Why()


def printable(text: str) -> str:
    """`text` bounded and without anything that could forge a line of a log or of a SIP message."""
    return "".join(c if c.isprintable() else " " for c in text[:MAX_TEXT]).strip()


_OUT_OF_TIME: Final[dict[str, tuple[Outcome, str]]] = {
    "reserving": ("no_room", "no span"),
    "dialling": ("no_answer", "ring timeout"),
    "ringing": ("no_answer", "ring timeout"),
}


def outcome_of_response(status: int, cause: int | None) -> Outcome:
    """Our reading of a final response (300 to 699) of the far end to our INVITE."""
    if cause in OUTCOME_OF_CAUSE:
        return OUTCOME_OF_CAUSE[cause]
    return OUTCOME_OF_STATUS.get(status, "failed")


def refused_by_callee(status: int, reason: Why, phrase: str) -> EndReason:
    """End of an outgoing leg by a final response of its far end; `phrase` stands where the Reason has no text.

    Redirections and challenges are shown to spans as 480 and 403; front says in the Reason what they were.
    """
    if status in (480, 403) and reason.status is not None and (reason.status < 400 or reason.status in (401, 407)):
        status = reason.status
    return EndReason(
        outcome=outcome_of_response(status, reason.cause),
        ended_by="callee",
        sip_code=status,
        q850_cause=reason.cause,
        q850_mapped=CAUSE_OF_STATUS.get(status) if reason.cause is None else None,
        text=printable(reason.text or phrase),
    )


def refused_by_us(status: int, text: str) -> EndReason:
    """End of an incoming leg by a final response of ours."""
    return EndReason(
        outcome=OUTCOME_OF_REFUSAL.get(status, "rejected"),
        ended_by="appliance",
        sip_code=status,
        text=printable(text),
    )


def hung_up(ended_by: Party, *, answered: bool, reason: Why = _NOTHING, text: str = "") -> EndReason:
    """End of a leg by BYE (answered) or by CANCEL (not yet); `text` stands where the Reason has none."""
    outcome: Outcome = "completed" if answered else "cancelled"
    return EndReason(
        outcome=outcome,
        ended_by=ended_by,
        sip_code=None if answered else 487,
        q850_cause=reason.cause,
        text=printable(reason.text or text),
    )


def out_of_time(signalling: str) -> EndReason:
    """Say why a leg that we dialled is given up, by the state in which its time ran out."""
    outcome, text = _OUT_OF_TIME.get(signalling, ("media_lost", "no media"))
    return EndReason(outcome=outcome, ended_by="appliance", text=text)


def lost(status: int, *, answered: bool, text: str = "") -> EndReason:
    """End of a leg by nobody's message: a timer ran out or the transport failed; `status` is the code it stands for.

    Before the answer that is an address where nothing answers; after it, a dialog whose far end has gone.
    """
    outcome: Outcome = "failed" if answered else "unreachable"
    return EndReason(outcome=outcome, ended_by="network", sip_code=status or None, text=printable(text))
