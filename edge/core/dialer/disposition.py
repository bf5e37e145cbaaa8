"""What became of an attempt: one disposition out of all that is known of a call, and what decided it.

Sources, where each comes before those after it:

- answered: the queue (an agent talked, or nobody came in time), the answering machine verdict, tones after the answer.
- not answered: special information tones (Telcordia GR-1162), the Q.850 cause of the network (RFC 3326), tones of
  busy and congestion in early media (ITU-T E.180), the final status code (RFC 3261), and at last how we ended it.

A tone is what the network tells people, in-band; a gateway that makes a status code of it has fewer words. Each table
is data: what stands in it is what the page of dispositions shows.
"""

from typing import Final

from msgspec.structs import replace

from edge.vocabulary.dialing import Disposition, Evidence, HeardTone

#: Meaning of a special information tone -> disposition. `unspecified` and the reserved ones say nothing.
OF_SIT: Final[dict[str, Disposition]] = {
    "intercept": "changed",
    "vacant_code": "unallocated",
    "reorder": "congestion",
    "reorder_interlata": "congestion",
    "no_circuit": "congestion",
    "no_circuit_interlata": "congestion",
}

#: Other tones -> disposition.
OF_TONE: Final[dict[str, Disposition]] = {
    "busy": "busy",
    "reorder": "congestion",
}

#: Tones of terminals that are no telephones; they answer.
OF_TERMINAL: Final[dict[str, Disposition]] = {
    "fax_ced": "fax",
    "fax_cng": "fax",
    "modem": "fax",
}

#: Q.850 cause -> disposition. Causes that say nothing (16, 31, 127) are left to the status code.
OF_CAUSE: Final[dict[int, Disposition]] = {
    1: "unallocated",
    2: "congestion",  # no route to transit network
    3: "congestion",  # no route to destination
    5: "unallocated",  # misdialled trunk prefix
    17: "busy",
    18: "no_answer",  # no user responding
    19: "no_answer",  # alerting, no answer
    20: "no_answer",  # subscriber absent
    21: "rejected",
    22: "changed",
    23: "changed",  # redirected to a new destination
    24: "rejected",  # for a feature at the destination
    25: "congestion",  # exchange routing error
    27: "out_of_order",
    28: "unallocated",  # invalid number format
    29: "refused_by_network",  # facility rejected
    34: "congestion",
    38: "congestion",
    41: "congestion",
    42: "congestion",
    43: "congestion",
    44: "congestion",
    47: "congestion",
    50: "refused_by_network",  # facility not subscribed
    53: "refused_by_network",  # outgoing calls barred within the group
    55: "refused_by_network",  # incoming calls barred within the group
    57: "refused_by_network",  # bearer capability not authorised
    58: "congestion",  # bearer capability not available now
    63: "congestion",  # service or option not available
    65: "failed",
    69: "failed",
    70: "failed",
    79: "failed",
    87: "refused_by_network",  # not a member of the closed user group
    88: "failed",
    102: "failed",
    111: "failed",
}

#: Final status code of the far end -> disposition.
OF_STATUS: Final[dict[int, Disposition]] = {
    301: "changed",  # for good; where we may call him there, the call went there
    401: "failed",  # a challenge that we could not meet
    402: "refused_by_network",
    403: "refused_by_network",
    404: "unallocated",
    407: "failed",
    408: "no_answer",
    410: "changed",
    480: "no_answer",
    484: "unallocated",
    485: "unallocated",
    486: "busy",
    487: "no_answer",  # not asked for by a CANCEL of ours: the far end's own ring time ran out
    500: "congestion",
    502: "congestion",
    503: "congestion",
    504: "congestion",
    600: "busy",
    603: "rejected",
    604: "unallocated",
    607: "rejected",  # unwanted (RFC 8197): the callee's word
    608: "refused_by_network",  # rejected by analytics (RFC 8688): nobody was asked
}

