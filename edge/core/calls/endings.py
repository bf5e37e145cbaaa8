"""What a SIP status code and a Q.850 cause say about the end of a leg, as tables.

Sources: RFC 3261 section 21 (status codes), RFC 3398 section 8.2.6.1 (which cause a gateway maps to which code),
RFC 3326 (Reason header), ITU-T Q.850 table 1 (causes), RFC 8197 (607), RFC 8688 (608).
"""

import re
from typing import Final

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

#: Codes that gateways use for many causes alike; there a Q.850 cause in the Reason header knows better.
VAGUE_STATUS: Final = frozenset({480, 500, 503, 603})

OUTCOME_OF_CAUSE: Final[dict[int, Outcome]] = {
    1: "not_found",  # unallocated number
    2: "not_found",  # no route to transit network
    3: "not_found",  # no route to destination
    17: "busy",
    18: "no_answer",  # no user responding
    19: "no_answer",  # alerting, no answer
    20: "no_answer",  # subscriber absent
    21: "rejected",
    22: "not_found",  # number changed
    27: "unreachable",  # destination out of order
    28: "not_found",  # invalid number format
    34: "unreachable",  # no circuit available
    38: "unreachable",  # network out of order
    41: "unreachable",  # temporary failure
    42: "unreachable",  # switching equipment congestion
    47: "unreachable",  # resource unavailable
    55: "rejected",  # incoming calls barred within the group
    57: "rejected",  # bearer capability not authorised
    58: "unreachable",  # bearer capability not available now
    65: "media_lost",  # bearer capability not implemented
    88: "media_lost",  # incompatible destination
}

#: Characters of a reason text that we keep.
MAX_TEXT: Final = 120

_REASON_VALUE = re.compile(r"Q\.850\s*(?=;)([^,\"]*(?:\"(?:[^\"\\]|\\.)*\"[^,\"]*)*)", re.IGNORECASE)
_CAUSE = re.compile(r";\s*cause\s*=\s*(\d{1,3})(?!\d)", re.IGNORECASE)
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"")


def q850_cause(reason_header: str) -> int | None:
    """Return the cause (0 to 127) of a Reason header's Q.850 value (RFC 3326); None without one or a broken one."""
    value = _REASON_VALUE.search(reason_header[:1024])
    if value is None:
        return None
    cause = _CAUSE.search(_QUOTED.sub('""', value.group(1)))  # text="...;cause=1" is text
    if cause is None or int(cause.group(1)) > 127:
        return None
    return int(cause.group(1))


def printable(text: str) -> str:
    """`text` bounded and without anything that could forge a line of a log or of a SIP message."""
    return "".join(c if c.isprintable() else " " for c in text[:MAX_TEXT]).strip()


def outcome_of_response(status: int, cause: int | None) -> Outcome:
    """Our reading of a final response (300 to 699) of the far end to our INVITE."""
    if status in VAGUE_STATUS and cause in OUTCOME_OF_CAUSE:
        return OUTCOME_OF_CAUSE[cause]
    return OUTCOME_OF_STATUS.get(status, "failed")


def refused_by_callee(status: int, cause: int | None, text: str) -> EndReason:
    """End of an outgoing leg by a final response of its far end."""
    return EndReason(
        outcome=outcome_of_response(status, cause),
        ended_by="callee",
        sip_code=status,
        q850_cause=cause,
        text=printable(text),
    )


def refused_by_us(status: int, text: str) -> EndReason:
    """End of an incoming leg by a final response of ours."""
    return EndReason(
        outcome=OUTCOME_OF_REFUSAL.get(status, "rejected"),
        ended_by="appliance",
        sip_code=status,
        text=printable(text),
    )


def hung_up(ended_by: Party, *, answered: bool, cause: int | None = None, text: str = "") -> EndReason:
    """End of a leg by BYE (answered) or by CANCEL (not yet)."""
    outcome: Outcome = "completed" if answered else "cancelled"
    return EndReason(
        outcome=outcome,
        ended_by=ended_by,
        sip_code=None if answered else 487,
        q850_cause=cause,
        text=printable(text),
    )


def lost(status: int, *, answered: bool, text: str = "") -> EndReason:
    """End of a leg by nobody's message: a timer ran out or the transport failed; `status` is the code it stands for.

    Before the answer that is an address where nothing answers; after it, a dialog whose far end has gone.
    """
    outcome: Outcome = "failed" if answered else "unreachable"
    return EndReason(outcome=outcome, ended_by="network", sip_code=status or None, text=printable(text))
