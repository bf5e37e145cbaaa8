import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import kinds


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("5s", 5000), ("1500ms", 1500), ("2.5s", 2500), ("1m", 60_000), ("4h", 14_400_000), (" 1s ", 1000), ("0.001s", 1)],
)
def test_durations(text: str, milliseconds: int) -> None:
    assert kinds.duration_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1 s", "1d", "0.5ms", "1e3s", "٣s", "1s2s"])
def test_what_is_no_duration(text: str) -> None:
    assert kinds.duration_ms(text) is None


@pytest.mark.parametrize(
    "uri",
    [
        "sip:echo@127.0.0.1:5070",
        "SIP:bob@example.org",
        "sip:example.org",
        "sip:+49301234@example.org;user=phone",
        "sip:a%20b@[2001:db8::1]:5060;transport=udp;lr",
        "sip:x@host-1.example.org.",
    ],
)
def test_uris_that_can_be_dialled(uri: str) -> None:
    assert kinds.sip_uri_fault(uri) == ""


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "sip:",
        "sip:@x",
        "bob@example.org",
        "tel:+4930",
        "sip:a@exa mple.org",
        "sip:a@1.2.3.400",
        "sip:a@example.org:0",
        "sip:a@example.org:65536",
        "sip:a@[::1",
        "sip:a@b@c d",
        "sip:a@example.org?Subject=x",
        "sip:a@example.org;transport=",
        "sip:a@example.org;",
        "sip:a\r\nX: y@example.org",
        "sip:" + "a" * 300 + "@example.org",
        "sip:ä@example.org",
    ],
)
def test_uris_that_cannot(uri: str) -> None:
    assert kinds.sip_uri_fault(uri) != ""


def test_a_network_with_host_bits_is_told_the_network() -> None:
    assert "192.0.2.0/24" in kinds.network_fault("192.0.2.7/24")


@pytest.mark.parametrize(
    ("text", "fine"),
    [("*", True), ("49*", True), ("+49", True), ("demo", True), ("4*9", False), ("", False), ("a b", False)],
)
def test_route_numbers(text: str, fine: bool) -> None:
    assert (kinds.route_number_fault(text) == "") is fine


def test_a_secret_is_never_repeated() -> None:
    for secret in ("hunter2", "whsec_hunter2", "whsec_aHVudGVyMg=="):
        assert "hunter2" not in kinds.webhook_secret_fault(secret)
        assert kinds.webhook_secret_fault(secret)


@settings(deadline=None)  # the first one that asks for holidays loads them
@given(st.sampled_from(sorted(kinds.FAULTS)), st.text(max_size=40))
def test_no_check_raises(kind: str, text: str) -> None:
    assert isinstance(kinds.FAULTS[kind](text), str)


@given(st.text(max_size=60))
def test_splitting_never_raises_and_ports_are_ports(text: str) -> None:
    kinds.sip_uri_fault("sip:a@" + text)
    split = kinds.split_host_port(text)
    assert split is None or split[1] is None or 0 < split[1] < 65536
