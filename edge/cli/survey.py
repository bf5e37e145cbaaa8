"""`edge survey report`: what callers said, from stored events."""

from collections.abc import Iterator
from typing import Annotated, Literal

from cyclopts import App, Parameter

from edge.cli.moments import told_since
from edge.cli.output import FINE, print_json, print_table
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    StateOption,
    UsageError,
    failed,
    state_and_zone,
)
from edge.cli.state import open_state
from edge.config.trials import moment_ms
from edge.core.indicators.surveys import QuestionCount, SurveyCount, count_surveys, document
from edge.storage.reader import Reader
from edge.storage.surveys import SURVEY_EVENTS, read_survey
from edge.storage.turn import StorageError
from edge.vocabulary.events import SurveyAnswered, SurveyCompleted


def register(app: App) -> None:
    """Add the commands."""
    survey = App(name="survey", help="What callers say in surveys.")
    survey.command(report)
    app.command(survey)


def report(
    *,
    since: Annotated[str | None, Parameter(help="Surveys since a date (2026-11-01) or for so long (7d, 12h).")] = None,
    by: Annotated[Literal["menu", "node", "target", "reason_code"], Parameter(help="What to divide by.")] = "menu",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Count the answers to each question: how many, the share of those asked, the mean, and how they are spread.

    Shares and means have their 95 % interval. More is better: scales whose least is the best are turned round.
    """
    try:
        folder, time_zone = state_and_zone(config, demo=demo, state=state)
        counted = count_surveys(_events(open_state(folder), told_since(since, time_zone)), by)
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    if json:
        for key, one in sorted(counted.items()):
            print_json({by: key, **document(one)})
        return FINE
    columns = (by.replace("_", " "), "question", "asked", "answered", "response", "mean", "of", "answers")
    rows = [row for key, one in sorted(counted.items()) for row in _rows(key, one)]
    print_table(columns, rows, right=("asked", "answered"))
    return FINE


def _events(reader: Reader, begin_ms: int) -> Iterator[SurveyAnswered | SurveyCompleted]:
    for event in reader.every_event(SURVEY_EVENTS):
        if moment_ms(event.time) >= begin_ms:
            yield read_survey(event)


def _rows(key: str, one: SurveyCount) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for question in one.questions.values():
        response, average = one.response(question), question.mean
        turned = ", turned round" if question.reverse else ""
        rows.append(
            (
                key,
                question.question,
                one.asked[question.question],
                question.answered,
                f"{response.value:.0%} ({response.low:.0%} to {response.high:.0%})" if response.known else "",
                f"{average.value:.2f} ({average.low:.2f} to {average.high:.2f})" if average.known else "",
                f"{question.least}-{question.most}{turned}" if average.known else "words",
                " ".join(f"{_named(question, value)}:{question.values[value]}" for value in question.scale),
            )
        )
    rows += [(key, name, one.asked[name], 0, "", "", "", "") for name in one.silent()]
    done = one.complete
    whole = f"{done.value:.0%} ({done.low:.0%} to {done.high:.0%})" if done.known else ""
    rows.append((key, "(whole surveys)", one.begun, one.completed, whole, "", "", ""))
    return rows


def _named(question: QuestionCount, value: int) -> str:
    label = question.labels.get(value, "")
    return f"{value} {label}" if label else str(value)
