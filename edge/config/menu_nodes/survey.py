"""How authors ask callers how it was."""

import typing
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Struct, field

from edge.config import kinds
from edge.config.annotations import lasting, of_kind, ranging
from edge.config.errors import did_you_mean
from edge.config.located import Located, find, place_of
from edge.config.menu_nodes.gather import AskSettings, gather_of
from edge.config.menu_nodes.parts import Desk, Kind, Ladder, NodeRef, Sounds, reached_by, short_form
from edge.config.menu_nodes.record import RECORD, RecordNode, RecordSettings
from edge.core.menus import model

#: Questions that people stay for.
_MOST_QUESTIONS = 5


class SpokenSettings(Struct, kw_only=True):
    """How an answer in words is recorded. Short form: nothing, or its longest."""

    #: Longest answer.
    max_length: Annotated[int, lasting(2000, 3_600_000)] = 60_000
    #: What is shorter is no answer.
    min_length: Annotated[int, lasting(0, 60_000)] = 1000
    #: Silence that ends it.
    silence: Annotated[int, lasting(1000, 60_000)] = 4000
    #: Keys that end it.
    finish_on_key: Annotated[str, of_kind("digits", optional=True)] = "#"
    #: Tells callers to speak, as that of a node `record`.
    beep: str = "1000/400"


class QuestionSource(Struct, kw_only=True):
    """A question that is answered by a number, or in words."""

    #: Asks, and says what the ends of the scale mean.
    ask: Sounds
    #: The answer is said, and recorded (`message.recorded`): there is no scale.
    record: Annotated[SpokenSettings | None, short_form("max_length")] = None
    #: Smallest and largest number that is taken, at most 10.
    scale: Annotated[str, of_kind("scale")] = "1-5"
    #: The smallest number is the best; indicators count from the other end then.
    reverse: bool = False
    #: Number -> a word for it, in events and reports.
    labels: Annotated[dict[str, str], of_kind("digit_values")] = field(default_factory=dict)


class SurveySettings(Struct, kw_only=True):
    """Questions, and what is the same for all of them."""

    #: Name -> question, asked in this order.
    questions: Annotated[dict[str, QuestionSource], of_kind("questions")] = field(default_factory=dict)
    #: Said at the end to callers who have answered something.
    thanks: Sounds = field(default_factory=list)
    #: `menu`: asked here. `callback`: in a call that is made afterwards (`callback.requested` with reason `survey`), if
    #: the caller has talked with somebody by then; ask first whether he wants that.
    by: Literal["menu", "callback"] = "menu"
    #: With `by: callback`: the menu that asks, in that call.
    menu: Annotated[str, of_kind("name", optional=True)] = ""
    #: A key press stops the question.
    barge_in: bool = True
    #: From the end of a question to the answer.
    first_digit_timeout: Annotated[int, lasting(100, 600_000)] = 5000
    #: From one digit to the next, on a scale up to 10.
    inter_digit_timeout: Annotated[int, lasting(100, 60_000)] = 2000
    #: Rounds without an answer, before the next question is asked.
    max_failures: Annotated[int, ranging(1, 100)] = 2
    #: Played after a round without a key.
    no_input: Ladder = field(default_factory=list)
    #: Played after a key that is not on the scale.
    no_match: Ladder = field(default_factory=list)


class SurveyNode(Struct, kw_only=True):
    """Ask questions that are answered on a scale, or in words.

    Each answer is an event at once (`survey.answered`), so those of a caller who hangs up in the middle count.
    """

    survey: SurveySettings
    #: Node that follows.
    next: Annotated[NodeRef, reached_by("silence")]


def _check(node: SurveyNode, located: Located, desk: Desk) -> None:
    own, findings = node.survey, desk.findings
    place = place_of(located, ("survey",), key=True)
    if own.by == "callback":
        _check_later(own, located, desk)
        return
    if not own.questions:
        findings.error(place, "the survey asks nothing", "questions: {NAME: {ask: ..., scale: 1-5}}")
    if own.menu:
        findings.error(place_of(located, ("survey", "menu"), key=True), "'menu' is for 'by: callback'")
    if len(own.questions) > _MOST_QUESTIONS:
        findings.warning(place, f"{len(own.questions)} questions; callers stay for {_MOST_QUESTIONS}", "ask less")
    for name in own.questions:
        _check_question(name, own, located, desk)


def _check_question(name: str, survey: SurveySettings, located: Located, desk: Desk) -> None:
    own, findings = survey.questions[name], desk.findings
    here = place_of(located, ("survey", "questions", name), key=True)
    fault = kinds.name_fault(name)
    if fault:
        findings.error(here, f"the question's name: {fault}")
    if own.record is not None:
        RECORD.check(_spoken(own, survey), find(located, ("survey", "questions", name)) or located, desk)
        if own.labels or own.reverse:
            findings.error(here, f"'{name}' is answered in words: it has no scale")
    least, most = _scale(own)
    for number in own.labels:
        if not (number.isdecimal() and least <= int(number) <= most and str(int(number)) == number):
            findings.error(here, f"label '{number}' is not on the scale {own.scale}")


def _check_later(own: SurveySettings, located: Located, desk: Desk) -> None:
    place = place_of(located, ("survey",), key=True)
    if own.questions:
        desk.findings.error(place, "a survey by callback asks its questions in another menu", "menu: NAME")
    folder = Path(desk.site.paths.menus)
    known = sorted(path.stem for path in folder.glob("*.yaml")) if folder.is_dir() else []
    if not own.menu:
        desk.findings.error(place, "a survey by callback needs the menu that asks", "menu: NAME")
    elif own.menu not in known:
        at = place_of(located, ("survey", "menu"))
        desk.findings.error(at, f"there is no menu '{own.menu}'", did_you_mean(own.menu, known))


def _scale(question: QuestionSource) -> tuple[int, int]:
    least, _, most = (question.scale or "1-5").partition("-")
    return int(least), int(most)


def _compile(node: SurveyNode, located: Located, desk: Desk) -> model.Node:
    own = node.survey
    later = own.by == "callback"
    return model.Survey(
        questions=[] if later else [_question(name, one, own, located, desk) for name, one in own.questions.items()],
        thanks=desk.sounds(own.thanks),
        menu=own.menu if later else "",
        next=desk.node(node.next),
    )


def _question(name: str, own: QuestionSource, survey: SurveySettings, located: Located, desk: Desk) -> model.Question:
    if own.record is not None:
        record = RECORD.compile(_spoken(own, survey), located, desk)
        return model.Question(name=name, record=typing.cast(model.Record, record))
    least, most = _scale(own)
    shared = msgspec.structs.asdict(survey)
    limits = {limit: shared[limit] for limit in AskSettings.__struct_fields__ if limit in shared}
    settings = AskSettings(greet_long=own.ask, max_digits=len(str(most)), **limits)
    return model.Question(
        name=name,
        ask=gather_of(settings, {}, "", "", desk),
        least=least,
        most=most,
        labels=own.labels,
        reverse=own.reverse,
    )


def _spoken(own: QuestionSource, survey: SurveySettings) -> RecordNode:
    """Return the node that records an answer; its ways are the survey's."""
    spoken = own.record or SpokenSettings()
    settings = RecordSettings(
        greet_long=own.ask,
        barge_in=survey.barge_in,
        no_input=survey.no_input,
        max_failures=survey.max_failures,
        **msgspec.structs.asdict(spoken),
    )
    return RecordNode(record=settings, next="", failed="")


SURVEY = Kind(SurveyNode, _compile, _check)