#: How a call ended that no message of the far end has ended -> disposition.
OF_OUTCOME: Final[dict[str, Disposition]] = {
    "busy": "busy",
    "no_answer": "no_answer",
    "rejected": "rejected",
    "cancelled": "cancelled",
    "stopped": "cancelled",
    "not_found": "unallocated",
    "no_room": "failed",
    "no_route": "failed",
    "trunk_down": "failed",
    "unreachable": "failed",
    "media_lost": "failed",
    "span_lost": "failed",
    "failed": "failed",
    # The INVITE may have rung, and may have been answered: nobody was left to see it.
    "appliance_restart": "held",
}

#: Verdict on who answered -> disposition. Of `unknown` what else is known decides.
OF_VERDICT: Final[dict[str, Disposition]] = {"human": "connected", "machine": "machine", "fax": "fax"}


def decide(evidence: Evidence, abandoned_after_ms: int) -> tuple[Disposition, Evidence]:
    """Give the disposition, and the evidence with what decided it (`decided_by`).

    `abandoned_after_ms`: who waits longer for an agent was abandoned, whether one came later or not.
    """
    disposition, by = _answered(evidence, abandoned_after_ms) if evidence.answered else _unanswered(evidence)
    return disposition, replace(evidence, decided_by=by)


def _answered(evidence: Evidence, abandoned_after_ms: int) -> tuple[Disposition, str]:
    if evidence.queue == "connected":
        late = evidence.waited_ms is not None and evidence.waited_ms > abandoned_after_ms
        return ("abandoned" if late else "connected"), "queue"
    if evidence.verdict in {"machine", "fax"}:
        return OF_VERDICT[evidence.verdict], "revised" if evidence.revised else "verdict"
    heard = _told_by_tones(evidence.tones, early=False)
    if heard is not None and evidence.verdict != "human":
        return heard, "tone"
    if evidence.queue:
        # Who hung up before anybody had to be there was not left alone by us.
        own = evidence.queue == "hung_up" and (evidence.waited_ms or 0) <= abandoned_after_ms
        return ("rejected" if own else "abandoned"), "queue"
    if evidence.verdict == "human":
        return "connected", "verdict"
    if evidence.verdict_cause == "no_speech":
        return "silence", "verdict"
    if evidence.outcome == "appliance_restart":
        return "held", "outcome"
    if evidence.outcome in {"media_lost", "span_lost"}:
        return "failed", "outcome"
    if evidence.ended_by == "callee" and not evidence.verdict:
        # He was gone before it was known who it is: to count him as served would make the abandoned share smaller.
        return "silence", "answer"
    return "connected", "answer"


def _unanswered(evidence: Evidence) -> tuple[Disposition, str]:
    information = _information(evidence.tones, early=True)
    if information is not None:
        return information, "tone"
    if evidence.q850_cause in OF_CAUSE:
        return OF_CAUSE[evidence.q850_cause], "q850"
    stopped = evidence.outcome in {"stopped", "cancelled", "appliance_restart"}
    heard = None if stopped else _told_by_tones(evidence.tones, early=True)
    if heard is not None:
        return heard, "tone"
    if evidence.ended_by != "appliance" and evidence.sip_code is not None and not stopped:
        return OF_STATUS.get(evidence.sip_code, OF_OUTCOME.get(evidence.outcome, "failed")), "sip"
    if evidence.outcome == "no_answer" and not evidence.rang and not _rings(evidence.tones):
        return "failed", "outcome"
    return OF_OUTCOME.get(evidence.outcome, "failed"), "outcome"


def _information(tones: list[HeardTone], *, early: bool) -> Disposition | None:
    told = (OF_SIT.get(tone.meaning) for tone in tones if tone.label == "sit" and tone.early == early)
    return next((one for one in told if one is not None), None)


def _told_by_tones(tones: list[HeardTone], *, early: bool) -> Disposition | None:
    """Give what tones say: the special information tone, else a terminal's, else the last of the others."""
    information = _information(tones, early=early)
    if information is not None:
        return information
    mine = [tone.label for tone in tones if tone.early == early]
    terminal = next((OF_TERMINAL[label] for label in mine if label in OF_TERMINAL), None)
    if terminal is not None:
        return terminal
    return next((OF_TONE[label] for label in reversed(mine) if label in OF_TONE), None)


def _rings(tones: list[HeardTone]) -> bool:
    return any(tone.label == "ringback" for tone in tones)
