"""Logs: one JSON object a line on standard error.

A line is at most `MAX_LINE` bytes (PIPE_BUF), so that lines of several processes on one pipe never mix. A reader that
stalls never stalls us: a line that the pipe has no room for is dropped and counted, and the next line tells.
"""

import json
import os
import re
import select
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import FilteringBoundLogger

from edge.runtime.clock import rfc3339, wall_time
from edge.vocabulary.private import Private

#: PIPE_BUF of Linux: the largest write to a pipe that is atomic, and what poll's POLLOUT promises room for.
MAX_LINE = 4096
#: Characters of one text value.
MAX_TEXT = 1000
#: Characters of a traceback; its end, which says what happened, is kept.
MAX_TRACEBACK = 2800

# JSON escapes C0 itself; C1, line separators and direction overrides could still forge or hide lines on a terminal.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


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


def _clean(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    traceback = event.pop("exception", None)
    cleaned = {_bounded(str(key), 100): _safe(value) for key, value in event.items()}
    if traceback is not None:
        cleaned["exception"] = _escape(str(traceback)[-MAX_TRACEBACK:])
    return cleaned


def _stamp(_logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    head = {"time": rfc3339(wall_time()), "level": method, "process": event.pop("process", "edge")}
    return {**head, "event": event.pop("event", ""), **event}


def _line(event: MutableMapping[str, Any]) -> bytes:
    line = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    if len(line) < MAX_LINE:
        return line + b"\n"
    kept = {key: event[key] for key in ("time", "level", "process", "event") if key in event}
    # Halve the traceback until it fits: a cut JSON line would be no line at all.
    traceback = str(event.get("exception", ""))
    while traceback:
        line = json.dumps({**kept, "cut": True, "exception": traceback}, ensure_ascii=True).encode()
        if len(line) < MAX_LINE:
            return line + b"\n"
        traceback = traceback[-(len(traceback) // 2) :] if len(traceback) > 1 else ""
    kept["event"] = str(kept.get("event", ""))[:300]
    return json.dumps({**kept, "cut": True}, ensure_ascii=True).encode() + b"\n"


def _render(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return _line(event).decode()


class _Output:
    """Standard error, written to only when it takes a whole line."""

    def __init__(self, fd: int = 2) -> None:
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self.dropped = 0

    def _write(self, message: str) -> None:
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
                os.write(self._fd, json.dumps(told).encode() + b"\n")
                self.dropped = 0
                if not self._poll.poll(0):  # that line may have taken the room
                    self.dropped = 1
                    return
            os.write(self._fd, message.encode())
        except OSError:
            self.dropped += 1  # nobody reads: a log must never end a call

    debug = info = warning = error = critical = msg = log = _write


_output = _Output()


def logger(process: str) -> FilteringBoundLogger:
    """Make the logger of `process`: `log.info("span up", span=name)`. EDGE_LOG_LEVEL: least level (info)."""
    level = _LEVELS.get(os.environ.get("EDGE_LOG_LEVEL", "info").lower(), 20)
    bound: FilteringBoundLogger = structlog.wrap_logger(
        _output,
        processors=[structlog.processors.format_exc_info, _clean, _stamp, _render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        context_class=dict,
        cache_logger_on_first_use=True,
        process=process,
    )
    return bound
