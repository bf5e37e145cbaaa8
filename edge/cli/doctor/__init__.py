"""`edge doctor`: what is wrong with the machine, the network and the configuration, and what to do about it.

A module a subject; each has `examine(patient, notes)`. They run side by side, each with a deadline, so a name server or
a disk that hangs costs its own subject and no other.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from edge.cli.output import BAD, FINE, USAGE, complain, print_json, print_table
from edge.cli.site import ConfigOption, DemoOption, JsonOption, StateOption, UsageError
from edge.config.errors import did_you_mean

if TYPE_CHECKING:
    from edge.cli.doctor.findings import Finding

#: Why a subject is not looked at, whatever it is.
HIDDEN = "the site file has faults"
#: How a state is shown.
_MARKS = {"ok": "ok", "advice": "advice", "bad": "BAD", "skipped": "skipped"}


def register(app: App) -> None:
    """Add the command."""
    app.command(doctor)


def doctor(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
    only: Annotated[str, Parameter(help="Subjects to look at, with commas between them; all when not given.")] = "",
    quiet: Annotated[bool, Parameter(negative=(), help="Leave out what is as it should be.")] = False,
    call: Annotated[str, Parameter(help="Make a test call to this number; the appliance has to run.")] = "",
    trunk: Annotated[str, Parameter(help="Trunk for the test call, where several can be dialled.")] = "",
    send: Annotated[bool, Parameter(negative=(), help="Send each sink an event `sink.test`, too.")] = False,
    bundle: Annotated[
        Path | None, Parameter(help="Write a support bundle (.tar.gz) without personal data to this file.")
    ] = None,
) -> int:
    """Examine this machine and the appliance on it, running or not, and say what to do.

    Exit code 0: nothing is bad (there may be advice), 1: something is.
    """
    from edge.cli.doctor.patient import meet
    from edge.cli.doctor.subjects import SUBJECTS, examined

    wanted = [name.strip() for name in only.split(",") if name.strip()] or list(SUBJECTS)
    for name in wanted:
        if name not in SUBJECTS:
            complain(f"there is no subject '{name}' ({did_you_mean(name, SUBJECTS) or ', '.join(SUBJECTS)})")
            return USAGE
    try:
        patient = meet(config, demo=demo, state=state)
    except UsageError as error:
        complain(error)
        return USAGE
    patient.call, patient.trunk, patient.send = call, trunk, send
    findings = examined(patient, wanted)
    if bundle is not None:
        from edge.cli.doctor.bundle import write_bundle

        try:
            write_bundle(bundle, patient, findings)
        except OSError as error:
            complain(f"{bundle}: {error.strerror}")
            return BAD
    counts = {name: sum(one.state == name for one in findings) for name in _MARKS}
    shown = [one for one in findings if not quiet or one.state in {"advice", "bad"}]
    if json:
        for one in shown:
            print_json({name: getattr(one, name) for name in one.__struct_fields__})
        print_json({"check": "summary", "runs": patient.runs, **counts, "bundle": str(bundle or "")})
    else:
        _print(shown)
        runs = "the appliance runs" if patient.runs else "the appliance does not run"
        print(f"{runs}: {counts['bad']} bad, {counts['advice']} with advice, {counts['ok']} fine", end="")
        print(f", {counts['skipped']} not looked at" if counts["skipped"] else "")
        if bundle is not None:
            print(f"bundle: {bundle}")
    return BAD if counts["bad"] else FINE


def _print(shown: "list[Finding]") -> None:
    """Print a line a finding; on a terminal advice has a line of its own, and what faults of the file hide is one."""
    if not sys.stdout.isatty():
        rows = [(_MARKS[one.state], one.check, one.what, one.evidence, one.advice) for one in shown]
        if rows:
            print_table(("", "subject", "what", "seen", "advice"), rows)
        return
    table: list[tuple[str, str, str, str]] = []
    hidden = [one for one in shown if one.state == "skipped" and one.evidence == HIDDEN]
    for one in shown:
        if one in hidden:
            continue
        table.append((_MARKS[one.state], one.check, one.what, one.evidence))
        if one.advice:
            table.append(("", "", "", f"-> {one.advice}"))
    if hidden:
        names = ", ".join(one.check for one in hidden)
        table += [("skipped", "others", "", f"{HIDDEN}: {names}"), ("", "", "", "-> see the configuration")]
    if table:
        print_table(("", "subject", "what", "seen"), table)
