"""Dialogs by the RFCs, as SIPp sees them: what it is answered is checked in its scenarios."""

from pathlib import Path

import pytest

from tests.support.appliance import TONES
from tests.support.waiting import until
from tests.system.conftest import Bench
from tests.system.flows import ended_once, hears
from tests.system.test_adoption import kill_spans
from tests.system.test_peers import SCENARIOS, sipp

pytestmark = [pytest.mark.system, pytest.mark.shared]


def events(bench: Bench, kind: str) -> list[dict[str, object]]:
    return [e["data"] for e in bench.edge.events(bench.edge.last_call()) if e["type"] == kind]


@pytest.mark.parametrize("span", ["lives", "dies"])
def test_a_call_is_changed_in_every_way(bench: Bench, tmp_path: Path, span: str) -> None:
    """UPDATE, re-INVITE, late offer, hold, digits, 422, a refused REFER: with a span and without one."""
    at = bench.caller.address
    bench.caller.close()
    scenario = tmp_path / "dialog.xml"
    scenario.write_text(
        (SCENARIOS / "dialog.xml").read_text().replace('"300"', '"2500"' if span == "dies" else '"300"')
    )
    with sipp(tmp_path, at, f"{bench.edge.address}:5060", "-sf", str(scenario), "-s", "100", "-m", "1") as process:
        bench.edge.wait_event("call.answered")
        if span == "dies":
            kill_spans(bench)
        assert process.wait(60) == 0, (tmp_path / f"sipp-{at}.log").read_text(errors="replace")[-3000:]
    ended_once(bench, "completed")
    assert len(events(bench, "leg.adopted")) == (span == "dies")
    assert [held["direction"] for held in events(bench, "leg.held")] == ["sendonly"]
    assert len(events(bench, "leg.resumed")) == 1
    assert [digit["digit"] for digit in events(bench, "dtmf.received")] == ["1"]
    assert [refused["by"] for refused in events(bench, "transfer.refused")] == ["refer"]


def test_provisional_responses_are_acknowledged(bench: Bench, tmp_path: Path) -> None:
    at = bench.target.address
    bench.target.close()
    with sipp(tmp_path, at, "-sf", str(SCENARIOS / "prack.xml"), "-m", "1") as process:
        call = bench.caller.call(bench.edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        call.audio.press("9")
        bench.edge.wait_event("leg.answered")
        call.bye()
        assert process.wait(30) == 0, (tmp_path / f"sipp-{at}.log").read_text(errors="replace")[-3000:]
    ended_once(bench, "completed")


AWAY = """
version: 1
start: send
nodes:
  send:
    transfer: {to: "200", by: refer, ring_timeout: 10s}
    on_outcome: {busy: busy}
    failed: bye
  busy:
    gather: two
    choices: {0: bye}
    failed: bye
  bye:
    hang_up:
"""


@pytest.mark.parametrize("bench", [{"menu": AWAY}], indirect=True)
@pytest.mark.parametrize("code", [200, 486])
def test_a_caller_is_sent_elsewhere(bench: Bench, code: int) -> None:
    call = bench.caller.call(bench.edge.uri).wait_answered()
    (refer,) = until(lambda: call.requests("REFER"), 10, "a REFER")
    assert refer.get("Refer-To") == f"<sip:200@{bench.caller.address}>"
    told = {"Event": "refer", "Subscription-State": "active;expires=60", "Content-Type": "message/sipfrag"}
    call.send("NOTIFY", told, "SIP/2.0 100 Trying\r\n")
    call.send("NOTIFY", {**told, "Subscription-State": "terminated;reason=noresource"}, f"SIP/2.0 {code} x\r\n")
    if code == 200:
        call.wait_ended()
        assert call.ended_by == "them"
    else:
        hears(call, TONES["two"])
        call.bye()
    ended_once(bench, "completed")
    assert [sent["sip_code"] for sent in events(bench, "transfer.sent")] == [code]
    assert len(call.requests("REFER")) == 1, "answered, so not repeated"


@pytest.mark.parametrize("bench", [{"trunk": 'answer_after = "2s"'}], indirect=True)
def test_our_ringing_is_acknowledged(bench: Bench, tmp_path: Path) -> None:
    """By SIPp, which requires that, beside a telephone whose first acknowledgement is lost."""
    at = bench.target.address
    bench.target.close()
    destination = f"{bench.edge.address}:5060"
    with sipp(tmp_path, at, destination, "-sf", str(SCENARIOS / "reliable.xml"), "-s", "100", "-m", "1") as process:
        call = bench.caller.call(bench.edge.uri, headers={"Supported": "100rel"})
        until(lambda: call.responses.count(180) >= 2, 10, "the 180 again")
        rings = [m for m in call.received if m.status == 180]
        assert len({m.get("RSeq") for m in rings}) == 1, "the same one"
        call.acknowledge_provisional(rings[0])
        call.wait_answered()
        assert [m.status for m in call.received if m.cseq[1] == "PRACK"] == [200]
        hears(call, TONES["welcome"])
        call.bye()
        assert process.wait(30) == 0, (tmp_path / f"sipp-{at}.log").read_text(errors="replace")[-3000:]
    bench.edge.wait_event("call.ended", count=2)
