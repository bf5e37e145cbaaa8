"""The core against a modem of its own program, through a real port: what bytes in time do to it, model by model."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial
from msgspec.structs import replace

from edge.config.devices import shipped_device
from edge.core.lines.modem import Modem
from edge.core.lines.profile import Timeouts
from edge.core.lines.words import (
    Action,
    Answer,
    Closed,
    Connected,
    Dial,
    DigitHeard,
    Elapsed,
    Ended,
    Fault,
    HangUp,
    Identified,
    Incoming,
    Input,
    Opened,
    Received,
    Reopen,
    Rings,
    SendDigit,
    SendSms,
    SmsKept,
    SmsReceived,
    SmsSent,
    SoundHeard,
    SoundOff,
    SoundOn,
    StateChanged,
    Write,
)
from edge.vocabulary.private import Private
from tests.support.addresses import address
from tests.support.modem import Simulator
from tests.support.waiting import until

PROFILES = {
    "simcom": "simcom-sim7600",
    "quectel": "quectel-ec25",
    "huawei": "huawei-e1750",
    "voice": "voice-modem-v253",
}
MOBILE = ("simcom", "quectel", "huawei")
NUMBER = Private("+491701234567")


class Shell:
    """What a line process does with a core, in a loop of a test."""

    def __init__(self, model: str, port: str) -> None:
        profile = shipped_device(PROFILES[model])
        times = Timeouts(command_ms=1_500, hang_up_ms=3_000, ring_ms=2_000, dial_ms=20_000)
        dialogue = replace(profile.dialogue, status_every_ms=2_000, timeouts=times)
        self.modem = Modem(replace(profile, dialogue=dialogue))
        self.done: list[Action] = []
        self._port = port
        self._serial: serial.Serial | None = None
        self._open_at: float | None = time.monotonic()

    def tell(self, event: Input) -> None:
        for action in self.modem.handle(event, self._now_ms()):
            match action:
                case Write(data) if self._serial is not None:
                    with contextlib.suppress(OSError):
                        self._serial.write(data)
                case Reopen(after_ms):
                    self._close()
                    self._open_at = time.monotonic() + min(after_ms, 300) / 1000
                case _:
                    self.done.append(action)

    def turn(self) -> None:
        """Open, read, look at the clock."""
        if self._open_at is not None and time.monotonic() >= self._open_at:
            self._open()
        if self._serial is not None:
            try:
                data = self._serial.read(4096)
            except OSError as error:
                self._close()
                self.tell(Closed(str(error)))
                return
            if data:
                self.tell(Received(data))
        deadline = self.modem.deadline
        if deadline is not None and deadline.at_ms <= self._now_ms():
            self.tell(Elapsed())

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Turn until it is so."""

        def turned() -> object:
            self.turn()
            return condition()

        try:
            until(turned, 30, what)
        except AssertionError as error:
            error.add_note(f"so far: {self.done}")
            raise

    def has(self, *wanted: type[Action]) -> bool:
        """Say whether actions of these kinds have come, in this order."""
        rest = iter(self.done)
        return all(any(isinstance(one, kind) for one in rest) for kind in wanted)

    def ready(self) -> "Shell":
        """Wait until the line is ready, and forget what was before."""
        self.until(lambda: StateChanged("ready", "calls can be made and taken") in self.done, "ready")
        self.done.clear()
        return self

    def ended(self) -> Ended:
        """Wait for the end of the call."""
        self.until(lambda: self.has(Ended), "the end")
        return next(one for one in self.done if isinstance(one, Ended))

    def close(self) -> None:
        self._close()

    def _open(self) -> None:
        self._open_at = None
        url = f"socket://{self._port}" if ":" in self._port else self._port
        try:
            self._serial = serial.serial_for_url(url, timeout=0)
        except OSError as error:
            self.tell(Closed(str(error)))
            return
        self.tell(Opened())

    def _close(self) -> None:
        if self._serial is not None:
            with contextlib.suppress(OSError):
                self._serial.close()
        self._serial = None

    def _now_ms(self) -> int:
        return int(time.monotonic() * 1000)


@contextlib.contextmanager
def line(model: str, folder: Path, tcp: str = "") -> Iterator[tuple[Simulator, Shell]]:
    with Simulator(model, folder / "modem", tcp=tcp) as peer:
        shell = Shell(model, peer.port)
        try:
            yield peer, shell
        finally:
            shell.close()


