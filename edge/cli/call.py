"""`edge call`: place test calls and say what was heard."""

import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import App, Parameter

from edge.cli.control import NotRunningError, ask
from edge.cli.output import BAD, FINE, USAGE, complain, print_json, print_table
from edge.cli.site import JsonOption
from edge.core.menus.model import Menu
from edge.core.menus.script import press_script
from edge.vocabulary.wire import to_json

if TYPE_CHECKING:
    from edge.config.site import Site

_URI = re.compile(r"sips?:(?:[^@\s<>]+@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d+)?(?:;[^\s<>]*)?")
_KEYS = re.compile(r"[0-9*#A-Da-d]+")
#: A cold start compiles the engine.
START_S = 180.0
#: What a call may take beside its script: ringing, and the end.
CALL_S = 75.0


class FailedError(Exception):
    """No test call could be placed; the text says why."""


def register(app: App) -> None:
    """Add the command."""
    app.command(call)


def call(
    uri: str,
    *,
    press: Annotated[str, Parameter(help="Keys to press, each after a prompt was heard: 1,2 or 1,4711#.")] = "",
    calls: Annotated[int, Parameter(help="Calls at once.")] = 1,
    stay: Annotated[float, Parameter(help="Seconds to stay after the last key.")] = 3.0,
    think: Annotated[float, Parameter(help="Seconds between hearing a prompt and pressing the key.")] = 1.0,
    record: Annotated[Path | None, Parameter(help="Keep the (first) call's recording in this WAV file.")] = None,
    json: JsonOption = False,
) -> int:
    """Place a test call and tell what it met: final code, set-up time, when the prompt began, RTP loss and jitter.

    A throw-away appliance makes the call, with a temporary state folder and an address of its own; a daemon on this
    machine is not touched. Exit code 0: every call was answered, heard something and pressed all keys; 1: not so.
    """
    keys = [key for key in press.split(",") if key]
    if not _host(uri) or any(_KEYS.fullmatch(key) is None for key in keys) or not 1 <= calls <= 1000:
        complain("usage: edge call sip:USER@HOST[:PORT] --press 1,2 (keys 0-9 * # A-D), --calls from 1 to 1000")
        return USAGE
    script = press_script(keys, before_key_ms=round(think * 1000), stay_ms=round(stay * 1000))
    limit_s = CALL_S + (stay + len(keys) * (think + 12))
    try:
        with tempfile.TemporaryDirectory(prefix="edge-call-") as folder:
            results = _place(uri, script, calls, limit_s, Path(folder))
            if record is not None and results[0]["recording"]:
                shutil.copy(results[0]["recording"], record)
                results[0]["recording"] = str(record)
            else:
                for result in results:
                    result["recording"] = None
    except FailedError as error:
        complain(error)
        return BAD
    _show(results, json=json)
    return FINE if all(result["ok"] for result in results) else BAD


def _place(uri: str, script: Menu, calls: int, limit_s: float, folder: Path) -> list[dict[str, Any]]:
    from edge.app.caller import UnreachableError, caller_site, way_to

    try:
        site = caller_site(way_to(_host(uri)), folder, calls)
    except UnreachableError as error:
        raise FailedError(str(error)) from None
    run_dir = Path(site.paths.run)
    with running(site, folder, "the caller did not start"):
        ids = [_originate(run_dir, uri, script) for _ in range(calls)]
        wait_for(lambda: all(_ended(run_dir, id_) for id_ in ids), limit_s, "the calls did not end")
        return [summary(uri, script, _history(run_dir, id_)) for id_ in ids]


def _host(uri: str) -> str:
    found = _URI.fullmatch(uri)
    return found["host"] if found is not None else ""


@contextmanager
def running(site: "Site", folder: Path, failure: str) -> Iterator[None]:
    """Run a site in a process of its own, once it takes calls. Raises `FailedError`, with `failure` when it is slow."""
    from edge.app.caller import start

    process = start(site, folder)
    try:
        wait_for(lambda: takes_calls(process, Path(site.paths.run), folder), START_S, failure)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(condition: Callable[[], bool], limit_s: float, failure: str) -> None:
    """Wait for a condition. Raises `FailedError`."""
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            raise FailedError(f"{failure} within {limit_s:.0f} s")
        time.sleep(0.05)


