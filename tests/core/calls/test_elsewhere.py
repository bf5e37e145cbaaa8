"""A caller who is sent elsewhere by REFER."""

import pytest

from edge.core.menus.model import HangUp, Menu, Transfer
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.private import Private
from tests.core.calls.desk import FIRST, Desk, ended, incoming

AWAY = Menu(
    name="away",
    version="1",
    start="send",
    nodes={
        "send": Transfer(target="200", by="refer", failed="bye", on_outcome={"busy": "busy"}, ring_timeout_ms=20_000),
        "busy": HangUp("busy"),
        "bye": HangUp("failed"),
    },
)


def sent() -> Desk:
    desk = Desk(incoming(), menu=AWAY).answer()
    assert desk.bodies(c.Refer) == [c.Refer(FIRST, Private("200"))]
    assert not desk.bodies(c.ReserveSpan)
    return desk


def test_it_went() -> None:
    desk = sent()
    desk.give(r.ReferEnded(FIRST, 200))
    assert desk.of(e.TransferSent) == [e.TransferSent(leg=FIRST, target=Private("200"), sip_code=200)]
    (over,) = desk.of(e.CallEnded)
    assert (over.end.outcome, over.end.ended_by) == ("completed", "appliance")
    assert desk.bodies(c.HangUp)


@pytest.mark.parametrize(("code", "node"), [(486, "busy"), (603, "bye"), (408, "bye")])
def test_it_did_not_go(code: int, node: str) -> None:
    desk = sent()
    desk.give(r.ReferEnded(FIRST, code))
    assert [ev.sip_code for ev in desk.of(e.TransferSent)] == [code]
    assert desk.of(e.CallEnded)[0].path == ["send", node]
    desk.give(r.ReferEnded(FIRST, 200))
    assert len(desk.of(e.TransferSent)) == 1


def test_nothing_is_heard_of_it() -> None:
    desk = sent()
    desk.wait(20_000)
    assert [ev.sip_code for ev in desk.of(e.TransferSent)] == [408]
    assert desk.call.over


def test_front_can_not() -> None:
    desk = Desk(incoming(), menu=AWAY, auto=False)
    desk.give(r.CommandDone(desk.sent[0].id))
    desk.answer()
    refer = next(send for send in desk.sent if isinstance(send.body, c.Refer))
    desk.give(r.CommandDone(refer.id, "bad target"))
    assert [ev.sip_code for ev in desk.of(e.TransferSent)] == [500]


def test_the_caller_hangs_up_meanwhile() -> None:
    desk = sent()
    desk.give(ended(FIRST))
    assert desk.call.over
    assert not desk.of(e.TransferSent)
