"""Call progress tones of a leg that was dialled: from what media heard to the events that backends get."""

from edge.vocabulary import events
from edge.vocabulary.media import ToneLabel
from edge.vocabulary.reports import ToneHeard


class Tones:
    """What was told of a leg's tones, since media may tell a thing twice after a crash."""

    def __init__(self) -> None:
        self._told: set[tuple[str, ToneLabel, int]] = set()

    def heard(self, report: ToneHeard) -> events.ToneDetected | events.ToneEnded | None:
        """Give the event that tells a report; None: it was told."""
        key = (report.phase, report.label, report.start_ms)
        if key in self._told:
            return None
        self._told.add(key)
        if report.phase == "end":
            return events.ToneEnded(
                leg=report.leg,
                label=report.label,
                country=report.country,
                meaning=report.meaning,
                start_ms=report.start_ms,
                end_ms=report.end_ms,
                at_ms=report.at_ms,
                cycles=report.cycles,
            )
        return events.ToneDetected(
            leg=report.leg,
            label=report.label,
            country=report.country,
            meaning=report.meaning,
            start_ms=report.start_ms,
            at_ms=report.at_ms,
            end_ms=report.end_ms if report.phase == "once" else None,
            frequencies_hz=report.frequencies_hz,
            level_dbm0=report.level_dbm0,
            on_ms=report.on_ms,
            off_ms=report.off_ms,
            cycles=report.cycles,
        )
