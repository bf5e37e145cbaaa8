"""Call progress tones in a call: asked for on legs that are dialled through a trunk with `tones`, told as events."""

from msgspec.structs import replace

from edge.core.calls.call import Call
from edge.core.calls.inputs import Originate, Reserved
from edge.core.menus.model import Menu, Transfer
from edge.vocabulary import commands as c
from edge.vocabulary import events
from edge.vocabulary import reports as r
from tests.core.calls.desk import FIRST, OTHER_SPAN, SECOND, SPAN, TERMS, Desk, incoming, originate, seat

DIALS = Menu(
    name="main",
    version="v1",
    start="sales",
    nodes={
        "sales": Transfer(target="100", trunk="pstn", ringing=[], on_outcome={}, failed="", ring_timeout_ms=20000),
    },
)


def tone(leg=SECOND, label="ringback", phase="begin", start_ms=400, **more) -> r.ToneHeard:
    facts = {
        "country": "us",
        "meaning": None,
        "end_ms": 1000,
        "at_ms": 1000,
        "frequencies_hz": [440.0, 480.0],
        "level_dbm0": -13.0,
        "on_ms": 0,
        "off_ms": 0,
        "cycles": 1,
    }
    return r.ToneHeard(leg=leg, label=label, phase=phase, start_ms=start_ms, **{**facts, **more})


def dialling(tones: dict[str, str]) -> Desk:
    desk = Desk(incoming(terms=replace(TERMS, tones=tones)), menu=DIALS).answer()
    desk.give(Reserved(SECOND, OTHER_SPAN, seat(1)))
    return desk


def test_asked_for_as_soon_as_media_is_open_before_anybody_answers():
    desk = dialling({"pstn": "us"})
    assert desk.bodies(c.DetectTones) == [c.DetectTones(SECOND, "us")]
    kinds = [type(s.body) for s in desk.sent]
    assert kinds.index(c.DetectTones) < kinds.index(c.MakeCall)


def test_a_uri_that_belongs_to_the_trunk():
    menu = Menu(name="main", version="v1", start="a", nodes={"a": Transfer(target="sip:x@192.0.2.1", failed="")})
    terms = replace(TERMS, tones={"pstn": "us"}, amd={"pstn": {"wait": 900}}, auto_level=["pstn"])
    desk = Desk(incoming(terms=terms), menu=menu).answer()
    desk.give(Reserved(SECOND, OTHER_SPAN, seat(1), "pstn"))
    assert desk.bodies(c.DetectTones) == [c.DetectTones(SECOND, "us")]
    assert [sound.sound.auto_level for sound in desk.bodies(c.SetSound)] == [True]
    desk.give(r.LegAnswered(SECOND))
    assert desk.bodies(c.DetectAnswer) == [c.DetectAnswer(SECOND, {"wait": 900})]


def test_any_country():
    assert dialling({"pstn": "any"}).bodies(c.DetectTones) == [c.DetectTones(SECOND, "")]


def test_not_asked_for_on_other_trunks_or_incoming_legs():
    assert dialling({"other": "us", "demo": "us"}).bodies(c.DetectTones) == []


def test_a_call_that_we_make():
    begun = originate(terms=replace(TERMS, tones={"pstn": "de"}))
    desk = Desk(replace(begun, trunk="pstn") if isinstance(begun, Originate) else begun, menu=DIALS)
    desk.give(Reserved(FIRST, SPAN, seat(0)))
    assert desk.bodies(c.DetectTones) == [c.DetectTones(FIRST, "de")]


def test_tones_become_events_each_once():
    desk = dialling({"pstn": "us"})
    for report in (tone(), tone(), tone(phase="end", end_ms=9000, at_ms=11_000, cycles=2)):
        desk.give(report)
    (begun,) = desk.of(events.ToneDetected)
    assert (begun.leg, begun.label, begun.country, begun.end_ms) == (SECOND, "ringback", "us", None)
    assert begun.frequencies_hz == [440.0, 480.0]
    (over,) = desk.of(events.ToneEnded)
    assert (over.end_ms, over.cycles) == (9000, 2)


def test_what_is_a_moment_has_its_end():
    desk = dialling({"pstn": "us"})
    desk.give(tone(label="sit", phase="once", meaning="intercept", country=None))
    (told,) = desk.of(events.ToneDetected)
    assert (told.meaning, told.end_ms) == ("intercept", 1000)
    assert desk.of(events.ToneEnded) == []


def test_tones_of_legs_that_are_gone_are_nothing():
    desk = dialling({"pstn": "us"})
    desk.give(tone(leg="c1.9"))
    assert desk.of(events.ToneDetected) == []


def test_a_replay_says_the_same():
    desk = dialling({"pstn": "us"})
    desk.give(tone())
    twin = Call(desk.call.id, DIALS)
    for now_ms, entry in desk.journal:
        twin.replay(entry, now_ms)
    assert twin.callseq == desk.call.callseq
