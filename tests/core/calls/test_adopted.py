"""A leg whose span is gone: front is asked for what the span did, and the call goes on."""

from edge.core.calls.actions import Send
from edge.core.calls.call import Call
from edge.core.calls.inputs import Stopped
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.private import Private
from tests.core.calls.desk import CALL, FIRST, MENU, OTHER_SPAN, REMOTE, SECOND, SPAN, Desk, ended, incoming, seat
from tests.core.calls.test_key_relay import BY, key, sent, talking


def asked_of(desk: Desk, kind: type) -> list[tuple[str, str]]:
    """(process, leg) of each command of a kind."""
    return [(s.to, s.body.leg) for s in desk.sent if isinstance(s.body, kind)]


def test_a_talk_goes_on_and_front_hangs_up() -> None:
    desk = talking()
    before = len(desk.sent)
    for leg, span in ((FIRST, SPAN), (SECOND, OTHER_SPAN)):
        desk.give(r.LegAdopted(leg, span))
        desk.give(r.LegAnswered(leg))
    assert [ev for ev in desk.events if isinstance(ev, e.LegAdopted)] == [
        e.LegAdopted(leg=FIRST, span=SPAN),
        e.LegAdopted(leg=SECOND, span=OTHER_SPAN),
    ]
    assert len(desk.sent) == before, "nobody is told anything"
    desk.give(ended(SECOND, by="callee"))
    assert asked_of(desk, c.HangUp) == [("front", FIRST)]
    assert desk.count("call.ended") == 1
    assert desk.call.over


def test_it_is_told_once_though_front_says_it_in_each_of_its_lives() -> None:
    desk = Desk(incoming()).answer()
    for _ in range(3):
        desk.give(r.LegAdopted(FIRST, SPAN))
        desk.give(r.LegAnswered(FIRST))
    assert desk.count("leg.adopted") == 1
    assert desk.count("call.answered") == 1


def test_a_hang_up_that_the_span_may_not_have_done_is_fronts() -> None:
    desk = Desk(incoming(), auto=False)
    desk.give(r.CommandDone(desk.sent[0].id))
    desk.answer()
    desk.give(Stopped("by hand"))
    assert asked_of(desk, c.HangUp) == [("span", FIRST)]
    desk.give(r.LegAdopted(FIRST, SPAN))
    assert asked_of(desk, c.HangUp) == [("span", FIRST), ("front", FIRST)]


def test_an_answer_before_the_ack() -> None:
    desk = Desk(incoming())
    desk.give(r.LegAdopted(FIRST, SPAN))
    assert desk.call.phase == "setup"
    desk.answer()
    assert desk.call.phase == "running"
    assert desk.bodies(c.Play)


def test_an_answer_that_a_former_life_of_switch_had_asked_for() -> None:
    """The disk does not know of it, but front, which told of the call anew, does."""
    desk = Desk(incoming(), auto=False)
    desk.give(r.LegAdopted(FIRST, SPAN))
    desk.give(r.CommandDone(desk.sent[0].id))
    assert not desk.bodies(c.Answer)
    desk.answer()
    assert desk.call.phase == "running"


def test_a_leg_that_is_over_is_ended_by_front() -> None:
    desk = talking()
    desk.auto = False
    desk.give(ended(SECOND, by="callee"))
    desk.give(r.LegAdopted(SECOND, OTHER_SPAN))
    assert asked_of(desk, c.HangUp)[-1] == ("front", SECOND)
    assert desk.count("leg.adopted") == 0


def test_digits_by_info_go_to_front_and_none_wait_for_a_dead_span() -> None:
    desk = talking(there=BY["info"])
    desk.auto = False
    key(desk, "1", "rfc4733")
    assert sent(desk)[-1][:2] == ("span", SECOND)
    desk.give(r.LegAdopted(SECOND, OTHER_SPAN))
    key(desk, "2", "rfc4733")
    assert sent(desk)[-1][:3] == ("front", SECOND, "2")


def test_digits_by_media_do_not_notice() -> None:
    desk = talking()
    desk.auto = False
    key(desk, "1", "rfc4733")
    desk.give(r.LegAdopted(SECOND, OTHER_SPAN))
    key(desk, "2", "rfc4733")
    assert [digits for _, _, digits, _ in sent(desk)] == ["1"], "the first is being sent"


def test_the_menu_goes_on_and_dials() -> None:
    desk = Desk(incoming()).answer()
    desk.give(r.LegAdopted(FIRST, SPAN))
    desk.play_ends()
    desk.press("1")
    desk.reserve()
    desk.give(r.LegMedia(SECOND, REMOTE))
    desk.give(r.LegAnswered(SECOND))
    assert desk.last(c.Bridge) == c.Bridge(FIRST, SECOND)
    assert asked_of(desk, c.MakeCall) == [("span", SECOND)]
    assert desk.last(c.MakeCall).media == seat(1).address


def test_a_new_life_of_switch_knows_it() -> None:
    desk = Desk(incoming()).answer()
    desk.give(r.LegAdopted(FIRST, SPAN))
    rebuilt = Call(CALL, MENU)
    for at_ms, entry in desk.journal:
        rebuilt.replay(entry, at_ms)
    (hang_up,) = [a for a in rebuilt.handle(Stopped("by hand"), desk.now_ms) if isinstance(a, Send) and a.to != "media"]
    assert (hang_up.to, hang_up.body) == ("front", c.HangUp(FIRST, "by hand"))


def test_a_transfer_that_front_refused_is_told() -> None:
    desk = talking()
    desk.give(r.TransferRefused(SECOND, "refer", Private("sip:0900@evil.example")))
    assert desk.of(e.TransferRefused) == [
        e.TransferRefused(leg=SECOND, by="refer", target=Private("sip:0900@evil.example"))
    ]
    assert desk.call.phase == "running"
