"""Front is killed while calls are in states that only front knows; none is cut, and what was in flight arrives."""

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest

from tests.support.appliance import TONES
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until
from tests.system.conftest import Bench
from tests.system.flows import hears
from tests.system.test_kills import kill_span, runs_again

pytestmark = pytest.mark.system


def leg_of(bench: Bench, number: int) -> dict[str, str]:
    """The first leg of the `number`-th call that is up."""
    return dict(bench.edge.live_calls()[number]["legs"][0])


def begin(bench: Bench, phone: Softphone | None = None) -> Call:
    """A call that is answered; tried again while all spans are full and another one is being made."""

    def answered() -> Call | None:
        call = (phone or bench.caller).call(bench.edge.uri)
        until(lambda: call.final, 15, "a final response")
        return call if call.answered else None

    found = until(answered, 20, "a span with room")
    assert found is not None
    return found


@contextlib.contextmanager
def front_stopped(bench: Bench) -> Iterator[None]:
    """Front does nothing; what is sent to it waits in its sockets. Then it is killed, and another one begins."""
    old = bench.edge.pid("front")
    os.kill(old, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(old, signal.SIGKILL)
    until(lambda: runs_again(bench, "front", old), 10, "another front")
    bench.edge.wait_ready()


def adopted(bench: Bench) -> Call:
    """A call whose span is dead."""
    call = begin(bench)
    hears(call, TONES["welcome"])
    kill_span(bench, leg_of(bench, 0)["span"])
    until(lambda: leg_of(bench, 0)["span"] == "front", 10, "front has the leg")
    return call


def test_nothing_is_cut_whatever_is_in_flight(bench: Bench) -> None:
    """Also seen: a call without an ACK gives its media slot back in 10 s, and its peer hears the 200 all the same."""
    without_span = adopted(bench)
    patient = Softphone(bench.caller.address, tone_hz=700)
    patient.acknowledges = False
    with patient:
        half_open = begin(bench, patient)
        until(lambda: len(bench.edge.live_calls()) == 2, 5, "two calls")
        assert leg_of(bench, 1)["signalling"] == "answering"
        asked = begin(bench, patient)  # its first ACK goes, that of its re-INVITE does not
        asked.acknowledge()
        hears(asked, TONES["welcome"])
        asked.reinvite("sendrecv")
        until(lambda: asked.last_reinvite == 200 and asked.unacknowledged, 10, "200 to the re-INVITE")
        asking, leaving, left = begin(bench), begin(bench), begin(bench)
        hears(left, TONES["welcome"])
        left.withholds = {"BYE"}
        left.audio.press("0")  # the menu hangs up
        until(lambda: "BYE" in left.withheld, 10, "our BYE")
        with front_stopped(bench):
            asking.reinvite("sendrecv", new_port=True)
            leaving.bye()
            asked.acknowledge()
        until(lambda: asking.last_reinvite == 200, 10, "200 to the re-INVITE that waited for the next front")
        leaving.wait_ended()
        repeated = len(left.requests("BYE"))
        until(lambda: len(left.requests("BYE")) > repeated, 10, "our BYE once more")
        left.answer_withheld()
        left.wait_ended()
        for call in (without_span, asked, asking):
            hears(call, TONES["welcome"])
            assert call.state == "answered"
        end = bench.edge.wait_event("call.ended", half_open_id(bench), limit_s=12)["data"]["end"]
        assert (end["outcome"], end["sip_code"], end["text"]) == ("failed", 408, "no ACK of our answer")
        until(lambda: slots_taken(bench) == 3, 5, "its media slot is free")
        heard = len(half_open.received)
        until(lambda: len(half_open.received) > heard, 6, "the 200 again")
        assert half_open.received[-1].status == 200
        half_open.acknowledge()
        half_open.wait_ended()
        for call in (without_span, asked, asking):
            call.bye()
            call.wait_ended()
    until(lambda: not bench.edge.live_calls(), 10, "all calls ended")
    ends = [e["data"]["end"]["outcome"] for e in bench.edge.events() if e["type"] == "call.ended"]
    assert sorted(ends) == ["completed"] * 5 + ["failed"]


def half_open_id(bench: Bench) -> str:
    """The call that began second."""
    return str([e["subject"] for e in bench.edge.events() if e["type"] == "call.started"][1])


def slots_taken(bench: Bench) -> int:
    """Media slots that switch has given out."""
    return sum(leg["media"] != "closed" for call in bench.edge.live_calls() for leg in call["legs"])
