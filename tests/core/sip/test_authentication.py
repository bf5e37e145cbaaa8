"""Digest authentication: examples of the RFCs, and whom an answer is never given."""

import hashlib
import re

import pytest

from edge.core.sip.authentication import Account, Authenticator, Challenge, Use, credentials, read, scan, strongest
from edge.core.sip.errors import SipError
from edge.vocabulary.private import Private

MUFASA = Account(user="Mufasa", auth_user="Mufasa", password=Private("Circle of Life"))
RFC_7616 = {
    "realm": "http-auth@example.org",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
}
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def fields(value: str) -> dict[str, str]:
    return {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^, ]+))', value)}


def one(text: str) -> Challenge:
    found = read(scan(text), "WWW-Authenticate")
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616_section_3_9_1(algorithm: str, response: str) -> None:
    challenge = Challenge(header="WWW-Authenticate", algorithm=algorithm, **RFC_7616)
    found = fields(credentials(challenge, MUFASA, Use("GET", "/dir/index.html", 1, CNONCE)))
    assert found["response"] == response
    assert (found["nc"], found["qop"], found["algorithm"]) == ("00000001", "auth", algorithm)
    assert (found["opaque"], found["cnonce"], found["username"]) == (RFC_7616["opaque"], CNONCE, "Mufasa")


