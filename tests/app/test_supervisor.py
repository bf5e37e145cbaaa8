"""The supervisor over real processes that have no job (see `fakes`): starts, restarts, stops, answers."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.config.site import Media
from tests.app.appliance import ROOT, Appliance, alive, site_for
from tests.support.waiting import until

pytestmark = pytest.mark.system

Start = Callable[..., Appliance]


@pytest.fixture
def start(address: str, tmp_path: Path) -> Iterator[Start]:
    begun: list[Appliance] = []

    def start(environment: dict[str, str] | None = None, **changes: Any) -> Appliance:
        appliance = Appliance(site_for(address, tmp_path, **changes), environment)
        begun.append(appliance)
        return appliance

    yield start
    for appliance in begun:
        pids = appliance.pids() if appliance.process.poll() is None else set()
        appliance.end()
        until(lambda pids=pids: not any(alive(pid) for pid in pids), 10, "every process is gone")


@pytest.fixture
def ready(start: Start) -> Appliance:
    appliance = start()
    appliance.until_ready()
    standby_of(appliance)
    return appliance


def standby_of(appliance: Appliance, engine: str = "media") -> int:
    """Wait until one stands by for `engine`; its pid."""
    name = f"{engine}-standby"
    until(lambda: appliance.one(name)["state"] == "running", 10, "a standby")
    return int(appliance.one(name)["pid"])


def seen(appliance: Appliance, name: str = "front") -> list[list[Any]]:
    found: list[list[Any]] = appliance.request(name, "seen")
    return found


def test_everything_is_given_to_whom_it_belongs(ready: Appliance, tmp_path: Path) -> None:
    about = {name: ready.request(name, "about") for name in ("front", "switch", "media", "forwarder", "web")}
    assert {name: sorted(a["fds"]) for name, a in about.items()} == {
        "front": ["front_table", "inner_udp", "key_table", "sip_probe", "sip_tcp", "sip_udp"],
        "switch": ["link_listener", "switch_seats"],
        "media": ["key_table", "media_state", "rtp"],
        "forwarder": [],
        "web": ["http_listener"],
    }
    assert len(about["media"]["fds"]["rtp"]) == 6
    assert all(all(a["open"]) for a in about.values())
    assert {a["comm"] for a in about.values()} == {
        "edge-front",
        "edge-switch",
        "edge-media",
        "edge-forwarder",
        "edge-web",
    }
    assert len({a["boot"] for a in about.values()}) == 1
    assert len({a["incarnation"] for a in about.values()}) == 5
    assert (tmp_path / "state" / "repaired").exists(), "recordings are repaired before switch and media start"
    run_dir = tmp_path / "state" / "run"
    assert oct((run_dir / "control.sock").stat().st_mode & 0o777) == "0o600"
    assert oct((run_dir / "link.sock").stat().st_mode & 0o777) == "0o600"


def test_front_learns_of_spans_and_that_calls_are_welcome_only_when_all_are_up(ready: Appliance) -> None:
    events = seen(ready)
    # Which of the two is ready first is not ours to say: a span that was there before is in the list.
    assert events[0][0] == "list"
    assert events[1] == ["accept", False]
    known = 0 if events[0][1] else [e[0] for e in events].index("up")
    assert known < events.index(["accept", True])


@pytest.mark.parametrize(
    "name", ["front", "switch", "media-standby", "forwarder", "web", "media-zygote", "span-zygote"]
)
def test_a_killed_process_is_started_again_and_the_others_stay(ready: Appliance, name: str) -> None:
    before = {p["name"]: p["pid"] for p in ready.status()["processes"]}
    spans = [span["pid"] for span in ready.status()["spans"]]
    os.kill(before[name], signal.SIGKILL)
    until(lambda: ready.one(name)["pid"] not in {before[name], None} and ready.status()["ready"], 20, "restarted")
    after = {p["name"]: p for p in ready.status()["processes"]}
    assert after[name]["restarts"] == 1
    assert {n: p["pid"] for n, p in after.items() if n != name} == {n: p for n, p in before.items() if n != name}
    assert [span["pid"] for span in ready.status()["spans"]] == spans
    until(lambda: ready.one(name)["last_exit"] == "SIGKILL", 5, "how it ended is known, also when a zygote reaped it")


def test_the_standby_of_a_killed_engine_goes_on_as_the_engine_and_another_stands_by(ready: Appliance) -> None:
    first = ready.one("media")["pid"]
    waiting = standby_of(ready)
    comm = Path(f"/proc/{waiting}/comm")
    assert comm.read_text().strip() == "edge-media-standby"[:15]
    incarnation = ready.request("media", "about")["incarnation"]
    for restarts in (1, 2, 3):  # in a row, each by the one that stands by
        os.kill(ready.one("media")["pid"], signal.SIGKILL)
        until(
            lambda waiting=waiting: ready.one("media")["pid"] == waiting and ready.status()["ready"], 10, "taken over"
        )
        assert ready.one("media")["restarts"] == restarts
        about = ready.request("media", "about")
        assert (about["name"], about["comm"]) == ("media", "edge-media")
        assert about["incarnation"] != incarnation, "switch tells lives by their names"
        incarnation = about["incarnation"]
        waiting = standby_of(ready)
        assert ready.one("media-standby")["restarts"] == 0, "to be needed is no failure"
    assert not alive(first)
    until(lambda: ready.one("media")["last_exit"] == "SIGKILL", 5, "told by the zygote, though it was a standby")


def test_without_its_standby_an_engine_is_forked(ready: Appliance) -> None:
    engine, waiting = ready.one("media")["pid"], standby_of(ready)
    zygote = ready.one("media-zygote")["pid"]
    os.kill(zygote, signal.SIGSTOP)  # no other standby can be made
    os.kill(waiting, signal.SIGKILL)
    until(lambda: ready.one("media-standby")["pid"] is None, 10, "the standby is gone")
    os.kill(engine, signal.SIGKILL)
    until(lambda: ready.one("media")["pid"] is None, 10, "the engine is gone")
    os.kill(zygote, signal.SIGCONT)
    until(lambda: ready.one("media")["state"] == "running" and ready.status()["ready"], 20, "forked")
    assert ready.one("media")["pid"] not in {engine, waiting}
    standby_of(ready)


def test_a_standby_outlives_its_zygote_and_takes_over_without_one(ready: Appliance) -> None:
    waiting, zygote, engine = standby_of(ready), ready.one("media-zygote")["pid"], ready.one("media")["pid"]
    # The next zygote can't be there yet when the engine ends: both die while the supervisor stands still.
    os.kill(ready.process.pid, signal.SIGSTOP)
    os.kill(zygote, signal.SIGKILL)
    os.kill(engine, signal.SIGKILL)
    os.kill(ready.process.pid, signal.SIGCONT)
    until(lambda: ready.one("media")["pid"] == waiting and ready.status()["ready"], 20, "taken over")
    standby_of(ready)


def test_a_standby_that_hangs_is_replaced(ready: Appliance) -> None:
    waiting = standby_of(ready)
    os.kill(waiting, signal.SIGSTOP)
    until(lambda: ready.one("media-standby")["pid"] not in {waiting, None}, 20, "another one")
    assert not alive(waiting)
    assert ready.one("media")["restarts"] == 0


def test_a_worker_whose_zygote_died_is_reaped_by_us_and_forked_from_the_new_one(ready: Appliance) -> None:
    for name in ("media-zygote", "media"):
        pid = ready.one(name)["pid"]
        os.kill(pid, signal.SIGKILL)
        until(lambda name=name, pid=pid: ready.one(name)["pid"] not in {pid, None} and ready.status()["ready"], 20)
        assert not Path(f"/proc/{pid}").exists(), "no zombie is left"
    assert ready.one("media")["last_exit"] == "SIGKILL"


def test_front_started_anew_is_told_the_spans_that_live(ready: Appliance) -> None:
    ready.request("front", "want", 3)

    def told() -> dict[str, int]:
        """Spans by name; the first may be up before front is, and stands in its first list then."""
        events = seen(ready)
        listed = [e[1] for e in events if e[0] == "list"]
        return {**listed[0], **{e[1]: e[2] for e in events if e[0] == "up"}} if listed else {}

    until(lambda: len(told()) == 3, 20, "three spans are up")
    ports = told()
    os.kill(ready.one("front")["pid"], signal.SIGKILL)
    until(lambda: ready.one("front")["restarts"] == 1 and ready.status()["ready"], 20)
    assert seen(ready)[:2] == [["list", ports], ["accept", True]]


def test_spans_follow_what_front_wants_within_the_limit(ready: Appliance) -> None:
    ready.request("front", "want", 99)
    until(lambda: len([s for s in ready.status()["spans"] if s["state"] == "running"]) == 10, 30, "the limit")
    assert ready.status()["spans_wanted"] == 10
    ready.request("front", "want", 9)
    victim = ready.status()["spans"][0]
    ready.request("front", "retire", victim["incarnation"])
    until(lambda: ["down", victim["incarnation"]] in seen(ready), 10)
    until(lambda: len(ready.status()["spans"]) == 9, 10)
    assert ready.status()["span_restarts"] == 0


def test_a_killed_span_is_told_of_and_replaced_under_a_new_name(ready: Appliance) -> None:
    span = ready.status()["spans"][0]
    os.kill(span["pid"], signal.SIGKILL)
    until(lambda: ["down", span["incarnation"]] in seen(ready), 10)
    # Front is told before the status page shows the successor, and readiness need not have changed in between.
    until(lambda: [one["incarnation"] for one in ready.status()["spans"][:1]] not in ([], [span["incarnation"]]), 10)
    until(lambda: ready.status()["ready"], 10)
    assert ready.status()["span_restarts"] == 1


def test_a_crash_loop_is_slowed_and_shown_and_does_not_end_the_supervisor(start: Start) -> None:
    appliance = start({"FAKE_FORWARDER_EXIT": "3"})
    until(lambda: appliance.status().get("takes_calls"), 30, "calls don't need the forwarder")
    until(lambda: appliance.one("forwarder")["state"] == "crash loop", 30)
    shown = appliance.one("forwarder")
    assert shown["crash_loop"]
    assert shown["last_exit"] == "exit 3"
    assert shown["restarts"] == 4
    noted = {c["process"]: c["text"] for c in appliance.status()["notes"]}
    assert noted["forwarder"].startswith("crash loop, last ended by exit 3")
    assert appliance.status()["takes_calls"]
    until(lambda: appliance.status()["ready"], 20, "nobody has to send calls elsewhere")
    assert "crash loop: restarts are slowed" in appliance.log


def test_a_process_that_refuses_its_configuration_is_not_tried_again(start: Start) -> None:
    appliance = start({"FAKE_WEB_EXIT": "78"})
    until(lambda: appliance.status().get("takes_calls"), 30, "calls don't need web")
    until(lambda: appliance.one("web")["state"] == "refused", 30)
    assert appliance.one("web")["restarts"] == 0
    assert appliance.one("web")["last_exit"] == "exit 78"


def test_a_hung_process_is_made_to_say_where_and_is_replaced(ready: Appliance) -> None:
    pid = ready.one("switch")["pid"]
    ready.request("switch", "hang")
    until(lambda: ready.one("switch")["pid"] not in {pid, None}, 30, "replaced")
    assert ready.one("switch")["last_exit"] == "SIGABRT"
    assert "fakes.py" in ready.log, "the traceback of the hang"


def test_whoever_stands_still_is_replaced(ready: Appliance) -> None:
    before = {p["name"]: p["pid"] for p in ready.status()["processes"]}
    spans = {span["pid"] for span in ready.status()["spans"]}
    for pid in (*before.values(), *spans):
        os.kill(pid, signal.SIGSTOP)

    def renewed() -> bool:
        status = ready.status()
        now = {p["name"]: p["pid"] for p in status["processes"] if p["state"] == "running"}
        up = {span["pid"] for span in status["spans"] if span["state"] == "running"}
        return now.keys() == before.keys() and not set(now.values()) & set(before.values()) and bool(up - spans)

    until(renewed, 60, "nobody is who he was")


def test_a_zygote_that_does_not_fork_is_replaced(ready: Appliance) -> None:
    zygote = ready.one("span-zygote")["pid"]
    os.kill(zygote, signal.SIGSTOP)
    os.kill(ready.status()["spans"][0]["pid"], signal.SIGKILL)
    until(lambda: ready.one("span-zygote")["pid"] not in {zygote, None}, 30, "a new zygote")
    until(lambda: ready.status()["ready"], 30, "a new span")
    assert not alive(zygote)


def test_a_bug_in_a_callback_ends_the_process_with_70(ready: Appliance) -> None:
    with pytest.raises(LookupError, match="ended before it answered"):
        ready.request("switch", "raise")
    until(lambda: ready.one("switch")["last_exit"] == "exit 70", 10)
    assert "ValueError: as asked" in ready.log


def test_a_process_may_only_say_what_is_its_business(ready: Appliance) -> None:
    pid = ready.one("forwarder")["pid"]
    with contextlib.suppress(LookupError):  # it may be ended before its answer is out
        ready.request("forwarder", "forbidden")
    until(lambda: ready.one("forwarder")["pid"] not in {pid, None}, 20, "ended and replaced")
    assert ready.status()["spans_wanted"] == 1


def test_conditions_make_it_not_ready_and_those_of_switch_and_media_refuse_calls(ready: Appliance) -> None:
    ready.request("forwarder", "health", ["sink", "sink `a` is gone"])
    until(lambda: not ready.status()["ready"], 10)
    assert ready.status()["conditions"] == [{"process": "forwarder", "condition": "sink", "text": "sink `a` is gone"}]
    assert ready.status()["takes_calls"]
    ready.request("switch", "health", ["storage", "disk full"])
    until(lambda: seen(ready)[-1] == ["accept", False], 10, "front is told")
    ready.request("switch", "health", ["storage", ""])
    until(lambda: seen(ready)[-1] == ["accept", True], 10, "front is told again")
    os.kill(ready.one("forwarder")["pid"], signal.SIGKILL)
    until(
        lambda: ready.one("forwarder")["restarts"] == 1 and ready.status()["ready"], 20, "a new life has no conditions"
    )


def test_a_note_is_shown_and_keeps_nothing_away(ready: Appliance) -> None:
    for process in ("forwarder", "switch"):
        ready.request(process, "note", ["sink-gone-a", "sink `a` is gone"])
    until(lambda: len(ready.status()["notes"]) == 2, 10)
    assert ready.status()["notes"][1] == {
        "process": "forwarder",
        "condition": "sink-gone-a",
        "text": "sink `a` is gone",
    }
    assert (ready.status()["ready"], ready.status()["takes_calls"], ready.status()["conditions"]) == (True, True, [])
    ready.request("switch", "note", ["sink-gone-a", ""])
    until(lambda: [one["process"] for one in ready.status()["notes"]] == ["forwarder"], 10)
    os.kill(ready.one("forwarder")["pid"], signal.SIGKILL)
    until(lambda: not ready.status()["notes"], 20, "a new life has none")


def test_metrics_of_all_are_collected_and_who_does_not_answer_is_none(ready: Appliance) -> None:
    texts = ready.request("web", "scrape all")
    assert {n: t for n, t in texts.items() if n != "supervisor"} == {
        name: f"fake_{name} 1\n" for name in ("front", "media", "switch", "forwarder", "web")
    }
    assert 'edge_supervisor_running_processes{process="media"} 1.0' in texts["supervisor"]
    os.kill(ready.one("switch")["pid"], signal.SIGSTOP)
    assert ready.request("web", "scrape all")["switch"] is None


def test_web_asks_others_and_the_supervisor(ready: Appliance) -> None:
    body, error = ready.request("web", "ask", ["supervisor", "status"])
    assert error is None
    assert json.loads(body)["ready"] is True
    assert ready.request("web", "ask", ["switch", "calls"]) == ["[]", None]
    assert ready.request("web", "ask", ["nobody", "x"])[1].startswith("no process 'nobody'")


def test_bad_requests_are_answered(ready: Appliance) -> None:
    assert not ready.ask("nonsense")["ok"]
    assert not ready.ask("request", process=7)["ok"]
    with pytest.raises(LookupError, match="no process"):
        ready.request("span", "x")


def test_a_drain_waits_for_the_last_call_and_refuses_new_ones(ready: Appliance) -> None:
    ready.request("switch", "set calls", [{"id": "a"}])
    ready.signal(signal.SIGTERM)
    until(lambda: ready.status().get("mode") == "draining", 10)
    until(lambda: seen(ready)[-2:] == [["accept", False], ["drain"]], 10)
    assert seen(ready, "switch") == [["drain"]]
    assert ready.status()["calls"] == 1
    assert ready.process.poll() is None
    ready.request("switch", "set calls", [])
    assert ready.process.wait(15) == 0


def test_who_is_restarted_during_a_drain_is_told_of_it(ready: Appliance) -> None:
    ready.request("switch", "set calls", [{"id": "a"}])
    ready.signal(signal.SIGTERM)
    until(lambda: ready.status().get("mode") == "draining", 10)
    os.kill(ready.one("front")["pid"], signal.SIGKILL)
    until(lambda: ready.one("front")["restarts"] == 1 and ready.one("front")["state"] == "running", 20)
    until(lambda: ["drain"] in seen(ready) and ["accept", False] in seen(ready), 10)
    assert ["accept", True] not in seen(ready)


def test_a_drain_ends_at_its_limit(start: Start) -> None:
    appliance = start(drain_seconds=1)
    appliance.until_ready()
    appliance.request("switch", "set calls", [{"id": "a"}])
    appliance.signal(signal.SIGTERM)
    assert appliance.process.wait(20) == 0
    assert "time is over" in appliance.log


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]], ids=["INT", "TERM TERM"])
def test_a_stop_now_does_not_wait_for_calls(ready: Appliance, signals: list[signal.Signals]) -> None:
    ready.request("switch", "set calls", [{"id": "a"}])
    pids = ready.pids()
    assert len(pids) == 10
    for number in signals:
        ready.signal(number)
        until(lambda: ready.process.poll() is not None or ready.status().get("mode") in {"draining", "stopping"}, 10)
    assert ready.process.wait(15) == 0
    assert not any(alive(pid) for pid in pids)
    ends = [json.loads(line) for line in ready.log.splitlines() if '"process ended"' in line]
    order = [end["child"] for end in ends if end["child"] in {"span", "front", "media", "switch", "forwarder", "web"}]
    assert order[0] == "span"
    assert set(order[1:3]) == {"front", "media"}
    assert order[3] == "switch"


def test_who_does_not_stop_is_killed(start: Start) -> None:
    stubborn = {f"FAKE_{name}_STUBBORN": "1" for name in ("SPAN", "FRONT", "MEDIA", "SWITCH", "WEB")}
    appliance = start(stubborn)
    appliance.until_ready()
    pids = appliance.pids()
    appliance.signal(signal.SIGINT)
    assert appliance.process.wait(15) == 0
    assert not any(alive(pid) for pid in pids)


def test_every_process_ends_with_a_killed_supervisor(ready: Appliance) -> None:
    pids = ready.pids()
    assert len(pids) == 10, "supervisor, two zygotes, five processes, a standby, a span"
    ready.process.kill()
    ready.process.wait()
    until(lambda: not any(alive(pid) for pid in pids), 2, "all gone within two seconds")


def test_workers_whose_zygotes_are_dead_end_with_the_supervisor_too(ready: Appliance) -> None:
    pids = ready.pids()
    # Stopped first, so that neither can be replaced before the supervisor dies.
    os.kill(ready.process.pid, signal.SIGSTOP)
    zygotes = [pid for pid in pids if "-zyg" in Path(f"/proc/{pid}/comm").read_text()]
    for pid in zygotes:
        os.kill(pid, signal.SIGKILL)
    assert len(zygotes) == 2
    ready.process.kill()
    ready.process.wait()
    until(lambda: not any(alive(pid) for pid in pids), 2, "all gone within two seconds")


def test_the_folder_is_free_for_the_next_run_after_a_kill(start: Start) -> None:
    first = start()
    first.until_ready()
    first.process.kill()
    first.process.wait()
    second = start()
    second.until_ready()


def test_a_second_run_on_the_same_state_is_refused(ready: Appliance, tmp_path: Path) -> None:
    site = site_for("127.0.0.1", tmp_path)
    second = subprocess.run(
        [sys.executable, "-m", "tests.app.start", msgspec.json.encode(site).decode()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 78
    assert f"is in use by another `edge run` (pid {ready.process.pid})" in second.stderr
    assert ready.status()["ready"]


def test_a_port_in_use_is_refused_with_its_holder(start: Start, address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind((address, 5060))
        appliance = start()
        assert appliance.process.wait(60) == 75, "it may pass: a service manager tries again"
    assert f"SIP: udp {address}:5060 is in use by pid {os.getpid()} (" in appliance.log


def test_the_supervisor_loads_no_heavy_library(ready: Appliance) -> None:
    maps = Path(f"/proc/{ready.process.pid}/maps").read_text()
    for library in ("numpy", "llvmlite", "numba", "pjsua2"):
        assert library not in maps
    heavy = "('numpy', 'numba', 'pjsua2', 'soundfile')"
    code = f"import sys, edge.app.running; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_several_engines_are_told_apart_and_live_on_their_own(start: Start) -> None:
    appliance = start(media=Media(slots=3, engines=2))
    appliance.until_ready()
    names = [process["name"] for process in appliance.status()["processes"]]
    assert names[:3] == ["front", "media0", "media1"]
    about = [appliance.request(name, "about") for name in ("media0", "media1")]
    assert [(a["name"], a["index"], a["comm"]) for a in about] == [
        ("media0", 0, "edge-media0"),
        ("media1", 1, "edge-media1"),
    ]
    assert about[0]["fds"] == about[1]["fds"]
    assert len(about[0]["fds"]["media_state"]) == 2, "a memory of its own for each"
    assert len({Path(f"/proc/{appliance.process.pid}/fd/{fd}").readlink() for fd in about[0]["fds"]["rtp"]}) == 6
    other = appliance.one("media0")["pid"]
    os.kill(appliance.one("media1")["pid"], signal.SIGKILL)
    until(lambda: appliance.one("media1")["restarts"] == 1 and appliance.status()["ready"], 20, "the next life")
    assert appliance.one("media0")["pid"] == other
    assert appliance.request("media1", "about")["index"] == 1
    texts = appliance.request("web", "scrape all")
    assert {"media0", "media1"} <= texts.keys()
