"""`edge doctor` while the appliance is down: trunks of every transport and family, accounts, credentials of units."""

import contextlib
import fcntl
import os
import pty
import ssl
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from edge.cli.doctor.findings import Finding
from edge.config import credentials
from edge.runtime.devices import look
from tests.cli.doctor.test_doctor import Site, site, the, trunk
from tests.support.addresses import address
from tests.support.appliance import ROOT
from tests.support.certificates import Authority
from tests.support.modem import Simulator
from tests.support.plugged import Plugged
from tests.support.sip_server import sip_server, stream_server

__all__ = ["site"]


def of(findings: list[Finding], what: str) -> Finding:
    (found,) = [one for one in findings if one.what == what]
    return found


def test_options_over_tcp(site: Site) -> None:
    with address() as peer, stream_server(peer) as port:
        site.write(trunk("peer", f"{peer}:{port}", 'transport = "tcp"'))
        assert of(site.look("trunks"), "trunk peer").state == "ok"
    found = of(site.look("trunks"), "trunk peer")
    assert (found.state, "refused" in found.evidence) == ("bad", True)


def test_options_over_tls_and_what_is_wrong_with_a_certificate(site: Site) -> None:
    ours, foreign = Authority(site.folder / "ca"), Authority(site.folder / "foreign", "foreign")
    with address() as peer:
        for authority, name, days, state, words in (
            (ours, peer, 300, "ok", "answers OPTIONS by 200"),
            (ours, peer, -1, "bad", "certificate has expired"),
            (ours, "elsewhere.test", 300, "bad", "IP address mismatch"),
            (foreign, peer, 300, "bad", "unable to get local issuer certificate"),
        ):
            pair = authority.issue(name, days=days)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.certificate, pair.key)
            with stream_server(peer, context) as port:
                tls = f'transport = "tls"\ntls_ca = "{ours.root}"'
                site.write(trunk("peer", f"{peer}:{port}", tls))
                found = of(site.look("trunks"), "trunk peer")
                certificate = of(site.look("certificates"), "trunk peer: its certificate")
            assert (found.state, words in found.evidence) == (state, True), found
            assert certificate.state == state
            if state == "bad":
                assert words in certificate.evidence
                assert "tls_ca" in found.advice, "not a matter of firewalls"
        with stream_server(peer) as port:
            site.write(trunk("peer", f"{peer}:{port}", tls))
            found = of(site.look("trunks"), "trunk peer")
        assert (found.state, "no TLS" in found.evidence) == ("bad", True), "a port of plain TCP"


def test_an_account_over_ipv6_is_tried_and_nothing_is_bound(site: Site) -> None:
    with sip_server("::1", 0, account=("me", "lion")) as server:
        at = f"[::1]:{server.port}"
        for password, state in (("lion", "ok"), ("tiger", "bad")):
            (site.folder / "password").write_text(password)
            (site.folder / "password").chmod(0o600)
            more = f'address = "{at}"\nsources = ["::1"]\nregister = true\nuser = "me"\npassword = "file:password"'
            site.write(f'[[trunks]]\nname = "six"\n{more}\n', sip='address6 = "::1"')
            found = site.look("trunks", "network")
            assert of(found, "trunk six").state == "ok"
            assert of(found, "trunk six: its account").state == state
            assert of(found, "trunk six: ::1").state == "ok"
        registers = [text for text in server.requests if text.startswith("REGISTER")]
        assert len(registers) == 4, "a wrong password is tried once: more lock accounts"
        assert not [text for text in registers if "Contact:" in text]
        assert "OPTIONS sip:[::1] SIP/2.0" in {text.splitlines()[0] for text in server.requests}


