"""The span's core, without a stack. The properties hold for any order of commands and events."""

from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.calls import span_legs as core
from edge.core.calls import span_words as words
from edge.core.calls.span_legs import SpanLegs
from edge.core.calls.span_words import Finish, Tell
from edge.vocabulary import commands as cmd
from edge.vocabulary import reports
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.media import Address
from edge.vocabulary.private import Private

LEG = LegId("c1.1")
MEDIA = Address("127.0.0.1", 16500)
ID = CommandId("c1:1:1")


def incoming() -> SpanLegs:
    legs = SpanLegs()
    assert legs.handle(words.Invited(LEG), 0) == []
    return legs


def talking() -> SpanLegs:
    legs = incoming()
    legs.command(CommandId("c1:0:1"), cmd.Answer(LEG, MEDIA), 0)
    assert legs.handle(words.Confirmed(LEG), 0) == [Tell(reports.LegAnswered(LEG))]
    return legs


def over(
    legs: SpanLegs, *, by: Literal["BYE", "CANCEL", "response"] | None = None, status: int = 200
) -> reports.LegEnded:
    actions = legs.handle(words.Disconnected(leg=LEG, by=by, status=status), 0)
    ended = [a.report for a in actions if isinstance(a, Tell)]
    assert len(ended) == 1
    assert isinstance(ended[0], reports.LegEnded)
    return ended[0]


def test_early_command_waits_for_its_invite_in_order() -> None:
    legs = SpanLegs()
    assert legs.command(CommandId("a"), cmd.Ring(LEG), 100) == []
    assert legs.command(CommandId("b"), cmd.Answer(LEG, MEDIA), 200) == []
    assert legs.deadline is not None
    assert legs.deadline.at_ms == 3100
    assert legs.handle(words.Invited(LEG), 2000) == [
        words.Respond(LEG, 180),
        Finish(CommandId("a")),
        words.Respond(LEG, 200, MEDIA),
        Finish(CommandId("b")),
    ]
    assert legs.deadline is None


def test_early_command_lapses_alone() -> None:
    legs = SpanLegs()
    legs.command(CommandId("a"), cmd.Ring(LEG), 0)
    legs.command(CommandId("b"), cmd.Answer(LEG, MEDIA), 1)
    assert legs.handle(words.Tick(), 3000) == [Finish(CommandId("a"), "no such leg")]
    assert legs.handle(words.Invited(LEG), 3000) == [words.Respond(LEG, 200, MEDIA), Finish(CommandId("b"))]


def test_reject_after_the_answer_is_a_hang_up() -> None:
    legs = incoming()
    legs.command(ID, cmd.Answer(LEG, MEDIA), 0)
    assert legs.command(ID, cmd.Reject(LEG, 486), 0) == [words.Release(LEG, answered=True), Finish(ID)]
    end = over(legs).end
    assert (end.outcome, end.ended_by) == ("completed", "appliance")


def test_second_answer_and_late_ring_do_nothing() -> None:
    legs = incoming()
    legs.command(ID, cmd.Answer(LEG, MEDIA), 0)
    assert legs.command(ID, cmd.Answer(LEG, MEDIA), 0) == [Finish(ID)]
    assert legs.command(ID, cmd.Ring(LEG), 0) == [Finish(ID)]


def test_200_that_crosses_our_cancel_is_no_answer_for_switch() -> None:
    legs = SpanLegs()
    legs.command(ID, cmd.MakeCall(LEG, MEDIA), 0)
    legs.command(ID, cmd.HangUp(LEG), 0)
    assert legs.handle(words.Confirmed(LEG), 0) == []
    end = over(legs).end
    assert (end.outcome, end.ended_by) == ("cancelled", "appliance")


def test_486_that_crosses_our_cancel_is_told_as_it_is() -> None:
    legs = SpanLegs()
    legs.command(ID, cmd.MakeCall(LEG, MEDIA), 0)
    legs.command(ID, cmd.HangUp(LEG), 0)
    end = over(legs, by="response", status=486).end
    assert (end.outcome, end.ended_by, end.sip_code) == ("busy", "callee", 486)


