"""Drives a call core in virtual time: plays front, span and media for it, and checks each action as it comes."""

from edge.core.calls.actions import Action, AskHunt, Emit, FreeSeat, HuntTaken, QueueNews, Send
from edge.core.calls.call import Call
from edge.core.calls.inputs import Elapsed, HuntTold, Incoming, Input, Originate, Reserved, Seat, Terms
from edge.core.menus.model import Gather, HangUp, Menu, Play, Sound, Transfer
from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.endings import EndReason
from edge.vocabulary.events import AnyEvent
from edge.vocabulary.ids import CallId, Incarnation, LegId, SlotIndex
from edge.vocabulary.media import Address, RemoteMedia
from edge.vocabulary.private import Private

CALL = CallId("c1")
FIRST = LegId("c1.1")
SECOND = LegId("c1.2")
SPAN = Incarnation("span-1")
OTHER_SPAN = Incarnation("span-2")

REMOTE = RemoteMedia(
    rtp=Address("127.9.9.9", 4000),
    rtcp=Address("127.9.9.9", 4001),
    codec="PCMU",
    payload_type=0,
    telephone_event=101,
    ptime_ms=20,
    direction="sendrecv",
)


def sound(name: str) -> Sound:
    return Sound(f"/prompts/{name}.wav", name)


MENU = Menu(
    name="main",
    version="v1",
    start="greet",
    nodes={
        "greet": Play(sounds=[sound("hello")], next="choose"),
        "choose": Gather(
            prompt=[sound("press")],
            choices={"1": "sales", "2": "pin", "9": "bye"},
            failed="bye",
            no_input=[[sound("huh")]],
        ),
        "sales": Transfer(
            target="sip:sales@127.0.0.1",
            ringing=[sound("ring")],
            on_outcome={"busy": "choose"},
            failed="bye",
            ring_timeout_ms=20000,
        ),
        "pin": Gather(
            prompt=[sound("pin")],
            max_digits=4,
            min_digits=4,
            next="bye",
            choices={"1234": "sales"},
            failed="bye",
            sensitive=True,
        ),
        "bye": HangUp("goodbye"),
    },
)


def seat(number: int) -> Seat:
    return Seat(SlotIndex(number), Address("127.0.0.1", 16384 + 2 * number))


TERMS = Terms(menu="main", menu_version="v1", menu_key="k", max_call_ms=3_600_000, recordings="/rec/2026/11/21")


def incoming(
    refuse: int = 0,
    with_seat: bool = True,
    remote: RemoteMedia | None = REMOTE,
    terms: Terms = TERMS,
    engine_up: bool = False,
) -> Incoming:
    report = r.LegIncoming(
        leg=FIRST,
        span=SPAN,
        trunk="demo",
        caller=Private("100"),
        caller_name=Private(""),
        called=Private("200"),
        source=Address("127.0.0.2", 5060),
        sip_call_id="x@y",
        remote=remote,
    )
    given = seat(0) if with_seat else None
    return Incoming(report=report, terms=terms, seat=given, refuse=refuse, engine_up=engine_up)


def originate(terms: Terms = TERMS) -> Originate:
    return Originate(target=Private("sip:demo@127.0.0.1"), trunk="", caller=Private("edge"), terms=terms)


def ended(leg: LegId, outcome: str = "completed", by: str = "caller", code: int | None = None) -> r.LegEnded:
    return r.LegEnded(leg, EndReason(outcome=outcome, ended_by=by, sip_code=code))  # type: ignore[arg-type]


def media_ended(leg: LegId) -> r.LegMediaEnded:
    return r.LegMediaEnded(
        leg=leg, packets_received=1, packets_sent=1, packets_lost=0, packets_late=0, packets_refused=0, jitter_ms=0.5
    )


def heard(digit: str, start_ms: int, method: str = "rfc4733", leg: LegId = FIRST) -> r.DigitHeard:
    return r.DigitHeard(leg=leg, method=method, digit=Private(digit), start_ms=start_ms, duration_ms=80)  # type: ignore[arg-type]


