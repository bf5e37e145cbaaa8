"""What holds for any bytes: nothing raises, pieces do not matter, no number is told or becomes a command."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.devices import shipped_device
from edge.core.lines.modem import Modem
from edge.core.lines.stream import MAX_LINE, Line, Overlong, Sound, Stream
from edge.core.lines.texts import dialable, fields, key, listed_call, time_stamp
from edge.core.lines.words import (
    Action,
    Answer,
    Closed,
    Connected,
    Dial,
    Elapsed,
    Ended,
    HangUp,
    Input,
    Opened,
    PlaySound,
    Received,
    SendDigit,
    SendSms,
    SoundHeard,
    Write,
)
from edge.vocabulary.private import Private
from tests.core.lines.talk import Talk

PROFILES = ("simcom-sim7600", "quectel-ec25", "huawei-e1750", "voice-modem-v253")
#: What modems say, and what only looks like it.
SAID = (
    *(line.encode() + b"\r\n" for line in """
        OK|ERROR|+CME ERROR: 10|RING|+CLIP: "+49301",145,,,,0|NO CARRIER|BUSY|VCON|CONNECT|^ORIG:1,0|^CONF:1|^CONN:1,0
        ^CEND:1,0,67,17|^CEND:,,,|VOICE CALL: BEGIN|VOICE CALL: END: 000017|+CLCC: 1,0,0,0,0,"+49301",145|+CLCC: 9,9,9,9
        +CLCC:|+CREG: 2|+CREG: 1,5|+CSQ: 99,99|+CSQ: 150|+CMTI: "SM",3|+CMGR: "REC UNREAD","0031"|0041|+CPMS: "SM",3,9
        RDY|+CPIN: READY|+CPIN: NOT INSERTED|+QTONEDET: 56|+RXDTMF: 5|NMBR = P|NMBR = 030|+COPS: 0,0,"0041"|^SIMST:255
    """.replace("\n        ", "|").strip().strip("|").split("|")),
    *(b"> ", b"AT\r", b"ATE0\r", b"OK\r", b"\0\xff\r\n", b"\x10R", b"\x10b", b"\x105", b"\x10\x03", b"\x10\x10"),
)  # fmt: skip
WORDS = st.lists(st.one_of(st.sampled_from(SAID), st.binary(max_size=12)), max_size=12).map(b"".join)
INPUTS = st.one_of(
    WORDS.map(Received),
    st.sampled_from([Opened(), Closed("gone"), Answer(), HangUp(), Elapsed(), PlaySound(b"\x10abc")]),
    st.sampled_from(
        [Dial(Private("+491701234567")), SendDigit(Private("5")), SendSms(Private("+49301"), Private("hi"))]
    ),
)


def run(profile: str, events: list[Input], step_ms: int) -> list[Action]:
    modem, out, now_ms = Modem(shipped_device(profile)), [], 0
    for event in events:
        out += modem.handle(event, now_ms)
        now_ms += step_ms
        deadline = modem.deadline
        if deadline is not None and deadline.at_ms <= now_ms:
            out += modem.handle(Elapsed(), now_ms)
            again = modem.deadline
            # What was due is done: a shell that waits for the deadline must not turn for nothing.
            assert again is None or again.at_ms > now_ms, again
    return out


@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=80, deadline=None)
@given(events=st.lists(INPUTS, max_size=30), step_ms=st.sampled_from([0, 20, 900, 40_000]))
def test_nothing_raises_and_a_call_ends_once(profile: str, events: list[Input], step_ms: int) -> None:
    out = run(profile, [Opened(), *events], step_ms)
    up = 0
    for action in out:
        up += isinstance(action, Connected)
        up = 0 if isinstance(action, Ended) else up
        assert up <= 1
    for data in (action.data for action in out if isinstance(action, Write)):
        # One command a line, and nothing but commands, prompts' answers and codes of V.253.
        assert data.count(b"\r") <= 1
        assert data[:2] in (b"AT", b"\r", b"\x10^", b"\x10\x10", b"\x1b") or data.endswith(b"\x1a")
    shown = repr(out)
    assert "1701234567" not in shown
    assert "49301" not in shown


@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=80, deadline=None)
@given(said=st.lists(WORDS, max_size=6), cuts=st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_pieces_do_not_matter(profile: str, said: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(said)
    pieces, at = [], 0
    while at < len(whole):
        size = cuts[len(pieces) % len(cuts)]
        pieces.append(whole[at : at + size])
        at += size
    begin: list[Input] = [Opened(), Received(b"\r\nOK\r\n" * 40), Dial(Private("030123"))]
    at_once = run(profile, [*begin, Received(whole)], 0)
    in_pieces = run(profile, [*begin, *map(Received, pieces)], 0)
    assert joined(at_once) == joined(in_pieces)


def joined(actions: list[Action]) -> list[Action]:
    """Join sounds that follow on each other."""
    out: list[Action] = []
    for action in actions:
        if isinstance(action, SoundHeard) and out and isinstance(out[-1], SoundHeard):
            out[-1] = SoundHeard(out[-1].data + action.data)
        else:
            out.append(action)
    return out


@settings(max_examples=100, deadline=None)
@given(number=st.one_of(st.text(max_size=40), st.text(alphabet='0123456789*#+ABCD,;"\r\n\x1aTP!@ ', max_size=20)))
def test_a_number_never_becomes_a_command(number: str) -> None:
    talk = Talk("simcom-sim7600").begin()
    talk.commands()
    told = talk.do(Dial(Private(number)))
    dialled = [one for one in talk.commands() if one.startswith("ATD")]
    if dialled:
        (command,) = dialled
        assert command.startswith("ATD")
        assert command.endswith(";")
        assert set(command[3:-1]) <= set("0123456789*#+")
        assert "+" not in command[4:-1]
    else:
        assert told == [Ended("failed", 28, "this is no number that may be dialled")]


@pytest.mark.parametrize(
    "number",
    [
        "",
        "+",
        "12;+CFUN=0",
        '12"',
        "12\r",
        "12,,3",
        "ABC",
        "12A",
        ">1",
        "1" * 33,
        "*21*0900123#",
        "*#06#",
        "\uff11\uff12",
    ],
)
def test_what_is_no_number_is_refused(number: str) -> None:
    assert dialable(number, 32) == ""


@pytest.mark.parametrize(
    ("number", "plain"), [("+49 30/123-45", "+493012345"), ("*31#030123", "*31#030123"), ("112", "112")]
)
def test_what_is_a_number_is_dialled(number: str, plain: str) -> None:
    assert dialable(number, 32) == plain


@given(text=st.text(max_size=60))
def test_what_stands_in_answers_is_read_or_left(text: str) -> None:
    fields(text)
    listed_call(text)
    time_stamp(text)
    assert len(key(text)) <= 1


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(1, 30), min_size=1, max_size=10))
def test_shielded_sound_is_the_same_in_any_pieces(data: bytes, cuts: list[int]) -> None:
    stream, heard, shielded = Stream(shielded=True), b"", b"CONNECT\r\n" + data.replace(b"\x10", b"\x10\x10")
    at = index = 0
    while at < len(shielded):
        size = cuts[index % len(cuts)]
        for token in stream.feed(shielded[at : at + size]):
            heard += token.data if isinstance(token, Sound) else b""
        at, index = at + size, index + 1
    assert heard == data


def test_a_line_without_end_takes_no_memory_and_the_next_is_read() -> None:
    stream = Stream()
    for _ in range(100):
        assert stream.feed(b"x" * 1_000) == []
    assert stream.feed(b"\r\nOK\r\n") == [Overlong(), Line("OK")]
    assert stream.feed(b"y" * MAX_LINE + b"\r\n") == [Line("y" * MAX_LINE)]
