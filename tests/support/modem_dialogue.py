"""What a modem of several models says and hears: its commands, its reports, its network and its sound, without ports.

Part of the program `tests.support.modem`; it knows nothing of what is tested.
"""

import array
import heapq
import itertools
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

MODELS = ("simcom", "quectel", "huawei", "voice")
#: Commands that each model takes and does nothing for; what no model knows is an ERROR.
PLAIN = {
    "simcom": r"V1|\+CVHU=0|\+CCWA=0,0,1|\+DDET=1|\+CSMP=.*|\+CNMI=.*",
    "quectel": r'V1|\+QURCCFG="urcport","usbat"|\+QSIMSTAT=1|\+CCWA=0,0,1|\+QTONEDET=1|\+QPCMV=1,2|\+CSMP=.*|\+CNMI=.*',
    "huawei": r"\^U2DIAG=0|\^CVOICE=0|\^CURC=1|\+CCWA=0,0,1|\+CSMP=.*|\+CNMI=.*",
    "voice": r"V1|M0|\+FCLASS=8|\+VCID=1|\+VIT=0|\+VSD=(0|128),0|\+VSM=(1,8000,0,0|128,8000)",
}
NAMES = {
    "simcom": ("SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", "LE20B04SIM7600M22"),
    "quectel": ("Quectel", "EC25", "EC25EFAR06A09M4G"),
    "huawei": ("huawei", "E1750", "11.126.16.00.00"),
    "voice": ("CONEXANT", "V90 Voice Modem", "CX93001-EIS_V0.2013-V92"),
}
#: 20 ms of silence, at 8 kHz.
QUIET = {"simcom": b"\0" * 320, "huawei": b"\0" * 320, "voice": b"\x80" * 160, "quectel": b""}


class Call:
    """The call on the line."""

    def __init__(self, number: str, *, incoming: bool, withheld: bool = False) -> None:
        self.number, self.incoming, self.withheld = number, incoming, withheld
        #: As AT+CLCC has it: 0 active, 2 dialling, 3 alerting, 4 incoming.
        self.state = 4 if incoming else 2


class Settings:
    """What tests set: how the modem behaves, and its network."""

    def __init__(self) -> None:
        self.echo = True
        #: Pause before an answer, and between its pieces of so many octets (0: in one piece).
        self.delay_ms = 0
        self.chunk = 0
        #: Neither hears nor says anything, while its call goes on.
        self.deaf = False
        #: Says nothing at all; says rubbish in place of answers; puts rubbish between lines; reports in answers.
        self.silent = self.babbling = self.garbage = self.chatty = False
        self.ends = "\r\n"
        self.sim = True
        self.pin = False
        self.registration = 1
        self.rssi = 20
        self.operator = "Example"
        #: Command -> what it answers in place of its own.
        self.answers: dict[str, str] = {}
        #: What becomes of a call of ours: "answer", "busy", "no_answer", "no_carrier", "no_dialtone", or "wait".
        self.callee = "answer"
        self.alert_ms = 50
        self.answer_ms = 50
        self.ring_ms = 400
        #: The far end says back what it hears, so much later and louder.
        self.loop = True
        self.loop_delay_ms = 0
        self.loop_gain_db = 0.0
        #: Its sound stops, and it says nothing of that.
        self.mute = False
        #: Empty: it does not tell.
        self.imei = "861234567890123"


