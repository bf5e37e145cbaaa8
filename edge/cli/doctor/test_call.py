"""A real call through a trunk: whether it is answered, and whether anything is heard of who answers."""

import time
from typing import Any

import msgspec

from edge.cli.control import NotRunningError
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient
from edge.core.menus.script import press_script

#: How long it may ring, how long somebody has to say something, and how long all of it may take.
RING_MS, SOUND_MS, LIMIT_S = 20_000, 8_000, 45.0
_LOOK_S = 0.3


def make_call(patient: Patient, notes: Notes) -> None:
    """Call, listen, hang up."""
    can = [trunk.name for trunk in patient.site.trunks if trunk.address]
    trunk = patient.trunk or (can[0] if len(can) == 1 else "")
    what = f"test call through {trunk or 'a trunk'}"
    if not patient.runs:
        notes.skipped(what, "the appliance does not run", "start it, and ask again")
        return
    if trunk not in can:
        notes.skipped(what, f"--trunk names one of: {', '.join(can) or 'none has an address'}")
        return
    menu = msgspec.to_builtins(press_script([], sound_timeout_ms=SOUND_MS, stay_ms=2_000))
    order = {"target": patient.call, "trunk": trunk, "menu": menu, "ring_timeout_ms": RING_MS}
    try:
        call = patient.request("switch", "originate", order)["call"]
        found = _ended(patient, call)
    except NotRunningError as error:
        notes.bad(what, str(error), "see the log of switch")
        return
    _judge(what, found, notes)


def _ended(patient: Patient, call: str) -> dict[str, Any]:
    began_s = time.monotonic()
    while True:
        found: dict[str, Any] = patient.request("switch", "call", {"id": call})
        if found["state"] == "ended" or time.monotonic() - began_s > LIMIT_S:
            return found
        time.sleep(_LOOK_S)


def _judge(what: str, found: dict[str, Any], notes: Notes) -> None:
    events = {event["type"]: event["data"] for event in found["events"]}
    end = events.get("call.ended")
    quality = events.get("leg.quality")
    if end is None:
        notes.bad(what, f"it did not end within {LIMIT_S:g} s", f"look at edge calls show {found['id']}")
    elif not end["answered_ms"]:
        reason = end["end"]
        code = f", {reason['sip_code']}" if reason.get("sip_code") else ""
        notes.bad(what, f"not answered: {reason.get('outcome')}{code}", f"look at edge calls show {found['id']} --sip")
    elif quality is not None and not quality.get("packets_received"):
        text = f"answered for {end['answered_ms'] / 1000:.1f} s, and no audio came"
        notes.bad(what, text, "look at sip.public_address, and at RTP ports in the firewall: audio goes one way")
    else:
        heard = "" if quality is None else f", {quality.get('packets_received')} packets heard"
        notes.ok(what, f"answered for {end['answered_ms'] / 1000:.1f} s{heard}")
