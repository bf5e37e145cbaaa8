"""A call through a menu in virtual time: the same interpreter, with a caller and a world that are told what to do."""

import heapq
from collections.abc import Callable

from msgspec.structs import replace

from edge.core.callbacks.window import stamp
from edge.core.menus import words
from edge.core.menus.facts import Facts
from edge.core.menus.model import Menu
from edge.core.menus.parts import NodeId, Sound
from edge.core.menus.rehearsed_hunt import RehearsedHunt
from edge.core.menus.rehearsed_world import Line, What, WhoAnswers, World
from edge.core.menus.run import MenuRun

#: How long a backend takes to answer a question.
ANSWER_MS = 200
#: From the verdict that a machine has answered to the end of its greeting, and from there to its beep.
GREETING_MS, BEEP_AFTER_MS = 5000, 500
#: A key as people press it.
KEY_MS = 150
#: A call does not go on for longer.
LONGEST_MS = 24 * 3_600_000
_FOR_EVER_MS = 2 * LONGEST_MS
#: More than fit into any mailbox, a minute each.
_MOST_MESSAGES = 1_000_000
_MESSAGE_MS = 60_000
_OF_QUEUES = (words.PlaceTold, words.AgentFound, words.QueueClosed)


class Rehearsal:
    """One call. Time passes only by `pass_time`."""

    #: All that happens is known at once, and seen (`expectations.Played`).
    lag_ms = 0
    unseen: frozenset[What] = frozenset()

    def __init__(self, menu: Menu, facts: Facts, world: World) -> None:
        self.now_ms = 0
        #: What happened so far, in order.
        self.lines: list[Line] = []
        #: Ways that were gone, each with where it came from ("" at the beginning).
        self.moves: set[tuple[NodeId, NodeId]] = set()
        self._world = world
        self._run = MenuRun(menu)
        self._agenda: list[tuple[int, int, words.MenuInput | Callable[[], None]]] = []
        self._hunt: RehearsedHunt | None = None
        self._number = 0
        self._play = 0
        #: What is to come of the stay in a queue, and of those that are over, by its number in the agenda.
        self._stay: set[int] = set()
        self._void: set[int] = set()
        self._agents: list[words.AgentFound] = []
        self._rings = False
        self._node: NodeId = ""
        #: The message that is being recorded, and the one that is to be decided on.
        self._message: words.RecordMessage | None = None
        self._began_ms = self._spoke_ms = 0
        self._message_end = 0
        # Whom we have called was called by a campaign.
        self._give(words.Started(world.answered is not None, replace(facts, attempt=world.answered is not None)))
        if world.answered is not None:
            self._answer(world.answered)

    def _answer(self, who: WhoAnswers) -> None:
        match who:
            case "machine" | "machine_without_beep":
                self._later(ANSWER_MS, words.AnswerTold("machine"))
                self._later(ANSWER_MS + GREETING_MS, words.AnswerTold("greeting_ended"))
                if who == "machine":
                    self._later(ANSWER_MS + GREETING_MS + BEEP_AFTER_MS, words.AnswerTold("beep"))
            case _:
                self._later(ANSWER_MS, words.AnswerTold(who))

    @property
    def over(self) -> bool:
        """Whether the menu has ended the call."""
        return self._run.state == "over"

    @property
    def node(self) -> NodeId:
        """The node that the call is at."""
        return self._run.node

    @property
    def values(self) -> dict[str, str]:
        """What was set, or has a default, and the language."""
        return {**self._run.attributes, "language": self._run.language}

    @property
    def recording(self) -> bool:
        """Whether it is the caller's turn to speak."""
        return self._message is not None

    def speak(self, ms: int) -> None:
        """Speak for so long; whether anybody listens or not."""
        if self._message is not None:
            ends = min(self.now_ms + ms + self._message.silence_ms, self._began_ms + self._message.longest_ms)
            self._plan_message(min(self.now_ms + ms, ends), ends)
        self.pass_time(ms)

    def follows(self, number: int, found: int) -> bool:
        """Say whether a line came after another one."""
        return number > found

    def press(self, keys: str) -> None:
        """Press keys one after the other, each as long as people do."""
        for key in keys:
            if not self.over:
                self._note("press", "*" if self._run.sensitive else key)
                self._give(words.Digit(key))
                self.pass_time(KEY_MS)

    def pass_time(self, ms: int) -> None:
        """Let everything happen that happens by itself within `ms`."""
        until = self.now_ms + ms
        while self.step(until):
            pass
        self.now_ms = until

    def step(self, until: int) -> bool:
        """Let the next thing happen that happens by itself until then; False when there is none."""
        if self.over:
            return False
        deadline = self._run.deadline
        planned = self._agenda[0][0] if self._agenda else None
        if deadline is not None and deadline.at_ms <= until and (planned is None or deadline.at_ms < planned):
            self.now_ms = max(self.now_ms, deadline.at_ms)
            self._give(words.TimeUp())
        elif planned is not None and planned <= until:
            at_ms, number, item = heapq.heappop(self._agenda)
            self.now_ms = max(self.now_ms, at_ms)
            if number in self._void:
                self._void.discard(number)
            elif callable(item):
                item()
            elif isinstance(item, _OF_QUEUES):
                self._of_queue(item)
            elif not isinstance(item, words.PlayDone | words.MessageMade):
                self._give(item)
            elif number in {self._play, self._message_end}:
                self._message = None if number == self._message_end else self._message
                self._give(item)
        else:
            return False
        return True

    def _of_queue(self, planned: words.MenuInput) -> None:
        """Tell what comes of a stay; of agents one after the other."""
        if isinstance(planned, words.AgentFound):
            if self._rings:
                self._agents.append(planned)
                return
            self._rings = True
        elif isinstance(planned, words.QueueClosed):
            if self._rings:  # he may answer
                self._plan_stay(1000, planned)
                return
            self._no_stay()
        self._give(planned)

    def _plan_stay(self, ms: int, planned: words.MenuInput) -> None:
        self._stay.add(self._later(ms, planned))

    def _no_stay(self) -> None:
        self._void |= self._stay
        self._stay.clear()
        self._agents.clear()
        self._rings = False

    def _later(self, ms: int, planned: words.MenuInput | Callable[[], None]) -> int:
        self._number += 1
        heapq.heappush(self._agenda, (self.now_ms + ms, self._number, planned))
        return self._number

    def _note(self, what: What, text: str, values: dict[str, str] | None = None) -> None:
        self.lines.append(Line(self.now_ms, what, text, self._node, values or {}))

    def _give(self, given: words.MenuInput) -> None:
        for action in self._run.handle(given, self.now_ms):
            self._perform(action)

    def _perform(self, action: words.MenuAction) -> None:
        match action:
            case words.EnterNode():
                self.moves.add((self._node, action.node))
                self._node = action.node
                self._note("enter", action.kind)
            case words.PlaySounds():
                self._hear(action)
            case words.StopSounds():
                self._play = 0
            case words.Dial() | words.StopDialling():
                self._dialling(action)
            case words.JoinQueue() | words.LeaveQueue() | words.AgentMissed():
                self._queue(action)
            case words.AskBackend():
                self._ask(action)
            case words.PressKeys():
                self._note("send", action.digits)
                self._later(len(action.digits) * (action.duration_ms + action.gap_ms), words.DigitsGone())
            case _:
                self._show(action)

    def _show(self, action: words.MenuAction) -> None:
        match action:
            case words.InputResult():
                self._note("input", f"{action.result} {action.digits}".strip())
            case words.AttributesSet():
                self._note("set", " ".join(f"{name}={value}" for name, value in action.values.items()), action.values)
            case words.End():
                self._note("end", action.text)
            case _:
                self._about_message(action)

    def _hear(self, play: words.PlaySounds) -> None:
        self._note("hear", " ".join(sound.label for sound in play.sounds))
        length_ms = sum(map(self._world.length_ms, play.sounds)) if play.times else _FOR_EVER_MS
        self._play = self._later(length_ms, words.PlayDone())

    def _about_message(self, action: words.MenuAction) -> None:
        match action:
            case words.RecordMessage():
                self._record(action)
            case words.LookIntoMailbox():
                held = _MOST_MESSAGES if action.mailbox in self._world.full else 0
                seen = words.MailboxSeen(folder=action.folder, messages=held, length_ms=held * _MESSAGE_MS)
                self._later(0, seen)
            case words.RefuseMessage():
                self._note("message", "full")
            case words.StopMessage():
                self._plan_message(min(self._spoke_ms, self.now_ms), self.now_ms)
            case words.KeepMessage():
                self._note("message", "urgent" if action.urgent else "kept")
            case words.DiscardMessage():
                self._note("message", action.why)
            case _:
                self._aftercare(action)

    def _record(self, order: words.RecordMessage) -> None:
        self._note("record", order.mailbox)
        self._message, self._began_ms = order, self.now_ms
        if self._world.records:
            self._plan_message(self.now_ms, self.now_ms + min(order.silence_ms, order.longest_ms))
        else:
            self._plan_message(self.now_ms, self.now_ms, "the disk is full")

    def _plan_message(self, spoke_ms: int, ends_ms: int, error: str = "") -> None:
        """Have the message end: the caller spoke until `spoke_ms`."""
        if self._message is None:
            return
        self._spoke_ms = spoke_ms
        number = self._message.number
        length_ms = max(0, spoke_ms - self._began_ms)
        made = words.MessageMade(number=number, message=f"m{number}", length_ms=length_ms, path="", error=error)
        self._message_end = self._later(max(0, ends_ms - self.now_ms), made)

    def _aftercare(self, action: words.MenuAction) -> None:
        match action:
            case words.RequestCallback():
                window = {"not_before": stamp(action.begins_ms), "latest": stamp(action.ends_ms)}
                self._note("callback", action.number, window)
            case words.RequestSurvey():
                self._note("survey", f"afterwards {action.menu}")
            case words.SurveyAnswered():
                self._note("survey", f"{action.question}={'said' if action.value is None else action.value}")
            case words.Suppress():
                self._note("do_not_call", "own")
            case words.SurveyOver():
                self._note("survey", "complete" if action.complete else "broken off")

    def _dialling(self, action: words.Dial | words.StopDialling) -> None:
        if self._hunt is not None:
            self._hunt.stop()
        if isinstance(action, words.Dial):
            self._hunt = RehearsedHunt(action, self)
            self._hunt.begin()

    def _queue(self, action: words.QueueAction) -> None:
        if isinstance(action, words.JoinQueue):
            self._join(action)
        elif isinstance(action, words.LeaveQueue):
            self._no_stay()
        else:
            self._rings = False
            if self._agents:
                self._plan_stay(0, self._agents.pop(0))

    def _join(self, join: words.JoinQueue) -> None:
        self._note("queue", join.queue, dict(join.values))
        there = self._world.queue_of(join.queue)
        self._no_stay()
        if there.refuses:
            self._plan_stay(0, words.QueueClosed(there.refuses))
            return
        moves = range(there.ahead + 1) if there.moves_ms else range(1)
        for gone in moves:
            place = there.ahead + 1 - gone
            told = words.PlaceTold(position=place, estimate_ms=place * there.place_ms)
            self._plan_stay(gone * there.moves_ms, told)
        for agent in there.agents:
            found = words.AgentFound(target=agent.target, trunk="", ring_timeout_ms=agent.ring_ms)
            self._plan_stay(agent.after_ms, found)
        self._plan_stay(there.max_wait_ms, words.QueueClosed("timed_out"))

    # --- as a transfer sees it

    def dialled(self, target: str) -> str:
        """Note that a target is dialled; returns its outcome, "" when it answers and takes the call."""
        outcome = self._world.outcome_of(target)
        self._note("transfer", f"{target} {outcome}".strip())
        return outcome

    def whispered(self, sounds: list[Sound]) -> int:
        """Note what a target is told; returns how long that takes, milliseconds."""
        self._note("whisper", " ".join(sound.label for sound in sounds))
        return sum(map(self._world.length_ms, sounds))

    def later(self, ms: int, then: Callable[[], None]) -> None:
        """Go on so long from now."""
        self._later(ms, then)

    def give(self, given: words.MenuInput) -> None:
        """Tell the menu."""
        if isinstance(given, words.TransferTaken) and self._rings:
            self._no_stay()
        self._give(given)

    def _ask(self, ask: words.AskBackend) -> None:
        said = self._world.answer_of(ask.endpoint)
        values = {**ask.values, **{name: "*" * len(digits) for name, digits in ask.secrets.items()}}
        self._note("ask", ask.endpoint, values)
        if said.outcome != "timeout":
            answer = words.BackendSaid(
                number=ask.number, outcome=said.outcome, answer=said.answer, attributes=said.attributes
            )
            self._later(ANSWER_MS, answer)
