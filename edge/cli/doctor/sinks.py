"""Sinks: whether each can be reached and logged in to, and what waits for it."""

import asyncio
import secrets

from edge.cli.control import NotRunningError
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient
from edge.config.site import Sink
from edge.forwarder.sinks.trial import trial, trial_event

#: A backlog of that age is no hiccup.
LATE_S = 300.0


def examine(patient: Patient, notes: Notes) -> None:
    """Try each, without sending it anything unless that is asked for; then ask the forwarder."""
    if not patient.site.sinks:
        notes.ok("", "there are none: events stay in the outbox")
        return
    asyncio.run(_try_all(patient, notes))
    if patient.runs:
        _look_at_standings(patient, notes)


async def _try_all(patient: Patient, notes: Notes) -> None:
    async with asyncio.TaskGroup() as group:
        for sink in patient.site.sinks:
            group.create_task(_try(patient, sink, notes))


async def _try(patient: Patient, sink: Sink, notes: Notes) -> None:
    event = trial_event(sink.name, patient.site.name, secrets.token_hex(6)) if patient.send else None
    said = []
    async for step in trial(sink, patient.site.name, event):
        said.append(f"{step.name}: {step.text} ({step.took_ms} ms)")
        if not step.good:
            text = f"{step.name} failed: {step.text}"
            notes.bad(f"sink {sink.name}", text, "mend it, none is lost meanwhile; edge sinks test shows all steps")
            return
    notes.ok(f"sink {sink.name}", "; ".join(said[1:]) or said[0])


def _look_at_standings(patient: Patient, notes: Notes) -> None:
    try:
        standings = patient.request("forwarder", "sinks")
    except NotRunningError as error:
        notes.skipped("delivery", str(error))
        return
    for one in standings:
        what = f"sink {one['name']}"
        if one["conditions"]:
            notes.bad(what, "; ".join(one["conditions"]), "look at edge sinks list")
        if one["dead_letters"]:
            text = f"{one['dead_letters']} events were refused for good"
            notes.advice(
                what, text, "mend the receiver (edge events dead list says what it refused), then edge events replay"
            )
        if one["lag_s"] > LATE_S:
            text = f"{one['backlog']} events wait, the oldest for {one['lag_s']:.0f} s"
            notes.advice(what, text, one["last_error"] or "raise its batch or in_flight: it takes less than comes")
