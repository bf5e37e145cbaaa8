"""An appliance on IPv6: baresip calls it on ::1, hears its menu and is heard, through a kill of front."""

import random
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.addresses import address as loopback_address
from tests.support.appliance import TONES, Appliance, write_site
from tests.support.baresip import baresip
from tests.support.waiting import until
from tests.system.test_peers import heard

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed"),
]

HOST = "::1"


def free_port() -> int:
    with socket.create_server((HOST, 0), family=socket.AF_INET6) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Appliance]:
    with loopback_address() as at:
        made = Appliance(at, tmp_path)
        write_site(made, media=f"first_port = {random.randrange(20_000, 30_000, 2)}")
        text = made.site.read_text()
        text = text.replace(f'address = "{at}"', f'address = "{HOST}"\nport = {free_port()}', 1)
        made.site.write_text(text.replace('sources = ["127.0.0.0/8"]', f'sources = ["{HOST}"]'))
        made.start()
        try:
            yield made
            made.check_histories()
        finally:
            made.stop()


def test_baresip_calls(edge: Appliance, tmp_path: Path) -> None:
    with baresip(tmp_path / "baresip", ipv6=True) as phone:
        phone.command("dial", f"sip:100@{edge.status()['sip']}")
        phone.wait_for("CALL_ESTABLISHED")
        until(lambda: heard(phone.heard_files(), TONES["welcome"]), 20, "baresip hears the welcome")
        edge.wait_restarted("front", edge.kill("front"))
        phone.command("sndcode", "1")
        assert edge.wait_event("dtmf.received")["data"]["digit"] == "1"
        until(lambda: heard(phone.heard_files(), TONES["one"]), 20, "baresip hears the next prompt")
        phone.command("hangup")
        assert edge.wait_event("call.ended")["data"]["end"]["outcome"] == "completed"
    (quality,) = [e["data"] for e in edge.events() if e["type"] == "leg.quality"]
    assert int(quality["packets_received"]) > 50
