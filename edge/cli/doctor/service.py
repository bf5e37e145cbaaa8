"""The service manager: whether the unit is there, started at boot, watched, and what it has logged."""

import json
import shutil
import subprocess
from pathlib import Path

from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient
from edge.cli.hw_board import ROOT, standing
from edge.cli.hw_profiles import devices_of
from edge.cli.site import BadSiteError

UNIT = "edge.service"
#: There where systemd runs this machine.
RUNS = Path("/run/systemd/system")
_ASKED = ("LoadState", "ActiveState", "SubState", "UnitFileState", "WatchdogUSec", "NRestarts", "InvocationID")
_LIMIT_S = 10.0
MOST_LINES = 5


def examine(_patient: Patient, notes: Notes) -> None:
    """Ask systemd."""
    if not RUNS.is_dir() or shutil.which("systemctl") is None:
        notes.skipped("unit", "systemd does not run this machine")
        return
    found = properties()
    if found.get("LoadState") != "loaded":
        notes.advice("unit", f"there is no {UNIT}", "install the package: nothing restarts the appliance otherwise")
        return
    state = f"{found.get('ActiveState')} ({found.get('SubState')}), {found.get('UnitFileState')}"
    if found.get("ActiveState") == "failed":
        notes.bad("unit", state, f"look at journalctl -u {UNIT}")
    elif found.get("UnitFileState") not in {"enabled", "enabled-runtime", "static"}:
        notes.advice("unit", state, f"run systemctl enable {UNIT}: it does not start at boot")
    else:
        notes.ok("unit", state)
    if found.get("WatchdogUSec", "0") in {"0", "infinity", ""}:
        notes.advice("watchdog", "off", "set WatchdogSec= in the unit: a supervisor that hangs is noticed by nobody")
    else:
        notes.ok("watchdog", found["WatchdogUSec"])
    if found.get("NRestarts", "0") != "0":
        notes.advice("restarts", found["NRestarts"], f"look at journalctl -u {UNIT} for why")
    _look_at_board(notes)
    _look_at_journal(found.get("InvocationID", ""), notes)


def _look_at_board(notes: Notes) -> None:
    """Hold the files that were made of the board's profile against it."""
    try:
        board = standing(devices_of(None), None, ROOT)
    except BadSiteError:
        return  # a shipped profile with faults: the configuration tells of it
    if board is None:
        notes.ok("board", "none that a profile is of")
    elif board.differs:
        files = ", ".join(f"/{path}" for path in board.differs)
        notes.advice("board", f"{files}: not as {board.name} has it", "see edge hw board; --write makes them anew")
    else:
        made = [path for path, state in board.states.items() if state != "not there"]
        notes.ok("board", f"{board.name}, {'its files are there' if made else 'none of its files is made'}")


def properties() -> dict[str, str]:
    """Return what systemd says of the unit; empty when it does not answer."""
    try:
        done = subprocess.run(
            ["systemctl", "show", UNIT, f"--property={','.join(_ASKED)}"],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def journal(*, most: int, invocation: str = "") -> list[dict[str, str]]:
    """Return the unit's last lines of the journal, of one start of it or of all; empty where there is none."""
    command = ["journalctl", "-o", "json", "-q", "-n", str(most)]
    command += [f"_SYSTEMD_INVOCATION_ID={invocation}"] if invocation else ["-u", UNIT]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    found = []
    for line in done.stdout.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def _look_at_journal(invocation: str, notes: Notes) -> None:
    # The daemon's lines have their level within: `{"level":"error",...}`.
    lines = [str(entry.get("MESSAGE", "")) for entry in journal(most=2000, invocation=invocation)]
    errors = [line for line in lines if '"level":"error"' in line]
    for line in errors[-MOST_LINES:]:
        notes.advice("journal", line[:200], "see what led to it: journalctl -u edge")
    if not errors:
        notes.ok("journal", f"no errors in {len(lines)} lines since its start")