def test_bye_that_crosses_ours_is_theirs() -> None:
    legs = talking()
    legs.command(ID, cmd.HangUp(LEG), 0)
    assert over(legs, by="BYE").end.ended_by == "caller"


@pytest.mark.parametrize(("answer", "outcome"), [(False, "unreachable"), (True, "failed")])
def test_nobody_answers(answer: bool, outcome: str) -> None:
    legs = SpanLegs()
    legs.command(ID, cmd.MakeCall(LEG, MEDIA), 0)
    if answer:
        legs.handle(words.Confirmed(LEG), 0)
    end = over(legs, status=408).end
    assert (end.outcome, end.ended_by, end.sip_code) == (outcome, "network", 408)


def test_failing_dial_ends_the_leg() -> None:
    legs = SpanLegs()
    assert legs.command(ID, cmd.MakeCall(LEG, MEDIA), 0) == [words.Dial(LEG, MEDIA), Finish(ID)]
    actions = legs.handle(words.Failed(LEG, "no transport"), 0)
    assert isinstance(actions[0], Tell)
    assert isinstance(actions[0].report, reports.LegEnded)
    assert len(legs) == 0
    assert legs.command(ID, cmd.MakeCall(LEG, MEDIA), 0) == [Finish(ID, "the leg has ended")]


def test_info_digits_leave_one_by_one() -> None:
    legs = talking()
    first = legs.command(ID, cmd.SendInfoDigits(LEG, Private("12a")), 1000)
    assert first == [words.SendInfo(LEG, Private("1"), 160)]
    assert legs.command(CommandId("x"), cmd.SendInfoDigits(LEG, Private("5")), 1000) == [
        Finish(CommandId("x"), "digits are being sent")
    ]
    assert legs.handle(words.Tick(), 1249) == []
    assert legs.deadline is not None
    assert legs.deadline.at_ms == 1250
    assert legs.handle(words.Tick(), 1250) == [words.SendInfo(LEG, Private("2"), 160)]
    assert legs.handle(words.Tick(), 1500) == [words.SendInfo(LEG, Private("A"), 160), Finish(ID)]
    # The next series keeps the pace, too.
    assert legs.command(CommandId("x"), cmd.SendInfoDigits(LEG, Private("5")), 1600) == []
    assert legs.handle(words.Tick(), 1750)[-1] == Finish(CommandId("x"))
    assert legs.deadline is None


def test_digits_end_with_the_leg() -> None:
    legs = talking()
    legs.command(ID, cmd.SendInfoDigits(LEG, Private("123")), 0)
    actions = legs.handle(words.Disconnected(leg=LEG, by="BYE", status=200), 10)
    assert actions[0] == Finish(ID, "the leg has ended")


@pytest.mark.parametrize("digits", ["1x", "é", "1 2"])
def test_what_is_no_digit_is_refused(digits: str) -> None:
    assert talking().command(ID, cmd.SendInfoDigits(LEG, Private(digits)), 0) == [Finish(ID, "not digits")]


def test_info_of_the_peer() -> None:
    legs = talking()
    assert legs.handle(words.InfoReceived(LEG, "#", 160), 77) == [Tell(reports.InfoDigit(LEG, Private("#"), 160, 77))]
    assert legs.handle(words.InfoReceived(LEG, "!", 160), 78) == [Tell(reports.InfoDigit(LEG, Private("!"), 160, 78))]
    assert legs.handle(words.InfoReceived(LEG, "?", 160), 79) == []
    assert legs.handle(words.InfoReceived(LEG, "", -5), 78) == []
    assert legs.faults == {"info_digit": 2}


def test_ended_legs_are_forgotten_in_time() -> None:
    legs = SpanLegs()
    for n in range(core.REMEMBERED + 10):
        name = LegId(f"c{n}.1")
        legs.handle(words.Invited(name), 0)
        legs.handle(words.Disconnected(leg=name, by="CANCEL", status=487), 0)
    assert legs.command(ID, cmd.HangUp(LegId("c0.1")), 0) == []  # may be early: waits
    assert legs.command(ID, cmd.HangUp(LegId(f"c{n}.1")), 0) == [Finish(ID)]


