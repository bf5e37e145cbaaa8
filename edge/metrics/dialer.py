"""Metrics of dialer."""

from collections.abc import Iterable
from typing import get_args

from edge.core.dialer.reasons import REASONS
from edge.metrics.library import CollectorRegistry, Counter, Gauge, Histogram
from edge.vocabulary.dialing import Disposition, PreviewEnd

#: States of a campaign (`edge.storage.campaigns.words.CampaignState`).
STATES = ("running", "paused", "stopped", "done")
#: Why a campaign that runs does not dial.
BLOCKS = ("schedule", "rules", "storage", "switch", "lists", "refused", "name")


class DialerMetrics:
    """Campaigns. Label `campaign`: names of the site file; `disposition`, `reason`: closed lists."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        #: Codes that have a series, by campaign.
        self._results: dict[str, set[str]] = {}

        def counter(name: str, text: str, *more: str) -> Counter:
            return Counter(f"edge_dialer_{name}_total", text, ["campaign", *more], registry=self.registry)

        def gauge(name: str, text: str, *more: str) -> Gauge:
            return Gauge(f"edge_dialer_{name}", text, ["campaign", *more], registry=self.registry)

        self.attempts = counter("attempts", "Attempts that were leased and ordered")
        self.ended = counter("attempts_ended", "Attempts that ended, by what became of them", "disposition")
        self.released = counter(
            "attempts_released", "Attempts that were given back, since they surely were not dialled"
        )
        self.refused = counter("refused", "Calls that the rules did not let be made, by reason", "reason")
        self.suppressed = counter("suppressed", "Callees who asked not to be called any more")
        self.open = gauge("attempts_open", "Attempts under way")
        self.talk = counter(
            "talk_seconds", "From the answer to the end, of calls in which an agent talked with a person"
        )
        self.previews = counter(
            "previews", "Contacts that agents looked at before they were called, by how it ended", "how"
        )
        self.previews_open = gauge("previews_open", "Contacts that agents look at")
        self.results = counter("results", "What agents said came of their talks, corrections too", "code")
        self.state = gauge("campaigns", "1 for the state that the campaign is in", "state")
        self.blocked = gauge(
            "campaigns_blocked", "1 for the reason for which a campaign that runs does not dial", "reason"
        )
        self.ring_seconds = Histogram(
            "edge_dialer_ring_seconds",
            "How long phones rang until they were answered or given up",
            ["campaign"],
            buckets=(1, 2, 5, 10, 15, 20, 25, 30, 45, 60),
            registry=self.registry,
        )
        self.storage_errors = Counter(
            "edge_dialer_storage_errors_total",
            "Failed reads and writes of the campaigns' store",
            registry=self.registry,
        )

    def known_campaign(self, campaign: str, results: Iterable[str] = ()) -> None:
        """Show all series of a campaign from its start, so that rates and alerts have a zero to begin with.

        `results`: the codes of what agents may say of its calls.
        """
        self._results[campaign] = set(results)
        for code in results:
            self.results.labels(campaign, code)
        for how in get_args(PreviewEnd):
            self.previews.labels(campaign, how)
        self.previews_open.labels(campaign).set(0)
        for disposition in get_args(Disposition):
            self.ended.labels(campaign, disposition)
        for reason in REASONS:
            self.refused.labels(campaign, reason)
        for metric in (self.attempts, self.released, self.suppressed, self.ring_seconds, self.talk):
            metric.labels(campaign)
        self.open.labels(campaign).set(0)
        self.show(campaign, "stopped", "")

    def result(self, campaign: str, code: str) -> None:
        """Count what an agent said."""
        self._results[campaign].add(code)
        self.results.labels(campaign, code).inc()

    def show(self, campaign: str, state: str, blocked: str) -> None:
        """Show in which state a campaign is, and what keeps it from dialling (empty: nothing)."""
        for one in STATES:
            self.state.labels(campaign, one).set(one == state)
        for one in BLOCKS:
            self.blocked.labels(campaign, one).set(one == blocked)

    def forgotten_campaign(self, campaign: str) -> None:
        """Take the series of a removed campaign away."""
        for disposition in get_args(Disposition):
            self.ended.remove(campaign, disposition)
        for reason in REASONS:
            self.refused.remove(campaign, reason)
        for state in STATES:
            self.state.remove(campaign, state)
        for block in BLOCKS:
            self.blocked.remove(campaign, block)
        for how in get_args(PreviewEnd):
            self.previews.remove(campaign, how)
        for code in self._results.pop(campaign, set()):
            self.results.remove(campaign, code)
        for metric in (
            self.attempts,
            self.released,
            self.suppressed,
            self.ring_seconds,
            self.open,
            self.previews_open,
            self.talk,
        ):
            metric.remove(campaign)
