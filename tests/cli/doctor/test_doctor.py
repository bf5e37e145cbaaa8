"""`edge doctor` while the appliance is down: each fault gives its finding, and a healthy site gives none."""

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edge.cli.doctor.findings import Finding, Notes
from edge.cli.doctor.patient import Patient, meet
from edge.cli.doctor.subjects import SUBJECTS, Subject, examined
from edge.runtime.devices import look
from tests.support.addresses import address
from tests.support.appliance import ROOT
from tests.support.certificates import Authority
from tests.support.name_server import name_server
from tests.support.outbox import Backend
from tests.support.plugged import Plugged
from tests.support.sip_server import as_a_router, as_an_alg, gateway, sip_server

MENU = "version: 1\nstart: bye\nnodes: {bye: {hang_up: {}}}\n"
#: What depends on the machine that the tests run on, and not on the site.
OF_THE_MACHINE = ("service", "clock", "memory", "processor", "kernel", "entropy", "cache", "rights", "disks")
OF_THE_SITE = [name for name in SUBJECTS if name not in (*OF_THE_MACHINE, "appliance")]


class Site(NamedTuple):
    folder: Path
    host: str

    def write(self, *parts: str, sip: str = "", more: str = "", paths: str = "", media: str = "") -> Path:
        """A site with a menu, `parts` and trunks as they are given."""
        (self.folder / "menus").mkdir(exist_ok=True)
        (self.folder / "menus/main.yaml").write_text(MENU)
        (self.folder / "site.toml").write_text(
            f'name = "box"\n{more}\n[sip]\naddress = "{self.host}"\n{sip}\n[http]\naddress = "{self.host}"\n'
            f'[media]\nslots = 8\n{media}\n[paths]\nstate = "{self.folder}/state"\n'
            f'recordings = "{self.folder}/recordings"\nmenus = "menus"\n{paths}\n'
            + "\n".join(parts)
            + f'\n[[trunks]]\nname = "desk"\nsources = ["{self.host}"]\n[[routes]]\nnumber = "100"\nmenu = "main"\n'
        )
        (self.folder / "site.toml").chmod(0o640)
        return self.folder / "site.toml"

    def look(self, *subjects: str) -> list[Finding]:
        """What the doctor finds; without subjects: at all that the site decides."""
        patient = meet(self.folder / "site.toml", demo=False, state=None)
        return examined(patient, subjects or OF_THE_SITE)

    def faults(self, *subjects: str) -> list[tuple[str, str]]:
        """Check and state of what is not as it should be."""
        return [(one.check, one.state) for one in self.look(*subjects) if one.state in {"bad", "advice"}]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with address() as host:
        yield Site(tmp_path, host)


def the(findings: list[Finding], state: str) -> Finding:
    """The one finding of a state."""
    (found,) = [one for one in findings if one.state == state]
    return found


def trunk(name: str, to: str, more: str = "") -> str:
    host = to.partition(":")[0]
    source = host if host[0].isdigit() else "192.0.2.7"
    return f'[[trunks]]\nname = "{name}"\naddress = "{to}"\nsources = ["{source}"]\n{more}\n'


def test_a_healthy_site_has_no_fault(site: Site) -> None:
    backend = Backend()
    secret = site.folder / "secret"
    secret.write_text("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3")
    secret.chmod(0o640)
    try:
        with address() as peer, sip_server(peer) as server:
            site.write(
                trunk("peer", f"{peer}:{server.port}"),
                f'[[sinks]]\nname = "web"\nurl = "{backend.url}"\nsecret = "file:secret"',
            )
            found = site.look()
            assert [one for one in found if one.state in {"bad", "advice"}] == []
            assert {one.check for one in found} == set(OF_THE_SITE), "each says something"
            assert server.methods() == ["OPTIONS"]
        assert backend.received == [], "no event is sent unasked"
    finally:
        backend.close()


def test_an_alg_is_told_from_a_router(site: Site) -> None:
    for rewrite, states in ((as_an_alg, ["ok", "advice"]), (as_a_router, ["ok", "advice"])):
        with address() as peer, address() as between, sip_server(peer) as server:
            with gateway(between, server, rewrite) as port:
                site.write(trunk("peer", f"{between}:{port}"))
                found = [one for one in site.look("trunks") if "peer" in one.what]
            assert [one.state for one in found] == states, rewrite
            told = found[1].evidence
            assert ("rewritten in between: Via:" in told) == (rewrite is as_an_alg)
            assert ("a NAT is in between" in told) == (rewrite is as_a_router)


