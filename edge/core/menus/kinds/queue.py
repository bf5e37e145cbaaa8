"""A place in a queue: music, where one stands and how long it will take, a way out, and at last somebody to talk with.

- The first announcement comes `announce_after_ms` after the beginning, then one every `announce_every_ms`; with
  `only_changes` only when it would say something else. A position that was told never gets worse: who is let in before
  (by priority) makes the caller wait longer, but not count again.
- The callback is offered once the caller has waited `callback_after_ms`, and its key counts from then on.
- Words interrupt the music, which goes on where it was. While an agent is rung nothing is said.
- An agent who does not answer costs the caller nothing: he keeps his place, and the music plays.
- Who was called by us waits `give_up_ms` from the end of his greeting on, whether an agent is being rung or not.
"""

from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from edge.core.menus.music import Music
from edge.core.menus.parts import Announcement, NodeId, Sound, Target, Whisper
from edge.core.menus.visit import Visit, Walk, Way
from edge.core.menus.words import (
    AgentFound,
    AgentMissed,
    Dial,
    JoinQueue,
    LeaveQueue,
    MenuInput,
    PlaceTold,
    QueueClosed,
    StopDialling,
    StopSounds,
    TransferEnded,
    TransferTaken,
)
from edge.core.queues.estimate import minutes_to_say

#: Values of a call that queues match agents by.
MATCHED: Final = ("skill", "language", "customer_type")
#: It may have taken long to know that it is a person. Then he is late whatever is done, and an agent who is ready is
#: given so long to answer.
LEAST_PATIENCE_MS: Final = 1000


class Queue(Struct, frozen=True, tag="queue", kw_only=True):
    """Wait in a queue for one of its agents, and talk."""

    queue: str
    #: Played again and again.
    music: list[Sound] = []
    #: Say where one stands (`${queue_position}`), and of who is next.
    position: list[Sound] = []
    next_in_line: list[Sound] = []
    #: Say how long it will take (`${queue_minutes}`), and of a minute or less.
    wait: list[Sound] = []
    wait_short: list[Sound] = []
    announce_after_ms: int = 3000
    #: 0: once.
    announce_every_ms: int = 60_000
    only_changes: bool = True
    #: One after the other, a list each time.
    comfort: list[list[Sound]] = []
    comfort_every_ms: int = 30_000
    callback_offer: list[Sound] = []
    callback_key: str = ""
    callback_after_ms: int = 60_000
    callback_every_ms: int = 120_000
    leave_key: str = ""
    #: 0: he waits as long as the queue lets him.
    give_up_ms: int = 0
    #: Said to an agent who has answered, before he is connected.
    whisper: Whisper | None = None
    #: Said while the two talk.
    announcement: Announcement | None = None
    call_back: NodeId = ""
    left: NodeId
    full: NodeId
    timed_out: NodeId
    no_agents: NodeId
    failed: NodeId
    #: Where the caller goes when the agent hangs up; empty: the call ends.
    after: NodeId = ""


