"""Who answered a leg that was dialled: from what media heard to the events that backends get."""

import typing

from edge.vocabulary import events
from edge.vocabulary.media import AnswerVerdict
from edge.vocabulary.reports import AnswerHeard

VERDICTS: tuple[AnswerVerdict, ...] = typing.get_args(AnswerVerdict)


def answer_event(
    report: AnswerHeard,
) -> events.AnswerDetected | events.AnswerRevised | events.AnswerGreetingEnded | events.AnswerBeep:
    """Give the event that tells a report."""
    if report.what == "beep":
        return events.AnswerBeep(
            leg=report.leg,
            at_ms=report.at_ms,
            start_ms=report.start_ms,
            end_ms=report.end_ms,
            frequency_hz=round(report.hz or 0.0, 1),
            level_dbm0=report.level_dbm0,
        )
    cause = report.cause or "deadline"
    if report.what == "greeting_ended":
        return events.AnswerGreetingEnded(leg=report.leg, cause=cause, at_ms=report.at_ms, end_ms=report.end_ms)
    if report.what == "revised":
        return events.AnswerRevised(
            leg=report.leg,
            verdict="machine",
            cause=cause,
            at_ms=report.at_ms,
            start_ms=report.start_ms,
            end_ms=report.end_ms,
            speech_ms=report.speech_ms,
            longest_pause_ms=report.pause_ms,
        )
    return events.AnswerDetected(
        leg=report.leg,
        verdict=report.what,
        cause=cause,
        at_ms=report.at_ms,
        start_ms=report.start_ms,
        end_ms=report.end_ms,
        speech_ms=report.speech_ms,
        longest_pause_ms=report.pause_ms,
        level_dbm0=report.level_dbm0 if report.speech_ms else None,
    )
