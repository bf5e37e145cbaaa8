"""One disposition out of all that is known: row by row, and what comes before what."""

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.calls import endings
from edge.core.dialer import disposition as d
from edge.vocabulary.dialing import Disposition, Evidence, HeardTone
from edge.vocabulary.endings import Outcome

WORDS = set(typing.get_args(Disposition))
ABANDONED_MS = 2000


def unanswered(outcome: str = "no_answer", by: str = "callee", **more: typing.Any) -> Evidence:
    return Evidence(outcome=outcome, ended_by=by, **more)


def answered(by: str = "callee", **more: typing.Any) -> Evidence:
    return Evidence(outcome="completed", ended_by=by, answered=True, **more)


def early(label: str, meaning: str = "") -> HeardTone:
    return HeardTone(label=label, meaning=meaning, early=True)


@pytest.mark.parametrize(("meaning", "wanted"), list(d.OF_SIT.items()))
def test_an_information_tone_comes_before_the_status_code(meaning: str, wanted: str) -> None:
    evidence = unanswered("unreachable", sip_code=503, tones=[early("ringback"), early("sit", meaning)])
    found, told = d.decide(evidence, ABANDONED_MS)
    assert (found, told.decided_by) == (wanted, "tone")


@pytest.mark.parametrize(("cause", "wanted"), list(d.OF_CAUSE.items()))
def test_a_cause_of_the_network_comes_before_the_status_code(cause: int, wanted: str) -> None:
    found, told = d.decide(unanswered("rejected", sip_code=603, q850_cause=cause, tones=[early("busy")]), ABANDONED_MS)
    assert (found, told.decided_by) == (wanted, "q850")


@pytest.mark.parametrize(("code", "wanted"), list(d.OF_STATUS.items()))
def test_a_status_code_alone(code: int, wanted: str) -> None:
    found, told = d.decide(unanswered(endings.outcome_of_response(code, None), sip_code=code), ABANDONED_MS)
    assert (found, told.decided_by) == (wanted, "sip")


@pytest.mark.parametrize("cause", [16, 31, 127])
def test_a_cause_that_says_nothing_leaves_it_to_the_status_code(cause: int) -> None:
    assert d.decide(unanswered("busy", sip_code=486, q850_cause=cause), ABANDONED_MS)[0] == "busy"


@pytest.mark.parametrize(("label", "wanted"), list(d.OF_TONE.items()))
def test_a_tone_decides_where_we_gave_up(label: str, wanted: str) -> None:
    """A gateway plays it in early media and sends no final response, so our own time runs out."""
    evidence = unanswered("no_answer", "appliance", rang=True, tones=[early("ringback"), early(label)])
    assert d.decide(evidence, ABANDONED_MS)[0] == wanted


def test_a_cancelled_call_was_not_busy() -> None:
    evidence = unanswered("stopped", "appliance", rang=True, tones=[early("busy")])
    assert d.decide(evidence, ABANDONED_MS)[0] == "cancelled"


@pytest.mark.parametrize(("rang", "tones", "wanted"), [(True, [], "no_answer"), (False, ["ringback"], "no_answer")])
def test_it_rang_as_long_as_it_may(rang: bool, tones: list[str], wanted: str) -> None:
    evidence = unanswered("no_answer", "appliance", rang=rang, tones=[early(label) for label in tones])
    assert d.decide(evidence, ABANDONED_MS)[0] == wanted


def test_what_never_rang_was_not_left_unanswered_by_anybody() -> None:
    assert d.decide(unanswered("no_answer", "appliance"), ABANDONED_MS)[0] == "failed"


@pytest.mark.parametrize("outcome", typing.get_args(Outcome))
def test_every_end_of_ours_has_a_word(outcome: str) -> None:
    assert d.decide(unanswered(outcome, "appliance"), ABANDONED_MS)[0] in WORDS