def test_the_example_of_rfc_2617_section_3_5() -> None:
    account = Account(user="x", auth_user="Mufasa", password=Private("Circle Of Life"))
    challenge = one(
        'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",'
        ' opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    found = fields(credentials(challenge, account, Use("GET", "/dir/index.html", 1, "0a4f113b")))
    assert found["response"] == "6629fae49393a05397450978507c4ef1"
    assert "algorithm" not in found


def test_without_qop_it_is_the_digest_of_rfc_2069() -> None:
    # RFC 2069 section 2.4 with its erratum 749.
    account = Account(user="x", auth_user="Mufasa", password=Private("CircleOfLife"))
    challenge = one('Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"')
    found = fields(credentials(challenge, account, Use("GET", "/dir/index.html", 1, "unused")))
    assert found["response"] == "1949323746fe6a43ef61f9606e7febea"
    assert not {"nc", "cnonce", "qop"} & set(found)


def test_session_algorithms_need_the_cnonce_in_the_secret() -> None:
    plain = Challenge(header="WWW-Authenticate", algorithm="MD5", **RFC_7616)
    session = Challenge(header="WWW-Authenticate", algorithm="MD5-sess", **RFC_7616)
    use = Use("GET", "/dir/index.html", 1, CNONCE)

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    secret = md5(md5(f"Mufasa:{RFC_7616['realm']}:Circle of Life") + f":{RFC_7616['nonce']}:{CNONCE}")
    wanted = md5(f"{secret}:{RFC_7616['nonce']}:00000001:{CNONCE}:auth:" + md5("GET:/dir/index.html"))
    assert fields(credentials(session, MUFASA, use))["response"] == wanted
    assert fields(credentials(plain, MUFASA, use))["response"] != wanted


def test_of_several_challenges_the_strongest_is_answered() -> None:
    text = ", ".join(
        f'Digest realm="r", nonce="n{i}", qop="auth", algorithm={name}'
        for i, name in enumerate(("MD5", "SHA-256", "SHA-512-256", "SHA-512-256", "SHA-1024"))
    )
    found = read(scan(text), "Proxy-Authenticate")
    assert [one.algorithm for one in found] == ["MD5", "SHA-256", "SHA-512-256", "SHA-512-256"]
    best = strongest(found)
    assert best is not None
    assert (best.algorithm, best.nonce) == ("SHA-512-256", "n2")
    assert len(fields(credentials(best, MUFASA, Use("INVITE", "sip:a@b", 1, "c")))["response"]) == 64


@pytest.mark.parametrize(
    "text",
    [
        'Basic realm="r"',
        'Digest realm="r", nonce="n", algorithm=SHA-1024',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Digest realm="r"',
        'Digest nonce="n"',
        'Digest realm="r", nonce=""',
    ],
)
def test_what_cannot_be_answered_is_left_out(text: str) -> None:
    assert read(scan(text), "WWW-Authenticate") == []


@pytest.mark.parametrize("text", ["", "Digest", 'realm="r"', 'Digest realm="r', 'Digest realm="r";x=y', "Digest ,,,"])
def test_what_is_no_challenge_is_refused(text: str) -> None:
    with pytest.raises(SipError):
        scan(text)


def test_a_long_one_takes_linear_time() -> None:
    scan(", ".join(['Digest realm="' + "a\\\\" * 300 + '", nonce="n"'] * 40))
    with pytest.raises(SipError):
        scan('Digest realm="' + "\\a" * 20_000)


ACCOUNT = Account(user="u", auth_user="u", password=Private("p"))


def asked(
    realm: str = "provider", nonce: str = "n1", more: str = "", header: str = "WWW-Authenticate"
) -> dict[str, str]:
    return {header: f'Digest realm="{realm}", nonce="{nonce}", qop="auth"{more}'}


def test_the_first_realm_of_the_own_address_is_the_only_one() -> None:
    maker = Authenticator("seed")
    assert maker.choose("t", ACCOUNT, asked("elsewhere"), [], own_address=False) == ("foreign_realm", [])
    assert maker.choose("t", ACCOUNT, asked("provider"), [], own_address=True)[0] == "answered"
    assert maker.choose("t", ACCOUNT, asked("evil"), [], own_address=True) == ("foreign_realm", [])
    assert maker.choose("t", ACCOUNT, asked("provider"), [], own_address=False)[0] == "answered"
    # Another trunk learns for itself.
    assert maker.choose("u", ACCOUNT, asked("evil"), [], own_address=True)[0] == "answered"


def test_a_configured_realm_is_never_unlearned() -> None:
    maker = Authenticator("seed")
    account = Account(user="u", auth_user="u", password=Private("p"), realm="provider")
    assert maker.choose("t", account, asked("evil"), [], own_address=True) == ("foreign_realm", [])
    mixed = {"WWW-Authenticate": ", ".join(asked(realm)["WWW-Authenticate"] for realm in ("evil", "provider"))}
    verdict, chosen = maker.choose("t", account, mixed, [], own_address=True)
    assert (verdict, [one.realm for one in chosen]) == ("answered", ["provider"])


def test_asked_again_for_the_same_the_password_is_wrong() -> None:
    maker = Authenticator("seed")
    _, first = maker.choose("t", ACCOUNT, asked(nonce="n1"), [], own_address=True)
    assert maker.choose("t", ACCOUNT, asked(nonce="n2"), first, own_address=True) == ("rejected", [])
    verdict, again = maker.choose("t", ACCOUNT, asked(nonce="n2", more=", stale=TRUE"), first, own_address=True)
    assert (verdict, [one.nonce for one in again]) == ("answered", ["n2"])


def test_a_proxy_and_a_server_are_both_answered() -> None:
    maker = Authenticator("seed")
    _, first = maker.choose("t", ACCOUNT, asked(header="Proxy-Authenticate"), [], own_address=True)
    verdict, both = maker.choose("t", ACCOUNT, asked(nonce="n2"), first, own_address=True)
    assert verdict == "answered"
    headers = maker.headers("t", ACCOUNT, both, ("BYE", "sip:x@y"))
    assert set(headers) == {"Authorization", "Proxy-Authorization"}
    assert fields(headers["Authorization"])["nonce"] == "n2"
    assert fields(headers["Proxy-Authorization"])["nonce"] == "n1"


def test_the_use_of_a_nonce_is_counted_and_no_cnonce_comes_twice() -> None:
    maker = Authenticator("seed")
    _, chosen = maker.choose("t", ACCOUNT, asked(), [], own_address=True)
    made = [fields(maker.headers("t", ACCOUNT, chosen, ("BYE", "sip:x@y"))["Authorization"]) for _ in range(3)]
    assert [one["nc"] for one in made] == ["00000001", "00000002", "00000003"]
    assert len({one["cnonce"] for one in made}) == 3
    other = fields(Authenticator("another").headers("t", ACCOUNT, chosen, ("BYE", "sip:x@y"))["Authorization"])
    assert other["cnonce"] not in {one["cnonce"] for one in made}
    many = [Challenge(header="WWW-Authenticate", realm="r", nonce=f"m{i}") for i in range(1000)]
    for challenge in many:
        maker.headers("t", ACCOUNT, [challenge], ("BYE", "sip:x@y"))
    assert len(maker._used) <= 256


def test_the_password_is_in_nothing_that_can_be_shown() -> None:
    account = Account(user="u", auth_user="u", password=Private("very-secret"))
    assert "very-secret" not in repr(account)
