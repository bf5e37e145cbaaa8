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
    assert endings.why(header).cause == cause


@given(st.text())
def test_cause_never_raises(header: str) -> None:
    for text in (header, "Q.850;" + header, "Q.850;cause=" + header):
        cause = endings.why(text).cause
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
        # the cause comes first ...
        (503, 17, "busy"),
        (480, 1, "not_found"),
        (603, 21, "rejected"),
        (500, 126, "failed"),
        (486, 1, "not_found"),
        (404, 34, "unreachable"),
        # ... where it says something
        (486, 16, "busy"),
        (404, 31, "not_found"),
    ],
)
def test_outcome_of_a_response(status: int, cause: int | None, outcome: str) -> None:
    end = endings.refused_by_callee(status, endings.Why(cause=cause), "why")
    assert (end.outcome, end.ended_by, end.sip_code, end.q850_cause) == (outcome, "callee", status, cause)


@given(st.integers(300, 699), st.none() | st.integers(0, 127))
def test_every_response_has_an_outcome(status: int, cause: int | None) -> None:
    assert endings.outcome_of_response(status, cause) not in {"completed", "cancelled", "span_lost"}


def test_text_is_bounded_and_printable() -> None:
    end = endings.refused_by_callee(486, endings.Why(), "Busy\r\nX: y\x1b[31m" + "a" * 500)
    assert "\r" not in end.text
    assert "\x1b" not in end.text
    assert len(end.text) <= endings.MAX_TEXT


def test_text_and_status_of_a_reason_header() -> None:
    both = 'SIP;cause=302;text="moved", Q.850;cause=22;text="number \\"changed\\""'
    assert endings.why(both) == endings.Why(302, 22, 'number "changed"')
    assert endings.why('SIP;cause=200;text="Call completed elsewhere"') == endings.Why(
        200, None, "Call completed elsewhere"
    )


def test_what_front_showed_the_span_is_not_what_the_peer_said() -> None:
    end = endings.refused_by_callee(480, endings.why("SIP;cause=302"), "Temporarily Unavailable")
    assert (end.sip_code, end.q850_mapped) == (302, None)
    assert endings.refused_by_callee(403, endings.why("SIP;cause=407"), "").sip_code == 407
    # A peer's own reason does not change its code.
    assert endings.refused_by_callee(486, endings.why("SIP;cause=302"), "").sip_code == 486
    assert endings.refused_by_callee(480, endings.why("SIP;cause=600"), "").sip_code == 480


def test_a_cause_is_mapped_where_none_was_named() -> None:
    named = endings.refused_by_callee(486, endings.Why(cause=17), "")
    assert (named.q850_cause, named.q850_mapped) == (17, None)
    mapped = endings.refused_by_callee(486, endings.Why(), "")
    assert (mapped.q850_cause, mapped.q850_mapped) == (None, 17)


@pytest.mark.parametrize("status", sorted(endings.CAUSE_OF_STATUS))
def test_the_two_tables_agree_on_whether_the_number_is_wrong_or_busy(status: int) -> None:
    by_cause = endings.OUTCOME_OF_CAUSE.get(endings.CAUSE_OF_STATUS[status])
    by_status = endings.outcome_of_response(status, None)
    for outcome in ("busy", "not_found"):
        assert (by_cause == outcome) == (by_status == outcome)
