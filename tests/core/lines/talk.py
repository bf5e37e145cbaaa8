"""A dialogue by hand: what the modem is told, what the core writes, and what comes of it, in virtual time."""

from edge.config.devices import shipped_device
from edge.core.lines.modem import Modem
from edge.core.lines.profile import DeviceProfile
from edge.core.lines.words import Action, Elapsed, Input, Opened, Received, Write

#: Answers to what is asked at the beginning, by the beginning of the command.
READY = {
    "AT+CGMI": "MAKER\r\n\r\nOK",
    "AT+CGMM": "MODEL 1\r\n\r\nOK",
    "AT+CGMR": "+CGMR: FW1\r\n\r\nOK",
    "AT+CGSN": "861234567890123\r\n\r\nOK",
    "AT+CPIN?": "+CPIN: READY\r\n\r\nOK",
    "AT+CREG?": "+CREG: 1,1\r\n\r\nOK",
    "AT+CSQ": "+CSQ: 20,99\r\n\r\nOK",
    "AT+COPS?": '+COPS: 0,0,"Example",7\r\n\r\nOK',
    "AT+CPMS?": '+CPMS: "SM",0,10,"SM",0,10,"SM",0,10\r\n\r\nOK',
    "AT+CLCC": "OK",
}


class Talk:
    """A core of a profile, and a modem that answers by a table; `said` has the commands, `done` all else."""

    def __init__(self, profile: str | DeviceProfile) -> None:
        self.profile = shipped_device(profile) if isinstance(profile, str) else profile
        self.modem = Modem(self.profile)
        self.answers = dict(READY)
        self.now_ms = 1_000
        self.said: list[bytes] = []
        self.done: list[Action] = []

    def do(self, event: Input) -> list[Action]:
        """Give an input, and answer what is written until nothing is; return what came of it but for writing."""
        mark = len(self.done)
        self._take(self.modem.handle(event, self.now_ms))
        return self.done[mark:]

    def hear(self, *lines: str) -> list[Action]:
        """Let the modem say lines."""
        return self.do(Received("".join(f"\r\n{line}\r\n" for line in lines).encode("latin-1")))

    def wait(self, ms: int) -> list[Action]:
        """Let time pass."""
        mark, end = len(self.done), self.now_ms + ms
        while (deadline := self.modem.deadline) is not None and deadline.at_ms <= end:
            self.now_ms = max(self.now_ms, deadline.at_ms)
            self._take(self.modem.handle(Elapsed(), self.now_ms))
        self.now_ms = end
        return self.done[mark:]

    def begin(self) -> "Talk":
        """Open the port and wait until it is ready."""
        self.do(Opened())
        self.wait(2_000)
        return self

    def commands(self) -> list[str]:
        """Give what was said as texts, and forget it."""
        said, self.said = [one.decode().removesuffix("\r") for one in self.said], []
        return said

    def _take(self, actions: list[Action]) -> None:
        for action in actions:
            if not isinstance(action, Write):
                self.done.append(action)
                continue
            self.said.append(action.data)
            answer = self._answer(action.data.decode("latin-1").removesuffix("\r"))
            if answer:
                self._take(self.modem.handle(Received(f"\r\n{answer}\r\n".encode("latin-1")), self.now_ms))

    def _answer(self, command: str) -> str:
        known = [text for text in self.answers if command.startswith(text)]
        if known:
            return self.answers[max(known, key=len)]
        return "OK" if command.startswith("AT") else ""
