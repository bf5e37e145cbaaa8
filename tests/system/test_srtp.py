"""Encrypted calls with a softphone whose SRTP is its own: baresip, over everything that carries a call."""

import shutil
from pathlib import Path

import pytest

from tests.support.appliance import TONES
from tests.support.baresip import Baresip, baresip
from tests.support.waiting import until
from tests.system.conftest import Bench
from tests.system.flows import ended_once
from tests.system.test_peers import heard

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed"),
]

optional = pytest.mark.parametrize("bench", [{"trunk": 'srtp = "optional"'}], indirect=True)
required = pytest.mark.parametrize("bench", [{"trunk": 'srtp = "required"'}], indirect=True)


def secure_phone(folder: Path, how: str, **more):  # type: ignore[no-untyped-def]
    return baresip(folder, account=f";mediaenc={how}", modules=("srtp",), **more)


def dial(bench: Bench, phone: Baresip) -> None:
    phone.command("dial", bench.edge.uri)
    phone.wait_for("CALL_ESTABLISHED")
    until(lambda: heard(phone.heard_files(), TONES["welcome"]), 20, "baresip hears the welcome")


@optional
@pytest.mark.parametrize("how", ["srtp", "srtp-mand"])
def test_baresip_calls_encrypted_and_is_connected_with_a_plain_phone(bench: Bench, tmp_path: Path, how: str) -> None:
    with secure_phone(tmp_path / "baresip", how) as phone:
        dial(bench, phone)
        phone.command("sndcode", "1")
        assert bench.edge.wait_event("dtmf.received")["data"]["digit"] == "1"
        until(lambda: heard(phone.heard_files(), TONES["one"]), 20, "baresip hears the next prompt")
        phone.command("sndcode", "9")
        call = bench.target.expect_call()
        call.ring()
        call.accept()
        until(lambda: call.audio.hears(800), 20, "the plain phone hears baresip")
        until(lambda: heard(phone.heard_files(), 900), 20, "baresip hears the plain phone")
        bench.edge.wait_restarted("media", bench.edge.kill("media"))
        until(lambda: call.audio.hears(800), 20, "after a kill of the engine, too")
        until(lambda: heard(phone.heard_files(), 900), 20, "both ways")
        phone.command("hangup")
        log = (tmp_path / "baresip" / "baresip.log").read_text(errors="replace")
    ended_once(bench, "completed")
    assert "SRTP is Enabled" in log, log[-2000:]
