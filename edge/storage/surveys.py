"""Events of surveys as they are stored."""

from typing import Final

import msgspec

from edge.storage.reader import StoredEvent
from edge.vocabulary.events import SurveyAnswered, SurveyCompleted
from edge.vocabulary.wire import json_reader

SURVEY_EVENTS: Final = ("survey.answered", "survey.completed")


class _Stored(msgspec.Struct):
    data: SurveyAnswered | SurveyCompleted


_stored = json_reader(_Stored)


def read_survey(event: StoredEvent) -> SurveyAnswered | SurveyCompleted:
    """Read one of `SURVEY_EVENTS`."""
    return _stored.decode(event.body).data
