"""A call as a vCon: who took part, what was recorded, and the events, in one JSON document.

After draft-ietf-vcon-vcon-core-03, unsigned form (the schema of version 0.4.0). Made from the events of a call that has
ended, and from files that the caller of this module reads; the same call makes the same document.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from edge.vocabulary.endings import Outcome

#: What a recording's file is said to be; the draft lists it so.
WAV = "audio/x-wav"
EVENTS = "application/cloudevents-batch+json"
#: Why nobody talked, in the draft's words; every other outcome is `failed`.
_INCOMPLETE: dict[Outcome, str] = {
    "cancelled": "hung-up",
    "busy": "busy",
    "no_answer": "no-answer",
    "no_room": "congestion",
    "completed": "hung-up",
}

#: Gives the content of a recording's file; None: it is not to be in the document, or it is gone.
Content = Callable[[str], bytes | None]
Document = dict[str, Any]


class NotEndedError(ValueError):
    """The events are not those of a call from its begin to its end."""


def vcon(events: Iterable[bytes], content: Content) -> Document:
    """Make the document of a call from its events (CloudEvents in JSON, in order). Raises NotEndedError."""
    history = [json.loads(event) for event in events]
    if not history or history[0]["type"] != "call.started" or history[-1]["type"] != "call.ended":
        raise NotEndedError("the events are not those of a whole call")
    call = _Call(history)
    dialog = call.dialog(content)
    return {
        "vcon": "0.4.0",
        "uuid": _uuid(history[0]),
        "created_at": history[-1]["time"],
        "parties": call.parties,
        "dialog": dialog,
        "analysis": [],
        "attachments": [
            {
                "purpose": "events",
                "start": history[0]["time"],
                "party": call.appliance,
                "dialog": 0,
                "mediatype": EVENTS,
                "encoding": "json",
                "body": history,
            }
        ],
    }


class _Call:
    def __init__(self, history: list[Document]) -> None:
        self._history = history
        self._started: Document = history[0]["data"]
        #: Index of a leg's party.
        self._of: dict[str, int] = {}
        self.parties: list[Document] = []
        started = (event for event in history if event["type"] == "recording.started")
        self._began: dict[str | None, str] = {event["data"]["recording"]: event["time"] for event in started}
        first = f"{history[0]['subject']}.1"
        outgoing = self._started["direction"] == "outgoing"
        self._of[first] = self._add(self._called() if outgoing else self._caller())
        self.appliance = self._add({"type": "bot", "name": history[0]["source"].removeprefix("edge/")})
        for event in history:
            if event["type"] == "leg.started":
                self._of[event["data"]["leg"]] = self._add(_party(event["data"]["target"]))

    def _add(self, party: Document) -> int:
        self.parties.append(party)
        return len(self.parties) - 1

    def _caller(self) -> Document:
        started = self._started
        party = _party(started.get("caller_e164") or started["caller"])
        if started["caller_name"]:
            party["name"] = started["caller_name"]
        if started.get("caller_asserted"):
            party["validation"] = "network-asserted"
        if started.get("signature"):
            party["stir"] = started["signature"]
        return party

    def _called(self) -> Document:
        return _party(self._started.get("called_e164") or self._started["called"])

    def dialog(self, content: Content) -> list[Document]:
        """Return the whole of the call, then each recording; or why there was none."""
        ended = self._history[-1]["data"]
        answered = next((event for event in self._history if event["type"] == "call.answered"), None)
        if answered is None:
            reason = _INCOMPLETE.get(ended["end"]["outcome"], "failed")
            start = self._history[0]["time"]
            return [{"type": "incomplete", "start": start, "parties": [0, self.appliance], "disposition": reason}]
        recordings = [self._recording(event, content) for event in self._history if event["type"] in _RECORDED]
        whole: Document = {
            "type": "recording-set",
            "start": answered["time"],
            "duration": ended["answered_ms"] / 1000,
            "parties": [0, self.appliance, *sorted({index for index in self._of.values() if index > self.appliance})],
            "recordings": list(range(1, len(recordings) + 1)),
            "party_history": self._comings_and_goings(answered["time"]),
        }
        return [whole, *recordings]

    def _recording(self, event: Document, content: Content) -> Document:
        told = event["data"]
        party = self._of.get(told["leg"], 0)
        message = event["type"] != "recording.completed"
        others = sorted({self.appliance, *(index for index in self._of.values() if index > self.appliance)} - {party})
        found: Document = {
            "type": "recording",
            "start": self._began.get(told.get("recording")) or _before(event["time"], told["duration_ms"]),
            "duration": told["duration_ms"] / 1000,
            "parties": [party] if message else [party, others],
            "mediatype": WAV,
            "filename": told["path"].rpartition("/")[2],
            "recording_set": 0,
        }
        body = content(told["path"])
        if body is not None:
            sha512 = hashlib.sha512(body).digest()
            found |= {
                "body": base64.urlsafe_b64encode(body).rstrip(b"=").decode(),
                "encoding": "base64url",
                "content_hash": f"sha512-{base64.urlsafe_b64encode(sha512).rstrip(b'=').decode()}",
            }
        return found

    def _comings_and_goings(self, answered: str) -> list[Document]:
        found = [{"party": index, "time": answered, "event": "join"} for index in (0, self.appliance)]
        for event in self._history:
            word = _HISTORY.get(event["type"])
            party = self._of.get(str(event["data"].get("leg")))
            if word is not None and party is not None:
                found.append({"party": party, "time": event["time"], "event": word})
        if not any(one["party"] == 0 and one["event"] == "drop" for one in found):
            found.append({"party": 0, "time": self._history[-1]["time"], "event": "drop"})
        return [*found, {"party": self.appliance, "time": self._history[-1]["time"], "event": "drop"}]


_RECORDED = ("recording.completed", "message.recorded")
_HISTORY = {"leg.answered": "join", "leg.ended": "drop", "leg.held": "hold", "leg.resumed": "unhold"}


def _party(who: str) -> Document:
    """Give a party of a number or a SIP URI; one of whom nothing is known has neither."""
    if who.startswith(("sip:", "sips:")):
        return {"type": "person", "sip": who}
    if who.startswith("+"):
        return {"type": "person", "tel": f"tel:{who}"}
    return {"type": "person", **({"tel": who} if who.isdigit() else {})}


def _before(time: str, ms: int) -> str:
    at = datetime.fromisoformat(time).astimezone(UTC) - timedelta(milliseconds=ms)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _uuid(started: Document) -> str:
    """Return a UUID of version 8 as the draft makes it: time, and a name, here the call's below the appliance's."""
    ms = int(datetime.fromisoformat(started["time"]).timestamp() * 1000)
    name = f"{started['subject']}.{started['source'].removeprefix('edge/')}".encode()
    begin = int.from_bytes(hashlib.sha256(name).digest()[:2])
    high = int.from_bytes(hashlib.sha1(name, usedforsecurity=False).digest()[:8])
    digits = f"{ms << 80 | 8 << 76 | (begin & 0xFFF) << 64 | 2 << 62 | high >> 2:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
