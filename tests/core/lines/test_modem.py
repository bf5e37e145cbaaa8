"""Calls of modems, profile by profile: what is said to them, and what their reports mean."""

import pytest

from edge.core.lines.words import (
    Answer,
    Closed,
    Connected,
    Dial,
    DialRefused,
    DigitHeard,
    Ended,
    Fault,
    HangUp,
    Identified,
    Incoming,
    Opened,
    Received,
    Reopen,
    Rings,
    SendDigit,
    SoundHeard,
    SoundOff,
    SoundOn,
    StateChanged,
)
from edge.vocabulary.private import Private
from tests.core.lines.talk import Talk

NUMBER = Private("+491701234567")


@pytest.mark.parametrize("profile", ["simcom-sim7600", "simcom-sim7600-wide", "quectel-ec25", "huawei-e1750"])
def test_it_is_ready_when_all_of_the_profile_was_said(profile: str) -> None:
    talk = Talk(profile).begin()
    said = talk.commands()
    for command in talk.profile.dialogue.init:
        assert command.send in said
    assert talk.done[-1] == StateChanged("ready", "calls can be made and taken")


def test_a_modem_that_does_not_tell_its_imei_is_asked_again_until_it_does() -> None:
    talk = Talk("simcom-sim7600")
    talk.answers["AT+CGSN"] = "ERROR"
    talk.begin()
    assert [one for one in talk.done if isinstance(one, Identified)] == [Identified("MAKER", "MODEL 1", "FW1", "")]
    talk.commands()
    assert talk.wait(120_000) == []
    assert "AT+CGSN" in talk.commands()
    talk.answers["AT+CGSN"] = "861234567890123\r\n\r\nOK"
    assert talk.wait(120_000) == [Identified("MAKER", "MODEL 1", "FW1", "861234567890123")]
    talk.commands()
    talk.wait(120_000)
    assert "AT+CGSN" not in talk.commands()


def test_a_sim7600_gives_sound_when_the_call_is_up_and_the_length_of_a_call_is_no_cause() -> None:
    talk = Talk("simcom-sim7600").begin()
    talk.commands()
    assert talk.do(Dial(NUMBER)) == []
    assert talk.commands() == ["ATD+491701234567;"]
    assert talk.hear('+CLCC: 1,0,3,0,0,"+491701234567",145') == [Rings()]
    assert talk.hear("VOICE CALL: BEGIN") == [Connected(), SoundOn()]
    assert talk.commands() == ["AT+CPCMREG=1"]
    assert talk.hear("VOICE CALL: END: 000017") == [SoundOff(), Ended("normal", 16, "the modem reports the end")]
    assert talk.commands() == ["AT+CPCMREG=0"]


def test_a_sim7600_that_is_not_answered_says_why() -> None:
    talk = Talk("simcom-sim7600").begin()
    talk.do(Dial(NUMBER))
    assert talk.hear("VOICE CALL: END: 000000", "BUSY") == [Ended("busy", 17, "the modem reports busy")]


def test_an_ec25_is_asked_and_its_data_connection_is_no_call() -> None:
    talk = Talk("quectel-ec25").begin()
    data = '+CLCC: 1,1,0,1,0,"",128\r\n'
    assert talk.do(Dial(NUMBER)) == [SoundOn()]
    talk.answers["AT+CLCC"] = data + '+CLCC: 2,0,3,0,0,"+491701234567",145\r\n\r\nOK'
    assert talk.wait(1_000) == [Rings()]
    talk.answers["AT+CLCC"] = data + '+CLCC: 2,0,0,0,0,"+491701234567",145\r\n\r\nOK'
    assert talk.wait(1_000) == [Connected()]
    assert talk.hear("+QTONEDET: 56", "+QTONEDET: 35") == [DigitHeard(Private("8")), DigitHeard(Private("#"))]
    talk.answers["AT+CLCC"] = data + "\r\nOK"
    assert talk.wait(2_000)[-1] == Ended("normal", 16, "the modem knows no call any more")


