"""What people and networks do to an appliance: broken files, full disks, taken ports, noise."""

import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.addresses import address as loopback_address
from tests.support.appliance import ROOT, TONES, Appliance, appliance, write_site
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.conftest import Bench
from tests.system.flows import ended_once, hears, in_menu

pytestmark = pytest.mark.system


def edge(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "edge.cli", *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def readyz(instance: Appliance) -> int:
    try:
        with urllib.request.urlopen(f"http://{instance.address}:8080/readyz", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)
    except OSError:
        return 0


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Appliance]:
    """An appliance that was not started."""
    with loopback_address() as at:
        instance = Appliance(at, tmp_path)
        write_site(instance)
        yield instance
        instance.stop()


def test_broken_site_names_every_fault_and_exits_78(stopped: Appliance) -> None:
    text = stopped.site.read_text().replace("[media]\nslots = 40", '[media]\nslots = "many"\nslotz = 3')
    stopped.site.write_text(text)
    menu = stopped.folder / "menus" / "main.yaml"
    menu.write_text(menu.read_text().replace("1: one, 2: two, 9: connect", "1: onne, 2: two, 9: connect"))
    first = text.splitlines().index('slots = "many"') + 1
    for words in (["check"], ["run"]):
        done = edge(*words, "--config", str(stopped.site))
        assert done.returncode == 78, done
        told = done.stdout + done.stderr
        assert f"site.toml:{first}" in told, told
        assert f"site.toml:{first + 1}" in told, told
        assert "slots" in told
        assert "main.yaml:11:18" in told, told
        assert "one" in told


def test_missing_prompt_is_found_by_check(stopped: Appliance) -> None:
    (stopped.folder / "prompts" / "en" / "welcome.wav").unlink()
    done = edge("check", "--config", str(stopped.site))
    assert done.returncode == 78
    assert "welcome" in done.stdout + done.stderr


def test_missing_prompt_at_run_time_is_an_event_and_the_call_goes_on(stopped: Appliance) -> None:
    stopped.start()
    prompt = stopped.folder / "prompts" / "en" / "one.wav"
    # What is played is the copy that is kept with the menu's version, named by its content.
    kept = stopped.state / "versions/sounds" / f"{hashlib.sha256(prompt.read_bytes()).hexdigest()}.wav"
    kept.unlink()
    with loopback_address() as at, Softphone(at) as phone:
        call = phone.call(stopped.uri).wait_answered()
        hears(call, TONES["welcome"])
        call.audio.press("1")
        missing = stopped.wait_event("prompt.missing")
        assert missing["data"]["file"] == str(kept)
        assert missing["data"]["source"] == str(prompt)
        call.audio.press("2")
        hears(call, TONES["two"])
        call.bye()
        stopped.wait_event("call.ended")


def test_bad_reload_keeps_the_old_configuration(stopped: Appliance) -> None:
    stopped.start()
    menu = stopped.folder / "menus" / "main.yaml"
    good = menu.read_text()
    menu.write_text(good.replace("start: welcome", "start: welcom"))
    done = edge("reload", "--config", str(stopped.site))
    assert done.returncode == 1, done
    assert "main.yaml:3" in done.stdout + done.stderr
    with loopback_address() as at, Softphone(at) as phone:
        call = phone.call(stopped.uri).wait_answered()
        hears(call, TONES["welcome"])
        menu.write_text(good.replace("greet_long: welcome", "greet_long: two"))
        done = edge("reload", "--config", str(stopped.site))
        assert done.returncode == 0, done
        hears(call, TONES["welcome"])  # a call in progress keeps its menu
        new = phone.call(stopped.uri).wait_answered()
        hears(new, TONES["two"])
        call.bye()
        new.bye()
        until(lambda: stopped.types().count("call.ended") == 2, 20, "both ended")


def test_second_run_on_one_state_folder_is_refused(stopped: Appliance) -> None:
    stopped.start()
    done = edge("run", "--config", str(stopped.site))
    assert done.returncode == 78
    assert str(stopped.state) in done.stdout + done.stderr