class Desk:
    """A call with everything it asked for. `auto`: media and spans carry out commands at once."""

    def __init__(self, first: Input, menu: Menu | None = MENU, auto: bool = True, now_ms: int = 1_000_000) -> None:
        self.call = Call(CALL, menu)
        self.now_ms = now_ms
        self.auto = auto
        self.events: list[AnyEvent] = []
        self.sent: list[Send] = []
        self.freed: list[SlotIndex] = []
        #: What hunts asked for, and told; `told` is what they are answered, as the exchange would, in the same turn.
        self.asked: list[AskHunt | HuntTaken] = []
        self.told = HuntTold()
        #: What queues were told.
        self.news: list[QueueNews] = []
        self.journal: list[tuple[int, object]] = []
        self.give(first)

    def give(self, input: Input) -> list[Action]:  # noqa: A002
        actions = self.call.handle(input, self.now_ms)
        self.journal.append((self.now_ms, self.call.entry))
        for action in actions:
            if isinstance(action, Emit):
                assert action.callseq == len(self.events) + 1
                self.events.append(action.event)
            elif isinstance(action, AskHunt | HuntTaken):
                self.asked.append(action)
            elif isinstance(action, QueueNews):
                self.news.append(action)
            elif isinstance(action, FreeSeat):
                assert action.slot not in self.freed
                self.freed.append(action.slot)
            else:
                self.sent.append(action)
        assert (self.call.deadline is None) == self.call.over
        if any(isinstance(action, AskHunt) for action in actions):
            self.give(self.told)
        if self.auto:
            for action in actions:
                if isinstance(action, Send):
                    self._carry_out(action)
        return actions

    def _carry_out(self, send: Send) -> None:
        self.give(r.CommandDone(send.id))
        body = send.body
        if isinstance(body, c.HangUp | c.Reject):
            self.give(ended(body.leg, "cancelled", "appliance", 487))
        elif isinstance(body, c.CloseLeg):
            self.give(media_ended(body.leg))
        elif isinstance(body, c.StopRecording):
            self.give(recording_done(body.leg, body.recording))

    def wait(self, ms: int) -> None:
        """Let time pass, firing deadlines as they come."""
        until = self.now_ms + ms
        while self.call.deadline is not None and self.call.deadline.at_ms <= until:
            self.now_ms = max(self.now_ms, self.call.deadline.at_ms)
            self.give(Elapsed())
        self.now_ms = until

    def answer(self) -> "Desk":
        self.give(r.LegAnswered(FIRST))
        return self

    def play_ends(self, how: str = "finished", file: str = "") -> None:
        play = self.last(c.Play)
        self.give(r.PlayEnded(leg=FIRST, play=play.play, how=how, played_ms=500, file=file))  # type: ignore[arg-type]

    def press(self, digits: str, method: str = "rfc4733") -> None:
        for digit in digits:
            self.now_ms += 200
            self.give(heard(digit, self.now_ms - 100, method))

    def last(self, kind: type) -> object:
        return [s.body for s in self.sent if isinstance(s.body, kind)][-1]

    def bodies(self, kind: type) -> list[object]:
        return [s.body for s in self.sent if isinstance(s.body, kind)]

    def types(self) -> list[str]:
        return [str(e.__struct_config__.tag) for e in self.events]

    def count(self, kind: str) -> int:
        return self.types().count(kind)

    def of(self, kind: type) -> list[object]:
        return [e for e in self.events if isinstance(e, kind)]

    def reserve(self, leg: LegId = SECOND, number: int = 1) -> None:
        self.give(Reserved(leg, OTHER_SPAN, seat(number)))


def recording_done(leg: LegId, recording: str) -> r.RecordingDone:
    return r.RecordingDone(
        leg=leg,
        recording=recording,  # type: ignore[arg-type]
        path=f"/rec/2026/11/21/{recording}.wav",
        duration_ms=1000,
        gap_ms_left=0,
        gap_ms_right=0,
        size_bytes=32044,
        sha256="0" * 64,
    )