def test_a_huawei_hears_nothing_from_dialling_until_it_rings() -> None:
    talk = Talk("huawei-e1750").begin()
    talk.commands()
    talk.do(Dial(NUMBER))
    assert talk.hear("^ORIG:1,0") == []
    assert talk.commands() == ["ATD+491701234567;"]
    assert talk.hear("^CONF:1") == [Rings(), SoundOn()]
    assert talk.commands() == ["AT^DDSETEX=2"]
    assert talk.hear("^CONN:1,0") == [Connected()]
    assert talk.hear("^CEND:1,6,67,16", "NO CARRIER") == [SoundOff(), Ended("normal", 16, "the network gives cause 16")]


@pytest.mark.parametrize(
    ("lines", "ended"),
    [
        (("^CEND:1,0,67,17", "BUSY"), ("busy", 17)),
        (("^CEND: 1,0, 67, 21", "NO CARRIER"), ("rejected", 21)),
        (("^CEND:1,0,67,19",), ("no_answer", 19)),
        (("^CEND:1,0,104", "BUSY"), ("busy", 17)),
        (("^CEND:1,0,104", "NO CARRIER"), ("no_carrier", 16)),
    ],
)
def test_a_huawei_names_the_cause(lines: tuple[str, ...], ended: tuple[str, int]) -> None:
    talk = Talk("huawei-e1750").begin()
    talk.do(Dial(NUMBER))
    talk.hear("^ORIG:1,0", "^CONF:1")
    *_, last = talk.hear(*lines)
    assert isinstance(last, Ended)
    assert (last.cause, last.q850) == ended


@pytest.mark.parametrize("profile", ["simcom-sim7600", "quectel-ec25", "huawei-e1750"])
@pytest.mark.parametrize(
    ("line", "cause", "q850"),
    [
        ("BUSY", "busy", 17),
        ("NO ANSWER", "no_answer", 19),
        ("NO DIALTONE", "no_dialtone", 38),
        ("NO CARRIER", "no_carrier", 16),
    ],
)
def test_the_answer_to_dialling_says_why_there_is_no_call(profile: str, line: str, cause: str, q850: int) -> None:
    talk = Talk(profile).begin()
    talk.answers["ATD"] = line
    *_, last = talk.do(Dial(NUMBER))
    assert isinstance(last, Ended)
    assert (last.cause, last.q850) == (cause, q850)


@pytest.mark.parametrize("profile", ["simcom-sim7600", "quectel-ec25", "huawei-e1750"])
def test_a_call_that_comes_in_is_told_with_its_caller_and_answered(profile: str) -> None:
    talk = Talk(profile).begin()
    talk.commands()
    assert talk.hear("RING", '+CLIP: "+4930123456",145,,,,0') == [Incoming(Private("+4930123456"), False)]
    assert talk.hear("RING", '+CLIP: "+4930123456",145,,,,0') == []
    assert set(talk.do(Answer())) == {Connected(), SoundOn()}
    assert talk.commands()[0] == "ATA"
    assert talk.do(HangUp()) == [SoundOff(), Ended("normal", 16, "we have hung up")]
    assert talk.commands()[0] == "AT+CHUP"
    # RING that was on its way still is no new call.
    assert talk.hear("RING") == []


def test_a_caller_may_be_withheld_or_not_be_known() -> None:
    talk = Talk("simcom-sim7600").begin()
    assert talk.hear("RING", '+CLIP: "",128,,,,1') == [Incoming(None, True)]
    other = Talk("simcom-sim7600").begin()
    assert other.hear("RING") == []
    assert other.wait(500) == [Incoming(None, False)]


def test_a_caller_who_gives_up_ends_the_call() -> None:
    talk = Talk("huawei-e1750").begin()
    talk.hear("RING", '+CLIP: "+4930123456",145,,,,0')
    assert talk.wait(10_000) == [Ended("no_carrier", 16, "it does not ring any more")]


