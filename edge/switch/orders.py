"""What the API wants calls to do: play, ask, press, go to somebody. It is made nodes of menus, which calls know."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from edge.config.said import file_of
from edge.core.calls.call import Call
from edge.core.calls.inputs import Announce, Ordered, RecordCall
from edge.core.calls.told_by_operator import why_not
from edge.core.menus.model import Announcement, Gather, Node, Play, Press, Queue, Sound, Transfer
from edge.core.menus.run import BACK
from edge.switch.bridging import After, BridgeError, operation_of
from edge.vocabulary.endings import Outcome
from edge.vocabulary.ids import CallId
from edge.vocabulary.wire import json_reader

if TYPE_CHECKING:
    from edge.switch.exchange import Exchange

#: Outcomes of transfers that an operation tells by their own names.
_OUTCOMES: Final = tuple(getattr(Outcome, "__args__", ()))
_NAME = re.compile(r"[\w\-]+(?:/[\w\-]+)*(?:\.[a-z0-9]{2,5})?")
#: As `config.prompts.EXTENSIONS`, which loads what making prompts takes.
_EXTENSIONS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".au", ".gsm")
Milliseconds = Annotated[int, Meta(ge=100, le=600_000)]
Keys = Annotated[str, Meta(pattern=r"\A[0-9*#A-D]{1,64}\Z")]


class OrderError(Exception):
    """It can't be done; the text says why. `missing`: since something is not there."""

    def __init__(self, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.missing = missing


class PlayOrder(Struct, frozen=True, kw_only=True):
    """Play sounds of the prompts folder."""

    id: str
    sounds: list[str]
    barge_in: bool = False


class SayOrder(Struct, frozen=True, kw_only=True):
    """Play a text that web has had spoken."""

    id: str
    #: Name of its file.
    speech: str
    language: str
    characters: int
    barge_in: bool = False


class GatherOrder(Struct, frozen=True, kw_only=True):
    """Ask one question that digits answer."""

    id: str
    sounds: list[str] = []
    min_digits: int = 1
    max_digits: int = 1
    finish_on_key: str = ""
    first_digit_timeout_ms: Milliseconds = 5000
    inter_digit_timeout_ms: Milliseconds = 2000
    rounds: int = 1


class PressOrder(Struct, frozen=True, kw_only=True):
    """Send digits to the far end."""

    id: str
    digits: Keys
    duration_ms: Annotated[int, Meta(ge=40, le=5000)] = 100
    gap_ms: Annotated[int, Meta(ge=40, le=5000)] = 100


class TransferOrder(Struct, frozen=True, kw_only=True):
    """Connect the caller with somebody else."""

    id: str
    target: str
    trunk: str = ""
    ring_timeout_ms: Milliseconds = 22_000


class QueueOrder(Struct, frozen=True, kw_only=True):
    """Have the caller wait in a queue."""

    id: str
    queue: str


class BridgeOrder(Struct, frozen=True, kw_only=True):
    """Have the callers of two calls talk with each other."""

    id: str
    #: The other call, whose caller talks in this one.
    other: str
    after: After = "end"


class AnnounceOrder(Struct, frozen=True, kw_only=True):
    """Mix a sound of the prompts folder over a talk."""

    id: str
    sound: str
    to: Literal["both", "caller", "target"] = "both"
    duck_db: Annotated[int, Meta(ge=0, le=60)] = 12


class RecordOrder(Struct, frozen=True, kw_only=True):
    """Record a call from now on, or no more."""

    id: str
    on: bool


class Orders:
    """The requests by name."""

    def __init__(self, exchange: Callable[[], "Exchange"]) -> None:
        self._exchange = exchange

    def handlers(self) -> dict[str, Callable[[bytes], Any]]:
        """Give the requests by name."""
        return {
            "play": self._handler("play", PlayOrder, self._play),
            "say": self._handler("say", SayOrder, self._say),
            "gather": self._handler("gather", GatherOrder, self._gather),
            "press": self._handler("press", PressOrder, _press),
            "transfer": self._handler("transfer", TransferOrder, _transfer),
            "queue": self._handler("queue", QueueOrder, self._queue),
            "bridge": self._bridge,
            "record": self._record,
            "say_over": self._announce,
        }

    def _handler(self, act: str, kind: Any, node_of: Callable[[Any], Node]) -> Callable[[bytes], Any]:
        reader = json_reader(kind)

        def handle(body: bytes) -> dict[str, str]:
            asked: Any = reader.decode(body)
            call = self._call(asked.id)
            order = Ordered(
                operation=operation_of(call),
                act=act,
                node=node_of(asked),
                language=getattr(asked, "language", ""),
                characters=getattr(asked, "characters", 0),
            )
            fault = why_not(call, order)
            if fault:
                raise OrderError(fault)
            self._exchange().feed(call, order)
            return {"call": call.id, "operation": order.operation}

        return handle

    def _call(self, id_: str) -> Call:
        call = self._exchange().calls.get(CallId(id_))
        if call is None:
            raise OrderError("no such call", missing=True)
        return call

    def _sounds(self, names: list[str]) -> list[Sound]:
        return [self._sound(name) for name in names]

    def _sound(self, name: str) -> Sound:
        """Find a sound of the prompts folder: `de/welcome`. Nothing else of the disk can be played."""
        root = Path(self._exchange().plan.site.paths.prompts)
        if _NAME.fullmatch(name) and len(name) <= 200:
            for extension in ("", *_EXTENSIONS):
                path = root / f"{name}{extension}"
                if path.is_file() and path.resolve().is_relative_to(root.resolve()):
                    return Sound(path=str(path), label=name)
        raise OrderError(f"there is no sound {name[:80]!r} among the prompts", missing=True)

    def _play(self, asked: PlayOrder) -> Node:
        if not asked.sounds:
            raise OrderError("there is nothing to play")
        return Play(sounds=self._sounds(asked.sounds), barge_in=asked.barge_in, next=f"{BACK}played")

    def _say(self, asked: SayOrder) -> Node:
        try:
            path = file_of(Path(self._exchange().plan.site.paths.state), asked.speech)
        except ValueError as error:
            raise OrderError(str(error), missing=True) from None
        if not path.is_file():
            raise OrderError("the spoken text is not there any more", missing=True)
        said = Sound(path=str(path), label="said by order")
        return Play(sounds=[said], barge_in=asked.barge_in, next=f"{BACK}played")

    def _gather(self, asked: GatherOrder) -> Node:
        if not 1 <= asked.min_digits <= asked.max_digits <= 32:
            raise OrderError("a question is answered by 1 to 32 digits, min_digits at least")
        return Gather(
            prompt=self._sounds(asked.sounds),
            min_digits=asked.min_digits,
            max_digits=asked.max_digits,
            finish_on_key=asked.finish_on_key[:1],
            first_digit_timeout_ms=asked.first_digit_timeout_ms,
            inter_digit_timeout_ms=asked.inter_digit_timeout_ms,
            max_failures=max(1, min(asked.rounds, 10)),
            next=f"{BACK}matched",
            failed=f"{BACK}failed",
        )

    def _queue(self, asked: QueueOrder) -> Node:
        site = self._exchange().plan.site
        if asked.queue not in {one.name for one in site.queues}:
            raise OrderError("no such queue", missing=True)
        music = [Sound(path=site.media.hold_music, label="hold music")] if site.media.hold_music else []
        return Queue(
            queue=asked.queue,
            music=music,
            left=f"{BACK}left",
            full=f"{BACK}full",
            timed_out=f"{BACK}timed_out",
            no_agents=f"{BACK}no_agents",
            failed=f"{BACK}failed",
        )

    def _announce(self, body: bytes) -> dict[str, str]:
        asked = _announcements.decode(body)
        call = self._call(asked.id)
        if not call.talking:
            raise OrderError("nobody is connected with the caller")
        said = Announcement(sounds=[self._sound(asked.sound)], to=asked.to, duck_db=asked.duck_db)
        self._exchange().feed(call, Announce(said))
        return {"call": call.id}

    def _bridge(self, body: bytes) -> dict[str, str]:
        asked = _bridges.decode(body)
        host, guest = self._call(asked.id), self._call(asked.other)
        try:
            operation = self._exchange().bridges.join(host, guest, asked.after)
        except BridgeError as error:
            raise OrderError(str(error)) from None
        return {"call": host.id, "operation": operation}

    def _record(self, body: bytes) -> dict[str, str]:
        asked = _records.decode(body)
        call = self._call(asked.id)
        if call.phase != "running":
            raise OrderError("the call is not up")
        if call.begun is None or not call.begun.terms.recordings:
            raise OrderError("the site has no calls recorded, or not this one")
        if asked.on == call.recorder.on:
            raise OrderError("it is recorded" if asked.on else "it is not recorded")
        self._exchange().feed(call, RecordCall(asked.on))
        return {"call": call.id}


def _press(asked: PressOrder) -> Node:
    return Press(digits=asked.digits, duration_ms=asked.duration_ms, gap_ms=asked.gap_ms, next=f"{BACK}sent")


def _transfer(asked: TransferOrder) -> Node:
    return Transfer(
        target=asked.target.replace("${", "$ {"),  # values are the menu's to insert
        trunk=asked.trunk,
        ring_timeout_ms=asked.ring_timeout_ms,
        on_outcome={outcome: f"{BACK}{outcome}" for outcome in _OUTCOMES},
        failed=f"{BACK}failed",
    )


_bridges = json_reader(BridgeOrder)
_records = json_reader(RecordOrder)
_announcements = json_reader(AnnounceOrder)
