"""Security descriptions: what is read of a peer's lines, and what of it is used."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.sip.crypto import (
    PLACEHOLDER,
    Secured,
    choose_crypto,
    offer_lines,
    offered_suite,
    own_line,
    read_crypto,
    usable_crypto,
)
from edge.vocabulary.crypto import SUITES

CM = "AES_CM_128_HMAC_SHA1_80"


def key(suite: str = CM, first: int = 0) -> str:
    return base64.b64encode(bytes((first + i) % 256 for i in range(SUITES[suite]))).decode()


def line(suite: str = CM, tag: int = 1, rest: str = "", text: str = "") -> str:
    return f"crypto:{tag} {suite} inline:{text or key(suite)}{rest}"


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_is_read(suite: str) -> None:
    found = read_crypto([line(suite, 3)])
    assert found is not None
    assert [(x.tag, x.suite, x.key.reveal()) for x in found] == [(3, suite, key(suite))]


@pytest.mark.parametrize(
    "text",
    [
        line(rest="|2^20"),
        line(rest="|1000"),
        line(rest=" WSH=128"),
        line(rest="|2^48 KDR=0"),
        line(rest=" -FUTURE=1"),
        line().upper().replace(key().upper(), key()).replace("CRYPTO", "crypto"),
        line() + "  ",
    ],
)
def test_what_asks_for_nothing_special_is_used(text: str) -> None:
    assert len(read_crypto([text]) or ()) == 1


@pytest.mark.parametrize(
    "text",
    [
        line(rest="|2^20|1:4"),  # MKI
        line(rest="|1:4"),
        line(rest=f";inline:{key()}"),  # two keys
        line(rest=" UNENCRYPTED_SRTP"),
        line(rest=" UNENCRYPTED_SRTCP"),
        line(rest=" UNAUTHENTICATED_SRTP"),
        line(rest=" FEC_ORDER=FEC_SRTP"),
        line(rest=f" FEC_KEY=inline:{key()}"),
        line(rest=" KDR=3"),
        line(rest=" FUTURE=1"),
        line("F8_128_HMAC_SHA1_80", text=key()),
        line("AES_192_CM_HMAC_SHA1_80", text=key()),
        line(text=key()[:-4]),  # too short a key
        line(text=key("AES_256_CM_HMAC_SHA1_80")),  # too long
        line(text="!" * 40),
        line(text=key()[:-1] + "="),
        line(tag=1234567890),
        "crypto:x " + line()[9:],
        "crypto:1",
        "crypto:",
    ],
)
def test_what_we_do_not_do_is_not_used(text: str) -> None:
    assert read_crypto([text]) == ()
    assert len(read_crypto([text, line(tag=7)]) or ()) == 1, "a line beside it is"


def test_too_many_lines_are_refused() -> None:
    assert len(read_crypto([line(tag=i) for i in range(8)]) or ()) == 8
    assert read_crypto([line(tag=i) for i in range(9)]) is None


def test_the_best_suite_is_chosen_with_its_tag() -> None:
    found = read_crypto([line(suite, tag) for tag, suite in enumerate(reversed(SUITES), 1)])
    assert found is not None
    best = choose_crypto(found)
    assert best is not None
    assert (best.suite, best.tag) == (next(iter(SUITES)), len(SUITES))
    assert choose_crypto(()) is None


def test_a_key_does_not_show() -> None:
    found = read_crypto([line()])
    assert found is not None
    assert key() not in repr(found)
    assert found[0].print != (read_crypto([line(text=key(first=1))]) or found)[0].print


@pytest.mark.parametrize(
    ("profile", "policy", "used"),
    [
        ("RTP/AVP", "off", 0),
        ("RTP/AVP", "optional", 1),
        ("RTP/AVP", "required", None),
        ("RTP/SAVP", "off", None),
        ("RTP/SAVP", "optional", 1),
        ("rtp/savp", "required", 1),
        ("RTP/SAVPF", "optional", None),
        ("UDP/TLS/RTP/SAVP", "required", None),
    ],
)
def test_policies(profile: str, policy: str, used: int | None) -> None:
    found = usable_crypto(profile, [line()], policy)  # type: ignore[arg-type]
    assert (None if found is None else len(found)) == used
    if profile.upper() == "RTP/SAVP":
        assert usable_crypto(profile, [], policy) is None, "SAVP without a key"  # type: ignore[arg-type]


def test_our_lines_have_room_for_the_key_and_name_its_handle() -> None:
    for tag, (text, (suite, octets)) in enumerate(zip(offer_lines(0x1234), SUITES.items(), strict=True), 1):
        assert offered_suite(tag) == suite
        match = PLACEHOLDER.fullmatch(f"a={text}".encode())
        assert match is not None
        assert (match[2].decode(), int(match[3], 16)) == (suite, 0x1234)
        assert len(text.partition("inline:")[2]) == len(base64.b64encode(bytes(octets)))
    assert offered_suite(0) == offered_suite(len(SUITES) + 1) == ""
    own = own_line(Secured(handle=5, tag=9, suite=CM, print="", profile="RTP/AVP"))
    assert own[0].startswith(f"crypto:9 {CM} inline:keys-0000000000000005.")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=120))
def test_nothing_in_a_line_raises(text: str) -> None:
    read_crypto([f"crypto:{text}", f"crypto:1 {CM} inline:{text}", f"crypto:1 {text}"])
