"""Encrypted calls with a softphone whose SRTP is its own (baresip), over everything that carries a call."""

import base64
import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import soundfile

from edge.runtime.key_table import KeyTable, local_key
from tests.support import tones
from tests.support.addresses import address as loopback_address
from tests.support.appliance import TONES, Appliance
from tests.support.baresip import Baresip, baresip
from tests.support.pjsua_phone import pjsua_phone
from tests.support.waiting import until
from tests.system.conftest import Bench
from tests.system.flows import ended_once, hears
from tests.system.test_peers import heard

pytestmark = pytest.mark.system

OPTIONAL = {"trunk": 'srtp = "optional"\nsrtp_without_tls = true'}
REQUIRED = {"trunk": 'srtp = "required"\nsrtp_without_tls = true'}
#: RTCP packets of a call that this baresip does not encrypt (an APP that opens pinholes, and its BYE): rightly refused.
IN_THE_CLEAR = 2


def phone_with(folder: Path, how: str, more: str = "") -> AbstractContextManager[Baresip]:
    """baresip that encrypts: `srtp` offers it (RTP/AVP), `srtp-mand` and `srtp-mandf` insist."""
    return baresip(folder, account=f";mediaenc={how}{more}", encryption=True)


def in_menu(bench: Bench, phone: Baresip) -> None:
    phone.command("dial", bench.edge.uri)
    phone.wait_for("CALL_ESTABLISHED")
    until(lambda: heard(phone.heard_files(), TONES["welcome"]), 20, "baresip hears the welcome")


def memory_of(edge: Appliance, name: str) -> int:
    """A descriptor of a shared memory of the appliance."""
    assert edge.process is not None
    for entry in Path(f"/proc/{edge.process.pid}/fd").iterdir():
        if f"memfd:{name} " in f"{entry.readlink()} ":
            return os.open(entry, os.O_RDWR)
    raise AssertionError(f"no memory {name}")


def secrets_of(edge: Appliance) -> list[bytes]:
    """Every key and seed in the key table, raw and in base64."""
    fd = memory_of(edge, "key_table")
    found: list[bytes] = []
    table = KeyTable(fd)
    raw = os.pread(fd, os.fstat(fd).st_size, 0)
    for at in range(0, len(raw), 128):
        handle = int.from_bytes(raw[at + 8 : at + 16], "little")
        record = table.read(handle) if handle else None
        if record is not None and record.suite:
            found += [record.seed, record.remote, local_key(record.seed, record.suite)]
    os.close(fd)
    return [*found, *map(base64.b64encode, found)]


def assert_nowhere(secrets: list[bytes], bench: Bench, folder: Path) -> None:
    """No file that the appliance wrote has any of the secrets, nor has anything that the backend was sent."""
    assert len(secrets) >= 6
    for path in [bench.edge.log, *bench.edge.state.rglob("*"), *bench.edge.recordings.rglob("*")]:
        if path.is_file():
            data = path.read_bytes()
            assert not [secret for secret in secrets if secret in data], path
    memory = memory_of(bench.edge, "front_table")
    tables = os.pread(memory, os.fstat(memory).st_size, 0)
    os.close(memory)
    assert not [secret for secret in secrets if secret in tables]
    told = repr(bench.edge.events()).encode()
    assert not [secret for secret in secrets if secret in told]


def end(bench: Bench) -> dict[str, object]:
    """Wait for the end; quality figures of the caller's leg."""
    ended_once(bench, "completed")
    found = [e["data"] for e in bench.edge.events() if e["type"] == "leg.quality"]
    return next(dict(figures) for figures in found if str(figures["leg"]).endswith(".1"))


