"""Surveys counted, beside the plain sums."""

from hypothesis import given
from hypothesis import strategies as st

from edge.core.indicators.surveys import count_surveys
from edge.vocabulary.events import SurveyAnswered, SurveyCompleted
from edge.vocabulary.private import Private

WHERE = {"node": "rate", "menu": "main", "menu_version": "1"}
ANSWERS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5) | st.none(), st.booleans()), max_size=60)


@given(ANSWERS)
def test_counts_are_those_of_the_answers(surveys) -> None:
    events = []
    for target, value, complete in surveys:
        about = {**WHERE, "target": Private(target)}
        if value is not None:
            events.append(SurveyAnswered(**about, question="q", value=value, least=1, most=5, reverse=True))
        done = {"asked": ["q"], "answered": ["q"] if value is not None else []}
        events.append(SurveyCompleted(**about, complete=complete, **done))
    counted = count_surveys(events, "target")
    assert set(counted) == {target for target, _, _ in surveys}
    for target, found in counted.items():
        mine = [(value, complete) for name, value, complete in surveys if name == target]
        values = [value for value, _ in mine if value is not None]
        assert (found.begun, found.completed) == (len(mine), sum(complete for _, complete in mine))
        if not values:
            assert found.silent() == ["q"]
            continue
        (question,) = found.questions.values()
        assert question.answered == len(values)
        assert question.values.total() == len(values)
        assert abs(question.mean.value - sum(6 - value for value in values) / len(values)) < 1e-9
        assert 1 <= question.mean.low <= question.mean.value <= question.mean.high <= 5
        response = found.response(question)
        assert response.value == len(values) / len(mine)
        assert response.low <= response.value <= response.high


def test_a_scale_that_was_changed_is_another_question() -> None:
    about = {**WHERE, "question": "q"}
    events = [SurveyAnswered(**about, value=3, least=1, most=5), SurveyAnswered(**about, value=3, least=1, most=3)]
    assert len(count_surveys(events, "menu")["main"].questions) == 2


def test_an_answer_of_a_call_that_goes_on_was_asked_for() -> None:
    (found,) = count_surveys([SurveyAnswered(**WHERE, question="q", value=3, least=1, most=5)], "node").values()
    (question,) = found.questions.values()
    assert found.response(question).value == 1.0


def test_answers_in_words_are_counted_and_have_no_mean() -> None:
    events = [
        SurveyAnswered(**WHERE, question="why", message="m1"),
        SurveyCompleted(**WHERE, complete=True, asked=["why"], answered=["why"]),
    ]
    (found,) = count_surveys(events, "menu").values()
    (question,) = found.questions.values()
    assert (question.answered, question.said, question.mean.known) == (1, 1, False)
    assert found.silent() == []
