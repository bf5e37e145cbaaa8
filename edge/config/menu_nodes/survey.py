"""How authors ask callers how it was."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Struct, field

from edge.config import kinds
from edge.config.errors import did_you_mean
from edge.config.located import Located, place_of
from edge.config.menu_nodes.gather import AskSettings, gather_of
from edge.config.menu_nodes.parts import (
    Desk,
    Kind,
    Ladder,
    NodeRef,
    Sounds,
    lasting,
    of_kind,
    ranging,
    reached_by,
)
from edge.core.menus import model

#: Questions that people stay for.
_MOST_QUESTIONS = 5


class QuestionSource(Struct, kw_only=True):
    """A question that is answered by a number."""

    #: Asks, and says what the ends of the scale mean.
    ask: Sounds
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
    """Ask questions that are answered on a scale.

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
    for name, question in own.questions.items():
        here = place_of(located, ("survey", "questions", name), key=True)
        fault = kinds.name_fault(name)
        if fault:
            findings.error(here, f"the question's name: {fault}")
        least, most = _scale(question)
        for number in question.labels:
            if not (number.isdecimal() and least <= int(number) <= most and str(int(number)) == number):
                findings.error(here, f"label '{number}' is not on the scale {question.scale}")


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


def _compile(node: SurveyNode, _located: Located, desk: Desk) -> model.Node:
    own = node.survey
    later = own.by == "callback"
    return model.Survey(
        questions=[] if later else [_question(name, one, own, desk) for name, one in own.questions.items()],
        thanks=desk.sounds(own.thanks),
        menu=own.menu if later else "",
        next=desk.node(node.next),
    )


def _question(name: str, own: QuestionSource, survey: SurveySettings, desk: Desk) -> model.Question:
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


SURVEY = Kind(SurveyNode, _compile, _check)
