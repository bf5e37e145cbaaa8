"""The process of a line is killed while its modem has a call: who is on SIP is told, and the modem hangs up."""

import pytest

from tests.support.appliance import TONES
from tests.support.waiting import until
from tests.system.test_line_faults import Bench, alone, bench

__all__ = ["alone", "bench"]  # fixtures: the appliance with two modems, and no call left to the next

pytestmark = [pytest.mark.system, pytest.mark.first]


def test_killed_while_it_rings_out_for_a_group_the_next_member_has_the_call(bench: Bench) -> None:
    """The first of the tests: for a while a group passes over a trunk that has refused."""
    bench.ready("box", "fxo")
    box, fxo = bench.modems["box"], bench.modems["fxo"]
    box.do("set", callee="wait")
    own = bench.originate("both")
    until(lambda: (box.tell()["call"] or {}).get("state") == 3, 20, "it is alerted")
    bench.edge.kill("line-box")
    until(lambda: (fxo.tell()["call"] or {}).get("state") == 0, 30, "the other line is in the call")
    bench.far_hears("fxo", TONES["welcome"])
    (one,) = [event["data"] for event in bench.edge.events(own) if event["type"] == "leg.failed_over"]
    assert (one["trunk"], one["next_trunk"], one["end"]["sip_code"]) == ("box", "fxo", 503)
    until(lambda: box.tell()["call"] is None, 30, f"the first has hung up: {box.tell()}")
    box.do("set", callee="answer")


def test_killed_while_it_rings_out_the_call_is_refused_and_hung_up(bench: Bench) -> None:
    bench.ready("box", "fxo")
    box = bench.modems["box"]
    box.do("set", callee="wait")
    own = bench.originate("box")
    until(lambda: (box.tell()["call"] or {}).get("state") == 3, 20, "it is alerted")
    old = bench.edge.kill("line-box")
    bench.edge.wait_restarted("line-box", old)
    end = bench.end_of(own)
    assert end["sip_code"] == 503, end
    until(lambda: box.tell()["call"] is None, 30, f"the modem has hung up: {box.tell()}")
    box.do("set", callee="answer")
    bench.ready("box")


def test_no_short_message_is_lost_over_a_kill(bench: Bench) -> None:
    bench.ready("box")
    box = bench.modems["box"]
    texts = [f"message {number}" for number in range(6)]
    for text in texts[:3]:
        box.do("message", number="+49301", text=text)
    old = bench.edge.kill("line-box")
    for text in texts[3:]:
        box.do("message", number="+49301", text=text, told=False)
    bench.edge.wait_restarted("line-box", old)
    marks: dict[str, str] = {}

    def all_told() -> bool:
        told = [event["data"] for event in bench.edge.events() if event["type"] == "sms.received"]
        marks.update({one["message"]: one["text"] for one in told})
        return {one["text"] for one in told} == set(texts)

    until(all_told, 60, f"{marks} {box.tell()} {bench.edge.log_tail()}")
    assert sorted(marks.values()) == texts, "what is told again has the mark that it had"
    until(lambda: box.tell()["stored"] == 0, 20, "the modem's store is empty")


def test_killed_while_it_plays_an_analogue_modem_is_brought_back_and_hung_up(bench: Bench) -> None:
    fxo = bench.modems["fxo"]
    call = bench.talk("fxo")
    own = bench.edge.last_call()
    old = bench.edge.kill("line-fxo")
    bench.edge.wait_restarted("line-fxo", old)
    until(lambda: fxo.tell()["call"] is None, 40, f"the modem has hung up: {fxo.tell()}")
    bench.ready("fxo")
    if not call.ended_by:
        call.bye()
    bench.end_of(own)
    bench.talk("fxo").bye()
