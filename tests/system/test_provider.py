"""A whole appliance that is registered at a provider (Kamailio), which challenges its requests and goes for a while."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.addresses import address as loopback_address
from tests.support.appliance import MENU, TONES, Appliance, appliance
from tests.support.provider import PASSWORD, PORT, REALM, USER, Kamailio, kamailio
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system


class Place(NamedTuple):
    """An appliance, its provider, and two phones that are reached through that: 700 and 900 Hz."""

    edge: Appliance
    provider: Kamailio
    caller: Softphone
    target: Softphone


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with (
        loopback_address() as at,
        loopback_address() as provider_at,
        loopback_address() as behind,
        Softphone(behind, tone_hz=700, user="alice") as caller,
        Softphone(behind, tone_hz=900, user="555") as target,
        kamailio(
            provider_at, tmp_path, algorithm="SHA-256", callee=behind, callee_port=target.port
        ) as provider,
        appliance(
            at, tmp_path,
            menu=MENU.replace('"sip:target@TARGET"', '"555", trunk: provider'),
            extra=f"""
[[routes]]
number = "{USER}"
menu = "main"
[[trunks]]
name = "provider"
address = "{provider_at}:{PORT}"
register = true
user = "{USER}"
password = "{PASSWORD}"
realm = "{REALM}"
qualify = "1s"
qualify_misses = 1
""",
        ) as edge,
    ):  # fmt: skip
        yield Place(edge, provider, caller, target)
        edge.check_histories()


def hear_each_other(one: Call, other: Call) -> None:
    hears(one, 900)
    hears(other, 700)


def test_calls_through_a_provider_that_goes_away_in_between(place: Place) -> None:
    edge, provider, caller, target = place
    edge.wait_event("trunk.registered")
    call = caller.call(f"sip:{USER}@{provider.host}", via=(provider.host, PORT)).wait_answered()
    hears(call, TONES["welcome"])
    call.audio.press("9")
    there = target.expect_call()
    there.ring()
    there.accept()
    hear_each_other(call, there)

    provider.stop()
    edge.wait_event("trunk.down")
    provider.start()  # with no memory of its customers
    edge.wait_event("trunk.up", count=2)
    hear_each_other(call, there)
    until(lambda: _is_reached(place), 20, "a call that comes in")

    # Our re-INVITE is challenged as our INVITE was.
    held = {"id": call_of(edge, "call.answered"), "leg": "2", "on": True}
    edge.control(what="request", process="switch", request="hold", body=held)
    until(
        lambda: _directions(there) in (["sendrecv", "sendonly"], ["sendrecv", "inactive"]),
        15,
        f"the hold: {_directions(there)}",
    )
    edge.wait_event("leg.held", held["id"])  # the answer is in: until then the leg is being held
    edge.control(what="request", process="switch", request="hold", body={**held, "on": False})
    until(lambda: _directions(there)[2:] == ["sendrecv"], 15, f"the way back: {_directions(there)}")
    hear_each_other(call, there)

    # What comes after it in the dialogs goes through it, too.
    there.reinvite("sendonly")
    until(lambda: there.last_reinvite == 200, 10, "the answer to the re-INVITE")
    until(lambda: call.audio.hears(900), 10, "the target is still heard")
    there.reinvite()
    until(lambda: there.last_reinvite == 200, 10, "the answer to the re-INVITE")
    hear_each_other(call, there)
    call.bye()
    there.wait_ended()
    assert there.ended_by == "them", "our BYE, which was challenged"
    assert (call.audio.lost(), there.audio.lost()) == (0, 0), "the talk never stopped"
    assert edge.wait_event("call.ended", call_of(edge, "call.answered"))["data"]["end"]["outcome"] == "completed"
    until(lambda: all(t.count("call.ended") == 1 for t in _histories(edge)), 20, "the end of all calls")
    assert PASSWORD not in edge.log.read_text()


def _directions(call: Call) -> list[str]:
    """Of each offer of ours that has got past the provider."""
    bodies = [message.body for message in call.requests("INVITE") if message.body]
    words = ("sendonly", "recvonly", "inactive", "sendrecv")
    return [next((word for word in words if f"a={word}" in body), "sendrecv") for body in dict.fromkeys(bodies)]


def call_of(edge: Appliance, kind: str) -> str:
    return str(next(event["subject"] for event in edge.events() if event["type"] == kind))


def _histories(edge: Appliance) -> list[list[str]]:
    calls = {event["subject"] for event in edge.events() if event["type"] == "call.started"}
    return [edge.types(call) for call in calls]


def _is_reached(place: Place) -> bool:
    """Whether a second caller gets through: the provider knows again where we are."""
    call = place.caller.call(f"sip:{USER}@{place.provider.host}", via=(place.provider.host, PORT))
    until(lambda: call.final is not None, 15, "an answer")
    if call.answered:
        hears(call, TONES["welcome"])
        call.bye()
        return True
    assert call.final == 404
    time.sleep(0.2)
    return False
