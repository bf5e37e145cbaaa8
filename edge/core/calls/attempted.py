"""What came of a call that calls somebody back, as its end shows."""

from typing import TYPE_CHECKING

from edge.core.callbacks.calling import Outcome
from edge.core.callbacks.errand import Errand
from edge.core.calls.leg import Leg
from edge.core.dialer.disposition import decide
from edge.vocabulary.dialing import Disposition, Evidence
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import leg_id

if TYPE_CHECKING:
    from edge.core.calls.call import Call


def callee_of(call: "Call", errand: Errand) -> Leg | None:
    """Return the leg of who is called back; None: it was not begun."""
    return call.legs.get(leg_id(call.id, 2 if errand.agent_first else 1))


def outcome_of(call: "Call", errand: Errand) -> Outcome:
    """Say what came of the call, which is over."""
    leg = callee_of(call, errand)
    if leg is None or leg.trace.left_ms is None:
        stopped = call.end is not None and call.end.outcome in {"stopped", "cancelled"}
        return Outcome(disposition="cancelled" if stopped else "failed", left=False)
    answered = leg.answered_ms is not None
    return Outcome(
        disposition=_answered(call, errand, leg)
        if answered
        else _unanswered(leg.trace.end or call.end, rang=leg.trace.rings_ms is not None),
        rang_ms=leg.trace.rang_for_ms(leg.answered_ms, call.fx.now_ms),
        answered=answered,
    )


def _answered(call: "Call", errand: Errand, leg: Leg) -> Disposition:
    if leg.trace.who == "machine":
        return "machine"
    if leg.trace.who == "fax":
        return "fax"
    care, end = call.aftercare, call.end
    through = end is not None and end.outcome == "completed" and end.ended_by == "appliance"
    if care.talked or care.surveyed or (errand.by_menu and through and not care.waited):
        return "connected"
    if leg.trace.who == "unknown":
        return "silence"
    # Who hangs up before he had to wait for anybody does not want the call.
    by_callee = end is not None and end.outcome == "completed" and end.ended_by == "callee"
    return "rejected" if by_callee and not care.waited and not errand.agent_first else "abandoned"


def _unanswered(end: EndReason | None, *, rang: bool) -> Disposition:
    if end is None:
        return "held"
    evidence = Evidence(
        outcome=end.outcome,
        ended_by=end.ended_by,
        sip_code=end.sip_code,
        q850_cause=end.q850_cause,
        q850_mapped=end.q850_mapped,
        rang=rang,
    )
    disposition, _ = decide(evidence, 0)
    # A carrier that says nothing while it rings is no fault of ours.
    return "no_answer" if disposition == "failed" and end.outcome == "no_answer" else disposition