def takes_calls(process: subprocess.Popen[bytes], run_dir: Path, folder: Path) -> bool:
    """Say whether the appliance that was started takes calls. Raises `FailedError` when it has ended."""
    if process.poll() is not None:
        log = (folder / "caller.log").read_text(errors="replace")[-2000:]
        raise FailedError(f"the caller ended with {process.returncode}: {log}")
    try:
        return bool(ask(run_dir, {"what": "status"})["body"]["ready"])
    except NotRunningError:
        return False


def _request(run_dir: Path, request: str, body: object) -> dict[str, Any]:
    try:
        answer = ask(run_dir, {"what": "request", "process": "switch", "request": request, "body": body})
    except NotRunningError as error:
        raise FailedError(str(error)) from None
    if not answer["ok"]:
        raise FailedError(str(answer["error"]))
    document: dict[str, Any] = answer["body"]
    return document


def _originate(run_dir: Path, uri: str, script: Menu) -> str:
    body = {"target": uri, "trunk": "", "caller": "test", "menu": msgspec.json.decode(to_json(script))}
    return str(_request(run_dir, "originate", body)["call"])


def make_call(run_dir: Path, target: str, trunk: str, menu: str) -> str:
    """Have a running appliance call a number by a trunk, on a menu of its site; returns the id of the call.

    Raises `FailedError`.
    """
    return str(_request(run_dir, "originate", {"target": target, "trunk": trunk, "menu": menu})["call"])


def _history(run_dir: Path, id_: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = _request(run_dir, "call", {"id": id_})["events"]
    return events


def _ended(run_dir: Path, id_: str) -> bool:
    return bool(_request(run_dir, "call", {"id": id_})["state"] == "ended")


def summary(uri: str, script: Menu, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Sum a test call up from its events; the keys are what `edge call --json` prints."""
    by_type = {event["type"]: event["data"] for event in events}
    ended = by_type["call.ended"]
    end = ended["end"]
    answered = by_type.get("call.answered")
    quality = by_type.get("leg.quality", {})
    first_sound = quality.get("first_sound_after_ms")
    pressed = [script.nodes[name].digits for name in ended["path"] if name.startswith("press_")]  # type: ignore[union-attr]
    missing = sum(name.startswith("press_") for name in script.nodes) - len(pressed)
    return {
        "ok": answered is not None and first_sound is not None and not missing and end["text"] != "no sound",
        "uri": uri,
        "call": events[0]["subject"],
        "final_code": 200 if answered is not None else end.get("sip_code"),
        "outcome": end["outcome"],
        "ended_by": end["ended_by"],
        "text": end.get("text", ""),
        "setup_ms": answered["after_ms"] if answered is not None else None,
        "prompt_start_ms": first_sound,
        "pressed": pressed,
        "duration_ms": ended["duration_ms"],
        "rtp_received": quality.get("packets_received"),
        "rtp_sent": quality.get("packets_sent"),
        "rtp_lost": quality.get("packets_lost"),
        "rtp_late": quality.get("packets_late"),
        "jitter_ms": quality.get("jitter_ms"),
        "round_trip_ms": quality.get("round_trip_ms"),
        "recording": by_type.get("recording.completed", {}).get("path"),
    }


def _show(results: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        for result in results:
            print_json(result)
        return
    columns = ("ok", "final_code", "outcome", "setup_ms", "prompt_start_ms", "pressed", "rtp_lost", "jitter_ms", "text")
    rows = [
        [
            "" if result[name] is None else ",".join(result[name]) if name == "pressed" else result[name]
            for name in columns
        ]
        for result in results
    ]
    print_table(columns, rows, right=("final_code", "setup_ms", "prompt_start_ms", "rtp_lost", "jitter_ms"))
