"""The deadlines of a call, and what follows when one passes."""

from typing import TYPE_CHECKING

from edge.core.calls.announcing import ANNOUNCE
from edge.core.calls.guests import WAITS
from edge.core.calls.inputs import Elapsed
from edge.core.calls.keys_out import PATIENCE
from edge.core.calls.leg import NO_RTP, RINGS, Leg
from edge.core.calls.missing import AFTER_HOLD
from edge.core.calls.succession import SUCCEEDS
from edge.core.calls.told_by_media import fail_leg, keys_sent
from edge.core.menus.words import TimeUp
from edge.vocabulary.endings import EndReason, Outcome
from edge.vocabulary.ids import CommandId, LegId

if TYPE_CHECKING:
    from edge.core.calls.call import Call

#: From our 200 to its ACK: RFC 3261 timer H is 32 s.
ACK_MS = 40_000
#: From the command to the moment that media is open.
OPEN_MS = 10_000

SETUP, LONGEST, ENDING, FIRST_FACTS = "set-up", "longest call", "ending", "media facts"
ELSEWHERE = "transfer by REFER"


def elapsed(call: "Call", _input: Elapsed) -> None:
    """Act on all deadlines that have passed."""
    for reason in call.fx.due():
        if call.phase != "ending":
            _passed(call, reason)
        elif reason == ENDING:
            call.give_up()
    deadline = call.run.deadline if call.run is not None and call.phase == "running" else None
    if deadline is not None and deadline.at_ms <= call.fx.now_ms and call.run is not None:
        call.perform(call.run.handle(TimeUp(), call.fx.now_ms))


def _passed(call: "Call", reason: str) -> None:
    """One of the deadlines of a call that is not ending passed."""
    if reason == LONGEST:
        call.finish(EndReason(outcome="max_duration", ended_by="appliance"))
    elif reason == SETUP:
        _setup_elapsed(call)
    elif reason == FIRST_FACTS:
        call.finish(EndReason(outcome="media_lost", ended_by="appliance", text="no media facts"))
    elif reason.startswith(PATIENCE):
        keys_sent(call, call.legs[LegId(reason.removeprefix(PATIENCE))], CommandId(""))
    elif reason.startswith(NO_RTP):
        _no_rtp(call, call.legs[LegId(reason.removeprefix(NO_RTP))])
    elif reason == ELSEWHERE:
        call.dialling.sent_elsewhere(408)
    else:
        _further_passed(call, reason)


def _further_passed(call: "Call", reason: str) -> None:
    if reason == ANNOUNCE:
        call.talk_sounds.elapsed()
    elif reason.startswith(AFTER_HOLD):
        leg = call.legs[LegId(reason.removeprefix(AFTER_HOLD))]
        leg.audio_faults.waited(held=leg.may_be_silent or not leg.talks)
    elif reason.startswith(RINGS):
        call.legs[LegId(reason.removeprefix(RINGS))].rang_enough()
    elif reason.startswith(WAITS):
        call.guests.elapsed(reason)
    elif reason == SUCCEEDS:
        if call.successor is not None:
            call.successor.elapsed()
    elif call.dialling.hunt is not None:
        call.dialling.hunt.elapsed(reason)


def _no_rtp(call: "Call", leg: Leg) -> None:
    text = f"no RTP for {leg.no_rtp_ms // 1000} s"
    fail_leg(call, leg, EndReason(outcome="media_lost", ended_by="network", text=text))


def _setup_elapsed(call: "Call") -> None:
    ringing = call.first.signalling in {"dialling", "ringing"}
    outcome: Outcome = "no_answer" if ringing else "no_room" if call.first.signalling == "reserving" else "failed"
    code = 503 if call.first.signalling == "offered" else None
    call.finish(EndReason(outcome=outcome, ended_by="appliance", sip_code=code, text="set-up took too long"))
