"""A dialled leg that another trunk takes: who carries it is told, and that trunk's settings are the leg's."""

from msgspec.structs import replace

from edge.core.calls.inputs import Originate, Reserved
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import Address
from edge.vocabulary.private import Private
from tests.core.calls.desk import FIRST, OTHER_SPAN, REMOTE, SECOND, TERMS, Desk, ended, incoming, originate, seat

TERMS_OF_TWO = replace(
    TERMS,
    auto_level=["second"],
    tones={"second": "de"},
    no_rtp_ms={"": 300_000, "second": 5_000},
    hold_music={"second": "/m.wav"},
    amd={"first": {}, "second": {"greeting_ms": 900}},
)
BUSY = EndReason(outcome="unreachable", ended_by="callee", sip_code=503, q850_cause=34, text="no circuit")


def routed(leg: LegId, attempt: int = 1, trunk: str = "second", before: str = "first") -> r.LegRouted:
    left = r.LeftAttempt(
        trunk=before, address=Address("127.0.0.7", 5060), end=BUSY, why="refused", duration_ms=40 * attempt
    )
    return r.LegRouted(leg=leg, attempt=attempt, trunk=trunk, address=Address("127.0.0.8", 5061), left=left)


def dialling(terms: object = TERMS_OF_TWO) -> Desk:
    request = originate()
    desk = Desk(
        Originate(target=Private("555"), trunk="all", caller=request.caller, terms=terms)  # type: ignore[arg-type]
    )
    desk.give(Reserved(FIRST, OTHER_SPAN, seat(0), "first", Address("127.0.0.7", 5060)))
    assert desk.call.first.signalling == "dialling"
    return desk


def test_the_attempt_is_an_event_of_its_own_and_all_that_follows_names_the_trunk_that_carries_it() -> None:
    desk = dialling()
    leg = desk.call.first
    assert (leg.trunk, str(leg.address)) == ("first", "127.0.0.7:5060")
    desk.give(routed(FIRST))
    assert desk.of(e.LegFailedOver) == [
        e.LegFailedOver(
            leg=FIRST,
            attempt=1,
            trunk="first",
            address="127.0.0.7:5060",
            why="refused",
            end=BUSY,
            duration_ms=40,
            next_trunk="second",
            next_address="127.0.0.8:5061",
        )
    ]
    assert (leg.trunk, str(leg.address)) == ("second", "127.0.0.8:5061")
    desk.give(r.LegMedia(FIRST, REMOTE))
    desk.answer()
    desk.give(ended(FIRST, by="callee"))
    assert [ev.trunk for ev in desk.of(e.CallAnswered) + desk.of(e.CallEnded)] == ["second", "second"]


def test_the_leg_has_the_settings_of_the_trunk_that_took_it() -> None:
    desk = dialling()
    assert not desk.bodies(c.DetectTones)
    desk.give(routed(FIRST))
    leg = desk.call.first
    assert (leg.no_rtp_ms, leg.hold_music) == (5_000, "/m.wav")
    assert [body.sound.auto_level for body in desk.bodies(c.SetSound)] == [True]
    assert [body.country for body in desk.bodies(c.DetectTones)] == ["de"]
    desk.give(r.LegMedia(FIRST, REMOTE))
    desk.answer()
    assert [body.rules for body in desk.bodies(c.DetectAnswer)] == [{"greeting_ms": 900}]


def test_tones_of_a_trunk_that_did_not_take_it_are_nobodys() -> None:
    desk = dialling(replace(TERMS_OF_TWO, tones={"first": "de"}))
    assert desk.bodies(c.DetectTones)
    desk.give(routed(FIRST))
    desk.give(
        r.ToneHeard(
            leg=FIRST,
            label="busy",
            phase="begin",
            country="de",
            meaning=None,
            start_ms=0,
            end_ms=500,
            at_ms=0,
            frequencies_hz=[425.0],
            level_dbm0=-20.0,
            on_ms=480,
            off_ms=480,
            cycles=2,
        )
    )
    assert not desk.count("tone.detected")


def test_it_is_told_once_though_front_says_it_in_each_of_its_lives() -> None:
    desk = dialling()
    moves = [routed(FIRST), routed(FIRST, 2, "third", "second")]
    for _ in range(3):
        for move in moves:
            desk.give(move)
    assert [ev.attempt for ev in desk.of(e.LegFailedOver)] == [1, 2]
    assert desk.call.first.trunk == "third"


def test_what_comes_after_the_end_of_the_leg_changes_nothing() -> None:
    desk = dialling()
    desk.give(ended(FIRST, "unreachable", "callee", 503))
    before = list(desk.events)
    desk.give(routed(FIRST))
    desk.give(routed(LegId("c1.9")))
    assert desk.events == before


def test_a_transfer_s_target_and_its_second_ringing() -> None:
    desk = Desk(incoming(terms=TERMS_OF_TWO)).answer()
    desk.play_ends()
    desk.press("1")
    desk.reserve()
    desk.give(r.LegRinging(SECOND, 180, False))
    desk.give(routed(SECOND))
    desk.give(r.LegRinging(SECOND, 180, False))
    assert desk.count("leg.ringing") == 2, "another phone rings"
    desk.give(r.LegMedia(SECOND, REMOTE))
    desk.give(r.LegAnswered(SECOND))
    desk.give(ended(SECOND, by="callee"))
    assert [ev.trunk for ev in desk.of(e.LegAnswered) + desk.of(e.LegEnded)] == ["second", "second"]
    assert desk.of(e.CallEnded)[0].trunk == "demo", "the first leg's"  # type: ignore[attr-defined]