@pytest.mark.parametrize(
    ("bench", "how"),
    [(OPTIONAL, "srtp"), (REQUIRED, "srtp-mand")],
    indirect=["bench"],
    ids=["offered", "insisted"],
)
def test_baresip_calls_over_kills_and_keys_are_nowhere(bench: Bench, tmp_path: Path, how: str) -> None:
    with phone_with(tmp_path / "baresip", how) as phone:
        in_menu(bench, phone)
        secrets = secrets_of(bench.edge)
        phone.command("sndcode", "1")
        assert bench.edge.wait_event("dtmf.received")["data"]["digit"] == "1"
        until(lambda: heard(phone.heard_files(), TONES["one"]), 20, "baresip hears the next prompt")
        phone.command("sndcode", "2")
        until(lambda: heard(phone.heard_files(), TONES["two"]), 20, "and the one after")
        for name in ("media", "front"):
            bench.edge.wait_restarted(name, bench.edge.kill(name))
        phone.command("sndcode", "1")
        until(lambda: heard(phone.heard_files(), TONES["one"]), 20, "after kills, too, both ways")
        assert_nowhere(secrets, bench, tmp_path)
        phone.command("hangup")
    figures = end(bench)
    assert figures["srtp"] is True
    assert int(str(figures["packets_not_authentic"])) <= IN_THE_CLEAR
    assert not secrets_of(bench.edge), "keys are overwritten with the call's end"
    assert_nowhere(secrets, bench, tmp_path)


@pytest.mark.shared
@pytest.mark.parametrize("bench", [OPTIONAL], indirect=True)
def test_an_encrypted_caller_talks_with_a_plain_target_and_holds(bench: Bench, tmp_path: Path) -> None:
    with phone_with(tmp_path / "baresip", "srtp-mand") as phone:
        in_menu(bench, phone)
        phone.command("sndcode", "1")
        until(lambda: heard(phone.heard_files(), TONES["one"]), 20, "baresip hears the next prompt")
        phone.command("sndcode", "9")
        there = bench.target.expect_call()
        there.ring()
        there.accept()
        hears(there, 800)
        until(lambda: heard(phone.heard_files(), 900), 20, "baresip hears the plain phone")
        # Each of these is a re-INVITE.
        phone.command("hold")
        until(lambda: not there.audio.hears(800), 20, "held")
        phone.command("resume")
        hears(there, 800)
        until(lambda: heard(phone.heard_files(), 900), 20, "baresip hears the plain phone again")
        phone.command("hangup")
    figures = end(bench)
    assert figures["srtp"] is True
    assert int(str(figures["packets_not_authentic"])) <= IN_THE_CLEAR


@pytest.mark.shared
def test_it_is_refused_where_it_is_off(bench: Bench, tmp_path: Path) -> None:
    with phone_with(tmp_path / "baresip", "srtp-mand") as phone:
        phone.command("dial", bench.edge.uri)
        phone.wait_for("CALL_CLOSED")
        assert not phone.saw("CALL_ESTABLISHED")
    assert not bench.edge.events()


@pytest.mark.shared
@pytest.mark.parametrize("bench", [REQUIRED], indirect=True)
def test_plain_is_refused_where_it_is_required(bench: Bench) -> None:
    call = bench.caller.call(bench.edge.uri)
    until(lambda: call.final is not None, 15, "an answer")
    assert call.final == 488
    assert not bench.edge.events()


@pytest.mark.shared
@pytest.mark.parametrize(
    ("bench", "srtp"), [(OPTIONAL, 1), (REQUIRED, 2)], indirect=["bench"], ids=["offered", "insisted"]
)
def test_pjsua_calls_encrypted(bench: Bench, tmp_path: Path, srtp: int) -> None:
    with loopback_address() as at, pjsua_phone(tmp_path / "pjsua", at, bench.edge.uri, srtp=srtp) as phone:
        until(lambda: phone.hears(TONES["welcome"]), 60, "pjsua hears the welcome")
        phone.say("1")
        assert bench.edge.wait_event("dtmf.received")["data"]["digit"] == "1"
        until(lambda: phone.hears(TONES["one"]), 20, "pjsua hears the next prompt")
        phone.say("bye")
        figures = end(bench)
    assert figures["srtp"] is True
    assert figures["packets_not_authentic"] == 0
    recording = bench.edge.wait_event("recording.completed")["data"]["path"]
    samples, _ = soundfile.read(recording, dtype="int16")
    assert tones.share(samples[8000:16000, 0], 800) > 0.6, "what it said was heard"
