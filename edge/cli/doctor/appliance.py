"""The running appliance: whether it is ready, and what it says of itself."""

from edge.cli.control import NotRunningError
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient


def examine(patient: Patient, notes: Notes) -> None:
    """Read its status."""
    status = patient.status
    if status is None:
        notes.skipped(
            "",
            f"nobody answers at {patient.run_dir}/control.sock",
            "start it (systemctl start edge, or edge run): more is known then",
        )
        return
    for reason in status["conditions"]:
        notes.bad(reason["process"], reason["text"], "mend what it names: new calls may be refused until this is over")
    for note in status["notes"]:
        notes.advice(note["process"], note["text"], "see its log")
    if status["ready"]:
        calls = "unknown" if status["calls"] is None else status["calls"]
        notes.ok("", f"ready, up {status['uptime_s']:.0f} s, calls: {calls}")
    _look_at_processes(patient, notes)
    if status["needs_restart"]:
        names = ", ".join(status["needs_restart"])
        notes.advice("restart", f"these settings wait for one: {names}", "restart it when no call is up")
    configuration = status["configuration"]
    if configuration["refused"]:
        refused = configuration["refused"]
        text = f"{refused['faults']} faults at {refused['at']}: {refused['errors'][0]}"
        notes.bad("reload", text, "mend the file; what was loaded before stays in force")
    for held in configuration["rolled_back"]:
        text = f"rolled back to {held['version']} since {held['since']}"
        notes.advice(f"menu {held['menu']}", text, f"run edge menu release {held['menu']} when its file is good again")
    _look_for_faults(patient, notes)


def _look_at_processes(patient: Patient, notes: Notes) -> None:
    assert patient.status is not None  # noqa: S101 - the caller has looked
    ended = [row for row in patient.status["processes"] if row["restarts"]]
    for row in ended:
        text = f"restarted {row['restarts']} times, last by {row['last_exit']}, {row['last_exit_s_ago']:.0f} s ago"
        advice = "its log says why; report a signal (SIGSEGV, SIGABRT)"
        (notes.bad if row["crash_loop"] else notes.advice)(row["name"], text, advice)
    if patient.status["span_restarts"]:
        text = f"{patient.status['span_restarts']} ended unexpectedly, the last by {patient.status['span_last_exit']}"
        notes.advice("spans", text, "look at edge bans for whose messages ended them, and report them")
    if not ended and not patient.status["span_restarts"]:
        notes.ok("processes", f"{len(patient.status['processes'])} run, none was restarted")


def _look_for_faults(patient: Patient, notes: Notes) -> None:
    """Tell processes that do not answer in time."""
    for process, what in (("switch", "queue_figures"), ("front", "trunks")):
        try:
            patient.request(process, what)
        except NotRunningError as error:
            notes.bad(process, f"it does not answer: {error}", "look at its log; it is replaced when it hangs")
