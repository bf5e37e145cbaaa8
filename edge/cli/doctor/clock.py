"""The clock: whether something keeps it right, whether it can be right at all, and the data of time zones."""

import ctypes
import json
import time
import zoneinfo
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import edge
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient
from edge.storage.reader import Reader
from edge.storage.turn import StorageError

PROC = Path("/proc")
#: What keeps clocks, by the name of its process (15 characters).
KEEPERS = ("chronyd", "systemd-timesyn", "ntpd", "ntpsec", "openntpd", "ptp4l", "phc2sys")
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5
#: Beyond that, timers and times of events of several machines do not fit each other.
OFFSET_S = 0.5
#: A stamp so far ahead of the clock says that the clock has gone back.
BACK_S = 5.0
_DAY_S = 86_400


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2)."""

    _fields_ = (
        *(("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long)),
        *(("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int)),
        ("rest", ctypes.c_byte * 256),
    )


def kernel_clock() -> tuple[bool, float]:
    """Ask the kernel: whether its clock is kept, and by how much it may be wrong (seconds). Raises OSError."""
    timex = _Timex()
    verdict = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    if verdict < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
    return verdict != _TIME_ERROR and not timex.status & _STA_UNSYNC, timex.maxerror / 1e6


def examine(patient: Patient, notes: Notes) -> None:
    """Look at the clock and the zones."""
    _look_at_keeper(notes)
    _look_at_time(patient, notes)
    _look_at_zones(patient, notes)


def _look_at_keeper(notes: Notes) -> None:
    running = sorted({name for name in _processes() if name in KEEPERS})
    who = ", ".join(running) or "no time service that is known runs"
    try:
        kept, error_s = kernel_clock()
    except OSError as error:
        notes.skipped("synchronisation", f"the kernel does not say: {error.strerror}")
        return
    if not kept:
        advice = "run chrony or systemd-timesyncd; in a container the host's clock counts"
        notes.advice("synchronisation", f"the kernel's clock is not kept ({who})", advice)
    elif error_s > OFFSET_S:
        notes.advice("synchronisation", f"kept, but off by up to {error_s:.2f} s ({who})", "look at its servers")
    else:
        notes.ok("synchronisation", f"kept, off by {error_s * 1000:.0f} ms at the most ({who})")


def _processes() -> Iterable[str]:
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                yield (folder / "comm").read_text().strip()
            except OSError:
                continue


def _look_at_time(patient: Patient, notes: Notes) -> None:
    now_s = time.time()
    made_s = max(path.stat().st_mtime for path in Path(edge.__file__).parent.glob("*.py"))
    if now_s < made_s - _DAY_S:
        text = (
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, the program is of {datetime.fromtimestamp(made_s, UTC):%Y-%m-%d}"
        )
        notes.bad("time", text, "set the clock; a machine without a battery needs a time service")
        return
    last = _last_stamp(patient)
    if last is not None and last.timestamp() > now_s + BACK_S:
        text = f"the last event is of {last:%Y-%m-%d %H:%M:%S} UTC, {last.timestamp() - now_s:.0f} s ahead"
        notes.bad("time", text, "find what sets the clock: it has gone back")
    else:
        notes.ok("time", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")


def _last_stamp(patient: Patient) -> datetime | None:
    file = Path(patient.site.paths.state) / "state.db"
    if not file.is_file():
        return None
    reader = Reader(file)
    try:
        event = reader.event(reader.last_sequence())
        return datetime.fromisoformat(json.loads(event.body)["time"]) if event is not None else None
    except (StorageError, ValueError, KeyError):
        return None
    finally:
        reader.close()


def zones_of(patient: Patient) -> list[str]:
    """Name the time zones that the site goes by."""
    site = patient.site
    named = [site.time_zone, *(hours.time_zone for hours in site.hours)]
    return sorted({zone for zone in named if zone})


def _look_at_zones(patient: Patient, notes: Notes) -> None:
    zones = zones_of(patient)
    missing = []
    for zone in zones or ["Europe/Berlin"]:
        try:
            zoneinfo.ZoneInfo.no_cache(zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            missing.append(zone)
    if missing:
        where = ", ".join(zoneinfo.TZPATH) or "nowhere"
        notes.bad("time zones", f"no data of {', '.join(missing)} (looked in {where})", "install tzdata")
    else:
        notes.ok("time zones", ", ".join(zones) or "there are data; the site names none")