def test_credentials_of_the_unit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = site.folder / "credentials"
    kept.mkdir(0o700)
    monkeypatch.setattr(credentials, "KEPT", kept)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    more = 'register = true\nuser = "me"\npassword = "credential:peer"'
    site.write(trunk("peer", "192.0.2.7:5070", more))
    absent = of(site.look("secrets"), str(kept / "peer"))
    assert (absent.state, absent.evidence) == ("bad", "trunks.password: there is no such file")
    assert "configuration" in {check for check, _ in site.faults("configuration")}
    secret = kept / "peer"
    secret.write_text("lion\n")
    for mode, state in ((0o600, "ok"), (0o644, "bad")):
        secret.chmod(mode)
        assert of(site.look("secrets"), str(secret)).state == state, oct(mode)
    assert [one for one in site.look("configuration") if one.state != "ok"] == [], "read from where it is kept"
    secret.chmod(0o600)
    secret.write_text("")
    empty = of(site.look("secrets"), str(secret))
    assert (empty.state, empty.evidence.endswith("it is empty")) == ("bad", True)
    kept.chmod(0o777)
    assert of(site.look("secrets"), str(kept)).advice == f"chmod 700 {kept}"


def test_a_modem_that_no_line_has_open(site: Site, tmp_path: Path) -> None:
    with Simulator("simcom", tmp_path / "modem", tcp=f"{site.host}:5900") as modem:
        line = f'[[lines]]\nname = "cell"\nprofile = "simcom-sim7600"\nport = "socket://{modem.port}"\n'
        line += f'sound_port = "{modem.sound}"\n'
        site.write(line)
        found = site.look("devices")
        assert {one.state for one in found} == {"ok"}, found
        assert of(found, "line cell: its modem").evidence == "SIM ready, registered (Example)"
        assert of(found, "line cell: its firmware").evidence == "LE20B04SIM7600M22"
        modem.do("set", rssi=5)
        assert of(site.look("devices"), "line cell: its signal").state == "advice"
        modem.do("set", registration=3)
        assert "denied" in of(site.look("devices"), "line cell: its modem").evidence
        modem.do("set", sim=False)
        assert of(site.look("devices"), "line cell: its modem").advice == "put a SIM in that asks for no PIN"
        site.write(line.replace("simcom-sim7600", "quectel-ec25"))
        assert of(site.look("devices"), "line cell: its firmware").state == "advice"


def test_boards_of_relays_and_a_dongle_that_is_a_disk(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    plugged = Plugged(site.folder / "machine")
    monkeypatch.setattr("edge.cli.doctor.devices.look", lambda: look(plugged.sysfs, plugged.dev))
    relay = '[[relays]]\nname = "door"\nprofile = "relay-lcus"\n'
    site.write(relay, '[[lines]]\nname = "gsm"\nprofile = "huawei-e1750"\n')
    plugged.device("1-4", "12d1:1446")
    found = site.look("devices")
    assert of(found, "relay door").state == "bad"
    assert of(found, "line gsm").advice.startswith("apt install usb-modeswitch")
    plugged.device("1-5", "1a86:7523")
    plugged.usb_serial("1-5", 0, "ttyUSB9")
    assert of(site.look("devices"), "relay door").state == "ok"


def test_a_line_of_a_box_is_no_peer_of_the_network(site: Site) -> None:
    site.write('[[lines]]\nname = "cell"\nprofile = "sound-card-handset"\n')
    assert "cell" not in " ".join(one.what for one in site.look("network"))
    assert the(site.look("trunks"), "skipped").what == "trunk cell"


def test_a_terminal_of_a_hundred_columns(site: Site) -> None:
    """Nothing is wider, advice has a line of its own, and what faults of the file hide is one."""
    site.write("[[trunk]]")
    words = [sys.executable, "-m", "edge.cli", "doctor", "--config", str(site.folder / "site.toml")]
    words += ["--only", "configuration,trunks,network,kernel,sinks"]
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    with subprocess.Popen(words, cwd=ROOT, stdout=theirs, env={**os.environ, "TERM": "dumb"}) as process:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while piece := os.read(ours, 4096):
                said += piece
    os.close(ours)
    assert process.returncode == 1
    lines = said.decode().splitlines()
    assert max(map(len, lines)) <= 100
    text = " ".join(said.decode().split())
    assert "the site file has faults: network, trunks, sinks -> see the configuration" in text
    assert text.count("the site file has faults") == 1
    assert any(line.strip().startswith("-> did you mean") for line in lines), lines
