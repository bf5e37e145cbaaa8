"""Reports of the dialer, each to whom it is for."""

from typing import TYPE_CHECKING

from edge.vocabulary.ids import Incarnation
from edge.vocabulary.reports import (
    AttemptAsked,
    AttemptsQueried,
    NumbersLocked,
    PreviewAsked,
    PreviewOver,
    ResultsTaken,
)

if TYPE_CHECKING:
    from edge.switch.exchange import Exchange

DialerReport = AttemptAsked | AttemptsQueried | NumbersLocked | PreviewAsked | PreviewOver | ResultsTaken


def take(exchange: "Exchange", incarnation: Incarnation, body: DialerReport) -> None:
    """Take a report of the dialer."""
    if isinstance(body, AttemptAsked | AttemptsQueried | NumbersLocked):
        exchange.attempts.take(incarnation, body)
    elif isinstance(body, ResultsTaken):
        exchange.results.taken(body.ids)
    else:
        exchange.previews.report(incarnation, body)