@pytest.mark.parametrize("number", ["030123456", "O"])
def test_a_caller_of_an_analogue_line_who_gives_up_is_known_by_the_ring_that_stops(number: str) -> None:
    talk = Talk("voice-modem-v253").begin()
    assert talk.hear("RING") == []
    incoming = Incoming(None if number == "O" else Private(number), False)
    assert talk.hear("DATE = 1122", "TIME = 2210", f"NMBR = {number}") == [incoming]
    for _ in range(3):
        assert talk.wait(5_500) == []
        assert talk.hear("RING") == [], "a ring more is the same call"
    ring_ms = talk.profile.dialogue.timeouts.ring_ms
    assert talk.wait(ring_ms - 1) == [], "the next ring may still come"
    talk.commands()
    assert talk.wait(1) == [Ended("no_carrier", 16, "it does not ring any more")]
    assert "AT+VLS=1" not in talk.commands(), "the line was never picked up"
    talk.wait(5_000)
    talk.hear("RING")
    assert talk.hear("NMBR = 040123456") == [Incoming(Private("040123456"), False)], "the next caller is heard"


def test_a_second_call_is_refused_and_the_first_goes_on() -> None:
    talk = Talk("quectel-ec25").begin()
    talk.hear("RING", '+CLIP: "+4930123456",145,,,,0')
    talk.do(Answer())
    talk.commands()
    told = talk.hear('+CCWA: "+49891111",145,1')
    assert [type(one).__name__ for one in told] == ["Fault"]
    assert talk.commands() == ["AT+CHLD=0"]


def test_keys_are_paced() -> None:
    talk = Talk("simcom-sim7600").begin()
    talk.do(Dial(NUMBER))
    talk.hear("VOICE CALL: BEGIN")
    talk.commands()
    for digit in "12":
        talk.do(SendDigit(Private(digit)))
    assert talk.commands() == []
    talk.wait(250)
    assert talk.commands() == ["AT+VTS=1"]
    talk.wait(250)
    assert "AT+VTS=2" in talk.commands()


def test_an_analogue_line_is_up_when_it_was_dialled_and_its_sound_is_in_the_stream() -> None:
    talk = Talk("voice-modem-v253")
    talk.answers["AT+VTR"] = "CONNECT"
    talk.begin().commands()
    assert talk.do(Dial(Private("030123456"))) == [Connected(), SoundOn()]
    assert talk.commands() == ["ATDT030123456", "AT+VTR"]
    heard = talk.do(Received(b"\x80\x81\x10\x10\x7f\x105"))
    assert heard == [SoundHeard(b"\x80\x81\x10\x7f"), DigitHeard(Private("5"))]
    assert talk.do(Received(b"\x10b")) == [SoundOff()]
    assert talk.said == [b"\x10^"]
    talk.commands()
    (ended,) = talk.do(Received(b"\x10\x03\r\nOK\r\n"))
    assert isinstance(ended, Ended)
    assert talk.commands() == ["AT+VLS=0"]


def test_sound_that_comes_when_it_was_hung_up_is_ended_before_anything_is_said() -> None:
    talk = Talk("voice-modem-v253")
    talk.answers["AT+VTR"] = ""
    talk.begin()
    talk.do(Dial(Private("030123456")))
    assert talk.do(HangUp()) == []
    talk.commands()
    assert talk.hear("CONNECT") == []
    assert talk.said == [b"\x10^"]
    talk.commands()
    assert talk.do(Received(b"\x80\x80\x10\x03\r\nOK\r\n")) == [Ended("normal", 16, "we have hung up")]
    assert talk.commands() == ["AT+VLS=0"]


def test_a_modem_that_was_left_in_sound_is_brought_back() -> None:
    talk = Talk("voice-modem-v253")
    talk.answers = {"AT": ""}
    talk.do(Opened())
    talk.do(Received(b"\x80\x81\r\x80"))
    talk.wait(1_400)
    assert talk.said == [b"AT\r"]
    talk.wait(200)
    assert talk.said[1:] == [b"\x10^", b"AT\r"]
    talk.answers = {}
    talk.do(Received(b"\x80\x10\x03\r\nOK\r\n\r\nOK\r\n"))
    talk.wait(2_000)
    assert talk.done[-1] == StateChanged("ready", "calls can be made and taken")


