"""The process of a line is killed while its modem has a call: who is on SIP is told, and the modem hangs up."""

import pytest

from tests.support.waiting import until
from tests.system.test_line_faults import Bench, alone, bench

__all__ = ["alone", "bench"]  # fixtures: the appliance with two modems, and no call left to the next

pytestmark = [pytest.mark.system, pytest.mark.first]


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
