"""What a sink is: the one class that a type of sinks implements, ours and those of packages."""

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from edge.config.sink_settings import SinkSettings
from edge.core.delivery.model import Result
from edge.runtime.logs import Logger

#: What is kept of a sink's own words, for the log.
MAX_WORDS = 200


class BadSettingsError(ValueError):
    """The settings can't be used; the text says why, and never has a secret in it."""


class Outgoing(NamedTuple):
    """An event as it leaves."""

    id: str
    type: str
    #: None: it belongs to no call.
    call: str | None
    #: RFC 3339.
    time: str
    #: The CloudEvents document, JSON in UTF-8 (structured mode).
    body: bytes


class Answer(NamedTuple):
    """What became of an event."""

    result: Result
    #: For the log; never holds an address with a password, or a body.
    error: str = ""
    #: The sink's wish, milliseconds from now.
    retry_after_ms: int | None = None
    #: What HTTP said; None: it said nothing, or the sink speaks something else.
    status: int | None = None


ACCEPTED = Answer("accepted")
#: How an answer's words begin where TLS is to blame: no repetition mends that.
TLS_FAULT = "TLS: "
#: X509_V_ERR_: an issuer that is not there, not here, signed by itself, or at the end of a chain.
_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})


class SinkContext(NamedTuple):
    """What a sink is given beside its settings."""

    #: Name of the appliance.
    site: str
    log: Logger
    #: Says what keeps the sink from taking events, in words for whoever runs it; an empty text: nothing does.
    #: It stands in `edge status` and in health until then.
    condition: Callable[[str], None]
    #: The events of a call that are kept, in order, for a sink that wants more than one of them. Raises StorageError.
    history: Callable[[str], Sequence[bytes]] = lambda _call: ()


class Peer(NamedTuple):
    """Where a sink connects to, for `edge sinks test`."""

    host: str
    port: int
    #: TLS begins with the connection; None: it does not, or there is none.
    tls: ssl.SSLContext | None = None


class Sink(ABC):
    """A type of sinks. One object serves one sink of the site file, on a running asyncio loop.

    The queue before it sees to order, pauses and repetition. It never has two events of a call under way at once: what
    follows an event is delivered when that one was accepted.
    """

    #: Its settings: a class made from `SinkSettings`, whose annotations say ranges and kinds of texts.
    settings: ClassVar[type[SinkSettings]]
    #: How many events `deliver` takes at once.
    max_batch: ClassVar[int] = 1
    #: How many calls of `deliver` are under way at once; a sink whose settings say it has one of its own.
    parallel: int = 4
    #: All events of a delivery are accepted or none is. Then it may have several of a call, in order; else, where each
    #: is answered for itself, it has one of a call at the most.
    atomic: ClassVar[bool] = False

    @abstractmethod
    def __init__(self, settings: Any, context: SinkContext) -> None:
        """Keep what is needed of the settings, which are of the class `settings`. Connects to nothing.

        Raises BadSettingsError.
        """

    @classmethod
    def make(cls, settings: SinkSettings, context: SinkContext) -> "Sink":
        """Make the sink of these settings, or of another class where they ask for one. Raises BadSettingsError."""
        if not isinstance(settings, cls.settings):
            raise BadSettingsError(f"these are no settings of {cls.__name__}, but {type(settings).__name__}")
        return cls(settings, context)

    @abstractmethod
    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Deliver 1 to `max_batch` events: one answer for all, or one for each, in their order.

        `accepted` is what the receiver has said to have kept. It is cancelled when it takes longer than the settings'
        `timeout_ms`; then, and when it raises, the events come again, whatever became of them.
        """

    async def close(self) -> None:  # noqa: B027 -- many have nothing to close
        """Let go of everything; nothing is delivered any more."""

    @property
    def max_batch_bytes(self) -> int:
        """Bytes of the bodies of one delivery, at the most; 0: any number. A larger event comes alone."""
        return 0

    @property
    def peer(self) -> Peer | None:
        """Where it connects to; None: nowhere."""
        return None

    async def connect(self) -> None:  # noqa: B027 -- or nothing to connect to
        """Connect and log in, for `edge sinks test`, which says what this raises. `deliver` does so by itself."""


async def deliver(sink: Sink, events: Sequence[Outgoing], timeout_ms: int) -> list[Answer]:
    """Deliver in time, whatever the sink does: one answer for each event. Raises nothing but CancelledError."""
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            answers = list(await sink.deliver(events))
    except TimeoutError:
        return [Answer("timed_out")] * len(events)
    except Exception as error:  # ours know their libraries' errors; those of packages may not
        return [Answer("failed", words(error))] * len(events)
    if len(answers) == 1:
        return answers * len(events)
    if len(answers) != len(events) or (sink.atomic and len({answer.result for answer in answers}) != 1):
        return [Answer("failed", f"the sink gave {len(answers)} answers for {len(events)} events")] * len(events)
    return answers


def words(error: BaseException) -> str:
    """Say what went wrong, on one short line; of TLS, whose certificate is to blame, and for what."""
    fault = next((one for one in _chain(error) if isinstance(one, ssl.SSLError)), None)
    if fault is not None:
        return f"{TLS_FAULT}{_certificate(fault)}"[:MAX_WORDS]
    text = " ".join(str(error).split())
    return (f"{type(error).__name__}: {text}" if text else type(error).__name__)[:MAX_WORDS]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        yield from (one for one in error.args if isinstance(one, BaseException))
        error = error.__cause__ or error.__context__


def _certificate(fault: ssl.SSLError) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        advice = " ('ca_file' has whose certificates are good)" if fault.verify_code in _UNKNOWN_ISSUER else ""
        return f"the server's certificate is not good: {fault.verify_message.rstrip('.')}{advice}"
    what = " ".join((fault.reason or str(fault)).lower().replace("_", " ").split())
    if "alert" in what and any(word in what for word in ("certificate", "unknown ca", "bad cert", "handshake failure")):
        return f"the server does not take our certificate ('cert_file'): {what}"
    return what