def test_a_trunk_that_is_dead(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.cli.doctor.asking.LIMIT_S", 1.0)
    with address() as nobody:
        site.write(trunk("peer", f"{nobody}:5060"))
        found = the(site.look("trunks"), "bad")
    assert (found.what, found.evidence.split(" (")[0]) == ("trunk peer", "no answer to OPTIONS within 1 s")


def test_a_port_that_is_taken(site: Site) -> None:
    site.write()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((site.host, 16386))
        found = the(site.look("ports"), "bad")
    assert found.what == "RTP"
    assert f"is in use by pid {os.getpid()}" in found.evidence
    site.write(media="first_port = 1024")
    assert site.faults("ports") == [], "free again"


def test_ports_that_the_kernel_lends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write()
    reserved = {"net.ipv4.ip_local_port_range": "8000 60999", "net.ipv4.ip_local_reserved_ports": "16384-16399"}
    monkeypatch.setattr("edge.cli.doctor.ports.setting", lambda name: reserved[name])
    found = the(site.look("ports"), "advice")
    assert found.evidence.startswith("HTTP: 8080 to 8080 lie within")


def faults_of_names(site: Site, *servers: str, host: str = "gw.test") -> list[Finding]:
    site.write(trunk("peer", host), sip=f"nameservers = {json.dumps(list(servers))}")
    return site.look("names")


def test_name_servers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.cli.doctor.names.ANSWER_S", 1.0)
    with (
        address() as first,
        address() as second,
        name_server(first, "--host-record=gw.test,127.0.0.1", "--host-record=hole.test,0.0.0.0") as good,
        name_server(second, "--host-record=gw.test,127.0.0.2") as other,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent,
    ):
        silent.bind((second, 0))
        quiet = "{}:{}".format(*silent.getsockname())
        assert {one.state for one in faults_of_names(site, good.address)} == {"ok"}
        unknown = the(faults_of_names(site, good.address, host="nowhere.test"), "bad")
        assert (unknown.what, unknown.evidence) == ("trunk peer: nowhere.test", "there is nothing of that name")
        hole = the(faults_of_names(site, good.address, host="hole.test"), "bad")
        assert "nobody can be at 0.0.0.0" in hole.evidence
        differ = the(faults_of_names(site, good.address, other.address), "bad")
        assert (differ.what, "127.0.0.2" in differ.evidence) == ("name gw.test", True)
        mute = the(faults_of_names(site, good.address, quiet), "bad")
        assert (mute.what, "no answer within" in mute.evidence) == (f"name server {quiet}", True)
        alone = faults_of_names(site, quiet)
        assert [one.state for one in alone] == ["bad", "skipped"], "one silent server is one fault"


def test_certificates(site: Site) -> None:
    authority = Authority(site.folder / "ca")
    good, old, soon = (authority.issue(site.host, days=days) for days in (300, -1, 5))
    for pair, key, expected in (
        (good, good.key, []),
        (old, old.key, [("certificates", "bad")]),
        (soon, soon.key, [("certificates", "advice")]),
    ):
        os.chmod(key, 0o600)  # noqa: PTH101
        site.write(sip=f'certificate = "{pair.certificate}"\nkey = "{key}"')
        assert site.faults("certificates", "secrets") == expected
    site.write(sip=f'certificate = "{good.certificate}"\nkey = "{old.key}"')
    found = the(site.look("configuration"), "bad")
    assert "it is not the key of the certificate" in found.evidence


def test_the_certificate_of_a_trunk(site: Site) -> None:
    import ssl

    authority = Authority(site.folder / "ca")
    with address() as peer:
        for days, name, state, words in (
            (300, peer, "ok", "TLSv1.3"),
            (-1, peer, "bad", "certificate has expired"),
            (300, "elsewhere.test", "bad", "IP address mismatch"),
        ):
            pair = authority.issue(name, days=days)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.certificate, pair.key)
            with socket.create_server((peer, 0)) as listener:
                threading.Thread(target=_shake_hands, args=(listener, context), daemon=True).start()
                port = listener.getsockname()[1]
                tls = f'transport = "tls"\ntls_ca = "{authority.root}"'
                site.write(trunk("peer", f"{peer}:{port}", tls))
                found = site.look("certificates")
            assert [(one.state, words in one.evidence) for one in found] == [(state, True)], found


def _shake_hands(listener: socket.socket, context: Any) -> None:
    try:
        plain, _ = listener.accept()
        with context.wrap_socket(plain, server_side=True) as secure:
            secure.recv(1)
    except OSError:
        return


def test_a_sink_that_refuses(site: Site) -> None:
    with socket.socket() as nobody:
        nobody.bind((site.host, 0))  # it does not listen
        port = nobody.getsockname()[1]
        site.write(f'[[sinks]]\nname = "mq"\ntype = "mqtt"\nurl = "mqtt://{site.host}:{port}"')
        found = the(site.look("sinks"), "bad")
    assert found.what == "sink mq"
    assert found.evidence.startswith("connect failed: ConnectionRefusedError")


