"""All calls of the appliance: turns reports into inputs of the call they belong to, and keeps what follows from them.

Nothing leaves here by itself: rows to be written gather in `turn`, commands in `pending`. The shell writes the one,
then sends the other.
"""

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime

from edge.config.engines import engine_names
from edge.core.calls.actions import Action, AskHunt, Emit, FreeSeat, HuntTaken, LineNews, Question, QueueNews, Send
from edge.core.calls.call import Call
from edge.core.calls.inputs import Asked, Elapsed, Entry, Input, Originate, Reserved
from edge.core.menus.model import Listen, Menu
from edge.metrics.switch import SwitchMetrics
from edge.runtime.clock import rfc3339
from edge.runtime.logs import logger
from edge.storage.turn import CallRow, EventRow, JournalRow, Turn
from edge.switch import from_dialer, joining
from edge.switch.arriving import Arrivals
from edge.switch.attempts import Attempts
from edge.switch.bridging import Bridges
from edge.switch.callbacks import Callbacks
from edge.switch.calling import Calling
from edge.switch.hunting import LAST_TARGET, what_others_know
from edge.switch.journeys import Journeys
from edge.switch.nailed import NailedUp
from edge.switch.pending import Pending, call_of_command, receiver_of
from edge.switch.plan import Plan
from edge.switch.presence import PresenceDesk
from edge.switch.previews import Previews
from edge.switch.queueing import Queues
from edge.switch.results import Results
from edge.switch.rows import call_row, ended_row, event_row, site_event_row
from edge.switch.seats import Seats
from edge.switch.standards import Standards
from edge.switch.trials import Change, Trials
from edge.vocabulary import events, site_events
from edge.vocabulary.commands import HangUp
from edge.vocabulary.ids import FRONT, CallId, CommandId, Incarnation, LegId, RecordingId, SlotIndex, call_of
from edge.vocabulary.reports import (
    AnyReport,
    CommandDone,
    EngineOverload,
    FrontSnapshot,
    LegAdopted,
    LegAnswered,
    LegEnded,
    LegIncoming,
    MediaSnapshot,
    Noticed,
    RecordingDone,
    RecordingFailed,
    RecordingMuted,
    SoundHeard,
    SpanReserved,
    SpanSnapshot,
    TransferAsked,
)
from edge.vocabulary.wire import pack

#: Reports that name a recording, and so the call that it is of.
OF_RECORDINGS = (RecordingDone, RecordingFailed, RecordingMuted)
#: Ended calls that are remembered: front, back from a kill, tells its unanswered calls again. 40 s at 100 calls/s.
MAX_ENDED = 4096


