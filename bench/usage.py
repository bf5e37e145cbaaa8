"""CPU time of processes and of the machine, from /proc."""

import os
from collections import Counter
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """`root` and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat behind the name; [] for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def cpu_by_name(pids: list[int]) -> Counter[str]:
    """CPU seconds used so far, by process name."""
    used: Counter[str] = Counter()
    for pid in pids:
        fields = _stat(pid)
        if fields:
            try:
                name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
            except OSError:
                continue
            used[name] += (int(fields[11]) + int(fields[12])) * _TICK_S  # type: ignore[assignment]
    return used


def memory_pss_mb(pids: list[int]) -> float:
    """Proportional set size of all `pids`, megabytes."""
    return _memory_mb(pids, "Pss:")


def memory_anonymous_mb(pids: list[int]) -> float:
    """Proportional share of memory that no file backs and that is not shared by descriptor, megabytes."""
    return _memory_mb(pids, "Pss_Anon:")


def memory_private_mb(pids: list[int]) -> float:
    """Memory that nobody shares with `pids`, all together, megabytes."""
    return _memory_mb(pids, "Private_")


def _memory_mb(pids: list[int], kind: str) -> float:
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith(kind))
    return total / 1024


def machine() -> tuple[int, int]:
    """(all, stolen) ticks of all cores since boot."""
    fields = [int(value) for value in Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:]]
    return sum(fields[:8]), fields[7]
