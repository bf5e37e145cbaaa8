"""Calls that peers send on (REFER, 3xx), and hold by us, with real telephones."""

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.addresses import address as loopback_address
from tests.support.appliance import MENU, TONES
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until
from tests.system.flows import hears, talking
from tests.system.test_hold import BEGINS, CALLER, TARGET, music, place

pytestmark = pytest.mark.system

THIRD = 1900


def heard_of_it(call: Call) -> list[str]:
    """Status lines of the NOTIFYs."""
    return [message.body.strip() for message in call.requests("NOTIFY")]


def refer(call: Call, to: str) -> None:
    call.send("REFER", {"Refer-To": to, "Contact": f"<{call.phone.uri}>"})


def test_whom_we_hold_and_who_takes_whose_place(tmp_path: Path) -> None:
    """A target is held by us, sends the caller on to a third, whose exchange sends the call on once more."""
    with (
        loopback_address() as third_at,
        Softphone(third_at, port=5060, tone_hz=THIRD, user="third") as third,
        place(
            tmp_path,
            media=f'hold_music = "{music(tmp_path)}"',
            trunk=f'address = "{third_at}:5060"\nrefer = "allow"\nredirects = "follow"\nrefer_to = ["3*"]',
        ) as at,
    ):
        caller, target = talking(at)
        id_ = at.edge.last_call()
        ask = {"id": id_, "leg": "1", "on": True}
        at.edge.control(what="request", process="switch", request="hold", body=ask)
        hears(caller, BEGINS)
        assert caller.remote is not None
        assert caller.remote.direction == "sendonly"
        until(lambda: not target.audio.hears(CALLER), 15, "the target does not hear who is on hold")
        at.edge.kill("front")
        at.edge.wait_ready()
        at.edge.control(what="request", process="switch", request="hold", body={**ask, "on": False})
        hears(caller, TARGET)
        hears(target, CALLER)

        refer(target, "<sip:400@127.0.0.1>")
        until(lambda: [m for m in target.received if m.status == 603], 10, "a refusal")
        refer(target, f"<sip:300@{at.edge.address}>")
        asked = third.expect_call()
        asked.ring()
        until(lambda: "SIP/2.0 180 Ringing" in heard_of_it(target), 10, "180 at who asked")
        hears(target, CALLER)
        asked.reject(302, {"Contact": f"<sip:301@{third_at}>"})
        there = third.expect_call()
        there.accept()
        hears(there, CALLER)
        hears(caller, THIRD)
        target.wait_ended()
        assert target.ended_by == "them"
        assert heard_of_it(target) == ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing", "SIP/2.0 200 OK"]

        refer(there, f"<sip:302@{at.edge.address}>")
        until(lambda: [m for m in there.received if m.status == 202], 10, "202")
        there.bye()
        last = third.expect_call()
        last.accept()
        hears(last, CALLER)
        caller.bye()
        last.wait_ended()
        at.edge.wait_event("call.ended", id_)
        kinds = at.edge.types(id_)
        assert [kind for kind in kinds if kind.startswith("transfer.")] == [
            "transfer.refused",
            "transfer.requested",
            "transfer.redirected",
            "transfer.completed",
            "transfer.requested",
            "transfer.completed",
        ]
        held = [e["data"]["by"] for e in at.edge.events(id_) if e["type"] in {"leg.held", "leg.resumed"}]
        assert held == ["appliance", "appliance"]


AGENT_MENU = MENU.replace("9: connect", "9: connect, 8: other").replace(
    "  failed:\n", '  other:\n    transfer: "sip:third@THIRD"\n    failed: failed\n  failed:\n', 1
)


def test_an_agent_joins_its_two_calls(tmp_path: Path) -> None:
    """It talks with a caller, asks a third on a call of its own, and brings the two together (REFER with Replaces)."""
    with (
        loopback_address() as third_at,
        Softphone(third_at, port=5060, tone_hz=THIRD, user="third") as third,
        place(
            tmp_path,
            menu=AGENT_MENU.replace("THIRD", third_at),
            trunk=f'address = "{third_at}:5060"\nrefer = "allow"\nrefer_to = ["3*"]',
        ) as at,
    ):
        caller, agent = talking(at)
        first = at.edge.last_call()
        asking = at.target.call(at.edge.uri).wait_answered()
        hears(asking, TONES["welcome"])
        asking.audio.press("8")
        asked = third.expect_call()
        asked.accept()
        hears(asking, THIRD)
        second = at.edge.last_call()
        refer(agent, f"<sip:x@{at.edge.address}?Replaces={quote(asking.named_for_peer(), safe='')}>")
        hears(caller, THIRD)
        hears(asked, CALLER)
        for call in (agent, asking):
            call.wait_ended()
            assert call.ended_by == "them"
        assert heard_of_it(agent)[-1] == "SIP/2.0 200 OK"
        at.edge.wait_event("call.ended", second)
        asked.bye()
        caller.wait_ended()
        at.edge.wait_event("call.ended", first)
        assert "leg.moved" in at.edge.types(second)
        assert "transfer.completed" in at.edge.types(first)
