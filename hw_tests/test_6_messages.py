"""A short message to the device itself: sent, and received."""

import pytest

from edge.cli.hw_bench import Bench
from edge.core.lines.words import Identified, SendSms, SmsReceived, SmsSent
from edge.vocabulary.private import Private

TEXT = "edge: a message to myself, €"


def test_a_message_to_itself(
    bench: Bench, identity: Identified, request: pytest.FixtureRequest, figures: dict[str, object]
) -> None:
    number = request.config.getoption("sms")
    if not bench.profile.dialogue.sms:
        pytest.skip("the profile has no messages")
    if not number:
        pytest.skip("--sms NUMBER of the device's own SIM")
    place = bench.tell(SendSms(Private(number), Private(TEXT)))
    sent = bench.wait(60, SmsSent, since=place)
    assert sent.text == ""
    received = bench.wait(180, SmsReceived, since=place, fits=lambda one: one.text.reveal() == TEXT)
    figures["received_after_s"] = round(bench.seconds_between(sent, received), 1)
