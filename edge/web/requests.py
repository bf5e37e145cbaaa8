"""What others may ask web: what it can read of the appliance without stopping anybody."""

from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from edge.runtime.sip_trace import Traced, messages_of

#: Messages in an answer; of more the last ones.
MAX_MESSAGES = 1000


class RequestError(Exception):
    """The request can't be met; the text says why."""


class SipRequest(Struct, frozen=True):
    """Ask for the SIP messages of a call."""

    call: str


class SipMessage(Struct, frozen=True, kw_only=True):
    """One of them, as `edge calls show --sip --json` prints it."""

    leg: str
    #: RFC 3339, microseconds.
    at: str
    direction: str
    transport: str
    peer: str
    #: Our own end of it.
    own: str
    text: str


def answer(what: str, body: bytes, fds: dict[str, list[int]]) -> bytes:
    """Return the reply, JSON. Raises `RequestError`."""
    if what != "sip":
        raise RequestError(f"unknown request {what[:40]!r}")
    try:
        call = msgspec.json.decode(body, type=SipRequest).call
    except msgspec.DecodeError as error:
        raise RequestError(f"sip: {error}") from None
    return msgspec.json.encode(sip_messages(fds["sip_trace"][0], call))


def sip_messages(trace_fd: int, call: str) -> list[SipMessage]:
    """Return the SIP messages of a call, in order, as far as the ring still has them."""
    return [_shown(one) for one in messages_of(trace_fd, call)[-MAX_MESSAGES:]]


def _shown(one: Traced) -> SipMessage:
    at = datetime.fromtimestamp(one.at_ns / 1e9, UTC)
    return SipMessage(
        leg=one.leg,
        at=at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        direction="in" if one.incoming else "out",
        transport=one.transport,
        peer=str(one.peer),
        own=str(one.own),
        text=one.data.decode(errors="replace"),
    )
