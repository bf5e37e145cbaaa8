"""How a modem stands: SIM, registration, signal and operator, and the state of the line that follows from them."""

import re
from typing import Final

from edge.core.lines.exchange import Job, Reply
from edge.core.lines.profile import Dialogue
from edge.core.lines.texts import decoded, error_meaning, fields, registered, signal_dbm, whole
from edge.core.lines.words import Action, Fault, Identified, LineState, Signal, StateChanged

_WHO: Final = ("vendor", "model", "firmware", "imei")
_TEXTS: Final[dict[str, str]] = {
    "no_sim": "there is no SIM, or it cannot be used",
    "pin_needed": "the SIM wants its PIN",
    "no_service": "the network does not take the modem",
    "ready": "calls can be made and taken",
}


class Standing:
    """What is known of it so far."""

    def __init__(self, dialogue: Dialogue) -> None:
        self.state: LineState = "absent"
        self._dialogue = dialogue
        self._sim: LineState = "ready"
        self._registered = True
        self._settled = False
        self._who: dict[str, str] = {}
        self._identified = False
        self._signal = Signal(None, "")
        self._errors = [(re.compile(one.match, re.ASCII), one.means) for one in dialogue.errors]

    def to(self, state: LineState, text: str) -> list[Action]:
        """Set the state; told when it is another."""
        if state in ("starting", "absent", "failed"):
            self._settled, self._sim, self._registered = False, "ready", True
        if state == self.state:
            return []
        self.state = state
        return [StateChanged(state, text)]

    # --- what is asked

    def identity(self) -> list[Job]:
        """Ask who it is."""
        self._who, self._identified = {}, False
        return [*self._unknown(*_WHO), Job(text="AT", purpose="identified", timeout_ms=2_000)]

    def _unknown(self, *names: str) -> list[Job]:
        asked = [(name, getattr(self._dialogue.identify, name)) for name in names if name not in self._who]
        return [Job(text=text, purpose=f"identify_{name}", optional=True) for name, text in asked if text]

    def questions(self) -> list[Job]:
        """Ask how it stands; and for its IMEI again, if it has not told that: a line may be for one modem only."""
        names = ("sim", "registration", "signal", "operator")
        asked = [(name, getattr(self._dialogue, name)) for name in names]
        # The operator is looked up in the network, which may take its time (TS 27.007, 7.3).
        jobs = [
            Job(text=text, purpose=f"ask_{name}", optional=True, timeout_ms=10_000 if name == "operator" else 5_000)
            for name, text in asked
            if text
        ]
        return [*jobs, *self._unknown("imei")] if self._identified else jobs

    def owns(self, purpose: str) -> bool:
        """Say whether the answer to such a command comes here."""
        return purpose.startswith(("ask_", "identif"))

    # --- what is known

    def replied(self, reply: Reply) -> list[Action]:
        """Take the answer to a question."""
        purpose, _, what = reply.job.purpose.partition("_")
        if purpose == "identify":
            if reply.outcome == "ok" and reply.lines:
                self._who[what] = _plain(reply.lines[0])
            return self._who_it_is() if self._identified and what in self._who else []
        if purpose == "identified":
            self._identified = True
            return self._who_it_is()
        if reply.outcome != "ok":
            told = self.refused(reply) if what == "sim" and reply.outcome == "error" else None
            return told or []
        said = fields(reply.lines[0]) if reply.lines else []
        match what:
            case "sim":
                return self._pin(said[0] if said else "")
            case "registration":
                return self.registration_is(whole(said[1] if len(said) > 1 else "".join(said[:1])))
            case "signal":
                return self.signal_is(whole(said[0]) if said else None)
            case _:
                return self._signal_to(self._signal._replace(operator=decoded(said[2]) if len(said) > 2 else ""))

    def _who_it_is(self) -> list[Action]:
        return [Identified(*(self._who.get(name, "") for name in _WHO))]

    def refused(self, reply: Reply) -> list[Action] | None:
        """Say what an error means for the line; None when nothing."""
        meaning = next((means for pattern, means in self._errors if pattern.fullmatch(reply.final)), None)
        known = meaning or error_meaning(reply.final)
        if known == "no_service":
            self._registered, self._settled = False, True
            return self._told()
        if known not in ("no_sim", "pin_needed"):
            return None
        self._settled = True
        return self.sim_is("no_sim" if known == "no_sim" else "pin_needed")

    def sim_is(self, sim: LineState) -> list[Action]:
        """Take how the SIM is: `ready`, `no_sim` or `pin_needed`."""
        self._sim = sim
        return self._told()

    def registration_is(self, status: int | None) -> list[Action]:
        """Take +CREG's <stat>."""
        known = registered(status)
        if known is not None:
            self._registered = known
        return self._told()

    def signal_is(self, rssi: int | None) -> list[Action]:
        """Take +CSQ's <rssi>."""
        return self._signal_to(self._signal._replace(dbm=signal_dbm(rssi)))

    def settled(self) -> list[Action]:
        """Tell the state: all that is asked at the beginning was answered."""
        self._settled = True
        return self._told()

    def _pin(self, said: str) -> list[Action]:
        if said == "READY":
            return self.sim_is("ready")
        if said.startswith("SIM P"):
            return self.sim_is("pin_needed")
        return self.sim_is("no_sim") if said else [Fault("the modem does not say how its SIM is")]

    def _signal_to(self, signal: Signal) -> list[Action]:
        if signal == self._signal:
            return []
        self._signal = signal
        return [signal]

    def _told(self) -> list[Action]:
        if not self._settled:
            return []
        state: LineState = self._sim if self._sim != "ready" else "ready" if self._registered else "no_service"
        return self.to(state, _TEXTS[state])


def _plain(line: str) -> str:
    """Leave out what stands before the text (`+CGMM: X`) and quotes around it."""
    text = line.partition(":")[2] if line.startswith("+") else line
    return text.strip().strip('"')[:64]