def test_a_backend(site: Site) -> None:
    backend = Backend()
    token = site.folder / "token"
    token.write_text("secret")
    token.chmod(0o600)
    endpoint = f'[[endpoints]]\nname = "crm"\nurl = "{backend.url}"\ntoken_file = "token"\n'
    site.write(endpoint)
    try:
        assert the(site.look("backends"), "advice").evidence.startswith("HTTP/1.")  # 501: it knows POST only
        assert backend.received == []
        token.write_text("")
        assert the(site.look("backends"), "bad").evidence.endswith("token is empty")
        token.unlink()
        assert [one.check for one in site.look("backends", "secrets") if one.state == "bad"] == ["backends", "secrets"]
    finally:
        backend.close()
    token.write_text("secret")
    assert "refused" in the(site.look("backends"), "bad").evidence.lower()


def test_secrets_that_everybody_may_read(site: Site) -> None:
    secret = site.folder / "password"
    secret.write_text("lion")
    more = 'register = true\nuser = "me"\npassword = "file:password"'
    site.write(trunk("peer", f"{site.host}:5070", more))
    for mode, states in ((0o640, {"ok"}), (0o644, {"bad"}), (0o660, {"advice"})):
        secret.chmod(mode)
        assert {one.state for one in site.look("secrets")} == states, oct(mode)
    assert str(secret) in {one.what for one in site.look("secrets")}
    site.write(trunk("peer", f"{site.host}:5070", more.replace("file:password", "lion")))
    (site.folder / "site.toml").chmod(0o644)
    assert "holds a secret" in the(site.look("secrets"), "bad").evidence


def test_a_prompt_that_is_missing_or_quiet(site: Site) -> None:
    import numpy as np
    import soundfile

    prompts = site.folder / "prompts/en"
    prompts.mkdir(parents=True)
    tone = np.sin(2 * np.pi * 440 * np.arange(16000) / 8000)
    site.write(paths='prompts = "prompts"')
    menu = "version: 1\nstart: hello\nnodes: {hello: {play: hello, next: bye}, bye: {hang_up: {}}}\n"
    (site.folder / "menus/main.yaml").write_text(menu)
    assert "hello" in the(site.look("configuration", "prompts"), "bad").evidence
    for level, states in ((0.2, ["ok"]), (0.001, ["advice"])):
        soundfile.write(prompts / "hello.wav", level * tone, 8000, subtype="PCM_16")
        assert [one.state for one in site.look("prompts")] == states
    (prompts / "hello.wav").write_bytes(b"no sound")
    assert [one.state for one in site.look("prompts")] == ["bad"]


def test_a_file_with_faults_hides_what_depends_on_it_only(site: Site) -> None:
    file = site.write()
    file.write_text(file.read_text().replace("slots = 8", 'slots = "many"'))
    found = site.look("configuration", "trunks", "kernel")
    assert [(one.check, one.state) for one in found if one.check != "kernel"] == [
        ("configuration", "bad"),
        ("trunks", "skipped"),
    ]
    assert "kernel" in {one.check for one in found}


def test_full_and_read_only_and_fleeting_disks(site: Site) -> None:
    """In a mount namespace of our own: what a small tmpfs, a full one and a read-only one look like."""
    for words in (["unshare", "--mount", "true"],):
        if shutil.which(words[0]) is None or subprocess.run(words, check=False, capture_output=True).returncode:
            pytest.skip("no mount namespace can be made here")
    site.write()
    (site.folder / "state").mkdir()
    command = [sys.executable, "-m", "edge.cli", "doctor", "--only", "disks", "--json", "--config"]
    command.append(str(site.folder / "site.toml"))
    for mount, expected in (
        ("size=900m", "it lies in memory (tmpfs)"),
        ("size=8m", "calls are refused below 64 MB"),
        ("size=900m,ro", "is read-only"),
    ):
        script = f'mount -t tmpfs -o {mount} none "$1" && shift && exec "$@"'
        whole = ["unshare", "--mount", "sh", "-c", script, "sh", str(site.folder / "state"), *command]
        done = subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        bad = [one for one in map(json.loads, done.stdout.splitlines()) if one.get("state") == "bad"]
        assert done.returncode == 1, done.stderr
        assert any(expected in one["evidence"] and "state" in one["what"] for one in bad), (mount, bad)


def test_rights_that_are_missing(site: Site) -> None:
    site.write(media="first_port = 20000")

    def without() -> None:
        resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))

    found = _alone(site, "rights", {}, without, drop=True)
    assert {one["what"]: one["state"] for one in found} == {
        "real time": "advice",
        "locked memory": "advice",
        "descriptors": "bad",
    }


