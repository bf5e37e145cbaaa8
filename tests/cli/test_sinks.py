"""`edge sinks`: a test event, step by step, and how sinks are doing."""

import json
import socket
from pathlib import Path

import pytest

from edge.cli import main
from tests.support.addresses import address
from tests.support.outbox import Backend

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"


def site(folder: Path, *sinks: str) -> list[str]:
    (folder / "menus").mkdir(exist_ok=True)
    tables = "".join(f"[[sinks]]\n{sink}\n" for sink in sinks)
    (folder / "site.toml").write_text(f'name = "box"\n[paths]\nstate = "state"\nmenus = "menus"\n{tables}')
    return ["--config", str(folder / "site.toml")]


def test_a_test_event_goes_to_one_sink_and_each_step_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backend = Backend()
    options = site(
        tmp_path,
        f'name = "web"\nurl = "{backend.url}"\nsecret = "{SECRET}"',
        f'name = "file"\ntype = "file"\npath = "{tmp_path}/events.jsonl"',
    )
    try:
        assert main(["sinks", "test", "web", *options, "--json"]) == 0
        steps = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(step["name"], step["good"]) for step in steps] == [
            (name, True) for name in ("settings", "resolve", "connect", "log in", "publish")
        ]
        (request,) = backend.received
        event = json.loads(request.body)
        assert (event["type"], event["source"], event["data"]["sink"]) == ("sink.test", "edge/box", "web")
        assert request.id == event["id"]
        backend.answer = lambda _request: (401, {}, b"")
        assert main(["sinks", "test", "web", *options]) == 1
        assert "FAILED publish   refused: 401" in capsys.readouterr().out
    finally:
        backend.close()
    assert main(["sinks", "test", "file", *options]) == 0
    assert json.loads((tmp_path / "events.jsonl").read_text())["data"] == {"type": "sink.test", "sink": "file"}
    assert main(["sinks", "test", "fil", *options]) == 2
    assert "did you mean 'file'?" in capsys.readouterr().err


def test_the_step_that_fails_is_the_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with address() as host, socket.socket() as nobody:
        nobody.bind((host, 0))  # bound, but it does not listen
        port = nobody.getsockname()[1]
        options = site(
            tmp_path,
            f'name = "mq"\ntype = "mqtt"\nurl = "mqtt://{host}:{port}"',
            f'name = "secure"\ntype = "amqp"\nurl = "amqps://{host}:{port}"',
        )
        assert main(["sinks", "test", "mq", *options, "--json"]) == 1
        steps = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(step["name"], step["good"]) for step in steps][-1] == ("connect", False)
        assert "ConnectionRefusedError" in steps[-1]["text"]
        nobody.listen()
        nobody.close()
        assert main(["sinks", "test", "secure", *options]) == 1


def test_without_an_appliance_nothing_is_known_of_its_sinks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sinks", "list", *site(tmp_path)]) != 0
    assert "does not run" in capsys.readouterr().err
