"""Trunks: whether each answers OPTIONS and is registered, what its answer tells of the way, and a test call."""

import time
from collections.abc import Iterable
from typing import Any

from edge.cli.control import NotRunningError
from edge.cli.doctor import network
from edge.cli.doctor.asking import DEAD, Asked, Unanswered, ask_bindings, ask_options
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.names import families, own_servers, places
from edge.cli.doctor.patient import Patient
from edge.cli.doctor.test_call import make_call
from edge.config.trunk_settings import Trunk
from edge.core.sip.actions import Place
from edge.core.sip.echo import Echo
from edge.front.accounts import registrar_of
from edge.front.names import Found, Names, NoAnswerError, UnknownNameError

#: Longer than front waits for an answer.
ANSWER_S = 6.0
_LOOK_S = 0.1
SLOW_MS = 300.0
ACCOUNT = "see user, auth_user, password and realm; and whether the account is open"
OVER_TLS = f"look at the subject certificates, where one that is refused is told; else {DEAD}"


def examine(patient: Patient, notes: Notes) -> None:
    """Ask each trunk: by the appliance where it runs, else by ourselves."""
    if not patient.site.trunks:
        notes.ok("", "there are none")
    elif patient.runs:
        _by_the_appliance(patient, notes)
    else:
        _by_ourselves(patient, notes)
    if patient.call:
        make_call(patient, notes)


def _by_the_appliance(patient: Patient, notes: Notes) -> None:
    try:
        asked_s = time.monotonic()
        for trunk in patient.site.trunks:
            patient.request("front", "probe", {"trunk": trunk.name})
        waiting = {trunk.name for trunk in patient.site.trunks if trunk.address}
        known: dict[str, dict[str, Any]] = {}
        while True:
            known = {one["name"]: one for one in patient.request("front", "trunks")}
            passed_s = time.monotonic() - asked_s
            waiting = {name for name in waiting if name in known and not _fresh(known[name], passed_s)}
            if not waiting or passed_s > ANSWER_S:
                break
            time.sleep(_LOOK_S)
    except NotRunningError as error:
        notes.skipped("", str(error))
        return
    for trunk in patient.site.trunks:
        if trunk.name not in known:
            notes.skipped(f"trunk {trunk.name}", "it is not in force", "look at edge plan, then edge reload")
            continue
        _judge(trunk, known[trunk.name], notes, answered=trunk.name not in waiting)


def _fresh(one: dict[str, Any], passed_s: float) -> bool:
    return one["last_answer_s"] is not None and one["last_answer_s"] <= passed_s + _LOOK_S


def _judge(trunk: Trunk, one: dict[str, Any], notes: Notes, *, answered: bool) -> None:
    what = f"trunk {trunk.name}"
    if trunk.register:
        _judge_registration(what, one, notes)
    if not trunk.address:
        if not trunk.register:
            notes.ok(what, "it calls us only: there is nobody to ask")
    elif not answered:
        advice = OVER_TLS if trunk.transport == "tls" else DEAD
        notes.bad(what, f"no answer to OPTIONS within {ANSWER_S:g} s ({one['address']})", advice)
    else:
        _judge_answer(what, one["last_code"], one["rtt_ms"], notes)
    if one["answered_by"]:
        shown, seen = one["shown_as"], one["seen_as"] or ""
        echo = Echo(sent=shown, peer=one["answered_by"], seen=seen, rewritten=one["rewritten"])
        network.judge(trunk.name, echo, notes)


def _judge_registration(what: str, one: dict[str, Any], notes: Notes) -> None:
    if one["registration"] == "registered":
        notes.ok(what, f"registered at {one['registrar']} for {one['expires_in_s']:.0f} s more")
    elif one["registration"] == "rejected":
        text = f"registration refused by {one['registrar']} ({one['registration_code']})"
        notes.bad(what, text, ACCOUNT)
    else:
        text = f"not registered at {one['registrar']}: {one['why'] or one['registration']}"
        notes.bad(what, text, DEAD)


def _judge_answer(what: str, code: int | None, rtt_ms: float | None, notes: Notes) -> None:
    text = f"answers OPTIONS by {code} after {rtt_ms or 0:.0f} ms"
    if code is not None and code >= 500:
        notes.advice(what, text, "ask the peer why: it is there, and may take no calls")
    elif rtt_ms is not None and rtt_ms > SLOW_MS:
        notes.advice(what, text, "choose a peer that is nearer: callers will talk into each other")
    else:
        notes.ok(what, text)


def _by_ourselves(patient: Patient, notes: Notes) -> None:
    names = Names(own_servers(patient.site), families=families(patient.site))
    lines = {line.name for line in patient.site.lines}
    for trunk in patient.site.trunks:
        what = f"trunk {trunk.name}"
        if trunk.name in lines:
            notes.skipped(what, "a line, whose process does not run; see devices")
            continue
        if trunk.register:
            _ask_registrar(patient, trunk, names, notes)
        if not trunk.address:
            continue
        found = _first(names, places(trunk))
        if found is None:
            notes.skipped(what, "its address is not known", "see names")
            continue
        asked = ask_options(patient.site, trunk, found)
        if isinstance(asked, Asked):
            _judge_answer(what, asked.code, asked.rtt_ms, notes)
            network.judge(trunk.name, asked.echo, notes)
        else:
            notes.bad(what, asked.text, asked.advice)


def _ask_registrar(patient: Patient, trunk: Trunk, names: Names, notes: Notes) -> None:
    """Have the registrar say whether it takes the account, and leave its bindings alone."""
    what = f"trunk {trunk.name}: its account"
    registrar = registrar_of(trunk)
    found = _first(names, registrar.hops) if registrar is not None else None
    if registrar is None or found is None:
        notes.skipped(what, "where its registrar is, is not known", "see names")
        return
    asked = ask_bindings(patient.site, trunk, registrar, found)
    if isinstance(asked, Unanswered):
        notes.bad(what, f"its registrar: {asked.text}", asked.advice)
    elif asked.code < 300:
        notes.ok(what, f"its registrar takes it ({asked.code}); it is registered when the appliance runs")
    elif asked.code in {401, 403, 404, 407}:
        notes.bad(what, f"its registrar refuses it ({asked.code})", ACCOUNT)
    else:
        notes.skipped(what, f"its registrar answers {asked.code} when it is asked for bindings", "start the appliance")


def _first(names: Names, known: Iterable[Place]) -> Found | None:
    for place in known:
        try:
            return names.look_up(place)
        except (UnknownNameError, NoAnswerError):
            continue
    return None
