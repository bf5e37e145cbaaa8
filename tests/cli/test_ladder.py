"""Drawing of SIP ladders."""

from typing import Any

from edge.cli.ladder import label_of, ladder, mermaid, whole


def message(seconds: float, leg: int, direction: str, text: str) -> dict[str, Any]:
    return {
        "leg": f"c1.{leg}",
        "at": f"2026-11-22T05:00:{seconds:09.6f}Z",
        "direction": direction,
        "transport": "udp",
        "peer": f"192.0.2.{leg}:5060",
        "own": "192.0.2.9:5060",
        "text": text.replace("\n", "\r\n"),
    }


INVITE = "INVITE sip:100@h SIP/2.0\nCSeq: 1 INVITE\nContent-Type: application/sdp\n\nv=0"
BUSY = "SIP/2.0 486 Busy Here\nCSeq: 7 INVITE\nReason: Q.850;cause=17\n\n"
CALL = [
    message(0, 1, "in", INVITE),
    message(0.003, 1, "out", "SIP/2.0 100 Trying\nCSeq: 1 INVITE\n\n"),
    message(0.5, 1, "in", INVITE),
    message(1, 2, "out", INVITE),
    message(1.25, 2, "in", BUSY),
]


def test_labels() -> None:
    assert label_of(INVITE.replace("\n", "\r\n")) == ("INVITE SDP", "")
    assert label_of(BUSY.replace("\n", "\r\n")) == ("486 Busy Here (INVITE)", "Q.850;cause=17")
    assert label_of("") == ("", "")


def test_a_ladder() -> None:
    rows = ladder(CALL).splitlines()
    assert rows[0].split() == ["leg", "1", "edge", "leg", "2"]
    assert "INVITE SDP" in rows[2].split("|")[1]
    assert rows[2].split("|")[1].endswith(">")
    assert rows[3].split("|")[1].startswith("<")
    assert "(again)" in rows[4]
    assert rows[5].split("|")[2].endswith(">")
    assert rows[6].split("|")[2].startswith("<")
    assert rows[6].strip().startswith("1.250")
    assert len({len(row) for row in rows[2:6]}) == 1
    assert rows[6] == rows[6][: len(rows[5])] + "  Q.850;cause=17"


def test_a_diagram() -> None:
    assert mermaid(CALL).splitlines()[4:] == [
        "    L1->>edge: INVITE SDP (0.000 s)",
        "    edge->>L1: 100 Trying (INVITE) (0.003 s)",
        "    L1->>edge: INVITE SDP (again) (0.500 s)",
        "    edge->>L2: INVITE SDP (1.000 s)",
        "    L2->>edge: 486 Busy Here (INVITE) [Q.850#59;cause=17] (1.250 s)",
    ]


def test_nothing_steers_a_terminal() -> None:
    evil = message(0, 1, "in", "INVITE sip:\x1b[2J SIP/2.0\nX: \x07\n\n")
    for draw in (ladder, mermaid, whole):
        assert not any(char < " " and char != "\n" for char in draw([evil]))