def test_nothing_is_said_into_the_sound_of_a_long_talk_whose_busy_tone_is_its_end() -> None:
    talk = Talk("voice-modem-v253")
    talk.answers["AT+VTR"] = "CONNECT"
    talk.begin()
    talk.do(Dial(Private("030123456")))
    talk.commands()
    assert talk.wait(600_000) == []
    assert talk.said == []
    assert talk.do(Received(b"\x10b")) == [SoundOff()]
    assert [one[:2] for one in talk.do(Received(b"\x10\x03\r\nOK\r\n")) if isinstance(one, Ended)] == [("normal", 16)]


def test_an_analogue_line_says_who_calls_between_two_rings() -> None:
    talk = Talk("voice-modem-v253")
    talk.answers["AT+VTR"] = "CONNECT"
    talk.begin()
    assert talk.do(Received(b"\x10R")) == []
    assert talk.hear("DATE = 1122", "TIME = 2210", "NMBR = 030123456") == [Incoming(Private("030123456"), False)]
    assert talk.do(Answer()) == [Connected(), SoundOn()]
    other = Talk("voice-modem-v253").begin()
    other.hear("RING")
    assert other.hear("NMBR = P") == [Incoming(None, True)]


@pytest.mark.parametrize(
    ("profile", "end"), [("huawei-e1750", "^CEND:1,0,67,16"), ("simcom-sim7600", "VOICE CALL: END: 000017")]
)
def test_the_last_word_of_a_call_does_not_end_the_next_which_is_not_dialled_yet(profile: str, end: str) -> None:
    talk = Talk(profile).begin()
    talk.hear("RING")
    talk.do(Answer())
    talk.hear("^CONN:1,0", "VOICE CALL: BEGIN")
    talk.answers["AT+CLCC"] = '+CLCC: 1,1,0,0,0,"+491701234567",145\r\n\r\nOK'
    talk.wait(8_000)
    assert any(isinstance(one, Ended) for one in talk.hear(end))
    talk.commands()
    assert talk.do(Dial(NUMBER)) == []
    assert talk.hear("NO CARRIER") == [], "of the call before: the line rests, so nothing was dialled"
    assert talk.wait(1_500) == []
    assert "ATD+491701234567;" in talk.commands()
    *_, last = talk.hear("NO CARRIER")
    assert isinstance(last, Ended)


@pytest.mark.parametrize("profile", ["simcom-sim7600", "quectel-ec25", "huawei-e1750"])
def test_who_calls_right_after_a_call_is_heard_however_often_it_rings(profile: str) -> None:
    talk = Talk(profile).begin()
    talk.hear("RING")
    talk.do(Answer())
    talk.do(HangUp())
    assert talk.hear("RING") == [], "it may be of the call that is over"
    told = [one for _ in range(8) for one in (*talk.hear("RING", '+CLIP: "+49301",145,,,,0'), *talk.wait(400))]
    assert Incoming(Private("+49301"), False) in told


def test_what_cannot_be_refused_rings_on_and_is_told_no_more_until_there_is_another() -> None:
    """An analogue line rings until its caller gives up; who calls is said at the begin of a call alone."""
    talk = Talk("voice-modem-v253").begin()
    talk.hear("RING")
    assert Incoming(None, False) in talk.wait(5_000)
    talk.do(HangUp())
    for _ in range(6):
        assert talk.hear("RING") == []
        assert talk.wait(5_000) == []
    talk.wait(4_000)
    talk.hear("RING")
    assert talk.hear("NMBR = 030123456") == [Incoming(Private("030123456"), False)]
    talk.do(HangUp())
    assert talk.hear("RING") == []
    assert talk.hear("NMBR = 040123456") == [Incoming(Private("040123456"), False)], "somebody else"


def test_a_modem_that_says_nothing_is_asked_five_times_and_tried_again_later_and_later() -> None:
    talk = Talk("simcom-sim7600")
    talk.answers = {"AT": ""}
    pauses = []
    for _ in range(3):
        talk.do(Opened())
        talk.wait(10_000)
        assert talk.commands() == ["AT"] * 5
        told = [one for one in talk.done if isinstance(one, Reopen)]
        pauses.append(told[-1].after_ms)
        assert any(isinstance(one, Fault) and "no answer" in one.text for one in talk.done)
        assert talk.done[-2] == StateChanged("failed", talk.done[-2].text)  # type: ignore[union-attr]
    assert pauses == [1_000, 2_000, 5_000]


