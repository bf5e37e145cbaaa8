"""An appliance with addresses of both families: calls from IPv6, and from IPv4 to IPv6, over kills of its processes."""

import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.addresses import address as loopback_address
from tests.support.appliance import MENU, TONES, Appliance, write_site
from tests.support.baresip import Baresip, baresip
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears
from tests.system.test_peers import heard

pytestmark = pytest.mark.system

HOST = "::1"


def free_port() -> int:
    with socket.create_server((HOST, 0), family=socket.AF_INET6) as probe:
        return int(probe.getsockname()[1])


class Both(NamedTuple):
    """An appliance, and a phone on IPv6 that is its trunk `six` and sends 800 Hz."""

    edge: Appliance
    phone: Baresip


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    with (
        loopback_address() as at,
        baresip(tmp_path / "baresip", 800, user="555", ipv6=True, account=";answermode=auto") as phone,
    ):
        edge = Appliance(at, tmp_path)
        write_site(
            edge,
            sip=f'port = {free_port()}\naddress6 = "{HOST}"',
            media=f"first_port = {random.randrange(20_000, 30_000, 2)}",
            menu=MENU.replace('"sip:target@TARGET"', '"555", trunk: six'),
            extra=f'[[trunks]]\nname = "six"\nsources = ["{HOST}"]\naddress = "[{HOST}]:{phone.sip_port}"\n',
        )
        edge.start()
        try:
            yield Both(edge, phone)
            edge.check_histories()
        finally:
            edge.stop()


def test_calls_of_both_families(both: Both, tmp_path: Path) -> None:
    edge, phone = both
    status = edge.status()
    with Softphone(edge.address, tone_hz=700) as caller:
        call = caller.call(f"sip:100@{status['sip']}").wait_answered()
        hears(call, TONES["welcome"])
        call.audio.press("9")
        phone.wait_for("CALL_ESTABLISHED")
        hears(call, 800)
        until(lambda: heard(phone.heard_files(), 700), 20, "the phone on IPv6 hears the caller on IPv4")
        (live,) = edge.live_calls()
        rtp = [leg["rtp"] for leg in edge.control(what="request", process="switch", request="call",
                                                  body={"id": live["id"]})["body"]["legs"]]  # fmt: skip
        assert [address.startswith(f"[{HOST}]:") for address in rtp] == [False, True]
        edge.kill("media")
        edge.wait_restarted("front", edge.kill("front"))
        hears(call, 800)
        before = phone.heard_files()[0].stat().st_size
        until(lambda: phone.heard_files()[0].stat().st_size > before + 16_000, 20, "it is sent audio")
        assert heard(phone.heard_files(), 700)
        call.bye()
        phone.wait_for("CALL_CLOSED")
    edge.wait_event("call.ended")

    phone.command("dial", f"sip:100@{status['sip6']}")
    until(lambda: heard(phone.heard_files()[1:], TONES["welcome"]), 20, "the caller on IPv6 hears the welcome")
    phone.command("sndcode", "1")
    edge.wait_event("dtmf.received", edge.last_call())
    until(lambda: heard(phone.heard_files()[1:], TONES["one"]), 20, "and the next prompt")
    phone.command("hangup")
    assert edge.wait_event("call.ended", count=2)["data"]["end"]["outcome"] == "completed"
    qualities = [e["data"] for e in edge.events() if e["type"] == "leg.quality"]
    assert len(qualities) == 3
    assert all(int(quality["packets_received"]) > 50 for quality in qualities)
