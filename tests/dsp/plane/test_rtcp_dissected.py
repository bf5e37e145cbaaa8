"""What an engine says in RTCP, as others read it: half a minute of a leg in virtual time, dissected by tshark."""

import itertools

import numpy as np
import pytest

from dsp.plane import layout as lo
from tests.dsp.rig import Rig
from tests.support import pcap

SINE = 8000 * np.sin(2 * np.pi * 400 * np.arange(160) / 8000)
FIELDS = (
    "frame.protocols", "_ws.malformed", "_ws.expert.severity", "rtcp.pt", "rtcp.rc", "rtcp.senderssrc",
    "rtcp.ssrc.identifier", "rtcp.ssrc.cum_nr", "rtcp.ssrc.ext_high", "rtcp.ssrc.jitter", "rtcp.sdes.text",
    "rtcp.sender.packetcount", "rtcp.sender.octetcount", "rtcp.timestamp.rtp", "rtcp.length_check.bad", "rtp.seq",
)  # fmt: skip
RTP, RTCP = 16384, 16385
OURS, THEIRS = "192.0.2.1", "192.0.2.2"


def half_a_minute(mux: int) -> list[pcap.Datagram]:
    """A peer that loses every tenth packet talks for half a minute; what the leg sent, the end included."""
    rig, heard = Rig(slots=1), []
    try:
        peer = rig.open(0)
        rig.command(lo.CMD_UPDATE_REMOTE, 0, 1, 0, 0, 101, 1, 1, 20, 0, 0, 0, 0, mux)
        for n in range(1501):
            if n == 1500:
                rig.command(lo.CMD_CLOSE, 0)
            if n % 10 or n < 10:
                peer.send(SINE)
            else:
                peer.seq += 1
                peer.ts += 160
            rig.engine.step(rig.now)
            rig.now += lo.TICK_NS
            for sock, port in ((peer.rtp, RTP), (peer.rtcp, RTCP)):
                while True:
                    try:
                        data = sock.recv(4096)
                    except BlockingIOError:
                        break
                    heard.append(pcap.Datagram(n * 0.02, (OURS, port), (THEIRS, port), data))
    finally:
        rig.close()
    return heard


@pytest.fixture(scope="module", params=[0, 1], ids=["own port", "mux"])
def dissected(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[str]]]:
    path = tmp_path_factory.mktemp("rtcp") / "leg.pcap"
    pcap.write(path, half_a_minute(request.param))
    rules = [f"udp.port=={RTP},rtp"] if request.param else [f"udp.port=={RTP},rtp", f"udp.port=={RTCP},rtcp"]
    return pcap.dissect(path, *rules, fields=FIELDS)


def test_every_report_is_whole_and_tells_the_truth(dissected: list[dict[str, list[str]]]) -> None:
    assert not [p for p in dissected if "_ws.malformed" in p or "rtcp.length_check.bad" in p]
    reports = [p for p in dissected if "rtcp.pt" in p]
    assert len(reports) + sum("rtp.seq" in p for p in dissected) == len(dissected)
    assert 4 <= len(reports) <= 12  # every 5 s, between half and one and a half of it
    for report in reports[1:-1]:
        assert report["rtcp.pt"] == ["200", "202"]  # SR, SDES
        assert [int(ssrc, 0) for ssrc in report["rtcp.senderssrc"]] == [0x5000]
        assert report["rtcp.sdes.text"] == ["abcdefghijklmnop"]
        assert report["rtcp.rc"] == ["1"]
    # One in ten is lost; the first packet only proves the source.
    lost, highest = [[int(p[field][0]) for p in reports[1:]] for field in ("rtcp.ssrc.cum_nr", "rtcp.ssrc.ext_high")]
    for count, sequence in zip(lost, highest, strict=True):
        assert abs(count - (sequence - 100) / 10) <= 2
    sent = [int(p["rtcp.sender.packetcount"][0]) for p in reports[1:]]
    assert sent == sorted(sent)
    assert [int(p["rtcp.sender.octetcount"][0]) for p in reports[1:]] == [160 * n for n in sent]
    assert all(int(p["rtcp.ssrc.jitter"][0]) == 0 for p in reports[1:])  # the trace has none
    assert reports[-1]["rtcp.pt"] == ["200", "202", "203"]  # and BYE


def test_a_senders_timestamp_is_that_of_its_packets(dissected: list[dict[str, list[str]]]) -> None:
    stamps = [int(p["rtcp.timestamp.rtp"][0]) for p in dissected if "rtcp.timestamp.rtp" in p]
    steps = [(b - a) & 0xFFFFFFFF for a, b in itertools.pairwise(stamps)]
    assert all(step % 160 == 0 and 125 * 160 <= step < 375 * 160 for step in steps[:-1])
