"""A call's events as a vCon."""

import base64
import hashlib
import json
from typing import Any

import pytest

from edge.core.vcon import NotEndedError, vcon

AT = "2026-11-22T18:00:0{}.000Z"


def history(
    *told: tuple[str, dict[str, Any]], answered: bool = True, outcome: str = "completed", **started: Any
) -> list[bytes]:
    begin = {"direction": "incoming", "trunk": "t", "caller": "030123", "caller_name": "", "called": "100"} | started
    end = {"end": {"outcome": outcome}, "duration_ms": 9000, "answered_ms": 8000 if answered else 0}
    events = [
        ("call.started", begin),
        *([("call.answered", {"after_ms": 5})] if answered else []),
        *told,
        ("call.ended", end),
    ]
    return [
        json.dumps(
            {"id": f"c1.{n}", "source": "edge/box", "subject": "c1", "type": kind, "time": AT.format(n), "data": data}
        ).encode()
        for n, (kind, data) in enumerate(events)
    ]


RECORDED = ("recording.completed", {"recording": "r1", "leg": "c1.1", "path": "/spool/a.wav", "duration_ms": 1500})


def test_a_talk_and_its_recording() -> None:
    body = b"RIFF" + bytes(range(256))
    events = history(
        ("recording.started", {"recording": "r1", "leg": "c1.1", "path": "/spool/a.wav"}),
        ("leg.started", {"leg": "c1.2", "target": "sip:anna@127.0.0.9", "trunk": ""}),
        ("leg.answered", {"leg": "c1.2", "after_ms": 1}),
        ("leg.held", {"leg": "c1.2", "direction": "sendonly"}),
        ("leg.ended", {"leg": "c1.2", "end": {}}),
        RECORDED,
        caller_e164="+4930123", caller_name="Ada", caller_asserted=True,
    )  # fmt: skip
    made = vcon(events, {"/spool/a.wav": body}.get)
    assert made["parties"] == [
        {"type": "person", "tel": "tel:+4930123", "name": "Ada", "validation": "network-asserted"},
        {"type": "bot", "name": "box"},
        {"type": "person", "sip": "sip:anna@127.0.0.9"},
    ]
    whole, recording = made["dialog"]
    assert (whole["type"], whole["start"], whole["duration"], whole["parties"]) == (
        "recording-set",
        AT.format(1),
        8,
        [0, 1, 2],
    )
    assert whole["recordings"] == [1]
    assert [(one["party"], one["event"], one["time"][17:19]) for one in whole["party_history"]] == [
        (0, "join", "01"), (1, "join", "01"), (2, "join", "04"), (2, "hold", "05"), (2, "drop", "06"),
        (0, "drop", "08"), (1, "drop", "08"),
    ]  # fmt: skip
    assert (recording["type"], recording["recording_set"], recording["filename"]) == ("recording", 0, "a.wav")
    assert (recording["start"], recording["duration"]) == (AT.format(2), 1.5)
    assert recording["parties"] == [0, [1, 2]], "left the caller, right whom he heard"
    padded = recording["body"] + "=" * (-len(recording["body"]) % 4)
    assert base64.urlsafe_b64decode(padded) == body
    hashed = base64.urlsafe_b64encode(hashlib.sha512(body).digest()).rstrip(b"=").decode()
    assert recording["content_hash"] == f"sha512-{hashed}"
    (attached,) = made["attachments"]
    assert (attached["party"], attached["body"]) == (1, [json.loads(event) for event in events])
    assert vcon(events, {"/spool/a.wav": body}.get) == made, "the same call, the same document"
    assert made["uuid"][14] == "8"


def test_a_message_is_the_caller_alone_and_a_file_may_be_left_out() -> None:
    message = {"message": "m1", "leg": "c1.1", "path": "/spool/m.wav", "duration_ms": 1000}
    made = vcon(history(("message.recorded", message)), lambda _path: None)
    assert made["dialog"][1] == {
        "type": "recording", "start": AT.format(1), "duration": 1.0, "parties": [0], "mediatype": "audio/x-wav",
        "filename": "m.wav", "recording_set": 0,
    }  # fmt: skip
    assert made["parties"][0] == {"type": "person", "tel": "030123"}


@pytest.mark.parametrize(("outcome", "said"), [("busy", "busy"), ("no_answer", "no-answer"), ("span_lost", "failed")])
def test_nobody_talked(outcome: str, said: str) -> None:
    made = vcon(history(answered=False, outcome=outcome, direction="outgoing", called="+4930999"), lambda _path: None)
    assert made["dialog"] == [{"type": "incomplete", "start": AT.format(0), "parties": [0, 1], "disposition": said}]
    assert made["parties"][0] == {"type": "person", "tel": "tel:+4930999"}, "the one that we called"


def test_half_a_call_is_none() -> None:
    for events in ([], history(RECORDED)[:-1], history(RECORDED)[1:]):
        with pytest.raises(NotEndedError):
            vcon(events, lambda _path: None)


def test_calls_have_ids_of_their_own() -> None:
    names = set()
    for number in range(2000):
        events = [event.replace(b'"c1"', b'"c%d"' % number) for event in history()]
        names.add(vcon(events, lambda _path: None)["uuid"])
    assert len(names) == 2000, "within one millisecond, too"
