"""Calls over TLS with keys of SRTP in them: baresip, whose TLS and SRTP are its own, calls and is called."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.addresses import address as loopback_address
from tests.support.appliance import TONES, Appliance, appliance
from tests.support.baresip import HOST, baresip
from tests.support.certificates import Authority
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears
from tests.system.test_peers import heard

pytestmark = pytest.mark.system


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def edge(tmp_path: Path, authority: Authority, request: pytest.FixtureRequest) -> Iterator[Appliance]:
    """An appliance that takes calls over TLS only with SRTP, or (`request.param`) as the trunk says."""
    with loopback_address() as at:
        pair = authority.issue(at)
        trunk = f'tls_ca = "{authority.root}"\n{getattr(request, "param", "")}'
        with appliance(
            at, tmp_path, trunk=trunk, sip=f'certificate = "{pair.certificate}"\nkey = "{pair.key}"'
        ) as made:
            yield made
            made.check_histories()


@pytest.mark.parametrize("edge", ['srtp = "required"'], indirect=True)
def test_baresip_calls_by_tls_with_srtp(edge: Appliance, tmp_path: Path, authority: Authority) -> None:
    own = authority.issue(HOST)
    phone_at = tmp_path / "baresip"
    with baresip(phone_at, account=";mediaenc=srtp-mand", encryption=True, tls=(own, authority.root)) as phone:
        phone.command("dial", f"sip:100@{edge.address}:5061")  # its account says TLS
        phone.wait_for("CALL_ESTABLISHED")
        until(lambda: heard(phone.heard_files(), TONES["welcome"]), 20, "baresip hears the welcome")
        edge.control(what="reload")
        phone.command("sndcode", "1")
        assert edge.wait_event("dtmf.received")["data"]["digit"] == "1"
        until(lambda: heard(phone.heard_files(), TONES["one"]), 20, "baresip hears the next prompt")
        phone.command("hangup")
        assert edge.wait_event("call.ended")["data"]["end"]["outcome"] == "completed"
    figures = [e["data"] for e in edge.events() if e["type"] == "leg.quality"]
    assert [f["srtp"] for f in figures] == [True]


@pytest.mark.parametrize("edge", ['srtp = "required"'], indirect=True)
def test_keys_by_udp_are_refused(edge: Appliance, tmp_path: Path) -> None:
    with baresip(tmp_path / "baresip", account=";mediaenc=srtp-mand", encryption=True) as phone:
        phone.command("dial", f"sip:100@{edge.address}:5060")
        phone.wait_for("CALL_CLOSED")
    assert edge.events() == []


@pytest.mark.parametrize("edge", ['srtp = "optional"'], indirect=True)
def test_baresip_is_called_by_tls_with_srtp(edge: Appliance, tmp_path: Path, authority: Authority) -> None:
    """A plain caller over UDP is connected to a phone that is called by TLS, where our offer has keys."""
    own = authority.issue(HOST)
    account = ";mediaenc=srtp;answermode=auto"
    with (
        loopback_address() as caller_at,
        Softphone(caller_at, tone_hz=700) as caller,
        baresip(tmp_path / "baresip", 900, account=account, encryption=True, tls=(own, authority.root)) as phone,
    ):
        menu = edge.folder / "menus" / "main.yaml"
        target = f'"sip:tester@{HOST}:{phone.tls_port};transport=tls"'
        menu.write_text(menu.read_text().replace('"sip:target@127.0.0.1:9"', target))
        edge.control(what="reload")
        call = caller.call(edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        call.audio.press("9")
        hears(call, 900)
        until(lambda: heard(phone.heard_files(), 700), 20, "baresip hears the caller")
        call.bye()
        edge.wait_event("call.ended")
    figures = [e["data"] for e in edge.events() if e["type"] == "leg.quality"]
    assert sorted((f["leg"][-1], f["srtp"]) for f in figures) == [("1", False), ("2", True)]
