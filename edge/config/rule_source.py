"""Rules of the dialer as written: the shipped packs, and files of the site that make them stricter.

A file of the site (`[paths] dialing_rules`) may extend a pack. What it says then has to be at least as strict; where it
is not, it says `override = true` and why, which stands in every report. Lists of tables (`[[attempts]]`...) add to
those of the pack.
"""

from typing import Annotated, Literal

from msgspec import Struct, field

from edge.config.annotations import Name, OptionalName, lasting, of_kind, ranging
from edge.vocabulary.dialing import Disposition

#: Kinds of consent that rules know.
ConsentKind = Literal["prior_express", "prior_express_written", "existing_business"]

_HOUR = 3_600_000
_DAY = 24 * _HOUR


class RuleTable(Struct, frozen=True, kw_only=True):
    """What every rule says of itself."""

    #: Who asks for it: law and section, decision, or the site itself.
    source: str
    #: It may be less strict than the pack that the file extends.
    override: bool = False
    #: Why it may be. It stands in every report.
    reason: Annotated[str, of_kind("reason", optional=True)] = ""


class NumbersSource(RuleTable, frozen=True, kw_only=True):
    """Which numbers may be called: none but these. Premium rates and the like never are."""

    #: ISO 3166-1 alpha-2.
    countries: list[Annotated[str, of_kind("country")]] = field(default_factory=list)
    #: Beginnings of numbers that may be called wherever they are: `+49`.
    allowed: list[Annotated[str, of_kind("number_prefix")]] = field(default_factory=list)
    #: Beginnings that may not be. Where an allowed one is longer, that one counts.
    forbidden: list[Annotated[str, of_kind("number_prefix")]] = field(default_factory=list)


class HoursRuleSource(RuleTable, frozen=True, kw_only=True):
    """When people may be called, by the clock of every time zone that they may be in."""

    #: Days (`mon`, `mon-fri`, `"sat,sun"`) -> times (`08:00-12:00, 13:00-17:00`) or `closed`. Days that are not named
    #: are closed.
    week: dict[str, str] = field(default_factory=dict)
    #: Countries, with or without a part (`DE`, `DE-BY`), on whose public holidays nobody is called.
    holidays: list[Annotated[str, of_kind("holidays")]] = field(default_factory=list)
    #: Dates (`2026-12-24`) -> times, or `closed`. They come before holidays and the week.
    exceptions: dict[str, str] = field(default_factory=dict)
    #: Whether a time zone that a contact has counts beside those of his number, or in place of them.
    contact_zone: Literal["adds", "replaces"] = "adds"


class AttemptsSource(RuleTable, frozen=True, kw_only=True):
    """How often somebody may be dialled, over all campaigns. Either `within` or `window`."""

    #: Whether attempts at the number count, or those at all numbers of the contact.
    of: Literal["number", "contact"]
    #: That many; one more is forbidden.
    most: Annotated[int, ranging(0, 1000)]
    #: Within any stretch of this length.
    within: Annotated[int, lasting(0, 366 * _DAY)] = 0
    #: Within a day or a week (from Monday) of the callee.
    window: Literal["", "day", "week"] = ""


class GapSource(RuleTable, frozen=True, kw_only=True):
    """How long a number is left alone after each attempt, from begin to begin."""

    #: At the least.
    least: Annotated[int, lasting(0, 366 * _DAY)]


class AfterSource(RuleTable, frozen=True, kw_only=True):
    """How long a number is left alone after attempts that ended in a certain way."""

    #: As in `dialer.attempt_ended`.
    dispositions: list[Disposition]
    #: From the attempt's begin.
    wait: Annotated[int, lasting(0, 366 * _DAY)]
    #: Not where an agent is there for the call before it is dialled (pacing `preview` and `progressive`).
    unless_agent: bool = False


class ListsSource(RuleTable, frozen=True, kw_only=True):
    """A list of numbers that are not to be called. Without it, or when it is too old, nobody is called."""

    #: Its name in `edge dial dnc import --list NAME`.
    name: Name
    #: Days since it was loaded, at the most.
    max_age_days: Annotated[int, ranging(1, 3660)]
    #: Consents that outweigh being on this list.
    exempt: list[ConsentKind] = field(default_factory=list)


class ConsentsSource(RuleTable, frozen=True, kw_only=True):
    """Who may be called only when he agreed to it."""

    #: Campaigns in which a person talks, or none; empty: both.
    campaign: Literal["", "agent", "agentless"] = ""
    #: Kind of the callee's line; empty: both. A line of which nobody knows is taken for both.
    line: Literal["", "fixed", "mobile"] = ""
    #: One of these is enough.
    any_of: list[ConsentKind]
    #: It says where its proof is.
    evidence: bool = True
    #: Days since it was given, at the most; 0: without end.
    max_age_days: Annotated[int, ranging(0, 36600)] = 0


class CallerIdSourceRule(RuleTable, frozen=True, kw_only=True):
    """A number of ours is always shown, whatever a file says; the table only names the law."""


class RingSource(RuleTable, frozen=True, kw_only=True):
    """How long it rings before an attempt is given up."""

    #: At the least.
    least: Annotated[int, lasting(1000, 180_000)]


class AbandonmentSource(RuleTable, frozen=True, kw_only=True):
    """How many of those who answer may find nobody."""

    #: Of 1,000 live answers, at the most.
    ceiling_per_mille: Annotated[int, ranging(0, 1000)]
    #: In each stretch of so many days of a campaign.
    period_days: Annotated[int, ranging(1, 366)]
    #: Somebody talks to the callee so soon after his greeting, or he was abandoned.
    connect_within: Annotated[int, lasting(500, 60_000)]
    #: Who is abandoned hears who called, and a number to call.
    message: bool = True


class RecordsSource(RuleTable, frozen=True, kw_only=True):
    """How long attempts and consents are kept."""

    #: At the least.
    keep_days: Annotated[int, ranging(1, 36600)]


class RulesSource(Struct, frozen=True, kw_only=True):
    """A file of rules for a dialer. Its name is that of the file."""

    #: What it is about.
    title: str
    #: The pack that it makes stricter; empty: it stands alone.
    extends: OptionalName = ""
    #: When its sources were looked at last: `2026-11-22`.
    checked: Annotated[str, of_kind("date", optional=True)] = ""
    #: For people who choose a pack.
    about: str = ""
    numbers: NumbersSource | None = None
    hours: HoursRuleSource | None = None
    attempts: list[AttemptsSource] = field(default_factory=list)
    gap: GapSource | None = None
    after: list[AfterSource] = field(default_factory=list)
    lists: list[ListsSource] = field(default_factory=list)
    consents: list[ConsentsSource] = field(default_factory=list)
    caller_id: CallerIdSourceRule | None = None
    ring: RingSource | None = None
    abandonment: AbandonmentSource | None = None
    records: RecordsSource | None = None