class Exchange:
    """The calls that have not ended. `now_ms` and `wall` are the clocks of the process."""

    def __init__(  # noqa: PLR0917 - each is needed, in the order of their age
        self,
        plan: Plan,
        boot: str,
        metrics: SwitchMetrics,
        now_ms: Callable[[], int],
        wall: Callable[[], datetime],
        seats: Seats,
    ) -> None:
        self.plan = plan
        self.boot = boot
        self.metrics = metrics
        self.calls: dict[CallId, Call] = {}
        self.rows: dict[CallId, CallRow] = {}
        #: Legs that are in another call than the one that their id names.
        self.moved: dict[LegId, CallId] = {}
        self.seats = seats
        #: The processes of the media engines; their number and slots stay until the next start.
        self.engines = engine_names(plan.site.media)
        self.pending = Pending()
        self.callbacks = Callbacks()
        self.turn = Turn()
        self.trials = Trials(plan.trials, metrics)
        self.standards = Standards(plan.standards, metrics, wall())
        self.journeys = Journeys(self.trials, self.standards)
        #: To be asked when the turn is on disk.
        self.questions: list[Question] = []
        #: Receivers that are connected and have shown their snapshot.
        self.connected: set[str] = set()
        self.draining = False
        #: Events so far whose subject is the appliance.
        self.noticed = 0
        #: Why new calls can't be taken ("storage", "disk"), "" when they can.
        self.refusing = ""
        self._now_ms = now_ms
        self._wall = wall
        self._heap: list[tuple[int, CallId]] = []
        self._armed: dict[CallId, int] = {}
        self._ended: OrderedDict[CallId, None] = OrderedDict()
        self._stored_menus: set[str] = set()
        #: Key of the target that took the last call, by the name of what it was a target of.
        self.last_targets: dict[str, str] = {}
        self._hears_sound: set[CallId] = set()
        #: What was told last of each trunk: of its registration, and of its answering.
        self._trunks: dict[tuple[str, bool], type] = {}
        self.arrivals = Arrivals(self)
        self.calling = Calling(self)
        self.nailed = NailedUp(self)
        self.bridges = Bridges(self)
        self.queues = Queues(self)
        self.attempts = Attempts(self, wall)
        self.previews = Previews(self)
        self.results = Results(self)
        self.presence = PresenceDesk(self)

    @property
    def now_ms(self) -> int:
        """CLOCK_MONOTONIC, milliseconds."""
        return self._now_ms()

    @property
    def wall(self) -> datetime:
        """What stamps events."""
        return self._wall()

    # --- reports

    def report(self, process: str, incarnation: Incarnation, body: AnyReport) -> None:
        """Take a report; snapshots are not for here."""
        if isinstance(body, CommandDone):
            self.pending.done(receiver_of(process, incarnation), body.id)
            call = self.calls.get(call_of_command(body.id))
            if call is not None:
                self.feed(call, body)
        elif isinstance(body, LegIncoming):
            self.arrivals.take(body)
        elif isinstance(body, Noticed):
            self._noticed(body)
        elif isinstance(body, EngineOverload):
            self.note_overload(process, on=body.on)
        elif isinstance(body, from_dialer.DialerReport):
            from_dialer.take(self, incarnation, body)
        elif process == "span" and isinstance(body, LegEnded) and self._is_fronts(body.leg):
            return  # its part in the call ended, not the call
        elif isinstance(body, SpanSnapshot | FrontSnapshot | MediaSnapshot):
            return
        else:
            self._about_leg(body.leg, body)

    def _noticed(self, report: Noticed) -> None:
        if not self._is_known(report.event):
            self.notice(report.event)

    def notice(self, event: site_events.SiteEvent) -> None:
        """Make an event that belongs to no call: its subject is the appliance."""
        self.noticed += 1
        site = self.plan.site.name
        self.turn.events.append(site_event_row(event, self.noticed, rfc3339(self._wall()), site))

    def change_trial(self, change: Change) -> None:
        """Store what has become of a trial, and tell of it."""
        self.turn.meta.update(change.meta)
        if change.event is not None:
            self.notice(change.event)

    def _is_known(self, event: site_events.SiteEvent) -> bool:
        """Whether backends know that a trunk is so: front, back from a kill, finds out anew what it had told."""
        if not isinstance(event, site_events.TrunkEvent):
            return False
        key = (event.trunk, isinstance(event, site_events.TrunkUp | site_events.TrunkDown))
        known, self._trunks[key] = self._trunks.get(key), type(event)
        return known is type(event)

    def _about_leg(self, leg: LegId, body: AnyReport) -> None:
        call = self._recorded(body.recording) if isinstance(body, OF_RECORDINGS) else self.call_with(leg)
        call = self.nailed.hearer(leg, body) or self.bridges.hearer(leg, body) or call
        if call is None:
            self.metrics.unknown.inc()
            if isinstance(body, LegAdopted):
                hang_up = HangUp(leg, "the call is over")
                self.pending.add(Send(CommandId(f"{call_of(leg)}:0:{leg}"), "front", body.span, hang_up))
            elif isinstance(body, LegAnswered | LegEnded):
                self.arrivals.early(leg, body)
        elif isinstance(body, SpanReserved):
            self._reserved(call, body)
        elif isinstance(body, TransferAsked) and body.other is not None:
            joining.join(self, call, body, body.other)
        elif not isinstance(body, SoundHeard) or call.id in self._hears_sound:
            # Sound matters to menus that listen only; elsewhere each word spoken would be a line of the journal.
            self.feed(call, body)  # type: ignore[arg-type]
            self.nailed.tell_borrower(leg, body)
            self.bridges.tell_borrower(leg, body)

    def call_with(self, leg: LegId) -> Call | None:
        """Return the call that a leg is in: that of its id, or the one that it has moved to."""
        return self.calls.get(self.moved.get(leg) or call_of(leg))

    def _recorded(self, recording: RecordingId) -> Call | None:
        """Return the call whose recording it is, also when the leg has moved on."""
        return self.calls.get(CallId(recording.rpartition("-")[0]))

    def _is_fronts(self, leg: LegId) -> bool:
        call = self.call_with(leg)
        return call is not None and leg in call.legs and call.legs[leg].span == FRONT

    def originate(self, id: CallId, request: Originate, menu: Menu) -> None:  # noqa: A002
        """Begin a call of ours."""
        self.feed(self.new_call(id, menu), request)

    def new_call(self, id: CallId, menu: Menu | None) -> Call:  # noqa: A002
        """Take a new call in, and store its menu if that is new, too; its first input is the caller's to feed."""
        call = Call(id, menu)
        if menu is not None:
            key, body = self.plan.stored(menu)
            if key not in self._stored_menus:
                self._stored_menus.add(key)
                self.turn.menus[key] = body
        self.adopt(call, menu)
        return call

    def adopt(self, call: Call, menu: Menu | None) -> None:
        """Take a call in, a new one or one that was rebuilt."""
        self.calls[call.id] = call
        self.moved |= {leg: call.id for leg, one in call.legs.items() if call_of(leg) != call.id and not one.borrowed}
        if menu is not None and any(isinstance(node, Listen) for node in menu.nodes.values()):
            self._hears_sound.add(call.id)
        self._arm(call)

    def _reserved(self, call: Call, report: SpanReserved) -> None:
        slot = self.slot_for(report.leg, self.engine_of(call)) if call.waits_for_seat(report.leg) else None
        seat = self.plan.seat(slot) if slot is not None else None
        self.feed(call, Reserved(report.leg, report.span, seat, report.trunk, report.address))

    # --- engines

    @property
    def refuses(self) -> str:
        """Why new calls can't be taken now; "" when they can."""
        return self.refusing or ("overload" if self.seats.engines.all_overloaded else "")

    def note_overload(self, process: str, *, on: bool) -> None:
        """Take note that an engine is too busy for new calls, or is not any more."""
        if process in self.engines:
            engine = self.engines.index(process)
            (self.seats.engines.overloaded.add if on else self.seats.engines.overloaded.discard)(engine)

    def engine_of(self, call: Call) -> int | None:
        """Return the engine that a call is on, None before its first leg has a slot."""
        seat = next((leg.seat for leg in call.legs.values() if leg.seat is not None), None)
        return None if seat is None else self.seats.engines.engine_of(seat.slot)

    def send(self, call: Call, send: Send) -> None:
        """Queue a command of a call; those for media go to the call's engine."""
        engine = self.engine_of(call) if send.to == "media" else None
        self.pending.add(send, self.engines[engine] if engine is not None else "")

    def engine_is_up(self, slot: SlotIndex | None) -> bool:
        """Whether the engine of a slot is there to open it now."""
        return slot is not None and self.engines[self.seats.engines.engine_of(slot)] in self.connected

    def slot_for(self, leg: LegId, engine: int | None = None) -> SlotIndex | None:
        """Take a slot, for the first leg of a call or for a further one of a call on `engine`."""
        away = {index for index, name in enumerate(self.engines) if name not in self.connected}
        return self.seats.take(leg, self._now_ms(), engine, away)

    # --- one input of one call

    def feed(self, call: Call, input: Input, at_ms: int | None = None) -> None:  # noqa: A002
        """Let a call take an input; what follows gathers in `turn` and `pending`."""
        now_ms = self._now_ms() if at_ms is None else at_ms
        actions = call.handle(input, now_ms)
        self.metrics.inputs.inc()
        self._journal(call, call.entry, now_ms)
        if actions:
            self._keep(call, actions, now_ms)
        if call.over:
            self._drop(call)
        else:
            self._arm(call)
        asked = next((action for action in actions if isinstance(action, AskHunt)), None)
        if asked is not None:
            # In the same turn, and so on disk with what asked for it or not at all.
            self.feed(call, what_others_know(self.calls.values(), self.last_targets, call, asked), now_ms)
        for met in self.callbacks.met_by(call, self._wall(), self.plan.site.callbacks.country):
            self.feed(call, met, at_ms)
        self.bridges.settle(call)
        self.queues.settle()
        self.calling.settle()

    def _journal(self, call: Call, entry: Entry, now_ms: int) -> None:
        self.turn.journal.append(JournalRow(call.id, call.inputs, now_ms, pack(entry)))

    def _keep(self, call: Call, actions: Iterable[Action], now_ms: int) -> None:
        stamp = ""
        for action in actions:
            if isinstance(action, Emit):
                stamp = stamp or rfc3339(self._wall())
                told = self.callbacks.settle(self, action, self._wall())
                self._event(call, told, event_row(told, stamp, self.plan.site.name, call.menu_version))
                self.attempts.observe(call, action.event)
                self.results.observe(call, action.event)
                self.journeys.hear(self, call.id, action.event, now_ms)
            elif isinstance(action, FreeSeat):
                self.seats.give_back(action.slot, now_ms)
            elif isinstance(action, HuntTaken):
                self.last_targets[action.name] = self.turn.meta[LAST_TARGET + action.name] = action.key
            elif isinstance(action, AskHunt):
                continue  # `feed` answers it when all else is kept
            elif isinstance(action, Question):
                self.questions.append(action)
            elif isinstance(action, QueueNews | LineNews):
                self.queues.note(action)
            else:
                self.send(call, action)

    def _event(self, call: Call, emit: Emit, row: EventRow) -> None:
        self.turn.events.append(row)
        event = emit.event
        if isinstance(event, events.CallStarted):
            self._row(call_row(call, self.boot, row.time))
        elif isinstance(event, events.DtmfReceived):
            self.metrics.digits.labels(event.method).inc()
        elif isinstance(event, events.HuntEnded):
            self.metrics.hunts.labels(event.outcome).inc()
        elif isinstance(event, events.WhisperEnded):
            self.metrics.whispers.labels(event.result).inc()
        elif isinstance(event, events.LegHeld):
            self.metrics.holds.inc()
        elif isinstance(event, events.VoicemailFull):
            self.metrics.mailbox_full.labels(event.mailbox).inc()
        elif isinstance(event, events.PromptMissing):
            facts = {"node": event.node, "file": event.file, "source": event.source}
            logger("switch").warning("prompt missing", call=call.id, **facts)
        elif isinstance(event, events.CallAnswered):
            known = self.rows[call.id]
            self._row(known._replace(answered=row.time, trunk=event.trunk or known.trunk))
        elif isinstance(event, events.CallEnded):
            ended = ended_row(self.rows[call.id], event, row.time)
            self._row(ended)
            self.metrics.calls.labels(ended.direction, event.end.outcome).inc()
            self.metrics.duplicates.inc(event.digit_duplicates)
        else:
            self.queues.observe(event)

    def _row(self, row: CallRow) -> None:
        self.rows[CallId(row.id)] = row
        self.turn.calls[row.id] = row

    def note_ended(self, call: CallId) -> None:
        """Remember that this call is over, and not a new one when it is told again."""
        self._ended[call] = None
        if len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)

    def has_ended(self, call: CallId) -> bool:
        """Whether this call is over, as far as that is remembered."""
        return call in self._ended

    def _drop(self, call: Call) -> None:
        del self.calls[call.id]
        self.note_ended(call.id)
        self.rows.pop(call.id, None)
        self._armed.pop(call.id, None)
        for leg in [leg for leg, to in self.moved.items() if to == call.id]:
            del self.moved[leg]
        self.callbacks.forget(call.id)
        self._hears_sound.discard(call.id)
        self.queues.gone(call.id)
        self.pending.forget(call.id, self.connected)

    # --- time

    def _arm(self, call: Call) -> None:
        deadline = call.deadline
        if deadline is None:
            self._armed.pop(call.id, None)
        elif self._armed.get(call.id) != deadline.at_ms:
            self._armed[call.id] = deadline.at_ms
            heapq.heappush(self._heap, (deadline.at_ms, call.id))

    @property
    def next_deadline_ms(self) -> int | None:
        """When `fire` has something to do."""
        times = (
            self._next_call_ms,
            self.queues.next_ms,
            self.calling.next_ms,
            self.attempts.next_ms,
            self.previews.next_ms,
        )
        return min((at_ms for at_ms in times if at_ms is not None), default=None)

    @property
    def _next_call_ms(self) -> int | None:
        while self._heap and self._armed.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def fire(self) -> None:
        """Wake the calls whose deadline has passed."""
        now_ms = self._now_ms()
        while (next_ms := self._next_call_ms) is not None and next_ms <= now_ms:
            _, id_ = heapq.heappop(self._heap)
            self._armed.pop(id_, None)
            self.feed(self.calls[id_], Elapsed())
        self.queues.fire(now_ms)
        self.calling.fire(now_ms)
        self.attempts.fire(now_ms)
        self.previews.fire(now_ms)

    def answered(self, id: CallId, asked: Asked) -> None:  # noqa: A002
        """Take what came of a question; the call may be over."""
        call = self.calls.get(id)
        if call is not None:
            self.feed(call, asked)

    def take_questions(self) -> list[Question]:
        """Return the questions that are to be asked now."""
        taken, self.questions = self.questions, []
        return taken

    def take_turn(self) -> Turn:
        """Return what is to be written, and begin a new turn."""
        turn, self.turn = self.turn, Turn()
        return turn
