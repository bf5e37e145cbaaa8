"""Ways to bring a call into the state that a test is about; each checks that the state is reached."""

from typing import Protocol

from tests.support.appliance import TONES, Appliance
from tests.support.backend import Backend
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until


class Place(Protocol):
    """An appliance, a caller, and the target of its transfers; they send 700 and 900 Hz."""

    edge: Appliance
    caller: Softphone
    target: Softphone


class Bench(Place, Protocol):
    """The same with a backend."""

    backend: Backend


def hears(call: Call, hz: int, limit_s: float = 15) -> None:
    """Wait until the far end is heard at `hz`."""
    until(lambda: call.audio.hears(hz), limit_s, f"hears {hz} Hz; {call.responses} {call.state}")


def in_menu(bench: Place) -> Call:
    """A caller who hears the welcome prompt."""
    call = bench.caller.call(bench.edge.uri).wait_answered()
    hears(call, TONES["welcome"])
    return call


def dialled(bench: Place) -> tuple[Call, Call]:
    """A caller whose transfer has reached the target, which has not answered: (caller's call, target's call)."""
    call = in_menu(bench)
    call.audio.press("9")
    return call, bench.target.expect_call()


def ringing(bench: Place) -> tuple[Call, Call]:
    """A caller whose transfer target rings: (caller's call, target's call)."""
    call, there = dialled(bench)
    there.ring()
    hears(call, TONES["ringing"])
    return call, there


def talking(bench: Place) -> tuple[Call, Call]:
    """A caller and the target who hear each other."""
    call, there = ringing(bench)
    there.accept()
    hears(call, 900)
    hears(there, 700)
    return call, there


def ended_once(bench: Bench, outcome: str) -> dict[str, object]:
    """Wait for the one `call.ended` of the last call, at the outbox and at the backend; its data."""
    call = bench.edge.last_call()
    event = bench.edge.wait_event("call.ended", call)
    assert event["data"]["end"]["outcome"] == outcome, event["data"]
    until(lambda: "call.ended" in bench.backend.types(call), 20, "call.ended at the backend")
    assert bench.backend.types(call) == bench.edge.types(call)
    return dict(event["data"])
