"""What callers say in surveys, counted from the events of stored surveys.

Means are on the question's own scale, turned round where its least is the best, so that more is always better. Who was
asked and said nothing is in the share of answers only; intervals are of 95 %.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from edge.core.indicators.estimates import Estimate, mean, share
from edge.core.indicators.tally import Spread
from edge.vocabulary.events import SurveyAnswered, SurveyCompleted

#: What reports can be divided by.
DIVISIONS: dict[str, Callable[[SurveyAnswered | SurveyCompleted], str]] = {
    "menu": lambda event: event.menu,
    "node": lambda event: f"{event.menu}/{event.node}",
    "target": lambda event: event.target.reveal() if event.target is not None else "",
    "reason_code": lambda event: event.attributes["reason_code"].reveal() if "reason_code" in event.attributes else "",
}


class QuestionCount:
    """Answers to one question on one scale."""

    def __init__(self, answer: SurveyAnswered) -> None:
        self.question = answer.question
        self.least, self.most, self.reverse = answer.least, answer.most, answer.reverse
        #: As they were pressed.
        self.values: Counter[int] = Counter()
        self.labels: dict[int, str] = {}
        #: Answers in words.
        self.said = 0
        self._better = Spread()

    def take(self, answer: SurveyAnswered) -> None:
        """Count an answer."""
        if answer.value is None:
            self.said += 1
            return
        self.values[answer.value] += 1
        if answer.label:
            self.labels[answer.value] = answer.label
        self._better.take(self.least + self.most - answer.value if self.reverse else answer.value)

    @property
    def answered(self) -> int:
        """How many answers there are."""
        return self.values.total() + self.said

    @property
    def scale(self) -> range:
        """What can be pressed; nothing where all was said in words."""
        return range(self.least, self.most + 1) if self.values else range(0)

    @property
    def mean(self) -> Estimate:
        """The mean, more being better; nothing of answers in words. Its interval does not leave the scale."""
        found = mean(self._better)
        if not found.known:
            return found
        low, high = max(found.low, float(self.least)), min(found.high, float(self.most))
        return Estimate(found.value, low, high, found.of)


class SurveyCount:
    """Surveys of one division."""

    def __init__(self) -> None:
        self.begun = 0
        self.completed = 0
        #: Surveys in which a question was asked, by its name.
        self.asked: Counter[str] = Counter()
        #: By question and scale: a question whose scale was changed is another one.
        self.questions: dict[tuple[str, int, int, bool], QuestionCount] = {}

    def take(self, event: SurveyAnswered | SurveyCompleted) -> None:
        """Count an event."""
        if isinstance(event, SurveyCompleted):
            self.begun += 1
            self.completed += event.complete
            self.asked.update(event.asked)
            return
        key = (event.question, event.least, event.most, event.reverse)
        if key not in self.questions:
            self.questions[key] = QuestionCount(event)
        self.questions[key].take(event)

    @property
    def complete(self) -> Estimate:
        """The share that went to the end."""
        return share(self.completed, self.begun)

    def response(self, question: QuestionCount) -> Estimate:
        """Return the share of those asked who answered; calls that have not ended yet are not counted as asked."""
        asked = max(self.asked[question.question], question.answered)
        return share(question.answered, asked)

    def silent(self) -> list[str]:
        """Name the questions that nobody has answered."""
        answered = {name for name, *_ in self.questions}
        return [name for name in self.asked if name not in answered]


class SurveyTally:
    """Surveys by a division of `DIVISIONS`."""

    def __init__(self, by: str) -> None:
        self._division = DIVISIONS[by]
        self.found: dict[str, SurveyCount] = {}

    def take(self, event: SurveyAnswered | SurveyCompleted) -> None:
        """Count an event."""
        self.found.setdefault(self._division(event), SurveyCount()).take(event)


def count_surveys(events: Iterable[SurveyAnswered | SurveyCompleted], by: str) -> dict[str, SurveyCount]:
    """Count by a division of `DIVISIONS`."""
    tally = SurveyTally(by)
    for event in events:
        tally.take(event)
    return tally.found


def document(one: SurveyCount) -> dict[str, object]:
    """Give a count as command and API tell it."""
    return {
        "surveys": one.begun,
        "completed": one.completed,
        "complete": _estimate(one.complete),
        "questions": [
            {
                "question": question.question,
                "least": question.least,
                "most": question.most,
                "reverse": question.reverse,
                "asked": one.asked[question.question],
                "answered": question.answered,
                "response": _estimate(one.response(question)),
                "mean": _estimate(question.mean),
                "said": question.said,
                "values": {str(value): question.values[value] for value in question.scale},
                "labels": {str(value): label for value, label in sorted(question.labels.items())},
            }
            for question in one.questions.values()
        ],
        "unanswered": one.silent(),
    }


def _estimate(found: Estimate) -> dict[str, float] | None:
    if not found.known:
        return None
    return {"value": round(found.value, 4), "low": round(found.low, 4), "high": round(found.high, 4)}
