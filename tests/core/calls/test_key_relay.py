"""Keys from leg to leg: each reaches the other leg once, by the method that this one takes."""

import random
from itertools import product

import pytest
from msgspec.structs import replace

from edge.core.calls.call import Call
from edge.core.menus.model import Gather, HangUp, Menu, Press, Transfer
from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.media import RemoteMedia
from edge.vocabulary.private import Private
from tests.core.calls.desk import CALL, FIRST, MENU, OTHER_SPAN, REMOTE, SECOND, SPAN, Desk, ended, incoming

BY = {
    "rfc4733": REMOTE,
    "inband": replace(REMOTE, telephone_event=None),
    "info": replace(REMOTE, dtmf="info"),
    "forced": replace(REMOTE, dtmf="inband"),
}
TALK = Menu(
    name="talk",
    version="1",
    start="sales",
    nodes={
        "sales": Transfer(target="sip:sales@127.0.0.1", failed="keys", on_outcome={}, ring_timeout_ms=20000),
        "keys": Press(digits="99", next="bye"),
        "bye": HangUp("goodbye"),
    },
)


def talking(here: RemoteMedia = REMOTE, there: RemoteMedia = REMOTE, menu: Menu = TALK) -> Desk:
    desk = Desk(incoming(remote=here), menu=menu).answer()
    desk.reserve()
    desk.give(r.LegMedia(SECOND, there))
    desk.give(r.LegAnswered(SECOND))
    assert desk.last(c.Bridge) == c.Bridge(FIRST, SECOND)
    return desk


def key(desk: Desk, digit: str, method: str, leg=FIRST, duration_ms: int = 120, audible: bool = False) -> None:
    desk.now_ms += 300
    if method == "info":
        desk.give(r.InfoDigit(leg, Private(digit), duration_ms, desk.now_ms))
    else:
        desk.give(
            r.DigitHeard(
                leg=leg, method=method, digit=Private(digit), start_ms=desk.now_ms - duration_ms,
                duration_ms=duration_ms, audible=audible,
            )
        )  # fmt: skip


def sent(desk: Desk) -> list[tuple[str, str, str, int]]:
    """(to, leg, digits, duration) of all commands that send keys."""
    kinds = c.SendDigits | c.SendInfoDigits
    return [
        (s.to, s.body.leg, s.body.digits.reveal(), s.body.duration_ms) for s in desk.sent if isinstance(s.body, kinds)
    ]


def gone(desk: Desk, leg=SECOND) -> None:
    last = next(s for s in reversed(desk.sent) if isinstance(s.body, c.SendDigits) and s.body.leg == leg)
    desk.give(r.DigitsSent(leg, last.id))


@pytest.mark.parametrize(("method", "there"), list(product(["rfc4733", "inband", "info"], BY)))
def test_a_key_gets_to_the_other_leg_once_by_its_method(method, there):
    desk = talking(there=BY[there])
    key(desk, "5", method)
    tones = there in {"inband", "forced"}
    if method == "inband" and tones:
        assert sent(desk) == [], "its tone is heard"
    else:
        assert sent(desk) == [("span" if there == "info" else "media", SECOND, "5", 120)]
    assert desk.count("dtmf.received") == 1


def test_the_callee_s_keys_get_to_the_caller():
    desk = talking(here=BY["info"])
    key(desk, "7", "inband", leg=SECOND)
    assert sent(desk) == [("span", FIRST, "7", 120)]
    assert [s.span for s in desk.sent if isinstance(s.body, c.SendInfoDigits)] == [SPAN]
    key(desk, "8", "rfc4733", leg=FIRST)
    assert sent(desk)[-1] == ("media", SECOND, "8", 120)
    assert OTHER_SPAN != SPAN


@pytest.mark.parametrize("there", ["rfc4733", "info", "inband"])
def test_a_key_by_all_methods_is_relayed_once(there):
    desk = talking(there=BY[there])
    at = desk.now_ms + 200
    for report in (
        r.DigitHeard(leg=FIRST, method="rfc4733", digit=Private("5"), start_ms=at, duration_ms=100),
        r.DigitHeard(leg=FIRST, method="inband", digit=Private("5"), start_ms=at + 10, duration_ms=90),
        r.InfoDigit(FIRST, Private("5"), 100, at + 150),
    ):
        desk.give(report)
    assert len(sent(desk)) == 1
    assert desk.count("dtmf.received") == 1