@pytest.mark.parametrize("model", MOBILE)
def test_it_calls_sends_keys_and_is_hung_up_on(model: str, tmp_path: Path) -> None:
    with line(model, tmp_path) as (peer, shell):
        shell.ready()
        # It has to ring for longer than it takes to ask an EC25.
        peer.do("set", answer_ms=1_200)
        shell.tell(Dial(NUMBER))
        shell.until(lambda: shell.has(Connected) and shell.has(SoundOn), "up, with sound")
        assert shell.has(Rings, Connected)
        assert peer.tell()["call"] == {"number": "+491701234567", "state": 0, "incoming": False}
        for digit in "1*#":
            shell.tell(SendDigit(Private(digit)))
        shell.until(lambda: peer.tell()["keys"] == "1*#", "keys at the other side")
        peer.do("over", cause=16)
        assert shell.ended()[:2] == ("normal", 16)
        assert shell.has(SoundOff, Ended)


@pytest.mark.parametrize("model", MOBILE)
@pytest.mark.parametrize("callee", ["busy", "no_answer", "no_carrier"])
def test_it_hears_why_nobody_answered(model: str, callee: str, tmp_path: Path) -> None:
    with line(model, tmp_path) as (peer, shell):
        shell.ready()
        peer.do("set", callee=callee)
        shell.tell(Dial(NUMBER))
        assert shell.ended().cause == callee


@pytest.mark.parametrize("model", MOBILE)
def test_we_hang_up_while_it_rings_there_and_call_again(model: str, tmp_path: Path) -> None:
    with line(model, tmp_path) as (peer, shell):
        shell.ready()
        peer.do("set", callee="wait")
        shell.tell(Dial(NUMBER))
        shell.until(lambda: shell.has(Rings), "ringing")
        shell.tell(HangUp())
        assert shell.ended()[:2] == ("normal", 16)
        assert peer.tell()["call"] is None
        shell.done.clear()
        peer.do("set", callee="answer")
        shell.tell(Dial(NUMBER))
        shell.until(lambda: shell.has(Connected), "the next call")


def test_a_huawei_is_not_hung_up_before_it_rings_there(tmp_path: Path) -> None:
    with line("huawei", tmp_path) as (peer, shell):
        shell.ready()
        peer.do("set", alert_ms=500, callee="wait")
        shell.tell(Dial(NUMBER))
        shell.until(lambda: peer.tell()["call"] is not None, "dialling")
        # A command now would be the last that it answers.
        shell.tell(HangUp())
        assert shell.ended()[:2] == ("normal", 16)
        assert peer.tell()["hung"] is False
        assert peer.tell()["call"] is None


@pytest.mark.parametrize("model", PROFILES)
def test_it_is_called_answers_and_hangs_up(model: str, tmp_path: Path) -> None:
    with line(model, tmp_path) as (peer, shell):
        shell.ready()
        peer.do("ring", number="030123456")
        shell.until(lambda: Incoming(Private("030123456"), False) in shell.done, "the call")
        shell.tell(Answer())
        shell.until(lambda: shell.has(Connected) and shell.has(SoundOn), "up, with sound")
        if model != "huawei":
            peer.do("press", digit="7")
            shell.until(lambda: DigitHeard(Private("7")) in shell.done, "the key")
        shell.tell(HangUp())
        assert shell.ended()[:2] == ("normal", 16)
        shell.until(lambda: peer.tell()["call"] is None, "the modem on hook")


def test_an_analogue_line_has_its_sound_in_the_stream(tmp_path: Path) -> None:
    with line("voice", tmp_path) as (peer, shell):
        shell.ready()
        shell.tell(Dial(Private("030123456")))
        shell.until(lambda: shell.has(Connected, SoundOn), "up, with sound")
        sound = bytes(range(256))
        (tmp_path / "sound").write_bytes(sound)
        peer.do("play", path=str(tmp_path / "sound"))

        def heard() -> bytes:
            return b"".join(one.data for one in shell.done if isinstance(one, SoundHeard))

        shell.until(lambda: sound in heard(), "all octets of the sound, shielded or not")
        peer.do("over")
        assert shell.ended().cause == "busy"
        shell.until(lambda: peer.tell()["call"] is None, "the modem on hook")
        shell.done.clear()
        shell.tell(Dial(Private("030123456")))
        shell.until(lambda: shell.has(Connected, SoundOn), "the next call")


@pytest.mark.parametrize("model", MOBILE)
def test_nothing_of_a_bad_port_matters(model: str, tmp_path: Path) -> None:
    with line(model, tmp_path) as (peer, shell):
        peer.do("set", garbage=True, chatty=True, chunk=3, delay_ms=5, ends="\r")
        shell.ready()
        shell.tell(Dial(NUMBER))
        shell.until(lambda: shell.has(Connected) and shell.has(SoundOn), "up, with sound")
        shell.tell(HangUp())
        assert shell.ended()[:2] == ("normal", 16)