def test_time_zones_that_are_missing(site: Site) -> None:
    empty = site.folder / "empty"
    empty.mkdir()
    site.write()
    found = _alone(site, "clock", {"PYTHONTZPATH": str(empty)})
    (zones,) = [one for one in found if one["what"] == "time zones"]
    assert (zones["state"], zones["advice"]) == ("bad", "install tzdata")


def _alone(
    site: Site, only: str, environment: dict[str, str], before: Callable[[], None] | None = None, *, drop: bool = False
) -> list[dict[str, Any]]:
    """The command in a process of its own."""
    words = [sys.executable, "-m", "edge.cli", "doctor", "--only", only, "--json"]
    words += ["--config", str(site.folder / "site.toml")]
    if drop and os.geteuid() == 0:
        words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--", *words]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=before,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found, done.stderr
    return [one for one in found if one["check"] != "summary"]


def test_devices_of_lines(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    plugged = Plugged(site.folder / "machine")
    monkeypatch.setattr("edge.cli.doctor.devices.look", lambda: look(plugged.sysfs, plugged.dev))
    line = '[[lines]]\nname = "{name}"\nprofile = "simcom-sim7600"\n{more}\n'
    site.write(line.format(name="cell", more=""))
    absent = the(site.look("devices"), "bad")
    assert (absent.what, absent.state) == ("line cell", "bad")
    plugged.sim7600("1-2", 0)
    monkeypatch.setattr("edge.cli.doctor.devices._ask_modem", lambda *_: None)  # made ports answer nothing
    assert the(site.look("devices"), "ok").what == "line cell"
    plugged.sim7600("1-3", 5)
    assert "say which by usb_path" in the(site.look("devices"), "bad").evidence
    site.write(line.format(name="cell", more='usb_path = "1-2"'), line.format(name="spare", more='usb_path = "1-3"'))
    assert {one.state for one in site.look("devices")} == {"ok"}
    assert [one.state for one in site.look("trunks") if one.what == "trunk cell"] == ["skipped"]


def test_a_serial_port_that_somebody_has(site: Site) -> None:
    master, slave = os.openpty()
    try:
        port = os.ttyname(slave)
        site.write(f'[[lines]]\nname = "cell"\nprofile = "simcom-sim7600"\nport = "{port}"\n')
        assert "nobody answers AT" in the(site.look("devices"), "bad").evidence
        with subprocess.Popen(["sleep", "60"], stdin=slave) as holder:
            try:
                assert f"is open in sleep (pid {holder.pid})" in the(site.look("devices"), "bad").evidence
            finally:
                holder.kill()
    finally:
        os.close(master)
        os.close(slave)


def test_sip_helpers_of_the_kernel(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write()
    proc = tmp_path / "proc"
    (proc / "sys/net/core").mkdir(parents=True)
    (proc / "sys/net/core/rmem_max").write_text("212992\n")
    (proc / "modules").write_text("nf_conntrack_sip 45056 0 - Live 0x0\nnf_conntrack 1 1 - Live 0x0\n")
    monkeypatch.setattr("edge.cli.doctor.kernel.PROC", proc)
    assert {one.what for one in site.look("kernel") if one.state == "advice"} == {"SIP helpers", "net.core.rmem_max"}


def test_what_hangs_costs_itself_only(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write()
    never = threading.Event()

    def hang(_patient: Patient, notes: Notes) -> None:
        notes.ok("first", "seen")
        never.wait()

    def fail(_patient: Patient, _notes: Notes) -> None:
        raise ValueError("odd")

    monkeypatch.setattr("edge.cli.doctor.entropy.examine", hang)
    monkeypatch.setattr("edge.cli.doctor.recordings.examine", fail)
    subjects = {
        "entropy": Subject("entropy", 0.2),
        "recordings": Subject("recordings", 5),
        "ports": Subject("ports", 20),
    }
    patient = meet(site.folder / "site.toml", demo=False, state=None)
    found = examined(patient, list(subjects), subjects)
    never.set()
    assert [(one.check, one.state) for one in found if one.state != "ok"] == [("entropy", "bad"), ("recordings", "bad")]
    assert "did not end within 0.2 s" in found[1].evidence
    assert "ValueError: odd" in the([one for one in found if one.check == "recordings"], "bad").evidence


def test_the_command(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    from edge.cli import main

    options = ["--config", str(site.write())]
    assert main(["doctor", *options, "--only", "names,ports"]) == 0
    shown = capsys.readouterr().out
    assert "the appliance does not run: 0 bad" in shown
    assert main(["doctor", *options, "--only", "nams"]) == 2
    assert "did you mean 'names'?" in capsys.readouterr().err
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((site.host, 5060))
        assert main(["doctor", *options, "--only", "ports", "--json", "--quiet"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["check"], one.get("state")) for one in lines] == [("ports", "bad"), ("summary", None)]
    assert lines[-1]["bad"] == 1
