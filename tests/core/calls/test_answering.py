"""Who answered a leg that was dialled: when media is asked, and what backends are told."""

from msgspec.structs import replace

from edge.core.calls.inputs import Reserved
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from tests.core.calls.desk import FIRST, SECOND, SPAN, TERMS, Desk, incoming, originate, seat

RULES = {"wait": 700}


def said(what: str, cause: str | None, leg=FIRST, **more) -> r.AnswerHeard:
    return r.AnswerHeard(
        leg=leg, what=what, cause=cause, start_ms=300, end_ms=1100, at_ms=1700, level_dbm0=-12.0, **more
    )  # type: ignore[arg-type]


def dialled(trunk: str = "") -> Desk:
    desk = Desk(originate(terms=replace(TERMS, amd={trunk: RULES})))
    desk.give(Reserved(FIRST, SPAN, seat(0)))
    return desk


def test_media_is_asked_when_the_leg_is_answered() -> None:
    desk = dialled()
    assert desk.bodies(c.DetectAnswer) == []
    desk.answer()
    assert desk.bodies(c.DetectAnswer) == [c.DetectAnswer(FIRST, RULES)]


def test_only_on_trunks_that_want_it_and_on_calls_that_we_make() -> None:
    assert dialled("other").answer().bodies(c.DetectAnswer) == []
    caller = Desk(incoming(terms=replace(TERMS, amd={"demo": RULES}))).answer()
    assert caller.bodies(c.DetectAnswer) == []


def test_a_transfer_s_target() -> None:
    desk = Desk(incoming(terms=replace(TERMS, amd={"": RULES}))).answer()
    desk.play_ends()
    desk.press("1")
    desk.reserve()
    desk.give(r.LegAnswered(SECOND))
    assert desk.bodies(c.DetectAnswer) == [c.DetectAnswer(SECOND, RULES)]
    desk.give(said("human", "short_greeting", SECOND, speech_ms=700))
    assert [event.leg for event in desk.of(e.AnswerDetected)] == [SECOND]


def test_what_is_told() -> None:
    desk = dialled().answer()
    desk.give(said("machine", "long_greeting", speech_ms=3000, pause_ms=240))
    desk.give(said("beep", None, hz=1000.04))
    desk.give(said("greeting_ended", "beep"))
    assert desk.of(e.AnswerDetected) == [
        e.AnswerDetected(
            leg=FIRST, verdict="machine", cause="long_greeting", at_ms=1700, start_ms=300, end_ms=1100, speech_ms=3000,
            longest_pause_ms=240, level_dbm0=-12.0,
        )
    ]  # fmt: skip
    assert desk.of(e.AnswerBeep) == [
        e.AnswerBeep(leg=FIRST, at_ms=1700, start_ms=300, end_ms=1100, frequency_hz=1000.0, level_dbm0=-12.0)
    ]
    assert desk.of(e.AnswerGreetingEnded) == [e.AnswerGreetingEnded(leg=FIRST, cause="beep", at_ms=1700, end_ms=1100)]


def test_a_repetition_tells_nothing_new() -> None:
    desk = dialled().answer()
    for _ in range(2):
        desk.give(said("human", "short_greeting", speech_ms=500))
    desk.give(said("machine", "beep", speech_ms=500))
    assert desk.count("answer.detected") == 1


def test_what_nobody_asked_for_is_not_told() -> None:
    desk = dialled("other").answer()
    desk.give(said("human", "short_greeting"))
    desk.give(said("human", "short_greeting", leg=SECOND))
    assert desk.count("answer.detected") == 0


def test_of_silence_there_is_no_level() -> None:
    desk = dialled().answer()
    desk.give(said("unknown", "no_speech"))
    assert desk.of(e.AnswerDetected)[0].level_dbm0 is None
