"""Commands to a modem, one at a time, and which of its lines answer them (ITU-T V.250, 5.7)."""

import re
from collections import deque
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from edge.core.lines.profile import Command
from edge.core.lines.stream import Line
from edge.core.lines.words import Write

Outcome = Literal["ok", "error", "timeout"]
#: What ends an answer well, badly, and what ends that of a command that calls or answers.
_OK: Final = "OK"
_BAD: Final = re.compile(r"ERROR|\+CM[ES] ERROR:.*|COMMAND NOT SUPPORT.*|TOO MANY PARAMETERS")
_CALL_OVER: Final = re.compile(r"NO CARRIER|BUSY|NO ANSWER|NO DIAL ?TONE")
_CALL_UP: Final = re.compile(r"VCON|CONNECT.*")
_HEX: Final = re.compile(r"[0-9A-Fa-f]+", re.ASCII)
_NAME: Final = re.compile(r"AT([+^*#%&$][A-Z]+|[A-Z]?)", re.ASCII)


class Job(Struct, kw_only=True):
    """A command to be sent."""

    text: str
    #: What it is for; the modem's parts go by it when the answer comes.
    purpose: str
    optional: bool = False
    timeout_ms: int = 5_000
    #: After the answer to the command before.
    pause_ms: int = 0
    #: Not before this.
    at_ms: int = 0
    #: Sent when the modem asks for it.
    payload: bytes = b""
    tries: int = 0

    @property
    def name(self) -> str:
        """The command without what people have put into it, for logs."""
        match = _NAME.match(self.text)
        return match[0] if match else self.purpose

    @property
    def prefix(self) -> str:
        """How the lines of its answer begin; empty where there are none."""
        asks = self.text.endswith("?") or "=" not in self.text or self.text.startswith("AT+CMG")
        match = _NAME.match(self.text)
        return f"{match[1]}:" if match is not None and asks and len(match[1]) > 1 else ""


class Reply(NamedTuple):
    """What became of a command."""

    job: Job
    outcome: Outcome
    lines: tuple[str, ...]
    #: The line that ended it; empty after a timeout.
    final: str

    def __repr__(self) -> str:
        return f"Reply({self.job.name}, {self.outcome})"


class Exchange:
    """The queue of commands, and the one that waits for its answer."""

    def __init__(self, errors: Iterable[re.Pattern[str]] = ()) -> None:
        self._errors = tuple(errors)
        self._queue: deque[Job] = deque()
        self.pending: Job | None = None
        self._lines: list[str] = []
        #: When the pending command is given up, and when the next may be sent at the earliest.
        self.due_ms = 0
        self._free_ms = 0
        #: Nothing is sent.
        self.held = False

    @property
    def idle(self) -> bool:
        """Whether nothing is sent or to be sent."""
        return self.pending is None and not self._queue

    def add(self, *jobs: Job) -> None:
        """Send these when it is their turn."""
        self._queue.extend(jobs)

    def add_first(self, *jobs: Job) -> None:
        """Send these before all that wait."""
        self._queue.extendleft(reversed(jobs))

    def drop(self, *purposes: str) -> None:
        """Leave out what waits for one of these purposes."""
        self._queue = deque(job for job in self._queue if job.purpose not in purposes)

    def waiting(self, purpose: str) -> bool:
        """Say whether there is such a command, sent or to be sent."""
        jobs = (*self._queue, *((self.pending,) if self.pending is not None else ()))
        return any(job.purpose == purpose for job in jobs)

    def reset(self) -> None:
        """Forget everything."""
        self._queue.clear()
        self.pending, self.held = None, False
        self._lines.clear()

    def deadline_ms(self) -> int | None:
        """When to call `time_up` or `send` again."""
        if self.pending is not None:
            return self.due_ms
        return self._turn_ms(self._queue[0]) if self._queue and not self.held else None

    def send(self, now_ms: int) -> list[Write]:
        """Send the next command, if there is one and it is its time."""
        if self.pending is not None or self.held or not self._queue:
            return []
        if now_ms < self._turn_ms(self._queue[0]):
            return []
        job = self._queue.popleft()
        self.pending, self.due_ms = job, now_ms + job.timeout_ms
        self._lines.clear()
        return [Write(job.text.encode("ascii") + b"\r")]

    def _turn_ms(self, job: Job) -> int:
        return max(self._free_ms + job.pause_ms, job.at_ms)

    def prompted(self) -> list[Write]:
        """Send the text that the modem asks for; ESC ends a question that nobody has caused (TS 27.005, 3.5.1)."""
        job = self.pending
        return [Write(job.payload + b"\x1a" if job is not None and job.payload else b"\x1b")]

    def is_echo(self, line: Line) -> bool:
        """Say whether the line is the command itself."""
        return self.pending is not None and line.text == self.pending.text

    def answered(self, line: Line, now_ms: int) -> Reply | None:
        """Give what became of the command, when the line ends its answer."""
        job, text = self.pending, line.text
        if job is None:
            return None
        calls = job.purpose in ("dial", "answer")
        if text == _OK or (_CALL_UP.fullmatch(text) and (calls or job.purpose == "sound_on")):
            return self._done("ok", text, now_ms)
        if _BAD.fullmatch(text) or (calls and _CALL_OVER.fullmatch(text)):
            return self._done("error", text, now_ms)
        if any(pattern.fullmatch(text) for pattern in self._errors):
            return self._done("error", text, now_ms)
        return None

    def is_part(self, line: Line) -> bool:
        """Keep the line if it belongs to the answer by its beginning."""
        job = self.pending
        if job is None or not job.prefix:
            return False
        # Behind the head of a message is its text, in hexadecimal (UCS2).
        of_message = job.purpose in ("read_sms", "look_sms") and self._lines and _HEX.fullmatch(line.text)
        if not line.text.startswith(job.prefix) and not of_message:
            return False
        self._keep(line)
        return True

    def is_free_text(self, line: Line) -> bool:
        """Keep the line if the command asks for a text without a beginning of its own (AT+CGMI and such)."""
        if self.pending is None or not self.pending.purpose.startswith("identify"):
            return False
        self._keep(line)
        return True

    def time_up(self, now_ms: int) -> Reply | None:
        """Give up the pending command, if it is its time."""
        if self.pending is None or now_ms < self.due_ms:
            return None
        return self._done("timeout", "", now_ms)

    def _keep(self, line: Line) -> None:
        if len(self._lines) < 64:
            self._lines.append(line.text)

    def _done(self, outcome: Outcome, final: str, now_ms: int) -> Reply | None:
        job = self.pending
        if job is None:
            return None
        self.pending, self._free_ms = None, now_ms
        return Reply(job, outcome, tuple(self._lines), final)


def job_of(command: Command, purpose: str, timeout_ms: int) -> Job:
    """Make a command of a profile one to be sent."""
    return Job(
        text=command.send,
        purpose=purpose,
        optional=command.optional,
        timeout_ms=command.timeout_ms or timeout_ms,
        pause_ms=command.pause_ms,
    )