@pytest.mark.parametrize("told", [True, False])
def test_a_modem_that_restarts_in_a_call_is_set_up_again(told: bool, tmp_path: Path) -> None:
    with line("quectel", tmp_path) as (peer, shell):
        shell.ready()
        shell.tell(Dial(NUMBER))
        shell.until(lambda: shell.has(Connected), "up")
        peer.do("restart", told=told)
        assert shell.ended()[:2] in (("device_lost", 27), ("normal", 16))
        shell.until(lambda: shell.done[-1] == StateChanged("ready", "calls can be made and taken"), "ready again")
        assert peer.tell()["log"].count("AT+QPCMV=1,2") == 2


@pytest.mark.parametrize("model", MOBILE)
def test_a_sim_that_goes_ends_the_call_and_refuses_the_next_until_it_is_back(model: str, tmp_path: Path) -> None:
    with line(model, tmp_path) as (peer, shell):
        shell.ready()
        shell.tell(Dial(NUMBER))
        shell.until(lambda: shell.has(Connected), "up")
        peer.do("lose_sim")
        assert shell.ended()[:2] == ("no_sim", 38)
        shell.until(lambda: shell.has(StateChanged), "the state")
        shell.done.clear()
        shell.tell(Dial(NUMBER))
        assert [one[:2] for one in shell.done if isinstance(one, Ended)] == [("no_sim", 38)]
        peer.do("gain_sim")
        shell.ready()


def test_a_network_that_goes_is_told_and_comes_back(tmp_path: Path) -> None:
    with line("simcom", tmp_path) as (peer, shell):
        shell.ready()
        peer.do("register", status=2)
        shell.until(lambda: shell.has(StateChanged), "the state")
        assert shell.done[-1] == StateChanged("no_service", "the network does not take the modem")
        shell.tell(Dial(NUMBER))
        assert shell.ended()[:2] == ("no_service", 38)
        peer.do("register", status=5)
        shell.ready()


def test_a_modem_that_babbles_is_tried_again_until_it_answers(tmp_path: Path) -> None:
    with line("simcom", tmp_path) as (peer, shell):
        peer.do("set", babbling=True)
        shell.until(lambda: shell.has(Fault, StateChanged), "the fault")
        assert shell.done[-1].state == "failed"  # type: ignore[union-attr]
        peer.do("set", babbling=False)
        shell.ready()


@pytest.mark.parametrize("model", ["simcom", "voice"])
def test_a_modem_that_is_pulled_out_ends_the_call_and_comes_back(model: str, tmp_path: Path) -> None:
    with line(model, tmp_path) as (peer, shell):
        shell.ready()
        shell.tell(Dial(Private("030123456")))
        shell.until(lambda: shell.has(Connected), "up")
        peer.do("unplug")
        assert shell.ended()[:2] == ("device_lost", 27)
        shell.until(lambda: shell.has(StateChanged), "the state")
        assert next(one.state for one in shell.done if isinstance(one, StateChanged)) == "absent"
        peer.do("plug")
        shell.ready()


def test_short_messages_come_are_deleted_and_go(tmp_path: Path) -> None:
    hostile = "OK\r\nRING\r\nNO CARRIER"
    with line("simcom", tmp_path) as (peer, shell):
        peer.do("message", number="+49301", text="was here before", told=False)
        shell.ready()
        shell.until(lambda: shell.has(SmsReceived), "the message that was there")
        peer.do("message", number="+49302", text=hostile)
        wanted = SmsReceived(Private("+49302"), Private(hostile), "2026-11-22T22:10:00+01:00", "2")
        shell.until(lambda: wanted in shell.done, "the message")
        assert not shell.has(Incoming)
        assert peer.tell()["stored"] == 2, "nothing is deleted before it is safe"
        for place in ("1", "2"):
            shell.tell(SmsKept(place))
        shell.until(lambda: peer.tell()["stored"] == 0, "no message on the SIM")
        shell.tell(SendSms(NUMBER, Private("Grüße")))
        shell.until(lambda: SmsSent("") in shell.done, "the message has left")
        assert peer.tell()["sent"] == [["+491701234567", "Grüße"]]


def test_two_at_once_the_second_is_refused(tmp_path: Path) -> None:
    with line("simcom", tmp_path) as (peer, shell):
        shell.ready()
        shell.tell(Dial(NUMBER))
        shell.until(lambda: shell.has(Connected), "up")
        peer.do("wait_second", number="+49891111")
        shell.until(lambda: "AT+CHLD=0" in peer.tell()["log"], "the refusal")
        assert peer.tell()["call"]["state"] == 0


def test_a_modem_may_be_behind_tcp_and_says_who_it_is(tmp_path: Path) -> None:
    with address() as host, line("huawei", tmp_path, tcp=f"{host}:15001") as (_, shell):
        shell.until(lambda: shell.has(StateChanged, Identified), "who it is")
        assert Identified("huawei", "E1750", "11.126.16.00.00", "861234567890123") in shell.done
        shell.ready()
