"""What is told of one leg: events made of the reports that they stand for."""

from edge.vocabulary import events
from edge.vocabulary.ids import LegId
from edge.vocabulary.quality import QualityFigures
from edge.vocabulary.reports import LegMediaEnded, LegRouted


def failed_over(leg: LegId, report: LegRouted) -> events.LegFailedOver:
    """Tell that another address is called, and what became of the one before."""
    left = report.left
    return events.LegFailedOver(
        leg=leg,
        attempt=report.attempt,
        trunk=left.trunk,
        address=str(left.address),
        why=left.why,
        end=left.end,
        duration_ms=left.duration_ms,
        next_trunk=report.trunk,
        next_address=str(report.address),
    )


def quality(leg: LegId, report: LegMediaEnded, answered_ms: int | None) -> events.LegQuality:
    """Make the quality record; `answered_ms`: when the leg was answered, None: it never was."""
    first_sound = None
    if report.first_sound_ms is not None and answered_ms is not None:
        first_sound = max(0, report.first_sound_ms - answered_ms)
    figures = {name: getattr(report, name) for name in QualityFigures.__struct_fields__}
    return events.LegQuality(leg=leg, first_sound_after_ms=first_sound, **figures)
