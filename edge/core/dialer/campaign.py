"""A campaign's decisions: how many calls may begin now, whom it shows, and what follows each disposition.

No clock, no dice: times are arguments, milliseconds since 1970 (`wall_ms`) or of a clock that never jumps (`now_ms`).
"""

from typing import Final, Literal

from msgspec import Struct, field

from edge.core.menus.calendar import Calendar
from edge.vocabulary.dialing import UNCOUNTED, Contact, Disposition, Next, PastAttempt, Step
from edge.vocabulary.private import Private

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR

Pacing = Literal["preview", "progressive", "power", "predictive"]
CampaignState = Literal["stopped", "running", "paused", "done"]


class Retry(Struct, frozen=True, kw_only=True):
    """What follows a disposition."""

    step: Step
    after_ms: int = 0
    #: Attempts of a number with this disposition; then its contact's next number has its turn.
    attempts: int = 1


#: What follows where a campaign says nothing else. `held` is not here: a person says what follows that.
DEFAULT_RETRIES: Final[dict[Disposition, Retry]] = {
    "connected": Retry(step="done"),
    "abandoned": Retry(step="same_number", after_ms=3 * _DAY, attempts=2),
    "machine": Retry(step="same_number", after_ms=4 * _HOUR, attempts=3),
    "fax": Retry(step="next_number"),
    "busy": Retry(step="same_number", after_ms=10 * _MINUTE, attempts=5),
    "no_answer": Retry(step="same_number", after_ms=2 * _HOUR, attempts=4),
    "rejected": Retry(step="same_number", after_ms=_DAY, attempts=2),
    "congestion": Retry(step="same_number", after_ms=15 * _MINUTE, attempts=5),
    "unallocated": Retry(step="next_number"),
    "changed": Retry(step="next_number"),
    "out_of_order": Retry(step="same_number", after_ms=_DAY, attempts=2),
    "refused_by_network": Retry(step="next_number"),
    "failed": Retry(step="same_number", after_ms=15 * _MINUTE, attempts=5),
    "cancelled": Retry(step="same_number", after_ms=15 * _MINUTE, attempts=10),
    "silence": Retry(step="same_number", after_ms=2 * _HOUR, attempts=3),
}


class PreviewTerms(Struct, frozen=True, kw_only=True):
    """How agents look at contacts before they are called."""

    timeout_ms: int = 60_000
    #: What comes of a preview that nobody has decided in time.
    on_timeout: Literal["skip", "dial"] = "skip"
    #: Who was skipped is not offered again before that.
    again_after_ms: int = _HOUR
    show_number: bool = False


class Settings(Struct, frozen=True, kw_only=True):
    """A campaign, as the site configures it."""

    name: str
    lists: list[str]
    rules: str
    trunk: str
    menu: str
    queue: str = ""
    caller_id: Private
    #: By the beginning of the callee's number.
    caller_ids: dict[str, Private] = {}
    pacing: Pacing = "progressive"
    preview: PreviewTerms = PreviewTerms()
    #: What agents may say came of their talks: the codes.
    results: list[str] = []
    #: Calls for each ready agent (`power`).
    ratio: float = 1.0
    #: Share of answered calls that may be abandoned.
    abandoned_most: float = 0.03
    calendar: Calendar | None = None
    max_channels: int = 10
    calls_per_second: int = 5
    ring_timeout_ms: int = 25_000
    hang_up_on: list[Literal["machine", "fax"]] = field(default_factory=lambda: ["machine", "fax"])
    abandoned_after_ms: int = 2000
    retries: dict[Disposition, Retry] = field(default_factory=DEFAULT_RETRIES.copy)
    max_attempts: int = 8

    def caller_for(self, number: Private) -> Private:
        """Give the number that is shown to a callee: that of the longest prefix that fits."""
        fits = [prefix for prefix in self.caller_ids if number.reveal().startswith(prefix)]
        return self.caller_ids[max(fits, key=len)] if fits else self.caller_id

    @property
    def previews(self) -> bool:
        """Whether an agent sees each contact before it is called."""
        return self.pacing == "preview" and bool(self.queue)

    def dials_at(self, wall_ms: int) -> bool:
        """Tell whether its own schedule lets it dial; rules are another matter."""
        return self.calendar is None or self.calendar.state(wall_ms) == "open"


def follows(
    settings: Settings, contact: Contact, number: Private, past: list[PastAttempt], made: int
) -> dict[Disposition, Next]:
    """Settle what each disposition of an attempt that begins now leads to.

    `past` are the earlier attempts of this number, of all campaigns; `made` those of the contact in this campaign.
    `held` is never in the answer: nothing follows until a person has said what became of it.
    """
    mine = [one for one in past if one.campaign == settings.name]
    numbers = [one.number for one in contact.numbers]
    last = number not in numbers or numbers.index(number) == len(numbers) - 1
    return {
        disposition: _after(retry, sum(one.disposition == disposition for one in mine) + 1, last=last)
        if made + 1 < settings.max_attempts or disposition in UNCOUNTED
        else Next(step="done")
        for disposition, retry in settings.retries.items()
        if disposition != "held"
    }


def _after(retry: Retry, count: int, *, last: bool) -> Next:
    """`count`: attempts with the disposition, the one that begins now among them; `last`: there is no next number."""
    step = retry.step
    if step == "same_number" and count >= retry.attempts:
        step = "next_number"
    if step == "next_number" and last:
        step = "done"
    return Next(step=step, after_ms=0 if step == "done" else retry.after_ms)


class Throttle:
    """Calls a second and at the same time. A second's worth of calls may begin at once, no more."""

    def __init__(self) -> None:
        self._tokens = 0.0
        self._last_ms: int | None = None

    def room(self, settings: Settings, open_now: int, now_ms: int) -> int:
        """Tell how many calls may begin; `open_now` are those that have not ended."""
        rate = settings.calls_per_second
        passed_ms = max(0, now_ms - self._last_ms) if self._last_ms is not None else 1000
        self._tokens = min(float(rate), self._tokens + passed_ms * rate / 1000)
        self._last_ms = now_ms
        return max(0, min(int(self._tokens), settings.max_channels - open_now))

    def take(self, calls: int) -> None:
        """Count calls that were begun."""
        self._tokens -= calls