def test_a_modem_that_falls_silent_in_a_call_ends_it() -> None:
    talk = Talk("quectel-ec25").begin()
    talk.answers["AT+CLCC"] = '+CLCC: 2,0,0,0,0,"+491701234567",145\r\n\r\nOK'
    talk.do(Dial(NUMBER))
    assert Connected() in talk.wait(1_000)
    talk.answers = {"AT": ""}
    *_, ended, fault, state, reopen = talk.wait(60_000)
    assert ended == Ended("device_lost", 27, "the modem has failed")
    assert isinstance(fault, Fault)
    assert state == StateChanged("failed", "the modem does not answer any more")
    assert isinstance(reopen, Reopen)


def test_a_call_that_is_not_hung_up_by_commands_is_by_closing_the_port() -> None:
    talk = Talk("simcom-sim7600").begin()
    talk.do(Dial(NUMBER))
    talk.hear("VOICE CALL: BEGIN")
    talk.answers |= {"AT+CHUP": "ERROR", "ATH": "ERROR"}
    talk.answers["AT+CLCC"] = '+CLCC: 2,0,0,0,0,"+491701234567",145\r\n\r\nOK'
    talk.commands()
    assert talk.do(HangUp()) == [SoundOff()]
    assert talk.commands() == ["AT+CHUP", "ATH"]
    told = talk.wait(15_000)
    assert [type(one) for one in told] == [Ended, Fault, StateChanged, Reopen]


def test_a_line_without_a_sim_is_not_given_up_and_begins_when_there_is_one() -> None:
    talk = Talk("quectel-ec25")
    talk.answers |= {"AT+CPIN?": "+CME ERROR: 10", "AT+CLIP=1": "+CME ERROR: 10"}
    talk.begin()
    assert talk.done[-1] == StateChanged("no_sim", "there is no SIM, or it cannot be used")
    assert talk.do(Dial(NUMBER)) == [Ended("no_sim", 38, "the line is not ready: no_sim")]
    talk.answers["AT+CPIN?"] = "+CPIN: READY\r\n\r\nOK"
    del talk.answers["AT+CLIP=1"]
    talk.commands()
    talk.hear("+CPIN: READY")
    talk.wait(2_000)
    assert talk.done[-1] == StateChanged("ready", "calls can be made and taken")
    assert "AT+QPCMV=1,2" in talk.commands()


def test_a_sim_that_comes_without_a_report_is_noticed() -> None:
    talk = Talk("huawei-e1750")
    talk.answers |= {"AT+CPIN?": "+CME ERROR: SIM not inserted", "AT+CLIP=1": "+CME ERROR: SIM not inserted"}
    talk.begin()
    assert StateChanged("no_sim", "there is no SIM, or it cannot be used") in talk.done
    talk.answers["AT+CPIN?"] = "+CPIN: READY\r\n\r\nOK"
    del talk.answers["AT+CLIP=1"]
    talk.commands()
    talk.wait(60_000)
    assert [one.state for one in talk.done if isinstance(one, StateChanged)][-2:] == ["starting", "ready"]
    assert "AT+CLIP=1" in talk.commands()


def test_what_the_profile_needs_and_the_modem_refuses_is_told_by_its_name() -> None:
    talk = Talk("quectel-ec25")
    talk.answers["AT+QPCMV=1,2"] = "ERROR"
    talk.begin()
    assert Fault("AT+QPCMV of the initialisation was refused") in talk.done


@pytest.mark.parametrize(("status", "state"), [(2, "no_service"), (5, "ready"), (3, "no_service"), (8, "no_service")])
def test_the_network_says_whether_calls_can_be_made(status: int, state: str) -> None:
    talk = Talk("simcom-sim7600").begin()
    talk.hear("+CREG: 2")
    talk.hear(f"+CREG: {status}")
    assert [one.state for one in talk.done if isinstance(one, StateChanged)][-1] == state