def test_port_in_use_names_address_and_holder(stopped: Appliance) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind((stopped.address, 5060))
        done = edge("run", "--config", str(stopped.site))
    assert done.returncode == 75  # it may pass: a service manager tries again
    told = done.stdout + done.stderr
    assert f"{stopped.address}:5060" in told
    assert str(os.getpid()) in told


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes that a test may fill."""
    where = tmp_path / "disk"
    where.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(where)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"mounting needs root: {mounted.stderr.decode()}")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


def test_full_disk_at_run_time(small_disk: Path, tmp_path: Path) -> None:
    with (
        loopback_address() as at,
        loopback_address() as phone_at,
        appliance(at, small_disk, extra="[recording]\nreserve_mb = 1\n") as instance,
        Softphone(phone_at, tone_hz=700) as phone,
    ):
        running = phone.call(instance.uri).wait_answered()
        hears(running, TONES["welcome"])
        filler = small_disk / "filler"
        fill(filler)
        until(lambda: readyz(instance) == 503, 30, "not ready")
        refused = phone.call(instance.uri)
        refused.wait_ended()
        assert refused.final == 503
        running.audio.press("1")  # the call in progress goes on
        hears(running, TONES["one"])
        filler.unlink()
        until(lambda: readyz(instance) == 200, 30, f"ready again; {instance.log_tail()}")
        hears(phone.call(instance.uri).wait_answered(), TONES["welcome"])
        running.bye()
        until(lambda: "call.ended" in instance.types(), 20, "call.ended")
        assert "recording.failed" in instance.types()


class RealDisk:
    """An ext4 file system in an image, which a fault can turn read-only as a dying disk does: with files open."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "disk"
        self.path.mkdir()
        self._image = folder / "image"
        with self._image.open("wb") as image:
            image.truncate(48 << 20)
        subprocess.run(["mkfs.ext4", "-q", self._image], check=True)
        self._mount(self._image)

    def _mount(self, image: Path) -> None:
        command = ["mount", "-o", "loop,errors=remount-ro", image, self.path]
        mounted = subprocess.run(command, capture_output=True, check=False)
        if mounted.returncode:
            pytest.skip(f"mounting needs root: {mounted.stderr.decode()}")

    def break_down(self) -> None:
        """Have the kernel find an error: from now on nothing can be written."""
        device = self.path.stat().st_dev
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("test")
        with pytest.raises(OSError, match="Read-only"):
            (self.path / "probe").write_bytes(b"x")

    def repair(self) -> None:
        """Check what is there on another disk, and put that in its place. (A disk in use can't be checked.)"""
        copy = self._image.with_suffix(".copy")
        shutil.copy(self._image, copy)
        # 1: errors were corrected.
        assert subprocess.run(["e2fsck", "-fy", copy], capture_output=True, check=False).returncode in {0, 1}
        self._mount(copy)

    def remove(self) -> None:
        """Unmount all of it."""
        while subprocess.run(["umount", "-l", self.path], capture_output=True, check=False).returncode == 0:
            pass


@pytest.fixture
def real_disk(tmp_path: Path) -> Iterator[RealDisk]:
    disk = RealDisk(tmp_path)
    yield disk
    disk.remove()


def run_apart(instance: Appliance, folder: Path) -> None:
    """Keep log and sockets off the disk that a test breaks."""
    instance.log, instance.run = folder / "edge.log", folder / "run"
    write_site(instance, extra="[recording]\nreserve_mb = 1\n")
    text = instance.site.read_text().replace("[paths]\n", f'[paths]\nrun = "{instance.run}"\n')
    instance.site.write_text(text)


