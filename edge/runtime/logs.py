"""Logs: one JSON object a line on standard error.

A line is at most `MAX_LINE` bytes (PIPE_BUF), so that lines of several processes on one pipe never mix. A reader that
stalls never stalls us: a line that the pipe has no room for is dropped and counted, and the next line tells.

Written here and not with a library: those that make such lines bring terminals and event loops along, 9 MB in each of
our processes and in every span's share of its zygote.
"""

import json
import os
import re
import select
import sys
import traceback
from collections.abc import Callable
from typing import Any

from edge.runtime.clock import monotonic_ms, rfc3339, wall_time
from edge.vocabulary.private import Private

#: PIPE_BUF of Linux: the largest write to a pipe that is atomic, and what poll's POLLOUT promises room for.
MAX_LINE = 4096
#: Of it for what the journal is told in front of a line.
_ROOM = len(b"<6>")
#: Characters of one text value.
MAX_TEXT = 1000
#: Characters of a traceback; its end, which says what happened, is kept.
MAX_TRACEBACK = 2800

# JSON escapes C0 itself; C1, line separators and direction overrides could still forge or hide lines on a terminal.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
#: Lines that a process writes in a second, of errors and of all others; what is more is counted and told afterwards.
MAX_LINES = 50
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
#: The same as severities of syslog (RFC 5424 section 6.2.1).
_SEVERITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}


def _escape(text: str) -> str:
    return _UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def _bounded(text: str, limit: int = MAX_TEXT) -> str:
    return _escape(text if len(text) <= limit else text[:limit] + "...")


def _safe(value: Any, depth: int = 0) -> Any:
    """`value` as JSON types, bounded; anything unknown by its `str`, so Private redacts itself."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Private):
        return repr(value)
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"  # bytes come from the wire and may hold anything, numbers of people included
    if depth < 3:
        if isinstance(value, dict):
            return {_bounded(str(k), 100): _safe(v, depth + 1) for k, v in list(value.items())[:50]}
        if isinstance(value, list | tuple | set | frozenset):
            return [_safe(v, depth + 1) for v in list(value)[:50]]
    return _bounded(str(value))


def _line(event: dict[str, Any]) -> bytes:
    line = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    if len(line) < MAX_LINE - _ROOM:
        return line + b"\n"
    kept = {key: event[key] for key in ("time", "level", "process", "event") if key in event}
    # Halve the traceback until it fits: a cut JSON line would be no line at all.
    trace = str(event.get("exception", ""))
    while trace:
        line = json.dumps({**kept, "cut": True, "exception": trace}, ensure_ascii=True).encode()
        if len(line) < MAX_LINE - _ROOM:
            return line + b"\n"
        trace = trace[-(len(trace) // 2) :] if len(trace) > 1 else ""
    kept["event"] = str(kept.get("event", ""))[:300]
    return json.dumps({**kept, "cut": True}, ensure_ascii=True).encode() + b"\n"


def _read_by_journal() -> bool:
    """Whether standard error goes to systemd's journal, as systemd.exec(5) says it of `JOURNAL_STREAM`."""
    try:
        stat = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stat.st_dev}:{stat.st_ino}"


def _with_severity(line: bytes, level: str) -> bytes:
    """Have the journal file it under its priority (sd-daemon(3)): it takes what is in front of the line off again."""
    return b"<%d>%s" % (_SEVERITIES[level], line) if _journal else line


class _Limit:
    """Lines of one kind in the present second."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._second = 0
        self._lines = 0

    def passes(self, second: int) -> bool:
        """Whether one more line may be written."""
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        return self._lines <= self._most


class _Output:
    """Standard error, written to only when it takes a whole line, and so many in a second."""

    def __init__(self, fd: int = 2, most: int = MAX_LINES, now_ms: Callable[[], int] = monotonic_ms) -> None:
        self._now_ms = now_ms
        # Errors have a share of their own: whoever makes us write other lines must not hide them.
        self._limits = {False: _Limit(most), True: _Limit(most)}
        self.dropped = 0
        self.turn_to(fd)

    def turn_to(self, fd: int) -> None:
        """Write there from now on."""
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def write(self, line: bytes, *, error: bool = False) -> None:
        """Write `line`, or count it as dropped."""
        if not self._limits[error].passes(self._now_ms() // 1000):
            self.dropped += 1
            return
        try:
            ready = self._poll.poll(0)
            if not ready or not ready[0][1] & select.POLLOUT:
                self.dropped += 1
                return
            if self.dropped:
                told = {
                    "time": rfc3339(wall_time()),
                    "level": "warning",
                    "event": "log lines dropped",
                    "count": self.dropped,
                }
                os.write(self._fd, _with_severity(json.dumps(told).encode() + b"\n", "warning"))
                self.dropped = 0
                if not self._poll.poll(0):  # that line may have taken the room
                    self.dropped = 1
                    return
            os.write(self._fd, line)
        except OSError:
            self.dropped += 1  # nobody reads: a log must never end a call


_output = _Output()
_journal = _read_by_journal()


class Logger:
    """Writes lines of one process: what happened, and the values that belong to it."""

    def __init__(self, process: str, values: dict[str, Any], least: int) -> None:
        self._process = process
        self._values = values
        self._least = least

    def bind(self, **values: Any) -> "Logger":
        """Make a logger whose lines have `values`, too."""
        return Logger(self._process, {**self._values, **values}, self._least)

    def debug(self, event: str, **values: Any) -> None:
        """Write a line for developers."""
        self._log("debug", event, values)

    def info(self, event: str, **values: Any) -> None:
        """Write a line about the ordinary course of things."""
        self._log("info", event, values)

    def warning(self, event: str, **values: Any) -> None:
        """Write a line about what an operator may have to look at."""
        self._log("warning", event, values)

    def error(self, event: str, exc_info: BaseException | None = None, **values: Any) -> None:
        """Write a line about what went wrong, with the traceback of `exc_info`."""
        self._log("error", event, values, exc_info)

    def exception(self, event: str, **values: Any) -> None:
        """Write a line about the exception that is being handled, with its traceback."""
        self._log("error", event, values, sys.exc_info()[1])

    def _log(self, level: str, event: str, values: dict[str, Any], error: BaseException | None = None) -> None:
        if _LEVELS[level] < self._least:
            return
        line = {"time": rfc3339(wall_time()), "level": level, "process": self._process, "event": _bounded(str(event))}
        for key, value in (self._values | values).items():
            line[_bounded(str(key), 100)] = _safe(value)
        if error is not None:
            line["exception"] = _escape("".join(traceback.format_exception(error)).rstrip()[-MAX_TRACEBACK:])
        _output.write(_with_severity(_line(line), level), error=level == "error")


def logger(process: str) -> Logger:
    """Make the logger of `process`: `log.info("span up", span=name)`. EDGE_LOG_LEVEL: least level (info)."""
    return Logger(process, {}, _LEVELS.get(os.environ.get("EDGE_LOG_LEVEL", "info").lower(), 20))


def keep_way() -> int:
    """Give lines a descriptor of their own, which leads to where they go now; returns it.

    Who puts something else in the place of standard error then silences libraries alone.
    """
    own = os.dup(2)
    _output.turn_to(own)
    return own