class QueueVisit(Visit[Queue]):
    """Over when the talk is, or when the caller is not served."""

    keeps_keys = False
    state = "queueing"

    def __init__(self, node: Queue, walk: Walk) -> None:
        super().__init__(node, walk)
        self._began_ms = walk.now_ms
        #: What is due when: `announce`, `comfort`, `callback`.
        self._due: dict[str, int] = {}
        #: When it is given up; None: never.
        self._gives_up_ms: int | None = None
        #: Position and minutes as they are now, 0: not known, and as they were said.
        self._now = (0, 0)
        self._said = (0, 0)
        self._comforts = 0
        self._offered = False
        self._ringing = False
        self._speaking = False
        self._music = Music(walk, node.music)

    # --- what happens

    def enter(self) -> Way:
        """Join the queue."""
        node, walk = self.node, self.walk
        walk.ahead.clear()
        walk.values.queue_position = walk.values.queue_minutes = 0
        priority = max(0, min(100, int(walk.values.get("priority", walk.now_ms) or 0)))
        values = {name: walk.values.get(name, walk.now_ms) for name in MATCHED}
        walk.do(JoinQueue(node.queue, priority, {name: value for name, value in values.items() if value}))
        if node.position or node.wait or node.next_in_line or node.wait_short:
            self._due["announce"] = walk.now_ms + node.announce_after_ms
        if node.comfort:
            self._due["comfort"] = walk.now_ms + node.comfort_every_ms
        if node.call_back:
            self._due["callback"] = walk.now_ms + node.callback_after_ms
        if node.give_up_ms:
            greeted_ms = walk.who.greeted_ms if walk.who.greeted_ms is not None else walk.now_ms
            self._gives_up_ms = max(greeted_ms + node.give_up_ms, walk.now_ms + LEAST_PATIENCE_MS)
        self._music.go_on()
        self._arm()
        return None

    def key(self, digit: str) -> Way:
        """Take the keys that lead out; in a talk keys go to whom the caller talks with."""
        if self.state != "queueing" or not digit:
            return None
        if digit == self.node.callback_key and self._offered:
            return self._leave("callback", self.node.call_back)
        if digit == self.node.leave_key:
            return self._leave("left", self.node.left)
        return None

    def played(self) -> Way:
        """Go on with the music after words; music that has ended (it was lost) begins again."""
        goes_on = self._music.played()
        if self.state == "queueing":
            if goes_on:
                self._music.go_on()
            if self._speaking:
                self._speaking = False
                self._arm()
        return None

    def time_up(self) -> Way:
        """Say what is due."""
        now_ms, words = self.walk.now_ms, list[Sound]()
        if self._gives_up_ms is not None and self._gives_up_ms <= now_ms:
            return self._leave("timed_out", self.node.timed_out)
        due = [what for what, at_ms in self._due.items() if at_ms <= now_ms]
        if "announce" in due:
            words += self._announcement()
        if "callback" in due:
            self._offered = True
            self._due["callback"] = now_ms + self.node.callback_every_ms
            words += self.node.callback_offer
        if "comfort" in due:
            self._due["comfort"] = now_ms + self.node.comfort_every_ms
            if not words:
                words += self.node.comfort[self._comforts % len(self.node.comfort)]
                self._comforts += 1
        if words:
            self._speak(words)
        self._arm()
        return None

    def told(self, input: MenuInput) -> Way:  # noqa: A002
        """Take what becomes of the place."""
        match input:
            case PlaceTold():
                self._placed(input)
            case AgentFound() if self.state == "queueing" and not self._ringing:
                self._ring(input)
            case TransferTaken() if self._ringing:
                self._talk()
            case TransferEnded() if self.state == "transfer":
                if self.node.after:
                    return self.node.after
                self.walk.end("")
            case TransferEnded() if self._ringing:
                self._ringing = False
                self.walk.do(AgentMissed(input.outcome))
                self._arm()
            case QueueClosed() if self.state == "queueing":
                return self._closed(input)
            case _:
                pass
        return None

    # --- the place

    def _placed(self, input: PlaceTold) -> None:  # noqa: A002
        told = self._now[0]
        self._now = (min(told, input.position) if told else input.position, minutes_to_say(input.estimate_ms))
        self.walk.values.queue_position, self.walk.values.queue_minutes = self._now

    def _ring(self, found: AgentFound) -> None:
        self._ringing = True
        self._arm()
        whisper, target = self.node.whisper, _target(found)
        if whisper is not None:
            whisper = replace(whisper, sounds=self.walk.heard(whisper.sounds))
        announcement = self.walk.announced(self.node.announcement)
        self.walk.do(Dial(targets=[target], early_media=False, whisper=whisper, announcement=announcement))

    def _talk(self) -> None:
        self.state = "transfer"
        self._ringing = False
        self.walk.deadline = None
        self._silence()

    def _closed(self, closed: QueueClosed) -> Way:
        self._silence()
        node = self.node
        return {"full": node.full, "timed_out": node.timed_out, "no_agents": node.no_agents}.get(
            closed.reason, node.failed
        )

    def _leave(self, reason: Literal["left", "callback", "timed_out"], way: NodeId) -> Way:
        self._silence()
        if self._ringing:
            self.walk.do(StopDialling())
        self.walk.do(LeaveQueue(reason))
        return way

    # --- what is heard

    def _announcement(self) -> list[Sound]:
        """Give what is said of place and wait, nothing when it is not known or has been said."""
        node, now_ms = self.node, self.walk.now_ms
        if node.announce_every_ms:
            self._due["announce"] = now_ms + node.announce_every_ms
        else:
            del self._due["announce"]
        position, minutes = self._now
        if not position or (node.only_changes and self._said == self._now):
            return []
        self._said = self._now
        place = node.next_in_line if position == 1 and node.next_in_line else node.position
        wait = node.wait_short if minutes <= 1 and node.wait_short else node.wait
        return [*place, *wait]

    def _speak(self, words: list[Sound]) -> None:
        self._music.pause()
        self._speaking = self.walk.play(words, barge_in=False)
        if not self._speaking:
            self._music.go_on()

    def _silence(self) -> None:
        if self._speaking or self._music.plays:
            self.walk.do(StopSounds())
        self._music.pause()
        self._speaking = False

    def _arm(self) -> None:
        """Wake up for what is due next; while something is said, or somebody is rung, it waits until that is over."""
        busy = self._speaking or self._ringing
        moments = [] if busy else [*self._due.values()]
        if self._gives_up_ms is not None:
            moments.append(self._gives_up_ms)
        if self.state != "queueing" or not moments:
            self.walk.deadline = None
            return
        self.walk.wait(max(0, min(moments) - self.walk.now_ms), "announcement in a queue, or its end")


def _target(found: AgentFound) -> Target:
    return Target(target=found.target, trunk=found.trunk, ring_timeout_ms=found.ring_timeout_ms)