_LEGS = st.sampled_from([LegId("a.1"), LegId("b.1")])
_COMMANDS = st.one_of(
    st.builds(cmd.Ring, _LEGS),
    st.builds(cmd.Progress, _LEGS, st.just(MEDIA)),
    st.builds(cmd.Answer, _LEGS, st.just(MEDIA)),
    st.builds(cmd.Reject, _LEGS, st.sampled_from([404, 486, 503])),
    st.builds(cmd.MakeCall, _LEGS, st.just(MEDIA)),
    st.builds(cmd.HangUp, _LEGS),
    st.builds(cmd.SendInfoDigits, _LEGS, st.builds(Private, st.text("12#", max_size=3))),
)
_EVENTS = st.one_of(
    st.builds(words.Invited, _LEGS),
    st.builds(words.Progressed, _LEGS, st.sampled_from([180, 183]), st.booleans()),
    st.builds(words.Confirmed, _LEGS),
    st.builds(
        words.Disconnected,
        leg=_LEGS,
        by=st.sampled_from(["BYE", "CANCEL", "response", None]),
        status=st.sampled_from([200, 408, 486, 487, 503]),
    ),
    st.builds(words.InfoReceived, _LEGS, st.text(max_size=2), st.integers(-5, 10**9)),
    st.builds(words.Failed, _LEGS, st.text(max_size=5)),
    st.builds(words.Discarded, st.lists(_LEGS, max_size=2)),
    st.just(words.Tick()),
    st.just(words.Ending()),
)


class Watch:
    """Follows what comes out: who lives, which command is finished."""

    def __init__(self) -> None:
        self.finished: list[CommandId] = []
        self.alive: set[LegId] = set()

    def take(self, actions: list[words.Action]) -> None:
        for action in actions:
            match action:
                case Finish():
                    self.finished.append(action.id)
                case words.Dial():
                    self.alive.add(action.leg)
                case Tell(report=reports.LegEnded(leg=leg)):
                    self.alive.remove(leg)  # KeyError: ended twice, or never begun
                case Tell(report=report):
                    assert getattr(report, "leg", None) in self.alive
                case _:
                    assert action.leg in self.alive


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 4000), st.one_of(_COMMANDS, _EVENTS)), max_size=40))
def test_any_order(steps: list[tuple[int, cmd.SpanCommand | words.Event]]) -> None:
    """Each command is finished exactly once, a life of a leg ends at most once, nothing is told of a leg before it."""
    legs, watch = SpanLegs(), Watch()
    now_ms, sent = 0, 0
    for pause_ms, step in steps:
        now_ms += pause_ms
        if isinstance(step, cmd.SpanCommand):
            sent += 1
            watch.take(legs.command(CommandId(str(sent)), step, now_ms))
        elif not (isinstance(step, words.Invited) and legs.holds(step.leg)):  # that one the shell refuses
            if isinstance(step, words.Invited):
                watch.alive.add(step.leg)
            watch.take(legs.handle(step, now_ms))
        assert set(legs.snapshot().legs) == watch.alive
    for leg in list(watch.alive):
        watch.take(legs.handle(words.Disconnected(leg=leg, by=None, status=408), now_ms))
    watch.take(legs.handle(words.Tick(), now_ms + 10_000))
    assert sorted(watch.finished, key=int) == [CommandId(str(n + 1)) for n in range(sent)]
    assert legs.deadline is None


def test_the_100_of_a_further_address_after_the_ringing_of_the_one_before_tells_nothing() -> None:
    legs = SpanLegs()
    legs.command(ID, cmd.MakeCall(LEG, MEDIA), 0)
    assert legs.handle(words.Progressed(LEG, 180, False), 0) == [Tell(reports.LegRinging(LEG, 180, False))]
    assert legs.handle(words.Progressed(LEG, 100, False), 0) == []
