"""Questions about how it was: answered by digit on a scale or in words, here or in a call afterwards."""

from msgspec import Struct
from msgspec.structs import replace

from edge.core.menus.kinds.gather import Gather, GatherVisit
from edge.core.menus.kinds.play import Play, PlayVisit
from edge.core.menus.kinds.record import Record, RecordVisit
from edge.core.menus.parts import NodeId, Sound
from edge.core.menus.visit import Nested, Walk, Way
from edge.core.menus.words import RequestSurvey, SurveyAnswered, SurveyAsked, SurveyBegun, SurveyOver


class Question(Struct, frozen=True, kw_only=True):
    """A question with a scale of whole numbers, or one that is answered in words."""

    name: str
    #: Its prompt and limits; the scale gives it its choices. None: the answer is recorded.
    ask: Gather | None = None
    record: Record | None = None
    least: int = 0
    most: int = 0
    #: Number -> what the author calls it.
    labels: dict[str, str] = {}
    #: The least is the best.
    reverse: bool = False


class Survey(Struct, frozen=True, tag="survey", kw_only=True):
    """Ask questions one after the other; who says nothing is asked the next one."""

    questions: list[Question] = []
    #: Said when all were asked and one was answered.
    thanks: list[Sound] = []
    #: A menu that asks, in a call that is made when this one is over. Empty: the questions are asked here.
    menu: str = ""
    next: NodeId


class SurveyVisit(Nested[Survey]):
    """Over with the last question, and the thanks."""

    keeps_keys = False

    def __init__(self, node: Survey, walk: Walk) -> None:
        super().__init__(node, walk)
        self._at = -1
        self._answered = False

    def enter(self) -> Way:
        """Ask the first question, or have it asked afterwards."""
        if self.node.menu:
            self.walk.do(RequestSurvey(self.walk.node, self.node.menu))
            return self.node.next
        self.walk.ahead.clear()  # what was pressed before the question is no answer to it
        self.walk.do(SurveyBegun(self.walk.node))
        return self._ask_next()

    def done(self, way: NodeId) -> Way:
        """Take an answer, or go on without; another way is that of a key which means the same everywhere."""
        if way == "=thanked":
            return self.node.next
        if way.startswith("="):
            if way == "=said":
                self._said()
            elif way != "=none":
                self._take(int(way.removeprefix("=")))
            return self._ask_next()
        self.walk.do(SurveyOver(complete=False))
        return way

    def _ask_next(self) -> Way:
        self._at += 1
        if self._at >= len(self.node.questions):
            return self._end()
        question = self.node.questions[self._at]
        self.walk.do(SurveyAsked(question.name))
        if question.record is not None:
            spoken = replace(question.record, next="=said", failed="=none", unavailable="=none")
            return self.begin(RecordVisit(spoken, self.walk))
        if question.ask is None:
            return self._ask_next()
        choices = {str(number): f"={number}" for number in range(question.least, question.most + 1)}
        return self.begin(GatherVisit(replace(question.ask, choices=choices, next="", failed="=none"), self.walk))

    def _said(self) -> None:
        message = self._inner.message if isinstance(self._inner, RecordVisit) else ""
        self._answered = True
        self.walk.do(SurveyAnswered(question=self.node.questions[self._at].name, message=message))

    def _take(self, value: int) -> None:
        question = self.node.questions[self._at]
        self._answered = True
        self.walk.do(
            SurveyAnswered(
                question=question.name,
                value=value,
                label=question.labels.get(str(value), ""),
                least=question.least,
                most=question.most,
                reverse=question.reverse,
            )
        )

    def _end(self) -> Way:
        self.walk.do(SurveyOver(complete=True))
        if self._answered and self.node.thanks:
            return self.begin(PlayVisit(Play(sounds=self.node.thanks, next="=thanked"), self.walk))
        return self.node.next
