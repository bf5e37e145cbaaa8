"""What the service is allowed: real-time scheduling, locked memory, descriptors."""

import os
import resource
from pathlib import Path

from edge.app.running import descriptors_needed
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient, environment_of
from edge.config.boards import PRIORITY, real_time_wanted

_CAP_NET_BIND, _CAP_IPC_LOCK, _CAP_SYS_NICE, _CAP_SYS_RESOURCE = 10, 14, 23, 24
#: sched(7): policies that come before all others.
_REAL_TIME = {"1": "SCHED_FIFO", "2": "SCHED_RR"}
#: Above what any limit can be.
_UNLIMITED = 1 << 64
#: LimitNOFILE of the unit as it is shipped.
_NOFILE = 100_000
_OUT_OF_REACH = "; init has no more itself and may not raise it: {} of a unit has no effect here"


def examine(patient: Patient, notes: Notes, init: Path = Path("/proc/1")) -> None:
    """Look at the media engine's rights where it runs, else at ours; `init` is init's folder of proc(5)."""
    media = patient.pid_of("media") or patient.pid_of("media0")
    pid = media or os.getpid()
    whose = "of the media engine" if media else "of this shell; the service's unit may say otherwise"
    _look_at_scheduling(pid, media, whose, init, notes)
    _look_at_memory(pid, whose, init, notes)
    _look_at_descriptors(patient, whose, init, notes)


def _own_users(process: Path) -> bool:
    """Whether a process (its folder of proc(5)) is in the machine's own user namespace, not in a container's."""
    return (process / "uid_map").read_text().split() == ["0", "0", "4294967295"]


def _capabilities(pid: int) -> int:
    if not _own_users(Path(f"/proc/{pid}")):
        return 0  # what it may by them ends at its namespace, and these limits are the machine's
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("CapEff:")), 16)


def _look_at_scheduling(pid: int, media: int, whose: str, init: Path, notes: Notes) -> None:
    if media:
        policies = {_policy(task) for task in Path(f"/proc/{media}/task").iterdir()}
        granted = sorted(name for number, name in _REAL_TIME.items() if number in policies)
        if granted:
            notes.ok("real time", f"the engine's thread has {granted[0]}")
            return
        if not real_time_wanted(environment_of(media)):
            notes.ok("real time", f"none, as the board's profile says ({PRIORITY}=0), {whose}")
            return
    most = resource.prlimit(pid, resource.RLIMIT_RTPRIO)[1]
    able = most > 0 or most == resource.RLIM_INFINITY or _capabilities(pid) >> _CAP_SYS_NICE & 1
    if not media and able:
        notes.ok("real time", f"allowed (RLIMIT_RTPRIO {_shown(most)}), {whose}")
        return
    text = f"not granted (RLIMIT_RTPRIO {_shown(most)}), {whose}"
    if reachable("Max realtime priority", init) != 0:
        do = "set LimitRTPRIO=10 in the unit, or give CAP_SYS_NICE: else ticks are late on a busy machine"
    else:
        text += _OUT_OF_REACH.format("LimitRTPRIO")
        do = "give the container an rtprio limit of 10 from outside: else ticks are late on a busy machine"
    notes.advice("real time", text, do)


def reachable(name: str, init: Path) -> int:
    """Read from init's folder of proc(5) how far a unit raises the limit `name`; where that is hidden, all the way.

    A hard limit is raised by CAP_SYS_RESOURCE alone (getrlimit(2)), in the machine's own user namespace alone
    (user_namespaces(7)): containers mostly have one or the other not, and then a unit gets what init has.
    """
    try:
        bounding = next(line for line in (init / "status").read_text().splitlines() if line.startswith("CapBnd:"))
        limit = next(line for line in (init / "limits").read_text().splitlines() if line.startswith(name))
        own_users = _own_users(init)
    except (OSError, StopIteration):
        return _UNLIMITED
    hard = limit.removeprefix(name).split()[1]
    raised = int(bounding.split()[1], 16) >> _CAP_SYS_RESOURCE & 1 and own_users
    return _UNLIMITED if raised or hard == "unlimited" else int(hard)


def _policy(task: Path) -> str:
    """Return the scheduling policy of a thread (proc(5), stat, field 41)."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[38]
    except (OSError, IndexError):
        return ""


def _look_at_memory(pid: int, whose: str, init: Path, notes: Notes) -> None:
    limit = resource.prlimit(pid, resource.RLIMIT_MEMLOCK)[1]
    if limit == resource.RLIM_INFINITY or _capabilities(pid) >> _CAP_IPC_LOCK & 1:
        notes.ok("locked memory", f"allowed, {whose}")
        return
    text = f"RLIMIT_MEMLOCK is {limit // 1024} kB, {whose}"
    if reachable("Max locked memory", init) > limit:
        do = "set LimitMEMLOCK=infinity in the unit: else media waits for swapped pages"
    else:
        text += _OUT_OF_REACH.format("LimitMEMLOCK")
        do = "give the container no memlock limit from outside: else media waits for swapped pages"
    notes.advice("locked memory", text, do)


def _look_at_descriptors(patient: Patient, whose: str, init: Path, notes: Notes) -> None:
    limit = resource.prlimit(patient.pid or os.getpid(), resource.RLIMIT_NOFILE)[1]
    needed = descriptors_needed(patient.site)
    text = f"{limit} at the most, {needed} needed, {whose if not patient.pid else 'of the supervisor'}"
    if limit >= needed:
        notes.ok("descriptors", text)
    elif reachable("Max open files", init) >= needed:
        notes.bad("descriptors", text, f"set LimitNOFILE={max(needed, _NOFILE)} in the unit, or lower media.slots")
    else:
        text += _OUT_OF_REACH.format("LimitNOFILE")
        notes.bad(
            "descriptors", text, f"give the container a nofile limit of {needed} from outside, or lower media.slots"
        )


def _shown(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)
