"""What people look at when a call went wrong: its SIP ladder and its capture file, of a call through real processes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.appliance import TONES
from tests.system.conftest import Bench
from tests.system.flows import ended_once, hears, talking

pytestmark = [pytest.mark.system, pytest.mark.shared]


def edge(bench: Bench, *arguments: str) -> str:
    command = [sys.executable, "-m", "edge", "calls", *arguments, "--state", str(bench.edge.state)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def tshark(file: Path, *fields: str, keep: str) -> list[list[str]]:
    """Rows of fields of a capture file, as Wireshark's dissectors see it."""
    command = ["tshark", "-r", str(file), "-Y", keep, "-T", "fields", "-E", "separator=,"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [line.split(",") for line in done.stdout.splitlines()]


def test_the_ladder_of_a_transfer_while_it_lasts_and_afterwards(bench: Bench, tmp_path: Path) -> None:
    call, there = talking(bench)
    id_ = bench.edge.last_call()
    during = edge(bench, "show", id_, "--sip")
    file = tmp_path / "call.pcap"
    said = edge(bench, "pcap", id_, str(file), "--seconds", "1")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "SIP messages" in said
    old = bench.edge.kill("front")
    bench.edge.wait_restarted("front", old)
    call.bye()
    there.wait_ended()
    ended_once(bench, "completed")

    # While it lasted: two legs, what each was sent and sent itself.
    assert during.splitlines()[0].split() == ["leg", "1", "edge", "leg", "2"]
    assert "INVITE SDP" in during
    assert "200 OK (INVITE) SDP" in during
    assert "BYE" not in during

    # The capture, seen by Wireshark's own dissectors.
    assert {row[0] for row in tshark(file, "sip.Method", keep="sip.Method")} >= {"INVITE", "ACK"}
    rtp = tshark(file, "udp.dstport", "udp.srcport", "frame.len", "frame.cap_len", keep="udp && !sip")
    # RTCP, which may come at any moment, is on odd ports of ours, which are below those of the phones.
    media = [row for row in rtp if row[3] == str(20 + 8 + 12) and min(int(row[0]), int(row[1])) % 2 == 0]
    # Two legs, both ways, 50 packets a second each; only headers.
    assert len(media) > 100
    # The last packets of the key that the caller pressed may be among them.
    assert {row[2] for row in media} - {str(20 + 8 + 12 + 4)} == {str(20 + 8 + 12 + 160)}

    # Afterwards, over a kill of front.
    assert "BYE" in edge(bench, "show", id_, "--sip")
    drawing = edge(bench, "show", id_, "--mermaid")
    assert drawing.startswith("sequenceDiagram\n    participant L1 as leg 1")
    assert "L1->>edge: INVITE SDP" in drawing
    assert "edge->>L2: INVITE SDP" in drawing
    assert "INVITE sip:100@" in edge(bench, "show", id_, "--messages")
    rows = [json.loads(line) for line in edge(bench, "show", id_, "--sip", "--json").splitlines()]
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert {row["leg"] for row in rows} == {f"{id_}.1", f"{id_}.2"}


def test_digits_do_not_get_into_it(bench: Bench) -> None:
    call = bench.caller.call(bench.edge.uri).wait_answered()
    hears(call, TONES["welcome"])
    call.info_digit("1")
    hears(call, TONES["one"])
    call.bye()
    ended_once(bench, "completed")
    whole = edge(bench, "show", bench.edge.last_call(), "--messages")
    assert "Signal=*" in whole
    assert "Signal=1" not in whole


def test_a_call_that_nobody_knows(bench: Bench) -> None:
    command = [sys.executable, "-m", "edge", "calls", "show", "c0", "--sip", "--state", str(bench.edge.state)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "no SIP messages are remembered" in done.stderr