@pytest.mark.parametrize(
    ("evidence", "wanted", "by"),
    [
        (answered(), "silence", "answer"),
        (answered(by="appliance"), "connected", "answer"),
        (answered(verdict="human"), "connected", "verdict"),
        (answered(verdict="machine"), "machine", "verdict"),
        (answered(verdict="machine", revised=True), "machine", "revised"),
        (answered(verdict="fax"), "fax", "verdict"),
        (answered(verdict="unknown", verdict_cause="deadline"), "connected", "answer"),
        (answered(verdict="unknown", verdict_cause="no_speech"), "silence", "verdict"),
        (answered(tones=[HeardTone(label="fax_ced")]), "fax", "tone"),
        (answered(verdict="unknown", tones=[HeardTone(label="sit", meaning="vacant_code")]), "unallocated", "tone"),
        (answered(verdict="human", tones=[HeardTone(label="busy")]), "connected", "verdict"),
        (answered(by="appliance", tones=[early("busy")]), "connected", "answer"),
        (answered(queue="connected", waited_ms=300), "connected", "queue"),
        (answered(queue="connected", waited_ms=ABANDONED_MS), "connected", "queue"),
        (answered(queue="connected", waited_ms=ABANDONED_MS + 1), "abandoned", "queue"),
        (answered(queue="timed_out", waited_ms=2000, verdict="human"), "abandoned", "queue"),
        (answered(queue="no_agents", waited_ms=0), "abandoned", "queue"),
        (answered(queue="hung_up", waited_ms=700), "rejected", "queue"),
        (answered(queue="hung_up", waited_ms=2700), "abandoned", "queue"),
        (answered(queue="timed_out", waited_ms=2000, verdict="machine", revised=True), "machine", "revised"),
        (Evidence(outcome="appliance_restart", ended_by="appliance", answered=True), "held", "outcome"),
        (Evidence(outcome="appliance_restart", ended_by="appliance", rang=True), "held", "outcome"),
        (Evidence(outcome="span_lost", ended_by="appliance", answered=True), "failed", "outcome"),
    ],
)
def test_answered(evidence: Evidence, wanted: str, by: str) -> None:
    found, told = d.decide(evidence, ABANDONED_MS)
    assert (found, told.decided_by) == (wanted, by)


def test_the_tables_know_what_the_ends_of_calls_know() -> None:
    assert set(endings.OUTCOME_OF_CAUSE) - set(d.OF_CAUSE) == {26}  # another phone of the same person has answered
    assert set(d.OF_OUTCOME) | {"completed", "not_accepted", "max_duration"} == set(typing.get_args(Outcome))


@given(
    st.builds(
        Evidence,
        outcome=st.sampled_from(typing.get_args(Outcome)),
        ended_by=st.sampled_from(["caller", "callee", "appliance", "network"]),
        sip_code=st.none() | st.integers(300, 699),
        q850_cause=st.none() | st.integers(0, 127),
        rang=st.booleans(),
        answered=st.booleans(),
        tones=st.lists(
            st.builds(
                HeardTone,
                label=st.sampled_from(["sit", "busy", "reorder", "ringback", "fax_ced", "modem", "dial"]),
                meaning=st.sampled_from(["", "intercept", "no_circuit", "reserved_1"]),
                early=st.booleans(),
            ),
            max_size=4,
        ),
        verdict=st.sampled_from(["", "human", "machine", "fax", "unknown"]),
        queue=st.sampled_from(["", "connected", "hung_up", "timed_out"]),
        waited_ms=st.none() | st.integers(0, 10_000),
    )
)
def test_any_evidence_has_one_word_and_what_is_unanswered_is_never_a_talk(evidence: Evidence) -> None:
    found, told = d.decide(evidence, ABANDONED_MS)
    assert found in WORDS
    assert told.decided_by
    if not evidence.answered:
        assert found not in {"connected", "abandoned", "machine", "silence"}