def test_disk_turns_read_only_at_run_time(real_disk: RealDisk, tmp_path: Path) -> None:
    """New calls get 503, those in progress go on, and nothing of them is lost when the disk is back."""
    with loopback_address() as at, loopback_address() as phone_at, Softphone(phone_at, tone_hz=700) as phone:
        instance = Appliance(at, real_disk.path)
        run_apart(instance, tmp_path)
        instance.start()
        try:
            running = phone.call(instance.uri).wait_answered()
            hears(running, TONES["welcome"])
            instance.wait_event("recording.started")
            real_disk.break_down()
            running.audio.press("1")
            hears(running, TONES["one"])
            until(lambda: "storage" in conditions(instance), 30, f"the condition; {instance.log_tail()}")
            until(lambda: readyz(instance) == 503, 30, "not ready")
            refused = phone.call(instance.uri)
            refused.wait_ended()
            assert refused.final == 503
            running.audio.press("2")
            hears(running, TONES["two"])
            assert "dtmf.received" not in instance.types(), "nothing can be on a disk that takes nothing"
            real_disk.repair()
            instance.wait_ready()
            hears(phone.call(instance.uri).wait_answered(), TONES["welcome"])
            running.bye()
            call = str(instance.events()[0]["subject"])
            instance.wait_event("call.ended", call)
            failed = instance.wait_event("recording.failed", call)
            assert failed["data"]["error"]
            assert [e["data"]["digit"] for e in instance.events(call) if e["type"] == "dtmf.received"] == ["1", "2"]
        finally:
            instance.stop()


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_bad_disk_at_start(small_disk: Path, tmp_path: Path, fault: str) -> None:
    """It starts, refuses calls, says why, and takes calls when the disk is good again."""
    with loopback_address() as at, loopback_address() as phone_at, Softphone(phone_at) as phone:
        instance = Appliance(at, small_disk)
        run_apart(instance, tmp_path)
        instance.state.mkdir()
        filler = small_disk / "filler"
        if fault == "full":
            fill(filler)
        else:
            subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        try:
            instance.start(ready=False)
            until(lambda: "storage" in conditions(instance), 60, f"the condition; {instance.log_tail()}")
            until(lambda: readyz(instance) == 503, 30, "not ready")
            refused = phone.call(instance.uri)
            refused.wait_ended()
            assert refused.final == 503
            if fault == "full":
                filler.unlink()
            else:
                subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
            instance.wait_ready()
            call = phone.call(instance.uri).wait_answered()
            hears(call, TONES["welcome"])
            call.bye()
            assert instance.wait_event("call.ended")["data"]["end"]["outcome"] == "completed"
        finally:
            instance.stop()


def conditions(instance: Appliance) -> list[str]:
    """What keeps the appliance from being ready."""
    try:
        return [row["condition"] for row in instance.status()["conditions"]]
    except (OSError, ValueError):
        return []


def fill(path: Path) -> None:
    """Fill a disk."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 65536):
                pass
            while file.write(b"\0"):
                pass
        except OSError:
            return


@pytest.mark.shared
def test_noise_on_sip_and_rtp_ports_changes_nothing(bench: Bench) -> None:
    call = in_menu(bench)
    dice = random.Random(1)
    before = [p["pid"] for p in bench.edge.processes()]
    assert call.audio.remote is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
        noise.bind((bench.target.address, 0))
        for size in [*range(40), 100, 500, 1400, 4000] * 5:
            for port in (5060, call.audio.remote[1], call.audio.remote[1] + 1):
                noise.sendto(dice.randbytes(size), (bench.edge.address, port))
        for text in (b"INVITE", b"INVITE sip:x SIP/2.0\r\n\r\n", b"\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n"):
            noise.sendto(text, (bench.edge.address, 5060))
    call.audio.press("1")
    hears(call, TONES["one"])
    call.bye()
    ended_once(bench, "completed")
    assert [p["pid"] for p in bench.edge.processes()][: len(before)] == before


def test_hard_maximum_length(tmp_path: Path) -> None:
    with (
        loopback_address() as at,
        loopback_address() as phone_at,
        appliance(at, tmp_path, extra="[limits]\nmax_call_seconds = 3\n") as instance,
        Softphone(phone_at) as phone,
    ):
        call = phone.call(instance.uri).wait_answered()
        call.wait_ended(20)
        assert call.ended_by == "them"
        assert instance.wait_event("call.ended")["data"]["end"]["outcome"] == "max_duration"


def test_sigterm_drains(bench: Bench) -> None:
    call = in_menu(bench)
    assert bench.edge.process is not None
    bench.edge.process.send_signal(signal.SIGTERM)

    def refused() -> bool:
        other = bench.caller.call(bench.edge.uri)
        other.wait_ended() if other.final != 200 else other.bye()
        return other.final == 503

    until(lambda: not bench.edge.status()["ready"], 10, "draining")
    assert refused()
    hears(call, TONES["welcome"])
    call.bye()
    assert bench.edge.process.wait(30) == 0
    bench.edge.wait_event("call.ended")
