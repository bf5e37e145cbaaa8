"""Surveys in virtual time."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.menus.kinds.gather import Commands
from edge.core.menus.model import Gather, Question, Record, Survey
from edge.core.menus.parts import Sound
from edge.core.menus.words import (
    Digit,
    Flash,
    MessageMade,
    PlayDone,
    RecordMessage,
    RequestSurvey,
    Resumed,
    SurveyAnswered,
    SurveyAsked,
    SurveyBegun,
    SurveyOver,
    TimeUp,
)
from tests.core.menus.walk import Walk

OURS = (SurveyBegun, SurveyAsked, SurveyAnswered, SurveyOver, RequestSurvey)


def question(name: str, least: int = 1, most: int = 5, **more) -> Question:
    commands = Commands(nodes={"0": "bye"})
    ask = Gather(
        prompt=[Sound(f"/{name}", name)], failed="", max_digits=len(str(most)), max_failures=2, commands=commands
    )
    return Question(name=name, ask=ask, least=least, most=most, **more)


NODE = Survey(
    questions=[question("polite", labels={"5": "very"}), question("waited", reverse=True), question("again", 0, 10)],
    thanks=[Sound("/thanks", "thanks")],
    next="won",
)


class Asked(Walk):
    """A caller who is asked; `told` is all that the survey tells, in order."""

    def __init__(self, node: Survey = NODE) -> None:
        self.told: list[object] = []
        super().__init__({"a": node})

    def give(self, *inputs):
        done = super().give(*inputs)
        self.told += [action for action in done if isinstance(action, OURS)]
        return done

    def wait(self, ms):
        done = super().wait(ms)
        self.told += [action for action in done if isinstance(action, OURS)]
        return done


def answer(name: str, value: int, least: int = 1, most: int = 5, label: str = "", reverse: bool = False) -> object:
    return SurveyAnswered(question=name, value=value, label=label, least=least, most=most, reverse=reverse)


def test_questions_are_asked_in_their_order_and_answers_told_at_once() -> None:
    walk = Asked()
    assert walk.heard() == ["polite"]
    walk.press("5")
    assert walk.heard() == ["waited"]
    walk.press("2")
    walk.press("10")
    assert walk.heard() == ["thanks"]
    assert walk.told == [
        SurveyBegun("a"),
        SurveyAsked("polite"),
        answer("polite", 5, label="very"),
        SurveyAsked("waited"),
        answer("waited", 2, reverse=True),
        SurveyAsked("again"),
        answer("again", 10, 0, 10),
        SurveyOver(complete=True),
    ]
    walk.give(PlayDone())
    assert walk.ended == "won"


def test_silence_and_keys_beside_the_scale_skip_a_question() -> None:
    walk = Asked()
    for _ in range(2):
        walk.give(PlayDone())
        walk.wait(5000)
    assert walk.heard() == ["waited"]
    walk.press("9")
    walk.press("8")
    walk.press("1")
    walk.wait(2000)
    assert [one for one in walk.told if isinstance(one, SurveyAnswered)] == [answer("again", 1, 0, 10)]
    assert walk.told[-1] == SurveyOver(complete=True)


def test_who_answers_nothing_is_not_thanked() -> None:
    walk = Asked()
    for _ in range(6):
        walk.give(PlayDone())
        walk.wait(5000)
    assert walk.ended == "won"
    assert walk.told[-1] == SurveyOver(complete=True)


def test_a_key_that_means_the_same_everywhere_leaves_it() -> None:
    walk = Asked()
    walk.press("4")
    walk.press("0")
    assert walk.ended == "bye"
    assert walk.told[-1] == SurveyOver(complete=False)


def test_a_survey_afterwards_takes_no_time() -> None:
    walk = Asked(Survey(menu="how-was-it", next="won"))
    assert walk.ended == "won"
    assert walk.told == [RequestSurvey("a", "how-was-it")]


def test_an_answer_in_words_is_recorded() -> None:
    words = Question(name="why", record=Record(prompt=[Sound("/why", "why")], next="", failed="", unavailable=""))
    for length_ms, error, expected in (
        (5000, "", [SurveyAnswered(question="why", message="m1")]),
        (5000, "the disk is full", []),
    ):
        walk = Asked(Survey(questions=[words, question("polite")], next="won"))
        assert walk.heard() == ["why"]
        walk.give(PlayDone())
        (order,) = [action for action in walk.actions if isinstance(action, RecordMessage)]
        assert order.node == "a"
        walk.give(MessageMade(number=order.number, message="m1", length_ms=length_ms, path="/m.wav", error=error))
        assert walk.heard() == ["polite"]
        assert [one for one in walk.told if isinstance(one, SurveyAnswered)] == expected
        walk.press("3")
        assert walk.ended == "won"
        assert walk.told[-1] == SurveyOver(complete=True)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*"0123456789*#", "flash", "played", "time", "crash"]), max_size=40))
def test_whatever_is_pressed_it_ends_and_tells_each_answer_once(steps: list[str]) -> None:
    walk = Asked()
    inputs = {"flash": Flash(), "played": PlayDone(), "time": TimeUp(), "crash": Resumed()}
    for step in steps:
        walk.now += 3000
        walk.give(inputs.get(step) or Digit(step))
    for _ in range(20):
        walk.give(PlayDone())
        walk.wait(10_000)
    assert walk.run.state == "over"
    asked = [one.question for one in walk.told if isinstance(one, SurveyAsked)]
    answered = [one.question for one in walk.told if isinstance(one, SurveyAnswered)]
    assert asked == ["polite", "waited", "again"][: len(asked)]
    assert answered == [name for name in asked if name in answered]
    assert [type(one) for one in walk.told if isinstance(one, SurveyBegun | SurveyOver)] == [SurveyBegun, SurveyOver]
    assert all(one.least <= one.value <= one.most for one in walk.told if isinstance(one, SurveyAnswered))
