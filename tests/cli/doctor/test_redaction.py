"""What is given away has neither people nor secrets in it, wherever they stood."""

import base64
import json
import re
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.cli.doctor.redaction import Redactor, forms
from edge.cli.doctor.sip_text import redacted

KEY = b"k" * 32
NUMBERS = st.from_regex(r"\+?[1-9][0-9]{6,14}", fullmatch=True)
NAMES = st.from_regex(r"[A-Z][a-z]{4,9} [A-Z][a-z]{4,9}", fullmatch=True)

INVITE = """INVITE sip:{called}@192.0.2.1:5060;user=phone SIP/2.0\r
Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKabc;rport\r
f: "{name}" <sip:{caller}@198.51.100.7>;tag=1928\r
To: {name} <sip:{called}@192.0.2.1;user=phone>\r
Contact: <sip:{caller}@198.51.100.7:5060>\r
P-Asserted-Identity: "{name}" <tel:{caller}>\r
Diversion: <sip:{called}@192.0.2.1>;reason=no-answer\r
X-Customer: {name} {caller}\r
Subject: call of\r
 {name}\r
Call-ID: {caller}-1@198.51.100.7\r
CSeq: 1 INVITE\r
User-Agent: Peer/1.0\r
Content-Type: application/sdp\r
Content-Length: 0\r
\r
v=0\r
o={name_word} 1 1 IN IP4 198.51.100.7\r
s={name}\r
i={caller}\r
c=IN IP4 198.51.100.7\r
m=audio 16384 RTP/AVP 0 101\r
a=rtpmap:0 PCMU/8000\r
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0\r
"""


@given(NUMBERS, NUMBERS, NAMES)
@settings(max_examples=200)
def test_of_a_sip_message_the_structure_is_left(caller: str, called: str, name: str) -> None:
    text = INVITE.format(caller=caller, called=called, name=name, name_word=name.split(maxsplit=1)[0])
    told = redacted(text, Redactor([], [], KEY))  # it knows of nobody beforehand
    for private in (caller.lstrip("+"), called.lstrip("+"), name, name.split(maxsplit=1)[0], "c2VjcmV0"):
        assert private not in told
    for kept in ("INVITE sip:num-", "branch=z9hG4bKabc", "m=audio 16384 RTP/AVP 0 101", "c=IN IP4 198.51.100.7"):
        assert kept in told
    redactor = Redactor([], [], KEY)
    assert told.count(redactor.pseudonym(caller)) >= 3, "one number is one pseudonym: a call can be followed"


@given(NUMBERS, NUMBERS, NAMES, st.sampled_from(["caller", "evidence", "path", "list"]))
def test_of_plain_data_too(number: str, other: str, name: str, field: str) -> None:
    redactor = Redactor(["whsec_topsecret"], [name], KEY)
    document = {
        field: [number, f"to {other}: refused"],
        "text": f"{name} called {number} by sip:{other}@host;x=1",
        "digits": "1234",
        "attributes": {"account": "77"},
        "url": f"https://user:{other}@host/path?token={number}",
        "note": {"deep": [f"whsec_topsecret of {name}"]},
        number: 1,
    }
    told = json.dumps(redactor.value(document))
    for private in (number.lstrip("+"), other.lstrip("+"), name, "1234", "account", "topsecret"):
        assert private not in told
    assert "https://host/path" in told


def test_times_ports_and_ids_are_no_numbers() -> None:
    redactor = Redactor([], [], KEY)
    for text in (
        "2026-11-22T22:37:06.083Z",
        "127.0.0.1:16384",
        "o3f2a1b99c8877665544aa",
        "edge_process_up 1.7e+09 0.000125",
        "menu main: 1f00ba11",
    ):
        assert redactor.text(text) == text
    assert redactor.text("+4930123456 and 030123456") == (
        f"{redactor.pseudonym('4930123456')} and {redactor.pseudonym('030123456')}"
    )


def test_a_modem_and_its_sim_card_are_nobody_wherever_they_stand() -> None:
    imei, card = "861234567890123", "8949020000001234567"
    texts = (
        f"IMEI:{imei}",
        f"/dev/serial/by-id/usb-{imei}-if00",
        f"+CCID: {card}F",
        f"+CCID:{card}",
        f'{{"imei":"{imei}"}}',
    )
    for text in texts:
        told = Redactor([], [], KEY).text(text)
        assert imei not in told, text
        assert card not in told, text
        assert "num-" in told, text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ATD", ";"),
        ("ATDT", ""),
        ("atdp ", ""),
        ("ATX3DT", ""),
        ('ATD"', '";'),
        ('AT+CMGS="', '"'),
        ("AT+CLIP=1;D", ";"),
        ("NMBR = ", ""),
    ],
)
@pytest.mark.parametrize("number", ["0301234567", "+49301234567"])
def test_what_a_modem_is_told_to_dial_is_somebody(before: str, number: str, after: str) -> None:
    redactor = Redactor([], [], KEY)
    for within in ("{}", "the modem refuses {}", '{{"command":"{}"}}', "{}\r"):
        said = within.format(before + number + after)
        told = redactor.text(said)
        assert told == said.replace(number, redactor.pseudonym(number)), "only the number goes, and as its pseudonym"


def test_numbers_in_ucs2_keys_and_the_pin_of_a_card_go_too() -> None:
    redactor = Redactor([], [], KEY)
    number = "+4930123456"
    for coded in (number.encode("utf-16-be").hex(), number.encode("utf-16-be").hex().upper()):
        assert redactor.text(f'AT+CMGS="{coded}"') == f'AT+CMGS="{redactor.pseudonym(number)}"'
    for said in ("AT+VTS=7", 'AT+VTS="7"', "AT+VTS={7,10}", "AT^DTMF=1,7", 'AT+CPIN="7777"', "AT+CPIN=7777"):
        told = redactor.text(said)
        assert told == re.match(r"AT[+^]\w+=(1,)?", said)[0] + "(left out)", said  # type: ignore[index]
    for said in ("AT+CPIN?", "AT+VTS=?", "ATDT", "ATZ", "AT+VSM=1,8000,0,0", "AT+CLCC", "+CPIN: READY", "data 5 of 7"):
        assert redactor.text(said) == said


def test_pseudonyms_need_the_key() -> None:
    one, other = Redactor([], []), Redactor([], [])
    assert one.pseudonym("+4930123456") == one.pseudonym("4930123456") == one.pseudonym(one.pseudonym("4930123456"))
    assert one.pseudonym("4930123456") != other.pseudonym("4930123456")


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40), st.binary(max_size=7))
def test_a_secret_is_found_in_whatever_form(secret: str, before: bytes) -> None:
    hunted = forms(secret)
    raw = secret.encode()
    for shape in (
        raw,
        raw[::-1],
        base64.b64encode(before + raw + b"tail"),
        quote(secret, safe="").encode(),
        raw.hex().encode(),
    ):
        assert any(form in shape for form in hunted), shape
