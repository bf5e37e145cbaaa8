"""A real call that is held against a test: what the caller hears, and what the appliance tells of it, as lines.

The shape is that of a rehearsal (`edge.core.menus.expectations.Played`), with time as it is. What is heard is told by
the ear (`dsp.ear`), about a second after it began; all other lines are the appliance's own events, where they
can be seen at all.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from edge.app.menu_events import told_by
from edge.app.menu_greeting import greeting
from edge.app.menu_prompts import Listener, Prompts, Recognised, is_loud
from edge.app.menu_scene import Scene
from edge.app.menu_world import World
from edge.app.phone import Phone, Talk
from edge.app.phone_audio import FRAME, RATE, Samples
from edge.core.menus.model import Menu, NodeId
from edge.core.menus.parts import Whisper
from edge.core.menus.rehearsed_world import Line, What, WhoAnswers
from edge.core.sip.message import Request
from edge.core.sip.phone import Action, Over, Referred, Talks
from edge.core.sip.uri import NameAddr, Uri
from edge.runtime.clock import monotonic_ms, wall_time
from edge.vocabulary.media import Address

#: Who hides its number calls as this one (RFC 3323 section 4.1.1.3).
ANONYMOUS = NameAddr(Uri("sip", "anonymous", "anonymous.invalid"), "Anonymous")
#: Times of what was heard and of events agree within this.
SKEW_MS = 400
#: How long events of a call may take to be told.
LAG_MS = 3000
#: How long after the answer keys are pressed at the earliest.
SETTLE_MS = 300
#: Nodes that record the caller; who has heard nothing for so long since they began speaks.
RECORDING = frozenset({"record", "voicemail"})
TURN_MS = 700


class Call(Struct, frozen=True, kw_only=True):
    """Whom to call, and as whom."""

    uri: Uri
    to: Address
    #: In E.164 or as the exchange writes it; empty: hidden.
    caller: str


class LiveCall:
    """One call. `scene` is None when the appliance is not ours: then there is nothing to see but what is heard.

    Lines come from two threads, and are only ever added.
    """

    def __init__(self, world: World, prompts: Prompts, menu: Menu, scene: Scene | None) -> None:
        self.lines: list[Line] = []
        self.moves: set[tuple[NodeId, NodeId]] = set()
        self.node: NodeId = ""
        self.lag_ms = LAG_MS if scene is not None else 0
        #: What this call can't see.
        self.unseen: frozenset[What] = frozenset() if scene is not None else frozenset(UNSEEN)
        #: Final status of the INVITE, 0 without one.
        self.status = 0
        self.answered = threading.Event()
        self._world, self._prompts, self._menu, self._scene = world, prompts, menu, scene
        self._listener = self.listener("hear")
        self._values = {name: one.default for name, one in menu.attributes.items() if one.default}
        self._values["language"] = menu.language
        self._talk: Talk | None = None
        self._hears: Callable[[Samples], None] = lambda _samples: None
        self._speaks: Callable[[], Samples | None] = self._say
        #: What the caller is about to say.
        self._saying = np.zeros(0, np.int16)
        #: The node records, and when the caller heard something last since it did.
        self._listened_to = scene is None
        self._loud_ms: int | None = None
        self._turn_told = False
        self._audio: list[Samples] = []
        self._changed = threading.Condition()
        self._looked = 0
        self._gone = False
        self._ended_seen = scene is None
        self._began_ms = monotonic_ms()
        self._began_wall_ms = wall_time().timestamp() * 1000
        if scene is not None:
            scene.witness = self

    # --- what the caller does

    def dial(self, phone: Phone, call: Call) -> None:
        """Call; returns when it is answered, or refused (`status`)."""
        caller = NameAddr(Uri("sip", call.caller, phone.address.host)) if call.caller else ANONYMOUS

        def ready(talk: Talk) -> None:
            talk.heard, talk.speaks, talk.told = self._hear, self._speaks, self._told

        self._began_ms, self._began_wall_ms = monotonic_ms(), wall_time().timestamp() * 1000
        self._talk = self._world.run(phone.call(call.uri, caller, ready, to=call.to, withheld=not call.caller))
        self.wait_for_answer()

    def wait_for_answer(self) -> None:
        """Return when it is answered, or refused."""
        self.answered.wait(60)
        if not self.over:
            self.pass_time(SETTLE_MS)

    def await_call(self, phone: Phone, who: WhoAnswers) -> None:
        """Have the next call to a phone answered by somebody; `wait_for_answer` waits for that."""

        def invited(talk: Talk, _invite: Request) -> None:
            talk.heard, talk.speaks, talk.told = self._hear, self._speaks, self._told
            self._talk, self._saying = talk, greeting(who, self._prompts.voice)
            talk.accept()

        self._began_ms, self._began_wall_ms = monotonic_ms(), wall_time().timestamp() * 1000
        phone.invited = invited

    def connect(self, hears: Callable[[Samples], None], speaks: Callable[[], Samples | None]) -> None:
        """Before it is dialled: have `hears` hear it, too, and say what `speaks` gives, 160 samples at a time."""
        self._hears, self._speaks = hears, speaks

    def press(self, keys: str) -> None:
        """Press keys; returns when they are out."""
        talk = self._talk
        if talk is None or talk.audio is None:
            return
        self._add(self.now_ms, "press", keys)
        self._world.do(lambda: talk.press(keys))
        while talk.audio.pressing and not self.over:
            self.pass_time(20)

    def speak(self, ms: int) -> None:
        """Say something for so long; returns when it is said."""
        count = ms * RATE // 1000
        self._saying = np.resize(self._prompts.voice, count)
        self.pass_time(ms)
        self._turn_told = False
        self._loud_ms = None

    def hang_up(self) -> None:
        """End the call, if it is not over, and wait until all is told."""
        talk = self._talk
        if talk is not None:
            self._world.do(talk.hang_up)
        until = self.now_ms + LAG_MS
        while not self.over and self.now_ms < until:
            self.pass_time(50)

    def pass_time(self, ms: int) -> None:
        """Let time pass."""
        until = self.now_ms + ms
        with self._changed:
            while not self.over and (left := until - self.now_ms) > 0:
                self._changed.wait(left / 1000)

    # --- what a test looks at

    @property
    def now_ms(self) -> int:
        """Milliseconds since it was dialled."""
        return monotonic_ms() - self._began_ms

    @property
    def over(self) -> bool:
        """Whether it has ended, and all of it is told."""
        return self._gone and self._ended_seen

    @property
    def values(self) -> dict[str, str]:
        """What the menu has set, or has a default, and the language."""
        return self._values

    @property
    def recording(self) -> bool:
        """Whether it is the caller's turn to speak: it is recorded, and has heard what comes before, the beep too."""
        loud = self._loud_ms
        return self._listened_to and loud is not None and self.now_ms - loud >= TURN_MS

    @property
    def late_ms(self) -> int:
        """By how much the caller's phone was behind at the most, in hearing or in speaking."""
        audio = self._talk.audio if self._talk is not None else None
        return max(self._listener.late_ms, audio.late_ms if audio is not None else 0)

    def step(self, until: int) -> bool:
        """Wait for a new line, or for the turn to speak, until then; False: none came, or the call is over."""
        with self._changed:
            while len(self.lines) == self._looked and not self.over and (left := until - self.now_ms) > 0:
                if self.recording and not self._turn_told:
                    self._turn_told = True
                    return True
                self._changed.wait(min(left, TURN_MS) / 1000)
            new, self._looked = len(self.lines) > self._looked, len(self.lines)
            return new

    def follows(self, number: int, found: int) -> bool:
        """Say whether a line is later than the beginning of one that was found, which may be told later than it is."""
        before = self.lines[found]
        return number != found and self.lines[number].at_ms >= before.at_ms - before.since_ms - SKEW_MS

    def write_heard(self, path: Path) -> Path:
        """Write what the caller has heard, mono at 8 kHz; returns the path."""
        import soundfile

        audio = np.concatenate(self._audio) if self._audio else np.zeros(1, np.int16)
        soundfile.write(path, audio, RATE, subtype="PCM_16")
        return path

    # --- what those ask who are called in it

    @property
    def whisper(self) -> Whisper | None:
        """What a target is told now before it is connected."""
        found = getattr(self._menu.nodes.get(self.node), "whisper", None)
        return found if isinstance(found, Whisper) else None

    def listener(self, what: What) -> Listener:
        """Give somebody who hears sounds of the menu; what is heard becomes lines."""

        def tell(heard: Recognised) -> None:
            self._append(Line(heard.at_ms, what, heard.text, self.node, {}, heard.known, heard.since_ms))

        return Listener(self._prompts, lambda: self.now_ms, tell)

    # --- what happens to it

    def _told(self, action: Action) -> None:
        if isinstance(action, Talks):
            self.status = 200
            self.answered.set()
        elif isinstance(action, Referred) and self._talk is not None:
            self._world.refer(self._scene, self._talk, action.target)
        elif isinstance(action, Over):
            self.status = action.status
            self._listener.end()
            if not self.lag_ms and action.by == "them":
                self._add(self.now_ms, "end", "")
            with self._changed:
                self._gone = True
                self._changed.notify_all()
            self.answered.set()

    def _hear(self, samples: Samples) -> None:
        if self._gone:
            return
        self._hears(samples)
        self._audio.append(samples)
        if is_loud(samples):
            self._loud_ms, self._turn_told = self.now_ms, False
        self._listener.feed(samples)

    def _say(self) -> Samples | None:
        frame, self._saying = self._saying[:FRAME], self._saying[FRAME:]
        return frame if len(frame) == FRAME else None

    def _add(self, at_ms: int, what: What, text: str, values: dict[str, str] | None = None) -> None:
        self._append(Line(at_ms, what, text, self.node, values or {}))

    def _append(self, line: Line) -> None:
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()

    # --- what the appliance tells

    def event(self, event: dict[str, Any]) -> None:
        """Take an event of this call."""
        data = event["data"]
        if event["type"] == "menu.node_entered":
            self.moves.add((self.node, data["node"]))
            self.node = data["node"]
            self._listened_to, self._loud_ms = data["kind"] in RECORDING, None
        elif event["type"] == "menu.attributes_set":
            self._values = {**self._values, **data["attributes"]}
        elif event["type"] == "queue.entered" and self._scene is not None and self._scene.crowd_calls is not None:
            self._scene.crowd_calls.joined(data["queue"])
        told = told_by(event, self._scene.part) if self._scene is not None else None
        if told is not None:
            at_ms = datetime.fromisoformat(event["time"]).timestamp() * 1000 - self._began_wall_ms
            self._add(round(at_ms) - told.before_ms, told.what, told.text, told.values)
        if event["type"] == "call.ended":
            with self._changed:
                self._ended_seen = True
                self._changed.notify_all()


#: What nobody outside of an appliance can see.
UNSEEN: tuple[What, ...] = (
    *("enter", "input", "set", "transfer", "whisper", "ask", "message", "callback", "survey", "queue"),
    "do_not_call",
)
