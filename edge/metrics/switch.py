"""Metrics of switch."""

from typing import get_args

from edge.core.delivery.room import SHEDDABLE
from edge.core.queues.agent import HANDLING
from edge.core.queues.model import AgentState
from edge.metrics.library import CollectorRegistry, Counter, Gauge, Histogram
from edge.vocabulary.call_events import WhisperResult
from edge.vocabulary.dialing import Disposition
from edge.vocabulary.endings import Outcome
from edge.vocabulary.media import DigitMethod
from edge.vocabulary.menu_events import CallbackReason
from edge.vocabulary.queue_events import QueueLeaving
from edge.vocabulary.site_events import CallbackClosing

#: Why a new call was refused before it became one.
REFUSALS = ("storage", "disk", "outbox", "overload")
DIRECTIONS = ("incoming", "outgoing")
#: What closes a request to be called back.
CLOSED_BY = ("superseded", *get_args(CallbackClosing))
#: How long an unanswered callback rang, held against the standard.
RINGS = ("in", "short", "long")


class SwitchMetrics:
    """Calls, digits, queues and storage. Labels come from closed lists, or are the site's queues, from the start."""

    QUEUE_OUTCOMES = ("connected", *get_args(QueueLeaving))
    AGENT_STATES = get_args(AgentState)
    QUESTION_OUTCOMES = ("ok", "failed", "timeout", "not_asked")

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls()
        self._standards()
        self._callbacks()
        self._queues()
        self._attempts()
        self._questions()
        self._work()
        for direction in DIRECTIONS:
            for outcome in get_args(Outcome):
                self.calls.labels(direction, outcome)
        for outcome in get_args(Outcome):
            self.hunts.labels(outcome)
        for result in get_args(WhisperResult):
            self.whispers.labels(result)
        for method in get_args(DigitMethod):
            self.digits.labels(method)
        for why in REFUSALS:
            self.refused.labels(why)
        for kind in SHEDDABLE:
            self.events_shed.labels(kind)

    def _calls(self) -> None:
        self.calls = Counter(
            "edge_switch_calls_total",
            "Calls that ended, by direction and outcome",
            ["direction", "outcome"],
            registry=self.registry,
        )
        self.refused = Counter(
            "edge_switch_calls_refused_total",
            "New calls refused because they could not have been stored, recorded or heard in time",
            ["reason"],
            registry=self.registry,
        )
        self.active = Gauge("edge_switch_calls_active", "Calls that have not ended", registry=self.registry)
        self.legs = Gauge("edge_switch_media_slots_used", "Media slots held by legs", registry=self.registry)
        self.holds = Counter(
            "edge_switch_holds_total", "Times that a leg's peer put its call on hold", registry=self.registry
        )
        self.hunts = Counter(
            "edge_switch_hunts_total",
            "Hunts for somebody among several targets that ended, by outcome",
            ["outcome"],
            registry=self.registry,
        )
        self.whispers = Counter(
            "edge_switch_whispers_total",
            "Targets that were told who calls before they were connected, by what they did",
            ["result"],
            registry=self.registry,
        )
        self.held = Gauge("edge_switch_legs_held", "Legs whose peers hold now", registry=self.registry)
        self.mailbox_full = Counter(
            "edge_switch_mailbox_full_total",
            "Callers who found a mailbox full, and left no message",
            ["mailbox"],
            registry=self.registry,
        )
        self.digits = Counter(
            "edge_switch_digits_total",
            "Key presses, by the method that reported them first",
            ["method"],
            registry=self.registry,
        )
        self.duplicates = Counter(
            "edge_switch_digit_duplicates_total",
            "Reports of key presses that another method had reported before",
            registry=self.registry,
        )

        self.trial_calls = Counter(
            "edge_switch_trial_calls_total",
            "Calls of trials that ended, by trial, side (control, candidate) and what became of them",
            ["trial", "arm", "fate"],
            registry=self.registry,
        )
        self.trial_running = Gauge(
            "edge_switch_trial_running", "1 while new calls are part of a trial", ["trial"], registry=self.registry
        )

    def _standards(self) -> None:
        def gauge(name: str, text: str) -> Gauge:
            labels = ["menu", "node", "indicator"]
            return Gauge(f"edge_switch_standard_{name}", text, labels, registry=self.registry)

        target = "What `[[standards]]` expect of a menu, or of a node of it: at most this, of containment at least"
        value = "What is measured of the calls that ended within the standard's window; NaN: nothing to measure it of"
        #: By the unit.
        self.standard_target = {
            "ratio": gauge("target_ratio", f"{target}; shares"),
            "seconds": gauge("target_seconds", f"{target}; times"),
        }
        self.standard_value = {
            "ratio": gauge("value_ratio", f"{value}; shares"),
            "seconds": gauge("value_seconds", f"{value}; times"),
        }
        self.standard_samples = gauge("samples", "Calls, or rounds of a gather, that the value is measured of")
        self.standard_met = gauge("met", "1 when the standard is met for sure: by the whole 95 % interval of the value")
        self.standard_missed = gauge(
            "missed", "1 when the standard is missed for sure: by the whole 95 % interval of the value"
        )
        self.standard_covered = gauge(
            "covered_seconds", "Of how much of the window calls were counted: less than all of it while it is new"
        )

    def forgotten_standard(self, menu: str, node: str, indicator: str) -> None:
        """Take the series of a removed standard away, if they were ever shown."""
        families = (*self.standard_target.values(), *self.standard_value.values())
        for metric in (
            *families, self.standard_samples, self.standard_met, self.standard_missed, self.standard_covered,
        ):  # fmt: skip
            metric.remove(menu, node, indicator)

    def _callbacks(self) -> None:
        self.callbacks_requested = Counter(
            "edge_switch_callbacks_requested_total",
            "Requests to be called back, those that renewed an open one included",
            ["reason"],
            registry=self.registry,
        )
        self.callbacks_closed = Counter(
            "edge_switch_callbacks_closed_total",
            "Requests to be called back that were closed",
            ["by"],
            registry=self.registry,
        )
        self.callback_attempts = Counter(
            "edge_switch_callback_attempts_total",
            "Calls that were to call somebody back, by what became of them",
            ["disposition"],
            registry=self.registry,
        )
        self.callback_rings = Counter(
            "edge_switch_callback_rings_total",
            "Callbacks that rang and nobody answered, by how long they did: in standard, too short, too long",
            ["standard"],
            registry=self.registry,
        )
        self.callback_ring_seconds = Histogram(
            "edge_switch_callback_ring_seconds",
            "How long callbacks rang, from the first 180 or 183 on",
            ["answered"],
            buckets=(2, 5, 10, 15, 18, 20, 21, 22, 23, 24, 25, 26, 30, 45, 60),
            registry=self.registry,
        )
        self.callback_first_attempt = Histogram(
            "edge_switch_callback_first_attempt_seconds",
            "From the request (or the beginning of its window) to the first call",
            buckets=(1, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400),
            registry=self.registry,
        )
        self.callbacks_calling = Gauge(
            "edge_switch_callbacks_calling", "Requests that somebody is being called for", registry=self.registry
        )
        self.callbacks_held = Gauge(
            "edge_switch_callbacks_held",
            "Requests that nobody is called for until a person says so",
            registry=self.registry,
        )
        self.callbacks_open = Gauge(
            "edge_switch_callbacks_open", "Requests to be called back that are open", registry=self.registry
        )
        for reason in get_args(CallbackReason):
            self.callbacks_requested.labels(reason)
        for way in CLOSED_BY:
            self.callbacks_closed.labels(way)
        for disposition in get_args(Disposition):
            self.callback_attempts.labels(disposition)
        for ring in RINGS:
            self.callback_rings.labels(ring)
        for answered in ("yes", "no"):
            self.callback_ring_seconds.labels(answered)
        self.callbacks_overdue = Gauge(
            "edge_switch_callbacks_overdue", "Open requests to be called back that are late", registry=self.registry
        )
        self.callbacks_oldest = Gauge(
            "edge_switch_callbacks_oldest_seconds",
            "Age of the oldest open request to be called back; 0: there is none",
            registry=self.registry,
        )

    def _attempts(self) -> None:
        self.attempts = Counter(
            "edge_switch_attempts_total", "Calls that the dialer ordered and that were begun", registry=self.registry
        )
        self.attempts_refused = Counter(
            "edge_switch_attempts_refused_total",
            "Orders of the dialer that were not taken",
            ["why"],
            registry=self.registry,
        )
        self.attempts_ended = Counter(
            "edge_switch_attempts_ended_total",
            "Calls of the dialer that ended, by what became of them",
            ["disposition"],
            registry=self.registry,
        )

    def _queues(self) -> None:
        def counter(name: str, text: str, *more: str) -> Counter:
            return Counter(f"edge_switch_queue_{name}_total", text, ["queue", *more], registry=self.registry)

        def gauge(name: str, text: str, *more: str) -> Gauge:
            return Gauge(f"edge_switch_queue_{name}", text, ["queue", *more], registry=self.registry)

        self.queue_entered = counter("entered", "Calls that queues took in")
        self.queue_calls = counter(
            "calls", "Calls that wait no more, by what came of them: connected, or why they left", "outcome"
        )
        self.queue_in_time = counter(
            "answered_in_time", "Calls connected within the queue's service level, to be divided by those connected"
        )
        self.queue_offers = counter("offers", "Agents who were rung")
        self.queue_missed = counter("missed", "Agents who were rung and were not to be had")
        self.queue_waiting = gauge("waiting_calls", "Calls that wait, or whose agent is being rung")
        self.queue_longest = gauge("longest_wait_seconds", "How long the call waits already that waits the longest")
        self.queue_agents = gauge("agents", "Agents of the queue, by what they are doing", "state")
        self.queue_handling = Counter(
            "edge_switch_queue_handling_seconds_total",
            "Time that agents talked with callers of the queue, and wrapped up; over calls connected that is the AHT",
            ["queue", "state"],
            registry=self.registry,
        )
        self.agent_seconds = Counter(
            "edge_switch_agent_seconds_total",
            "Time of all agents, by what they did; talking and wrap_up of all but paused and logged_out is occupancy",
            ["state"],
            registry=self.registry,
        )
        self.agents_refused = Counter(
            "edge_switch_agents_refused_total",
            "Wishes of agents on the phone that were refused: number or PIN, locked, no number to ring",
            ["why"],
            registry=self.registry,
        )
        for state in self.AGENT_STATES:
            self.agent_seconds.labels(state)
        for why in ("wrong", "locked", "no_number"):
            self.agents_refused.labels(why)

    def known_queue(self, queue: str) -> None:
        """Show all series of a queue from its start."""
        for metric in (self.queue_entered, self.queue_in_time, self.queue_offers, self.queue_missed):
            metric.labels(queue)
        for outcome in self.QUEUE_OUTCOMES:
            self.queue_calls.labels(queue, outcome)
        for state in HANDLING:
            self.queue_handling.labels(queue, state)
        for state in self.AGENT_STATES:
            self.queue_agents.labels(queue, state).set(0)
        self.queue_waiting.labels(queue).set(0)
        self.queue_longest.labels(queue).set(0)

    def forgotten_queue(self, queue: str) -> None:
        """Take the series of a removed queue away."""
        for metric in (self.queue_entered, self.queue_in_time, self.queue_offers, self.queue_missed):
            metric.remove(queue)
        for outcome in self.QUEUE_OUTCOMES:
            self.queue_calls.remove(queue, outcome)
        for state in HANDLING:
            self.queue_handling.remove(queue, state)
        for state in self.AGENT_STATES:
            self.queue_agents.remove(queue, state)
        self.queue_waiting.remove(queue)
        self.queue_longest.remove(queue)

    def _questions(self) -> None:
        self.questions = Counter(
            "edge_switch_questions_total",
            "Questions of menus to a backend; `not_asked`: its breaker was open, or too many waited",
            ["endpoint", "outcome"],
            registry=self.registry,
        )
        self.questions_hedged = Counter(
            "edge_switch_questions_hedged_total",
            "Questions that were asked a second time, since the answer took so long",
            ["endpoint"],
            registry=self.registry,
        )
        self.question_seconds = Histogram(
            "edge_switch_question_seconds",
            "From a question to its answer, or to the end of waiting for one",
            ["endpoint"],
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=self.registry,
        )

    def known_endpoint(self, endpoint: str) -> None:
        """Show all series of an endpoint from its start."""
        for outcome in self.QUESTION_OUTCOMES:
            self.questions.labels(endpoint, outcome)
        self.questions_hedged.labels(endpoint)
        self.question_seconds.labels(endpoint)

    def forgotten_endpoint(self, endpoint: str) -> None:
        """Take the series of a removed endpoint away."""
        for outcome in self.QUESTION_OUTCOMES:
            self.questions.remove(endpoint, outcome)
        self.questions_hedged.remove(endpoint)
        self.question_seconds.remove(endpoint)

    def _work(self) -> None:
        self.commit_seconds = Histogram(
            "edge_switch_commit_duration_seconds",
            "Transaction of one turn, from BEGIN to a synced COMMIT",
            buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=self.registry,
        )
        self.turn_seconds = Histogram(
            "edge_switch_turn_duration_seconds",
            "Commit and sending of one turn that had something to write",
            buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=self.registry,
        )
        self.inputs = Counter("edge_switch_inputs_total", "Inputs that calls took", registry=self.registry)
        self.events = Counter("edge_switch_events_total", "Events committed to the outbox", registry=self.registry)
        self.events_purged = Counter(
            "edge_switch_events_purged_total", "Events that left the outbox and every sink had", registry=self.registry
        )
        self.events_shed = Counter(
            "edge_switch_events_shed_total",
            "Events that left the outbox for want of room, before every sink had them",
            ["type"],
            registry=self.registry,
        )
        self.outbox_bytes = Gauge("edge_switch_outbox_bytes", "What the outbox holds", registry=self.registry)
        self.outbox_quota = Gauge(
            "edge_switch_outbox_quota_bytes", "What the outbox may hold; 0: there is no bound", registry=self.registry
        )
        self.pending = Gauge("edge_switch_pending_commands", "Commands without a CommandDone", registry=self.registry)
        self.unknown = Counter(
            "edge_switch_unknown_reports_total", "Reports about calls that are not there", registry=self.registry
        )
        self.storage_errors = Counter(
            "edge_switch_storage_errors_total", "Transactions that the disk did not take", registry=self.registry
        )
        self.backlog_bytes = Gauge(
            "edge_switch_storage_backlog_bytes", "Kept in memory until the disk works again", registry=self.registry
        )
