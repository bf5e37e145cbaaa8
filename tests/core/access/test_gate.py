"""Who is let in, and what of numbers is left."""

import pytest

from edge.core.access.gate import FAILURES, Gate, Holder, Refusal, bearer_of, hash_of
from edge.core.access.masking import masked
from edge.vocabulary.access import ROLES, Role, allows


def gate_of(*holders: Holder) -> Gate:
    gate = Gate()
    gate.configure(holders)
    return gate


def holder(name: str = "crm", role: Role = "operator", rate: int = 10, burst: int = 2) -> Holder:
    return Holder(name, hash_of(f"edge_{name}"), role, rate, burst)


def admit(gate: Gate, token: str, now_ms: int, least: Role = "viewer", source: str = "192.0.2.1") -> Holder | Refusal:
    return gate.admit(f"Bearer {token}", least, source, now_ms)


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer x", "x"), ("bearer  x ", "x"), ("Basic x", ""), ("Bearer", ""), (None, ""), ("Bearer " + "x" * 600, "")],
)
def test_a_bearer_token_is_read_from_its_header(header: str | None, token: str) -> None:
    assert bearer_of(header) == token


def test_each_role_may_what_those_before_it_may() -> None:
    for at, least in enumerate(ROLES):
        assert [allows(role, least) for role in ROLES] == [rank >= at for rank in range(len(ROLES))]


def test_a_token_is_known_by_its_hash_alone() -> None:
    gate = gate_of(holder("a"), holder("b", "viewer"))
    found = admit(gate, "edge_b", 0)
    assert isinstance(found, Holder)
    assert found.name == "b"
    refused = admit(gate, hash_of("edge_b"), 0)
    assert isinstance(refused, Refusal)
    assert refused.status == 401
    weak = admit(gate, "edge_b", 0, "operator")
    assert isinstance(weak, Refusal)
    assert (weak.status, weak.why) == (403, "role")


def test_a_token_that_comes_too_often_waits_and_others_do_not() -> None:
    gate = gate_of(holder("a"), holder("b"))
    assert [isinstance(admit(gate, "edge_a", 1000), Holder) for _ in range(3)] == [True, True, False]
    assert isinstance(admit(gate, "edge_b", 1000), Holder)
    assert isinstance(admit(gate, "edge_a", 1100), Holder)
    # A reload gives nobody back what is used up, but for who has new settings.
    gate.configure([holder("a"), holder("b", rate=20)])
    refused = admit(gate, "edge_a", 1100)
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.retry_after_s) == (429, 1)


def test_wrong_tokens_of_one_source_are_slowed_and_it_may_try_again() -> None:
    gate = gate_of(holder(burst=1000))
    tries = [admit(gate, f"wrong{n}", 0) for n in range(FAILURES + 5)]
    assert [one.status for one in tries if isinstance(one, Refusal)] == [401] * FAILURES + [429] * 5
    assert isinstance(admit(gate, "edge_crm", 0), Holder)  # a proxy's other clients
    other = admit(gate, "wrong", 0, source="192.0.2.2")
    assert isinstance(other, Refusal)
    assert other.status == 401
    later = admit(gate, "wrong", 3_001)
    assert isinstance(later, Refusal)
    assert later.status == 401


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("+4930901820123", "***123"),
        ("sip:+4930901820123@192.0.2.17:5060", "***123"),
        ("sip:ann@192.0.2.117", "***"),
        ("4711", "***"),
        ("123456", "***"),
        ("5", "***"),
        ("Ann 1234567", "***567"),
        ("\u0661\u0662\u0663\u0664\u0665\u0666\u0667", "***"),
    ],
)
def test_of_a_number_three_digits_are_left_and_of_all_else_nothing(text: str, shown: str) -> None:
    assert masked(text) == shown
