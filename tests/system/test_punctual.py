"""The engine keeps its time, or is replaced: it hangs, dies again and again, or has too much to do."""

import os
import signal
import urllib.request
from pathlib import Path

import pytest

from tests.support.appliance import TONES
from tests.support.waiting import until
from tests.system.conftest import Bench
from tests.system.flows import hears, in_menu, talking

pytestmark = [pytest.mark.system, pytest.mark.alone]


def metrics(bench: Bench) -> dict[str, float]:
    with urllib.request.urlopen(f"http://{bench.edge.address}:8080/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_an_engine_that_stands_still_is_replaced(bench: Bench) -> None:
    call, there = talking(bench)
    old = bench.edge.pid("media")
    os.kill(old, signal.SIGSTOP)  # it can neither tick nor end by itself
    bench.edge.wait_restarted("media", old)
    hears(call, 900)
    hears(there, 700)
    assert '"no tick for 300 ms"' in bench.edge.log.read_text()
    call.bye()
    there.wait_ended()
    assert bench.edge.wait_event("call.ended")["data"]["end"]["outcome"] == "completed"


def test_an_engine_that_dies_again_and_again_comes_back_at_once(bench: Bench) -> None:
    call, there = talking(bench)
    for _ in range(6):
        bench.edge.wait_restarted("media", bench.edge.kill("media"))
    hears(call, 900)
    hears(there, 700)
    # Each kill may cost the tick that it tore; a pause of the supervisor would be a gap of many.
    assert call.audio.lost() <= 6
    assert next(p for p in bench.edge.processes() if p["name"] == "media")["crash_loop"] is False
    call.bye()
    bench.edge.wait_event("call.ended")


def test_overload_refuses_new_calls_and_leaves_the_others_alone(bench: Bench) -> None:
    call = in_menu(bench)
    site = bench.edge.site.read_text()

    def limit(percent: int) -> None:
        bench.edge.site.write_text(site.replace("[media]\n", f"[media]\noverload_percent = {percent}\n"))
        bench.edge.control(what="reload")

    limit(0)
    until(lambda: [c["condition"] for c in bench.edge.status()["conditions"]] == ["media_overload"], 30, "overload")
    assert metrics(bench)['edge_media_overload_ratio{engine="0"}'] == 1
    refused = bench.caller.call(bench.edge.uri)
    until(lambda: refused.final, 10, "refused")
    assert refused.final == 503
    answer = next(message for message in refused.received if message.status == 503)
    assert "Retry-After" in dict(answer.headers)
    request = {"target": f"sip:target@{bench.target.address}", "menu": "main"}
    with pytest.raises(ValueError, match="no new calls: overload"):
        bench.edge.control(what="request", process="switch", request="originate", body=request)
    call.audio.press("1")
    hears(call, TONES["one"])
    limit(80)
    until(lambda: bench.edge.status()["ready"], 60, "room again")
    other = in_menu(bench)
    for one in (call, other):
        one.bye()
    bench.edge.wait_event("call.ended", count=2)


def test_the_kernels_service_is_shown(bench: Bench) -> None:
    found = metrics(bench)
    granted = os.geteuid() == 0
    assert found['edge_media_real_time_ratio{engine="0"}'] == granted
    assert found['edge_media_locked_memory_ratio{engine="0"}'] == granted
    nice = {name: os.getpriority(os.PRIO_PROCESS, bench.edge.pid(name)) for name in ("media", "media-zygote", "front")}
    assert nice == {"media": -15, "media-zygote": -15, "front": 0} or not granted
    tasks = Path(f"/proc/{bench.edge.pid('media')}/task")
    assert (
        any(os.sched_getscheduler(int(task)) == os.SCHED_RR for task in (path.name for path in tasks.iterdir()))
        == granted
    )
