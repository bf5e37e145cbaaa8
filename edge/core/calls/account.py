"""What is told of a call: first and last event, what a menu knows, and journal lines without what nobody may read."""

from collections import Counter
from collections.abc import Iterable

from msgspec.structs import replace

from edge.core.calls.inputs import Incoming, Input, Originate, Terms
from edge.core.calls.leg import Leg
from edge.core.menus.facts import Facts
from edge.core.menus.run import MenuRun
from edge.vocabulary import events
from edge.vocabulary.endings import EndReason
from edge.vocabulary.identity import Identity
from edge.vocabulary.ids import RecordingId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import DigitHeard, InfoDigit


def started_incoming(input: Incoming) -> events.CallStarted:  # noqa: A002
    """Make the first event of a call that comes in."""
    report = input.report
    return events.CallStarted(
        direction="incoming",
        trunk=report.trunk,
        caller=report.caller,
        caller_name=report.caller_name,
        called=report.called,
        sip_call_id=report.sip_call_id,
        caller_e164=input.caller_e164 or None,
        called_e164=input.called_e164 or None,
        caller_asserted=report.identity.asserted,
        caller_withheld=report.identity.withheld,
        diverted_from=report.identity.diverted_from,
        diversion_reason=report.identity.diversion_reason,
        signature=report.identity.signature or None,
        headers=report.identity.headers,
        trial=input.terms.trial,
        arm=input.terms.arm,
    )


def started_outgoing(input: Originate) -> events.CallStarted:  # noqa: A002
    """Make the first event of a call that we make."""
    return events.CallStarted(
        direction="outgoing",
        trunk=input.trunk,
        caller=input.caller,
        caller_name=Private(""),
        called=input.target,
        sip_call_id="",
        caller_withheld=input.identity.withheld,
        headers=input.identity.headers,
    )


def ended(
    terms: Terms,
    end: EndReason,
    lengths_ms: tuple[int, int],
    legs: Iterable[Leg],
    *,
    run: MenuRun | None,
    recordings: list[RecordingId],
) -> events.CallEnded:
    """Make the last event; `lengths_ms` since begin and since answer, `legs` the first one first."""
    legs = list(legs)
    methods: Counter[str] = Counter()
    for leg in legs:
        methods.update(leg.fuser.digits)
    return events.CallEnded(
        end=end,
        duration_ms=lengths_ms[0],
        answered_ms=lengths_ms[1],
        menu=terms.menu,
        menu_version=terms.menu_version,
        path=list(run.path) if run is not None else [],
        digits_by_method=dict(methods),
        digit_duplicates=sum(leg.fuser.duplicates for leg in legs),
        recordings=recordings,
        trunk=legs[0].trunk if legs else "",
        attributes={name: Private(value) for name, value in run.attributes.items()} if run is not None else {},
        language=run.language if run is not None else "",
        trial=terms.trial,
        arm=terms.arm,
    )


def without_digit(input: Input) -> Input:  # noqa: A002
    """Blank the digit of a key press that must not be written."""
    if isinstance(input, DigitHeard):
        return DigitHeard(
            leg=input.leg,
            method=input.method,
            digit=Private(""),
            start_ms=input.start_ms,
            duration_ms=input.duration_ms,
            level_dbm0=input.level_dbm0,
            end_seen=input.end_seen,
            audible=input.audible,
        )
    if isinstance(input, InfoDigit):
        return InfoDigit(input.leg, Private(""), input.duration_ms, input.at_ms)
    return input


def facts(begun: Incoming | Originate | None, elapsed_ms: int) -> Facts:
    """Gather what a menu may know of its call, `elapsed_ms` after the call's begin."""
    if begun is None:
        return Facts()
    terms = begun.terms
    wall_ms = terms.wall_ms + elapsed_ms
    full = terms.callbacks is not None and terms.callbacks.full
    if isinstance(begun, Incoming):
        shown = begun.caller_e164.reveal() or begun.report.caller.reveal()
        caller = peer = "" if begun.report.identity.withheld else shown
        called = begun.called_e164.reveal() or begun.report.called.reveal()
    else:
        caller = begun.caller.reveal()
        called = peer = begun.target.reveal()
    return Facts(
        caller=caller,
        called=called,
        peer=peer,
        wall_ms=wall_ms,
        rows=terms.rows,
        country=terms.country,
        callbacks_full=full,
        attributes={name: value.reveal() for name, value in _given(begun).items()},
        language=begun.language if isinstance(begun, Originate) else "",
        callback_number=_called_next(begun),
        attempt=isinstance(begun, Originate) and begun.attempt is not None,
    )


def _called_next(begun: Incoming | Originate) -> str:
    """Give who is called by this call, beside its first leg."""
    if not isinstance(begun, Originate):
        return ""
    if begun.errand is not None:
        return begun.errand.number.reveal()
    return begun.attempt.number.reveal() if begun.attempt is not None and begun.attempt.led else ""


def _given(begun: Incoming | Originate) -> dict[str, Private]:
    return begun.attributes if isinstance(begun, Originate) else {}


def caller_of(begun: Incoming | Originate | None) -> Private:
    """Return who is shown to a further leg's peer as its caller."""
    if isinstance(begun, Incoming):
        return begun.report.caller
    if begun is not None and begun.errand is not None:
        return begun.errand.caller  # the first leg may be an agent, who is shown whom the call is for
    if isinstance(begun, Originate) and begun.attempt is not None:
        return begun.attempt.caller
    return begun.caller if begun is not None else Private("")


def identity_of(begun: Incoming | Originate | None) -> Identity:
    """Return what a further leg's peer may be told of the first leg's caller: to it, we divert the call."""
    if not isinstance(begun, Incoming):
        return begun.identity if begun is not None else Identity()
    said, called = begun.report.identity, begun.called_e164 or begun.report.called
    return replace(said, diverted_from=[called, *said.diverted_from], diversion_reason="deflection")
