"""Short messages of a modem (3GPP TS 27.005, text mode, UCS2): read, told, and deleted when that is safe."""

from typing import Final

from edge.core.lines.exchange import Exchange, Job, Reply
from edge.core.lines.texts import decoded, decoded_number, dialable, fields, time_stamp, ucs2, whole
from edge.core.lines.words import Action, Fault, SmsReceived, SmsSent
from edge.vocabulary.private import Private

#: Messages that are looked for at the beginning, and characters of a message of one part in UCS2 (TS 23.040, 9.2.3.16).
_PLACES, _CHARACTERS = 64, 70
_PURPOSES: Final = ("sms_places", "read_sms", "look_sms", "drop_sms", "sms_coding", "send_sms")


class Messages:
    """The messages of one modem. It must write them in hexadecimal: else a text could be taken for a report."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._readable = False
        self._left = 0
        #: Told and still in the modem's store, by place, and whether it is safe; the modem's restarts leave it.
        self._told: dict[str, tuple[SmsReceived, bool]] = {}

    def owns(self, purpose: str) -> bool:
        """Say whether the answer to such a command comes here."""
        return purpose in _PURPOSES

    def forget(self) -> None:
        """Begin anew, as the modem does."""
        self._left = 0

    def readable(self) -> None:
        """+CSCS="UCS2" was taken."""
        self._readable = True

    def unreadable(self) -> None:
        """+CSCS="UCS2" was refused."""
        self._readable = False

    def begin(self) -> None:
        """Look for what has come while nobody listened."""
        if self._readable:
            self._exchange.add(Job(text="AT+CPMS?", purpose="sms_places", optional=True, timeout_ms=10_000))

    def stored(self, index: str) -> list[Action]:
        """Read the message that was stored there."""
        place = whole(index)
        if place is None or not self._readable:
            return [Fault("a message has come and is not read: the modem does not write it in UCS2")]
        self._read(place, "read_sms")
        return []

    def kept(self, place: str) -> None:
        """Delete what was told from there: it is safe."""
        told = self._told.get(place)
        if told is not None and not told[1]:
            self._told[place] = told[0], True
            self._drop(place)

    def submit(self, number: Private, text: Private, *, ready: bool) -> list[Action]:
        """Send a message of one part."""
        to, said = dialable(number.reveal(), 20), text.reveal()
        if not to or not said or len(said.encode("utf-16-be")) > 2 * _CHARACTERS:
            return [SmsSent("a message has a number, and 1 to 70 characters")]
        if not self._readable or not ready:
            return [SmsSent("the line sends no messages now")]
        # UCS2 for the text, kept for a day by the service centre (TS 27.005, 3.3: 167 is relative, 24 h).
        self._exchange.add(Job(text="AT+CSMP=17,167,0,8", purpose="sms_coding", optional=True))
        payload = ucs2(said).encode("ascii")
        command = f'AT+CMGS="{ucs2(to)}"'
        self._exchange.add(Job(text=command, purpose="send_sms", timeout_ms=60_000, payload=payload))
        return []

    def replied(self, reply: Reply) -> list[Action]:
        """Take the answer to a command of messages."""
        match reply.job.purpose:
            case "sms_places" if reply.outcome == "ok" and reply.lines:
                said = fields(reply.lines[0])
                used, room = (whole(text) or 0 for text in said[1:3]) if len(said) > 2 else (0, 0)
                self._left = used
                if used:
                    # Places count from 0 with some modems and from 1 with others.
                    for place in range(min(room, _PLACES) + 1):
                        self._read(place, "look_sms")
            case "read_sms" | "look_sms" if reply.outcome == "ok":
                return self._got(reply)
            case "drop_sms" if reply.outcome == "ok":
                self._told.pop(reply.job.text.removeprefix("AT+CMGD="), None)
            case "read_sms":
                return [Fault("a message that has come could not be read")]
            case "send_sms":
                return [SmsSent("" if reply.outcome == "ok" else "the network or the modem has refused the message")]
            case _:
                pass
        return []

    def _read(self, place: int, purpose: str) -> None:
        self._exchange.add(Job(text=f"AT+CMGR={place}", purpose=purpose, optional=True, timeout_ms=10_000))

    def _got(self, reply: Reply) -> list[Action]:
        if len(reply.lines) < 1:
            return []
        head = fields(reply.lines[0])
        place = reply.job.text.removeprefix("AT+CMGR=")
        self._left -= 1
        if self._left <= 0:
            self._exchange.drop("look_sms")
        if len(head) < 2 or not head[0].startswith("REC"):
            self._drop(place)
            return []  # one of ours, or a report of delivery
        number = decoded_number(head[1])
        text = decoded("".join(reply.lines[1:]))
        message = SmsReceived(Private(number), Private(text), time_stamp(head[-1]), place)
        told, safe = self._told.get(place, (None, False))
        if told == message:  # read again: the modem was restarted before it was deleted
            if safe:
                self._drop(place)
            return []
        self._told[place] = message, False
        return [message]

    def _drop(self, place: str) -> None:
        self._exchange.add_first(Job(text=f"AT+CMGD={place}", purpose="drop_sms", optional=True, timeout_ms=10_000))