def test_hanging_up_while_the_modem_dials_ends_the_dialling_by_a_character() -> None:
    talk = Talk("simcom-sim7600").begin()
    talk.answers["ATD"] = ""
    talk.do(Dial(NUMBER))
    talk.commands()
    talk.do(HangUp())
    assert talk.commands() == [""]
    assert talk.wait(2_000) == [Ended("normal", 16, "we have hung up")]
    assert "AT+CHUP" in talk.commands()


def test_both_sides_hang_up_at_once() -> None:
    talk = Talk("huawei-e1750").begin()
    talk.do(Dial(NUMBER))
    talk.hear("^ORIG:1,0", "^CONF:1", "^CONN:1,0")
    talk.answers["AT+CHUP"] = ""
    assert talk.do(HangUp()) == [SoundOff()]
    assert talk.hear("^CEND:1,3,67,16", "NO CARRIER", "ERROR") == [Ended("normal", 16, "we have hung up")]
    talk.answers["AT+CHUP"] = "OK"
    talk.wait(5_000)
    talk.do(Dial(NUMBER))
    assert talk.hear("^ORIG:1,0", "^CONF:1")[0] == Rings()


def test_calls_that_cross_are_told_apart() -> None:
    talk = Talk("simcom-sim7600").begin()
    talk.hear("RING", '+CLIP: "+4930123456",145,,,,0')
    assert talk.do(Dial(NUMBER)) == [DialRefused()]
    assert Connected() in talk.do(Answer())


def test_a_dial_that_comes_while_sound_is_wound_down_is_refused_at_once_and_the_next_is_dialled() -> None:
    talk = Talk("voice-modem-v253")
    talk.answers["AT+VTR"] = "CONNECT"
    talk.begin()
    talk.do(Dial(NUMBER))
    talk.do(HangUp())
    assert talk.do(Dial(NUMBER)) == [DialRefused()]
    assert any(isinstance(one, Ended) for one in talk.do(Received(b"\x10\x03\r\nOK\r\n")))
    talk.commands()
    assert talk.do(Dial(NUMBER)) == []
    talk.wait(5_000)
    assert "ATDT" in " ".join(talk.commands())


def test_a_device_that_goes_in_a_call_ends_it_and_is_looked_for() -> None:
    talk = Talk("simcom-sim7600").begin()
    talk.do(Dial(NUMBER))
    talk.hear("VOICE CALL: BEGIN")
    assert talk.do(Closed("the port is gone")) == [
        SoundOff(),
        Ended("device_lost", 27, "the device is gone"),
        StateChanged("absent", "the port is gone"),
        Reopen(1_000),
    ]


def test_who_calls_right_after_a_call_on_an_analogue_line_is_known() -> None:
    talk = Talk("voice-modem-v253")
    talk.answers["AT+VTR"] = "CONNECT"
    talk.begin()
    talk.hear("RING", "NMBR = 030123456")
    talk.do(Answer())
    talk.do(HangUp())
    assert any(isinstance(one, Ended) for one in talk.do(Received(b"\x10\x03\r\nOK\r\n")))
    talk.wait(500)
    assert talk.hear("RING") == [], "it may be of the call that is over"
    assert talk.hear("NMBR = 040123456") == [Incoming(Private("040123456"), False)], "said once, after the first ring"


@pytest.mark.parametrize(("state", "hung_up"), [(0, True), (2, True), (3, True), (4, False)])
def test_a_call_that_a_former_dialogue_has_left_is_hung_up_and_one_that_rings_is_not(state: int, hung_up: bool) -> None:
    talk = Talk("simcom-sim7600")
    talk.answers["AT+CLCC"] = f'+CLCC: 1,{int(state == 4)},{state},0,0,"+49301",145\r\n\r\nOK'
    talk.answers["AT+CHUP"] = "ERROR"
    talk.begin()
    said = talk.commands()
    assert [one for one in said if one in ("AT+CHUP", "ATH")] == (["AT+CHUP", "ATH"] if hung_up else [])
    assert said[-1] != "ATH"
    assert any(isinstance(one, StateChanged) and one.state == "ready" for one in talk.done)
