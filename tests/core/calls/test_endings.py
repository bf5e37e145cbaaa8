import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.calls import endings


@pytest.mark.parametrize(
    ("header", "cause"),
    [
        ("Q.850;cause=17", 17),
        ('q.850 ; cause = 19 ;text="x"', 19),
        ('SIP;cause=200;text="Call completed elsewhere", Q.850;cause=26', 26),
        ('Q.850;text="a;cause=1";cause=42', 42),
        ('SIP;cause=486;text="Q.850"', None),
        ("Q.850;cause=200", None),
        ("Q.850;cause=1777", None),
        ("Q.850", None),
        ("", None),
        ("Q.850, SIP;cause=17", None),
    ],
)
def test_cause_of_a_reason_header(header: str, cause: int | None) -> None:
    assert endings.q850_cause(header) == cause


@given(st.text())
def test_cause_never_raises(header: str) -> None:
    for text in (header, "Q.850;" + header, "Q.850;cause=" + header):
        cause = endings.q850_cause(text)
        assert cause is None or 0 <= cause <= 127


@pytest.mark.parametrize(
    ("status", "cause", "outcome"),
    [
        (486, None, "busy"),
        (600, None, "busy"),
        (480, None, "no_answer"),
        (408, None, "no_answer"),
        (487, None, "no_answer"),
        (404, None, "not_found"),
        (484, None, "not_found"),
        (604, None, "not_found"),
        (403, None, "rejected"),
        (603, None, "rejected"),
        (488, None, "media_lost"),
        (503, None, "unreachable"),
        (500, None, "failed"),
        (599, None, "failed"),
        (302, None, "failed"),
        # a vague code gives way to the cause ...
        (503, 17, "busy"),
        (480, 1, "not_found"),
        (603, 21, "rejected"),
        (500, 126, "failed"),
        # ... a clear one does not
        (486, 1, "busy"),
    ],
)
def test_outcome_of_a_response(status: int, cause: int | None, outcome: str) -> None:
    end = endings.refused_by_callee(status, cause, "why")
    assert (end.outcome, end.ended_by, end.sip_code, end.q850_cause) == (outcome, "callee", status, cause)


@given(st.integers(300, 699), st.none() | st.integers(0, 127))
def test_every_response_has_an_outcome(status: int, cause: int | None) -> None:
    assert endings.outcome_of_response(status, cause) not in {"completed", "cancelled", "span_lost"}


def test_text_is_bounded_and_printable() -> None:
    end = endings.refused_by_callee(486, None, "Busy\r\nX: y\x1b[31m" + "a" * 500)
    assert "\r" not in end.text
    assert "\x1b" not in end.text
    assert len(end.text) <= endings.MAX_TEXT