class Modem:
    """The modem: what it is told by its port, and what it says."""

    def __init__(self, model: str, say: Callable[[bytes], None], sound: Callable[[bytes], None]) -> None:
        self.model, self._say, self._sound = model, say, sound
        self.set = Settings()
        self.log: list[str] = []
        self.keys = ""
        self.sent: list[tuple[str, str]] = []
        self.stored: dict[int, tuple[str, str]] = {}
        self.call: Call | None = None
        self.second = ""
        #: Sound flows; the control stream is sound.
        self.sounding = self.in_sound = False
        self._line = bytearray()
        self._dle = False
        self._text: str | None = None
        self._hung = False
        self._clcc = self._creg = self._off_hook = False
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        #: When the last of what is to be said leaves.
        self._free = 0.0
        self._dice = random.Random(1)
        self._heard = bytearray()
        self.recorded = bytearray()
        self._playing = bytearray()
        self._looping = False
        self._wide = False

    # --- time

    def later(self, ms: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (time.monotonic() + ms / 1000, next(self._count), what))

    def wait_s(self) -> float | None:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def run_due(self) -> None:
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()

    # --- what it says

    def line(self, *texts: str) -> None:
        """Say lines, with what the settings add to them."""
        if self.set.silent or self.set.deaf or self._hung:
            return
        out = bytearray()
        for text in texts:
            if self.set.garbage:
                out += bytes(self._dice.choice(b"\0\xff\xfe\x07\x01") for _ in range(3))
            out += f"{self.set.ends}{text}{self.set.ends}".encode("latin-1")
        self._out(bytes(out))

    def _out(self, data: bytes) -> None:
        size = self.set.chunk or len(data) or 1
        now = time.monotonic()
        # What is said later comes after what was said before.
        at = max(now + self.set.delay_ms / 1000, self._free)
        for begin in range(0, len(data), size):
            piece = data[begin : begin + size]
            if at <= now and not self.set.chunk:
                self._say(piece)
            else:
                self.later((at - now) * 1000, lambda piece=piece: self._say(piece))  # type: ignore[misc]
                at += 0.0005 if self.set.chunk else 0
                self._free = at

    def code(self, code: str) -> None:
        """Say a code of V.253."""
        self._out(b"\x10" + code.encode())

    # --- what it hears

    def feed(self, data: bytes) -> None:
        """Take what has come to the control port."""
        if self.set.deaf:
            return
        for octet in data:
            if self.in_sound:
                self._sound_octet(octet)
            elif self._text is not None:
                self._message_octet(octet)
            elif octet == 0x0D:
                command = self._line.decode("latin-1").strip()
                self._line.clear()
                if command:
                    if self.set.echo and not self.set.silent and not self._hung:
                        self._out(command.encode("latin-1") + b"\r")
                    self._command(command)
            elif octet not in (0x0A, 0x1B):
                self._line.append(octet)

    def _sound_octet(self, octet: int) -> None:
        if self._dle:
            self._dle = False
            if octet == 0x10:
                self.hear(b"\x10")
            elif octet in (0x5E, 0x21, 0x03):  # ^ and ! and ETX end it
                self._end_stream()
        elif octet == 0x10:
            self._dle = True
        else:
            self.hear(bytes((octet,)))

    def _end_stream(self) -> None:
        if self.in_sound:
            self.in_sound = self.sounding = False
            self._out(b"\x10\x03")
            self.line("OK")

    def _message_octet(self, octet: int) -> None:
        if octet == 0x1A:
            text = bytes.fromhex(self._line.decode()).decode("utf-16-be")
            self.sent.append((self._text or "", text))
            self._line.clear()
            self._text = None
            self.line("+CMGS: 12", "OK")
        elif octet == 0x1B:
            self._line.clear()
            self._text = None
            self.line("OK")
        else:
            self._line.append(octet)

    def _command(self, command: str) -> None:
        self.log.append(command)
        if self.set.babbling:
            self._out(bytes(self._dice.randrange(256) for _ in range(40)) + b"\r\n")
            return
        waiting = self.model == "huawei" and self.call is not None and self.call.state == 2
        if waiting:
            # Its firmware's fault: a command before ^CONF, and it answers nothing any more.
            self._hung = True
            return
        if command in self.set.answers:
            self.line(*self.set.answers[command].split("|"))
            return
        if self.set.chatty:
            self.line({"huawei": "^RSSI:17", "quectel": "+QIND: SMS DONE"}.get(self.model, "+CREG: 1"))
        for pattern, answer in self._table():
            match = re.fullmatch(f"AT(?:{pattern})", command)
            if match is not None:
                answer(*match.groups())
                return
        self.line("OK" if re.fullmatch("AT(" + PLAIN[self.model] + ")", command) else "ERROR")

    def _table(self) -> Iterator[tuple[str, Callable[..., None]]]:
        yield "", lambda: self.line("OK")
        yield r"E([01])", self._echo
        yield r"Z", self._reset_settings
        yield r"DT?([0-9*#+]+);?", self._dial
        yield r"H|\+CHUP", self._hang_up
        if self.model == "voice":
            yield from self._voice_table()
            return
        yield "A", self._answer
        if self.model == "simcom":
            yield r"\+CPCMFRM=([01])", self._rate
        yield r"\+CMEE=1|\+CMGF=1|\+CLIP=1", lambda: self.line("OK")
        yield r'\+CSCS="UCS2"', lambda: self.line("OK")
        yield r"\+CREG=1", lambda: self._enable("_creg")
        yield r"\+CLCC=1", lambda: self._enable("_clcc")
        yield r"\+CGMI", lambda: self.line(NAMES[self.model][0], "OK")
        yield r"\+CGMM", lambda: self.line(NAMES[self.model][1], "OK")
        yield r"\+CGMR", lambda: self.line(f"+CGMR: {NAMES[self.model][2]}", "OK")
        yield r"\+CGSN", lambda: self.line(*([self.set.imei, "OK"] if self.set.imei else ["ERROR"]))
        yield r"\+CPIN\?", self._pin
        yield r"\+CREG\?", lambda: self.line(f"+CREG: 1,{self.set.registration}", "OK")
        yield r"\+CSQ", lambda: self.line(f"+CSQ: {self.set.rssi},99", "OK")
        yield r"\+COPS\?", lambda: self.line(f'+COPS: 0,0,"{ucs2(self.set.operator)}",7', "OK")
        yield r"\+CPMS\?", lambda: self.line(f'+CPMS: "ME",{len(self.stored)},23,"ME",0,23,"ME",0,23', "OK")
        yield r"\+CLCC", lambda: self.line(*self._listed(), "OK")
        yield r"\+CMGR=(\d+)", self._read
        yield r"\+CMGD=(\d+)", lambda place: (self.stored.pop(int(place), None), self.line("OK"))[1]
        yield r'\+CMGS="([0-9A-F]+)"', self._send
        yield r"\+CHLD=0", self._refuse_second
        yield r"\+VTS=([0-9A-D*#])|\^DTMF=1,([0-9A-D*#])", self._key
        yield r"\+CPCMREG=([01])", self._pcm
        yield r"\^DDSETEX=2", lambda: self._pcm("1")

    def _voice_table(self) -> Iterator[tuple[str, Callable[..., None]]]:
        yield r"\+VLS=1", self._answer
        yield r"\+VLS=0", self._hang_up
        yield r"\+VTR", self._stream_sound
        for index, name in enumerate("IMR"):
            yield rf"\+FM{name}\?", lambda index=index: self.line(NAMES["voice"][index], "OK")

    # --- its commands

    def _echo(self, on: str) -> None:
        self.set.echo = on == "1"
        self.line("OK")

    def _reset_settings(self) -> None:
        self.set.echo = True
        self.line("OK")

    def _enable(self, name: str) -> None:
        setattr(self, name, True)
        self.line("OK")

    def _pin(self) -> None:
        if not self.set.sim:
            self.line("+CME ERROR: 10")
        else:
            self.line("+CPIN: SIM PIN" if self.set.pin else "+CPIN: READY", "OK")

    def _listed(self) -> list[str]:
        lines = ['+CLCC: 1,1,0,1,0,"",128'] if self.model == "quectel" else []
        return [*lines, *([self._clcc_line(self.call.state)] if self.call is not None else [])]

    def _clcc_line(self, state: int) -> str:
        call = self.call or Call("", incoming=False)
        return f'+CLCC: 2,{int(call.incoming)},{state},0,0,"{call.number}",145'

    def _dial(self, number: str) -> None:
        if self.call is not None or not (self.set.sim and self.set.registration in (1, 5)):
            self.line("NO CARRIER" if self.set.sim else "+CME ERROR: 10")
            return
        self.call = call = Call(number, incoming=False)
        if self.model == "voice":
            self.later(self.set.alert_ms + self.set.answer_ms, lambda: self._voice_answered(call))
            return
        self.line("OK")
        if self.model == "huawei":
            self.later(5, lambda: self.line("^ORIG:1,0"))
        self._changed(2)
        self.later(self.set.alert_ms, lambda: self._alert(call))

    def _voice_answered(self, call: Call) -> None:
        if self.call is not call:
            return
        words = {"busy": "BUSY", "no_dialtone": "NO DIALTONE", "no_answer": "NO ANSWER", "no_carrier": "NO CARRIER"}
        if self.set.callee in words:
            self.call = None
            self.line(words[self.set.callee])
        elif self.set.callee == "answer":
            call.state, self._off_hook = 0, True
            self.line("VCON")

    def _alert(self, call: Call) -> None:
        if self.call is not call:
            return
        if self.set.callee in ("busy", "no_carrier", "no_dialtone"):
            self.over({"busy": 17, "no_carrier": 1, "no_dialtone": 38}[self.set.callee])
            return
        call.state = 3
        if self.model == "huawei":
            self.line("^CONF:1")
        self._changed(3)
        if self.set.callee == "answer":
            self.later(self.set.answer_ms, lambda: self._far_answers(call))
        elif self.set.callee == "no_answer":
            self.later(self.set.answer_ms, lambda: self.over(19) if self.call is call else None)

    def _far_answers(self, call: Call) -> None:
        if self.call is call:
            call.state = 0
            self._up()

    def pick_up(self) -> None:
        """Whom we call answers, where `callee` is to wait."""
        if self.call is not None:
            self._far_answers(self.call)

    def _up(self) -> None:
        if self.model == "simcom":
            self.line("VOICE CALL: BEGIN")
        elif self.model == "huawei":
            self.line("^CONN:1,0")
        self._changed(0)

    def _changed(self, state: int) -> None:
        if self.model == "simcom" and self._clcc:
            self.line(self._clcc_line(state))

    def _answer(self) -> None:
        if self.call is None or not self.call.incoming:
            self.line("OK" if self.model == "voice" else "NO CARRIER")
            return
        self.call.state, self._off_hook = 0, True
        if self.model == "simcom":
            self._up()
        self.line("OK")
        if self.model == "huawei":
            self._up()

    def _hang_up(self) -> None:
        had, self.call, self.sounding, self._off_hook = self.call, None, False, False
        self.line("OK")
        if had is not None and self.model == "simcom" and had.state == 0:
            self.line("VOICE CALL: END: 000017")
        elif had is not None and self.model == "huawei":
            self.line("^CEND:1,3,67,16")

    def over(self, cause: int = 16) -> None:
        """The call ends at the other side, or in the network."""
        call, self.call = self.call, None
        if call is None:
            return
        word = {17: "BUSY", 19: "NO ANSWER", 38: "NO DIALTONE"}.get(cause, "NO CARRIER")
        if self.model == "voice":
            # Nobody tells an analogue line: there is a busy tone in the sound.
            if call.state == 0:
                self.code("b")
            return
        self.sounding = False
        if self.model == "simcom":
            if self._clcc:
                self.call = call
                line = self._clcc_line(6)
                self.call = None
                self.line(line)
            self.line("VOICE CALL: END: 000017" if call.state == 0 else "VOICE CALL: END: 000000")
        elif self.model == "huawei":
            self.line(f"^CEND:1,0,67,{cause}")
        if not call.incoming or call.state == 0:
            self.line(word)

    def _refuse_second(self) -> None:
        self.second = ""
        self.line("OK")

    def _key(self, first: str | None, second: str | None) -> None:
        if self.call is None or self.call.state != 0:
            self.line("ERROR")
            return
        self.keys += first or second or ""
        self.line("OK")

    def _rate(self, wide: str) -> None:
        self._wide = wide == "1"
        self.line("OK")

    def _pcm(self, on: str) -> None:
        if on == "1" and (self.call is None or (self.model == "simcom" and self.call.state != 0)):
            self.line("ERROR")
            return
        self.sounding = on == "1"
        self.line("OK")

    def _stream_sound(self) -> None:
        self.line("CONNECT")
        self.in_sound = self.sounding = True

    def _read(self, place: str) -> None:
        if int(place) not in self.stored:
            self.line("+CMS ERROR: 321")
            return
        number, text = self.stored[int(place)]
        head = f'+CMGR: "REC UNREAD","{ucs2(number)}",,"26/11/22,22:10:00+04"'
        self.line(head + "\r\n" + ucs2(text), "OK")

    def _send(self, number: str) -> None:
        self._text = bytes.fromhex(number).decode("utf-16-be")
        self._out(b"\r\n> ")

    # --- the network, by the test

    def ring(self, number: str = "", *, withheld: bool = False) -> None:
        """Somebody calls, and it rings until somebody answers or gives up."""
        self.call = call = Call(number, incoming=True, withheld=withheld)
        self._ring(call, first=True)

    def _ring(self, call: Call, *, first: bool) -> None:
        if self.call is not call or call.state != 4:
            return
        self.line("RING")
        if self.model == "voice":
            if first:
                self.line("DATE = 1122", "TIME = 2210", f"NMBR = {'P' if call.withheld else call.number or 'O'}")
        else:
            validity = 1 if call.withheld else 0 if call.number else 2
            self.line(f'+CLIP: "{call.number}",{145 if call.number else 128},,,,{validity}')
        self.later(self.set.ring_ms, lambda: self._ring(call, first=False))

    def wait_second(self, number: str) -> None:
        """Somebody calls during a call."""
        self.second = number
        self.line(f'+CCWA: "{number}",145,1')

    def press(self, digit: str) -> None:
        """The other side presses a key."""
        if self.model == "simcom":
            self.line(f"+RXDTMF: {digit}")
        elif self.model == "quectel":
            self.line(f"+QTONEDET: {ord(digit)}")
        elif self.model == "voice":
            self.code(digit)

    def message(self, number: str, text: str, *, told: bool = True) -> None:
        """A short message comes."""
        place = max(self.stored, default=0) + 1
        self.stored[place] = (number, text)
        if told:
            self.line(f'+CMTI: "ME",{place}')

    def lose_sim(self) -> None:
        self.set.sim, self.call, self.sounding = False, None, False
        self.line(
            {"simcom": "+SIMCARD: NOT AVAILABLE", "quectel": "+CPIN: NOT READY", "huawei": "^SIMST:255"}[self.model]
        )

    def gain_sim(self) -> None:
        self.set.sim = True
        self.line("+CPIN: READY")

    def register(self, status: int) -> None:
        self.set.registration = status
        if self._creg:
            self.line(f"+CREG: {status}")

    def restart(self, *, told: bool = True) -> None:
        """It begins anew: calls and settings are gone."""
        self.call, self.sounding, self.in_sound, self._hung = None, False, False, False
        self._clcc = self._creg = False
        self.set.echo = True
        self._line.clear()
        self._text = None
        if told:
            self.line("RDY", "+CPIN: READY")

    # --- sound

    @property
    def _quiet(self) -> bytes:
        return QUIET[self.model] * (2 if self._wide else 1)

    def hear(self, sound: bytes) -> None:
        """Take what the appliance says."""
        if not self.sounding:
            return
        self.recorded += sound
        if self.set.loop:
            if not self._looping:
                self._looping = True
                self._playing += self._quiet * (self.set.loop_delay_ms // 20)
            self._playing += self._louder(sound)

    def _louder(self, sound: bytes) -> bytes:
        """Put the loop's gain to sound."""
        factor = 10 ** (self.set.loop_gain_db / 20)
        if factor == 1:
            return sound
        if self.model == "voice":
            return bytes(min(255, max(0, round((octet - 128) * factor) + 128)) for octet in sound)
        samples = array.array("h", sound[: len(sound) & ~1])
        return array.array("h", (min(32767, max(-32768, round(one * factor))) for one in samples)).tobytes()

    def end_loop(self) -> None:
        """Forget what was to be said back: the call is over."""
        if self._looping:
            self._looping = False
            self._playing.clear()

    def play(self, sound: bytes) -> None:
        """Say this to the appliance."""
        self._playing += sound

    def frame(self) -> None:
        """Say 20 ms, as the clock of the network wants it."""
        if not self.sounding:
            self._playing.clear()
            return
        if self.set.mute:
            return
        quiet = self._quiet
        sound = bytes(self._playing[: len(quiet)])
        del self._playing[: len(quiet)]
        sound += quiet[len(sound) :]
        if self.in_sound:
            self._say(sound.replace(b"\x10", b"\x10\x10"))
        elif sound:
            self._sound(sound)

    def tell(self) -> dict[str, Any]:
        """Say how it stands."""
        call = self.call
        return {
            "log": self.log,
            "keys": self.keys,
            "sent": self.sent,
            "stored": len(self.stored),
            "call": None if call is None else {"number": call.number, "state": call.state, "incoming": call.incoming},
            "second": self.second,
            "sounding": self.sounding,
            "recorded": len(self.recorded),
            "to_say": len(self._playing),
            "hung": self._hung,
        }


def ucs2(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()
