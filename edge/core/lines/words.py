"""What goes into the dialogue with a modem, and what comes out of it.

Numbers, keys and texts of people are `Private`; bytes of the dialogue, which may hold them, are never shown.
"""

from typing import Final, Literal, NamedTuple

from edge.vocabulary.private import Private

#: `absent`: no device; `starting`: it is being initialised; `ready`: it takes and makes calls; `no_sim`, `pin_needed`
#: and `no_service`: it works, and its network does not; `failed`: it does not answer as its profile says.
LineState = Literal["absent", "starting", "ready", "no_sim", "pin_needed", "no_service", "failed"]

EndCause = Literal[
    "normal",
    "busy",
    "no_answer",
    "no_carrier",
    "no_dialtone",
    "rejected",
    "no_service",
    "no_sim",
    "failed",
    "device_lost",
]

#: What each cause is in Q.850 where the modem names no number of its own: 38 network out of order (the line is dead or
#: the SIM is not let in), 41 temporary failure, 27 destination out of order (there is no device).
Q850: Final[dict[EndCause, int]] = {
    "normal": 16,
    "busy": 17,
    "no_answer": 19,
    "no_carrier": 16,
    "no_dialtone": 38,
    "rejected": 21,
    "no_service": 38,
    "no_sim": 38,
    "failed": 41,
    "device_lost": 27,
}


# --- inputs


class Opened(NamedTuple):
    """The port is open."""


class Closed(NamedTuple):
    """The port has been lost, or could not be opened; `text` says why (for people)."""

    text: str


class Received(NamedTuple):
    """Bytes have come from the modem."""

    data: bytes

    def __repr__(self) -> str:
        return f"Received(<{len(self.data)} bytes>)"


class Dial(NamedTuple):
    """Call a number: digits, `*`, `#`, and `+` in front; anything else ends as `failed` and never reaches the modem."""

    number: Private


class Answer(NamedTuple):
    """Answer the call that comes in."""


class HangUp(NamedTuple):
    """End the call, whatever its state; a call that comes in is refused. `Ended` follows, unless there is none."""


class SendDigit(NamedTuple):
    """Have the network send a key (AT+VTS); one after the other, paced as the profile says."""

    digit: Private


class SendSms(NamedTuple):
    """Send a short message, GSM 03.38 or UCS2, at most one part; `SmsSent` follows."""

    number: Private
    text: Private


class SmsKept(NamedTuple):
    """What `SmsReceived` has told is safe with others: the modem's copy at `place` may go."""

    place: str


class PlaySound(NamedTuple):
    """Send sound within the control stream (`[sound] how = "control"`), in the encoding of the profile."""

    data: bytes

    def __repr__(self) -> str:
        return f"PlaySound(<{len(self.data)} bytes>)"


class Elapsed(NamedTuple):
    """The deadline has passed."""


Input = Opened | Closed | Received | Dial | Answer | HangUp | SendDigit | SendSms | SmsKept | PlaySound | Elapsed


# --- actions


class Write(NamedTuple):
    """Write to the control port."""

    data: bytes

    def __repr__(self) -> str:
        return f"Write(<{len(self.data)} bytes>)"


class Reopen(NamedTuple):
    """Close the port (if it is open) and open it again `after_ms`; `Opened` or `Closed` is to follow."""

    after_ms: int


class StateChanged(NamedTuple):
    """The line's state is another; `text` says why (for people, without personal data)."""

    state: LineState
    text: str


class Identified(NamedTuple):
    """Who the modem says it is; empty texts where it says nothing. `imei` tells two equal devices apart."""

    vendor: str
    model: str
    firmware: str
    imei: str


class Signal(NamedTuple):
    """Received signal strength in dBm (3GPP TS 27.007, 8.5; None: not known) and the operator's name ("": none)."""

    dbm: int | None
    operator: str


class Incoming(NamedTuple):
    """A call comes in; `caller` where it is known by now. `withheld`: the caller does not want it shown."""

    caller: Private | None
    withheld: bool


class CallerKnown(NamedTuple):
    """Who calls is known only now, after `Incoming`."""

    caller: Private


class Rings(NamedTuple):
    """The one who is called is being alerted."""


class Connected(NamedTuple):
    """The call is answered, by them or by us. Sound may flow."""


class Ended(NamedTuple):
    """The call is over, once for each call; `q850` is the modem's own figure where it gives one."""

    cause: EndCause
    q850: int
    text: str


class DialRefused(NamedTuple):
    """`Dial` came while there is a call (they cross, or it is being hung up); `Ended` will be the end of that one."""


class SoundOn(NamedTuple):
    """Sound flows from now on (dialling or connected, as the device does): read and write it."""


class SoundOff(NamedTuple):
    """Sound has ended."""


class SoundHeard(NamedTuple):
    """Sound that came within the control stream, in the encoding of the profile."""

    data: bytes

    def __repr__(self) -> str:
        return f"SoundHeard(<{len(self.data)} bytes>)"


class DigitHeard(NamedTuple):
    """The modem has recognised a key of the other side."""

    digit: Private


class SmsReceived(NamedTuple):
    """A short message has come; `at` is the service centre's time stamp, ISO 8601, empty where it cannot be read.

    It stays at `place` of the modem's store until `SmsKept`.
    """

    number: Private
    text: Private
    at: str
    place: str


class SmsSent(NamedTuple):
    """What came of `SendSms`; `text` is empty when the network has taken it, else why not."""

    text: str


class Fault(NamedTuple):
    """Something is not as the profile says, or could not be done; for logs, without personal data."""

    text: str


Action = (
    Write
    | Reopen
    | StateChanged
    | Identified
    | Signal
    | Incoming
    | CallerKnown
    | Rings
    | Connected
    | Ended
    | DialRefused
    | SoundOn
    | SoundOff
    | SoundHeard
    | DigitHeard
    | SmsReceived
    | SmsSent
    | Fault
)
