"""Who answered a leg that was dialled: when media is asked, and what backends are told."""

from msgspec.structs import replace

from edge.core.calls.call import Call
from edge.core.calls.inputs import Reserved
from edge.core.menus.model import Answered, HangUp, Menu, Play
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from tests.core.calls.desk import FIRST, REMOTE, SECOND, SPAN, TERMS, Desk, incoming, originate, seat, sound

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


def test_a_human_that_was_a_machine() -> None:
    desk = dialled().answer()
    desk.give(said("human", "short_greeting", speech_ms=600))
    for _ in range(2):  # media may say it again after a crash
        desk.give(said("revised", "long_greeting", speech_ms=3500, pause_ms=300))
    desk.give(said("beep", None, hz=1000.0))
    assert [event.verdict for event in desk.of(e.AnswerDetected)] == ["human"]
    assert desk.of(e.AnswerRevised) == [
        e.AnswerRevised(
            leg=FIRST, verdict="machine", cause="long_greeting", at_ms=1700, start_ms=300, end_ms=1100, speech_ms=3500,
            longest_pause_ms=300,
        )
    ]  # fmt: skip
    assert desk.count("answer.beep") == 1


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


ASKS = Menu(
    name="main",
    version="v1",
    start="who",
    nodes={
        "who": Answered(
            wait_for="beep", human="hello", machine="message", fax="bye", unknown="hello", no_beep="message"
        ),
        "hello": Play(sounds=[sound("hello")], next="bye"),
        "message": Play(sounds=[sound("message")], next="bye"),
        "bye": HangUp("goodbye"),
    },
)


def asking(terms=None, trunk: str = "") -> Desk:
    begun = originate(terms=terms or replace(TERMS, answering={"": RULES, "pstn": {"wait": 900}}))
    desk = Desk(replace(begun, trunk=trunk), menu=ASKS)
    desk.give(Reserved(FIRST, SPAN, seat(0), trunk))
    return desk


def up(desk: Desk) -> Desk:
    desk.give(r.LegMedia(FIRST, REMOTE))
    return desk.answer()


def played(desk: Desk) -> list[str]:
    return [play.files[0] for play in desk.bodies(c.Play)]


def test_a_menu_that_asks_who_answered_has_it_detected() -> None:
    assert up(asking()).bodies(c.DetectAnswer) == [c.DetectAnswer(FIRST, RULES)]
    assert up(asking(trunk="pstn")).bodies(c.DetectAnswer) == [c.DetectAnswer(FIRST, {"wait": 900})]
    both = replace(TERMS, answering={"": RULES}, amd={"pstn": {"wait": 800}})
    assert up(asking(both, "pstn")).bodies(c.DetectAnswer) == [c.DetectAnswer(FIRST, {"wait": 800})]


def test_rules_of_the_trunk_that_a_uri_belongs_to() -> None:
    desk = Desk(originate(terms=replace(TERMS, answering={"": RULES, "pstn": {"wait": 900}})), menu=ASKS)
    desk.give(Reserved(FIRST, SPAN, seat(0), "pstn"))
    assert up(desk).bodies(c.DetectAnswer) == [c.DetectAnswer(FIRST, {"wait": 900})]


def test_a_human_hears_the_menu() -> None:
    desk = up(asking())
    assert played(desk) == []
    desk.give(said("human", "short_greeting", speech_ms=700))
    assert played(desk) == ["/prompts/hello.wav"]


def test_a_machine_hears_the_message_after_its_beep() -> None:
    desk = up(asking())
    desk.give(said("machine", "long_greeting", speech_ms=3000))
    desk.wait(4000)
    assert played(desk) == []
    desk.give(said("beep", None, hz=1000.0))
    desk.give(said("greeting_ended", "beep"))
    assert played(desk) == ["/prompts/message.wav"]


def test_a_verdict_before_the_media_facts_is_kept() -> None:
    desk = asking().answer()
    desk.give(said("human", "short_greeting", speech_ms=700))
    assert played(desk) == []
    desk.give(r.LegMedia(FIRST, REMOTE))
    assert played(desk) == ["/prompts/hello.wav"]


def test_who_called_is_not_asked() -> None:
    desk = Desk(incoming(terms=replace(TERMS, answering={"": RULES})), menu=ASKS).answer()
    assert desk.bodies(c.DetectAnswer) == []
    assert played(desk) == ["/prompts/hello.wav"]


def test_a_replay_waits_for_the_same_beep() -> None:
    desk = up(asking())
    desk.give(said("machine", "long_greeting", speech_ms=3000))
    twin = Call(desk.call.id, ASKS)
    for now_ms, entry in desk.journal:
        twin.replay(entry, now_ms)
    assert twin.run is not None
    assert twin.run.state == "answering"
    assert twin.deadline == desk.call.deadline
    sent = twin.handle(said("beep", None, hz=1000.0), desk.now_ms)
    assert any(isinstance(getattr(action, "body", None), c.Play) for action in sent)
