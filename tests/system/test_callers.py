"""Who calls, from one trunk through the appliance to the backend and to another trunk."""

import pytest

from tests.support.appliance import TONES
from tests.system.conftest import Bench
from tests.system.flows import ended_once, hears, talking

pytestmark = [pytest.mark.system, pytest.mark.shared]

CARRIER = """trust_identity = true
country = "DE"
headers = ["X-Account"]
send_identity = "pai"
send_diversion = true
[[routes]]
number = "+49301234*"
menu = "main"
"""


@pytest.mark.parametrize("bench", [{"trunk": CARRIER}], indirect=True)
def test_a_caller_is_told_to_the_backend_and_to_the_target(bench: Bench) -> None:
    called = bench.edge.uri.replace("sip:100@", "sip:0301234567@")
    call = bench.caller.call(
        called,
        headers={
            "P-Asserted-Identity": '"Bea" <sip:030765432@carrier.example>',
            "Privacy": "id",
            "Diversion": "<sip:+4940123456@carrier.example>;reason=no-answer",
            "X-Account": "4711",
            "X-Other": "0815",
        },
    ).wait_answered()
    hears(call, TONES["welcome"])
    call.audio.press("9")
    there = bench.target.expect_call()
    invite = there.requests("INVITE")[0]
    assert "anonymous.invalid" in invite.get("From")
    assert invite.get("Privacy") == "id"
    assert "<sip:030765432@" in invite.get("P-Asserted-Identity")
    assert invite.get("Diversion").startswith("<sip:+49301234567@")
    assert "+4940123456" in invite.get("Diversion")
    assert invite.get("X-Account") == "4711"
    assert invite.get("X-Other") == ""
    there.accept()
    hears(there, 700)
    call.bye()
    ended_once(bench, "completed")
    started = bench.edge.wait_event("call.started", bench.edge.last_call())["data"]
    assert (started["caller"], started["caller_e164"]) == ("030765432", "+4930765432")
    assert (started["called"], started["called_e164"]) == ("0301234567", "+49301234567")
    assert (started["caller_asserted"], started["caller_withheld"]) == (True, True)
    assert (started["diverted_from"], started["diversion_reason"]) == (["+4940123456"], "no-answer")
    assert started["headers"] == {"X-Account": "4711"}
    assert "30765432" not in bench.edge.log.read_text()


def test_a_caller_on_a_plain_trunk_is_who_from_says(bench: Bench) -> None:
    call, there = talking(bench)
    invite = there.requests("INVITE")[0]
    assert invite.get("P-Asserted-Identity") == invite.get("Diversion") == invite.get("Privacy") == ""
    call.bye()
    there.wait_ended()
    ended_once(bench, "completed")
