"""What regulators ask of a dialer, as data: the rules of one jurisdiction, compiled from a pack and the site's file.

All durations are milliseconds. Each rule carries the `source` that it was taken from, so that a refusal can say who
forbids the call. Tables of holidays are in here, those of time zones are not: who judges gets them beside it.
"""

from typing import Literal

from msgspec import Struct

from edge.core.callbacks.rules import Rules as NumberPlan
from edge.core.menus.calendar import Calendar
from edge.vocabulary.dialing import Disposition

#: Who talks to the callee: a person, or a menu, message or survey.
CampaignKind = Literal["agent", "agentless"]
#: Of a number. `unknown`: the numbering plan does not tell fixed and mobile lines apart, so rules of both hold.
LineType = Literal["fixed", "mobile", "unknown"]
#: A window of attempts that is a day or a week of the callee, and no length of time.
CalendarWindow = Literal["day", "week"]


class HoursRule(Struct, frozen=True, kw_only=True):
    """When people may be called, by their own clocks."""

    #: Its zone is not used: that of the callee counts.
    calendar: Calendar
    #: `adds`: a zone that the contact has counts beside those of his number; `replaces`: in place of them.
    contact_zone: Literal["adds", "replaces"] = "adds"
    source: str = ""


class AttemptsRule(Struct, frozen=True, kw_only=True):
    """How often a number, or a contact whatever his number, may be dialled within a window, over all campaigns."""

    of: Literal["number", "contact"]
    most: int
    #: A rolling window; 0: `calendar` counts.
    within_ms: int = 0
    calendar: CalendarWindow | None = None
    source: str = ""


class GapRule(Struct, frozen=True, kw_only=True):
    """How long a number is left alone after each attempt, from begin to begin."""

    least_ms: int
    source: str = ""


class AfterRule(Struct, frozen=True, kw_only=True):
    """How long a number is left alone after an attempt that ended in a certain way, from its begin."""

    dispositions: list[Disposition]
    wait_ms: int
    #: It does not hold where an agent is there for this very call before it is dialled.
    unless_agent: bool = False
    source: str = ""


class ListRule(Struct, frozen=True, kw_only=True):
    """A list of numbers that are not to be called, which has to be there and not too old."""

    #: As imported lists are named.
    listed_in: str
    max_age_ms: int
    #: Kinds of consent that outweigh being on this list.
    exempt: list[str] = []
    source: str = ""


class ConsentRule(Struct, frozen=True, kw_only=True):
    """Who may only be called when he agreed to it."""

    #: None: all campaigns.
    campaign: CampaignKind | None = None
    #: None: all lines.
    line: Literal["fixed", "mobile"] | None = None
    any_of: list[str]
    #: A consent counts only where it says where its proof is.
    evidence: bool = True
    #: 0: without end.
    max_age_ms: int = 0
    source: str = ""


class CallerIdRule(Struct, frozen=True, kw_only=True):
    """The caller's own number is always there and always ours: a source says by which law, no rule can drop it."""

    source: str = ""


class RingRule(Struct, frozen=True, kw_only=True):
    """How long it rings before an attempt is given up, at the least."""

    least_ms: int
    source: str = ""


class AbandonmentRule(Struct, frozen=True, kw_only=True):
    """How many of those who answered may find nobody. See `abandonment` for the formula."""

    #: Abandoned calls of 1,000 live answers, at most.
    ceiling_per_mille: int
    #: The ceiling holds in each period of a campaign, or in all of it where it is shorter.
    period_ms: int
    #: A call is abandoned when nobody is there so long after the callee's greeting has ended.
    connect_within_ms: int
    #: Who is abandoned hears who called and the number to call.
    message: bool = True
    source: str = ""


class RecordsRule(Struct, frozen=True, kw_only=True):
    """How long the records of attempts and consents are kept, at the least."""

    keep_days: int
    source: str = ""


class Override(Struct, frozen=True, kw_only=True):
    """A place where the site is less strict than the pack that it extends, and why it says it may be."""

    #: The table: `hours`, `attempts`.
    rule: str
    reason: str
    #: `file:line:column`.
    place: str


class Ruleset(Struct, frozen=True, kw_only=True):
    """All rules that hold for a campaign. What is None or empty is not restricted, all else is checked at each call."""

    name: str
    title: str
    #: The packs and files that it was made of.
    made_of: list[str]
    #: When its sources were looked at last, `2026-11-22`.
    checked: str = ""
    #: Which numbers may be called at all; none that are not in there.
    numbers: NumberPlan
    numbers_source: str = ""
    hours: HoursRule
    attempts: list[AttemptsRule] = []
    gap: GapRule | None = None
    after: list[AfterRule] = []
    lists: list[ListRule] = []
    consents: list[ConsentRule] = []
    caller_id: CallerIdRule = CallerIdRule()
    ring: RingRule
    abandonment: AbandonmentRule
    records: RecordsRule | None = None
    overrides: list[Override] = []