def test_tones_that_came_along_are_not_made_again():
    desk = talking(there=BY["inband"])
    key(desk, "5", "rfc4733", audible=True)
    assert sent(desk) == []
    key(desk, "4", "info")
    assert len(sent(desk)) == 1, "nothing says yet that INFO comes with tones here"
    key(desk, "6", "inband")
    desk.give(r.InfoDigit(FIRST, Private("6"), 100, desk.now_ms + 50))
    gone(desk)
    key(desk, "7", "info")
    assert len(sent(desk)) == 1, "now it is known"


@pytest.mark.parametrize(("there", "count"), [("rfc4733", 1), ("info", 1), ("inband", 0)])
@pytest.mark.parametrize("method", ["rfc4733", "info"])
def test_flash_is_relayed_where_it_can_be_said(method, there, count):
    desk = talking(there=BY[there])
    key(desk, "!", method)
    assert [digits for _, _, digits, _ in sent(desk)] == ["!"] * count
    assert (desk.count("dtmf.flash"), desk.count("dtmf.received")) == (1, 0)


def test_keys_wait_for_the_one_before_and_then_go_together():
    desk = talking()
    for digit in "1234":
        key(desk, digit, "rfc4733", duration_ms=300)
    assert sent(desk) == [("media", SECOND, "1", 300)]
    gone(desk)
    assert sent(desk)[1:] == [("media", SECOND, "234", 80)]
    gone(desk)
    key(desk, "5", "rfc4733", duration_ms=20)
    assert sent(desk)[2:] == [("media", SECOND, "5", 60)], "long enough to be heard"


def test_an_end_that_is_never_told_holds_up_for_seconds_only():
    desk = talking()
    key(desk, "1", "rfc4733")
    key(desk, "2", "rfc4733")
    desk.wait(4000)
    assert [digits for _, _, digits, _ in sent(desk)] == ["1", "2"]
    assert desk.call.phase == "running"


def test_a_leg_that_cannot_send_keys_does_not_hurt_the_call():
    desk = talking()
    desk.auto = False
    key(desk, "1", "rfc4733")
    desk.give(r.CommandDone(desk.sent[-1].id, "no leg"))
    key(desk, "2", "rfc4733")
    assert [digits for _, _, digits, _ in sent(desk)] == ["1", "2"]
    assert desk.call.phase == "running"


def test_keys_before_and_after_the_talk_are_not_relayed():
    desk = Desk(incoming(), menu=TALK).answer()
    key(desk, "1", "rfc4733")
    desk.reserve()
    key(desk, "2", "rfc4733")
    assert sent(desk) == []


def test_the_end_of_relayed_keys_is_not_that_of_the_menu_s():
    desk = Desk(incoming(), menu=TALK).answer()
    desk.reserve()
    desk.give(r.LegMedia(SECOND, REMOTE))
    desk.give(r.LegRinging(SECOND, 183, True))
    key(desk, "1", "rfc4733", leg=SECOND)
    key(desk, "2", "rfc4733", leg=SECOND)
    desk.give(ended(SECOND, "busy", "callee", 486))
    assert sent(desk) == [("media", FIRST, "1", 120)], "the menu's keys wait for it, the other relayed one is dropped"
    gone(desk, FIRST)
    assert sent(desk)[1:] == [("media", FIRST, "99", 100)]
    assert desk.call.phase == "running"
    gone(desk, FIRST)
    assert desk.call.over


def test_flash_is_taken_by_a_gather_that_asks_for_it():
    ask = Menu(
        name="m",
        version="1",
        start="ask",
        nodes={"ask": Gather(prompt=[], choices={"1": "bye", "flash": "bye"}, failed="bye"), "bye": HangUp("bye")},
    )
    for menu, over in ((ask, True), (MENU, False)):
        desk = Desk(incoming(), menu=menu).answer()
        if menu is MENU:
            desk.play_ends()
        key(desk, "!", "rfc4733")
        assert (desk.call.phase != "running") == over
        assert desk.count("menu.input") == int(over)


def test_the_journal_rebuilds_each_relay():
    dice = random.Random(7)
    for _ in range(30):
        here, there = dice.choice(list(BY.values())), dice.choice(list(BY.values()))
        desk = talking(here, there)
        for _ in range(20):
            method = dice.choice(["rfc4733", "inband", "info"])
            key(desk, dice.choice("0123456789*#!"), method, dice.choice([FIRST, SECOND]), audible=dice.random() < 0.3)
            if dice.random() < 0.4:
                for leg in (FIRST, SECOND):
                    if any(isinstance(s.body, c.SendDigits) and s.body.leg == leg for s in desk.sent):
                        gone(desk, leg)
        again = Call(CALL, TALK)
        actions = [action for at_ms, entry in desk.journal for action in again.replay(entry, at_ms)]
        assert [a for a in actions if type(a).__name__ == "Send"] == desk.sent
