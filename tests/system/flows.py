"""Ways to bring a call into the state that a test is about; each checks that the state is reached."""

from tests.support.appliance import TONES
from tests.support.softphone import Call
from tests.support.waiting import until
from tests.system.conftest import Bench


def hears(call: Call, hz: int, limit_s: float = 15) -> None:
    """Wait until the far end is heard at `hz`."""
    until(lambda: call.audio.hears(hz), limit_s, f"hears {hz} Hz; {call.responses} {call.state}")


def in_menu(bench: Bench) -> Call:
    """A caller who hears the welcome prompt."""
    call = bench.caller.call(bench.edge.uri).wait_answered()
    hears(call, TONES["welcome"])
    return call


def ringing(bench: Bench) -> tuple[Call, Call]:
    """A caller whose transfer target rings: (caller's call, target's call)."""
    call = in_menu(bench)
    call.audio.press("9")
    there = bench.target.expect_call()
    there.ring()
    hears(call, TONES["ringing"])
    return call, there


def talking(bench: Bench) -> tuple[Call, Call]:
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
