"""An exchange that calls back, over a real store, in virtual time; phones, front and media are played for it."""

from pathlib import Path

from msgspec.structs import replace

from edge.config.queues import Agent, Queue, QueueAgent
from edge.core.menus.model import HangUp, Menu
from edge.core.menus.model import Queue as QueueNode
from edge.storage.turn import CallbackRow
from edge.switch.plan import Plan
from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CallId, Incarnation, LegId
from tests.core.calls.desk import REMOTE
from tests.switch.test_callbacks import House
from tests.switch.world import ended, media_ended, recording_done

CALLER = "030123456"
NUMBER = "+4930123456"
WAITING = Menu(
    name="main",
    version="v1",
    start="wait",
    nodes={
        "wait": QueueNode(queue="desk", left="bye", full="bye", timed_out="bye", no_agents="bye", failed="bye"),
        "bye": HangUp("goodbye"),
    },
)
#: Agents are rung for so long.
AGENT_RING_S = 15


class CallingHouse(House):
    """Callers wait in the queue `desk` of one agent, and are lost."""

    def __init__(self, folder: Path, **callbacks) -> None:
        self.agents = [Agent(name="anna", target="sip:anna@127.0.0.1", rest_ms=1000)]
        settings = {"lost_after_ms": 0, "dial": True, "queue": "desk", "within_ms": 4 * 3_600_000, **callbacks}
        super().__init__(folder, **settings)

    def restart(self) -> None:
        queue = Queue(
            name="desk", agents=[QueueAgent(agent="anna")], ring_timeout_ms=AGENT_RING_S * 1000, max_wait_ms=3_600_000
        )
        self.site = replace(self.site, menus={"main": WAITING}, agents=self.agents, queues=[queue])
        self.left: dict[LegId, bool] = {}
        super().restart()

    # --- time

    def run(self, seconds: float) -> None:
        """Let time pass, deadline by deadline."""
        until = self.now + round(seconds * 1000)
        while True:
            self.obey()
            next_ms = self.exchange.next_deadline_ms
            if next_ms is None or next_ms > until:
                break
            self._to(max(next_ms, self.now))
            self.exchange.fire()
        self._to(until)
        self.obey()

    def _to(self, now: int) -> None:
        self.pass_time(milliseconds=now - self.now)

    # --- front, spans and media, who do as they are told

    def obey(self) -> None:
        """Carry out what is on disk; INVITEs that leave are noted."""
        while True:
            self.commit()
            waiting = self.exchange.pending.waiting()
            if not waiting:
                return
            for receiver in waiting:
                for command in self.exchange.pending.take(receiver):
                    self._obey(receiver.partition(" ")[0], command)

    def _obey(self, process: str, command: c.Command) -> None:
        body = command.body
        if isinstance(body, c.ReserveSpan):
            self.report("front", r.SpanReserved(body.leg, Incarnation("span-1"), body.trunk))
        elif isinstance(body, c.MakeCall):
            assert body.leg not in self.left, "an INVITE left twice"
            self.left[body.leg] = True
        elif isinstance(body, c.HangUp | c.Reject):
            # A phone confirms at once.
            self.report("span", ended(body.leg))
        elif isinstance(body, c.CloseLeg):
            self.report("media", media_ended(body.leg))
        elif isinstance(body, c.StopRecording):
            call = self.exchange.call_with(body.leg)
            for recording in list(call.recordings if call is not None else ()):
                self.report("media", recording_done(body.leg, recording))
        self.report(process, r.CommandDone(command.id))

    # --- phones

    def lose(self, name: str = "c1", caller: str = CALLER) -> CallbackRow:
        """Somebody waits in the queue, and hangs up while it has nobody for him."""
        self.report("front", self.came(name, caller))
        self.obey()
        self.report("span", r.LegAnswered(LegId(f"{name}.1")))
        self.obey()
        self.pass_time(seconds=5)
        self.report("span", ended(LegId(f"{name}.1")))
        self.obey()
        self.left = {leg: True for leg in self.left if not leg.startswith(name)}
        number = "+49" + caller[1:]
        return next(row for row in self.store.open_callbacks() if row.number == number)

    @property
    def attempt(self) -> CallId:
        """The call that is being made."""
        (row,) = (row for row in self.store.open_callbacks() if row.state == "calling")
        return CallId(row.attempt)

    def leg(self, number: int = 1) -> LegId:
        return LegId(f"{self.attempt}.{number}")

    def first_leg(self, number: str) -> LegId:
        """The leg that rings a number."""
        (row,) = (row for row in self.store.open_callbacks() if row.number == number)
        return LegId(f"{row.attempt}.1")

    def switch_on(self, **more: object) -> None:
        """Load a configuration that calls back; nothing of what follows is on disk yet."""
        site = self.site
        self.site = replace(site, callbacks=replace(site.callbacks, dial=True, **more))
        self.exchange.plan = Plan(self.site)
        self.exchange.queues.configure()
        self.exchange.calling.configure()

    def ring(self, leg: LegId, code: int = 180) -> None:
        self.report("span", r.LegRinging(leg, code, early_media=False))
        self.obey()

    def answer(self, leg: LegId) -> None:
        self.report("span", r.LegMedia(leg, REMOTE))
        self.report("span", r.LegAnswered(leg))
        self.obey()

    def hang_up(self, leg: str) -> None:
        self.report("span", ended(LegId(leg)))
        self.obey()

    def refuse(self, leg: LegId, outcome: str, code: int) -> None:
        end = EndReason(outcome=outcome, ended_by="callee", sip_code=code)  # type: ignore[arg-type]
        self.report("span", r.LegEnded(leg, end))
        self.obey()

    def row(self) -> CallbackRow:
        """The only request there is, closed or not."""
        (row,) = self.rows()
        return CallbackRow(*row)
