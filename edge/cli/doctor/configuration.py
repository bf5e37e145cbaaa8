"""Files: their faults, and whether they are what runs."""

from edge.cli.control import NotRunningError, ask
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient

#: More faults are counted only: `edge check` has them all.
MOST = 10


def examine(patient: Patient, notes: Notes) -> None:
    """Tell faults and warnings of the files."""
    found = patient.found
    for error in found.errors[:MOST]:
        place = f"{error.file}:{error.line}" if error.line else error.file
        notes.bad(place, error.message, error.suggestion or "mend the file; edge check tells all faults")
    if len(found.errors) > MOST:
        notes.bad("", f"{len(found.errors) - MOST} more faults", "run edge check")
    for warning in found.warnings[:MOST]:
        place = f"{warning.file}:{warning.line}" if warning.line else warning.file
        notes.advice(place, warning.message, warning.suggestion or "see edge check")
    if len(found.warnings) > MOST:
        notes.advice("", f"{len(found.warnings) - MOST} more warnings", "run edge check")
    if not found.errors and not found.warnings:
        notes.ok("", f"{len(found.checked)} files without a fault")
    if patient.runs and not found.errors:
        _compare(patient, notes)


def _compare(patient: Patient, notes: Notes) -> None:
    """Tell whether files have changed since they were loaded."""
    try:
        answer = ask(patient.run_dir, {"what": "plan"}, 50)
    except NotRunningError as error:
        notes.skipped("in force", str(error))
        return
    if not answer["ok"]:
        notes.skipped("in force", str(answer["error"]))
    elif answer["body"]["changes"]:
        what = f"{len(answer['body']['changes'])} changes of the files are not in force"
        notes.advice("in force", what, "look at edge plan, and put them in force by edge reload")
    else:
        notes.ok("in force", "what the files say")
