"""The API of a whole appliance, with real calls: the guide as it stands there, the recipe, and keys that hold."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from edge.client import ApiError, Client
from edge.core.access.gate import hash_of
from edge.vocabulary import api
from tests.support.addresses import address
from tests.support.appliance import ROOT, Appliance, appliance
from tests.support.campaigns import town_site
from tests.support.softphone import Softphone
from tests.support.waiting import until

pytestmark = pytest.mark.system

MENU = """
version: 1
start: desk
nodes:
  desk:
    park: 5m
    next: bye
  bye:
    hang_up:
"""
TOKEN = "edge_of_the_test"
SITE = f"""
[[api_tokens]]
name = "crm"
role = "admin"
hash = "{hash_of(TOKEN)}"
may_dial = ["sip:agent@"]
rate = 1000
burst = 1000
[[api_tokens]]
name = "wall"
role = "viewer"
hash = "{hash_of(TOKEN + "2")}"
"""


@contextmanager
def office(folder: Path) -> Iterator[tuple[Appliance, Client]]:
    with address() as at, appliance(at, folder, menu=MENU, extra=SITE) as edge, Client(url(edge), TOKEN) as client:
        yield edge, client


def url(edge: Appliance) -> str:
    return f"http://{edge.status()['http']}"


def test_the_guide_and_the_recipe_do_what_they_say(tmp_path: Path) -> None:
    with office(tmp_path) as (edge, client), address() as at, Softphone(at) as caller:
        call = caller.call(edge.uri)
        call.wait_answered()
        edge.wait_event("menu.node_entered")
        id_ = edge.last_call()
        run_the_guide(edge, id_, tmp_path)
        assert {"order.started", "order.ended", "api.acted"} <= set(edge.types())
        # A caller is told something, and hears it; who may not see numbers does not.
        begun = client.play(id_, api.Play(sounds=["en/one"], barge_in=True), key="once")
        until(lambda: call.audio.hears(550), 20, "the prompt by order")
        edge.wait_restarted("switch", edge.kill("switch"))
        assert client.play(id_, api.Play(sounds=["en/one"], barge_in=True), key="once") == begun
        with pytest.raises(ApiError, match="422"):
            client.play(id_, api.Play(sounds=["en/two"]), key="once")
        with Client(url(edge), TOKEN + "2") as wall:
            assert wall.call(id_).caller.startswith("***")
            assert client.call(id_).caller == "phone"
            with pytest.raises(ApiError, match="403"):
                wall.hang_up(id_)
        with pytest.raises(ApiError, match="may not dial"):
            client.transfer(id_, api.Transfer(target="sip:stranger@127.0.0.1"))
        call.audio.press("1")
        assert client.wait(begun).result == "played"
        recipe(edge, call, id_)
        call.bye()
        edge.wait_event("call.ended", id_)
        edge.check_histories()


def run_the_guide(edge: Appliance, call: str, folder: Path) -> None:
    """Run what docs/api.md shows as shell, in order, as whoever copies it would."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/api.md").read_text(), re.DOTALL)
    assert len(blocks) >= 4
    environment = {**os.environ, "EDGE": url(edge), "TOKEN": TOKEN, "CALL": call}
    command = ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)]
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done
    assert '"name":"crm"' in done.stdout
    assert "event: call.started" in done.stdout
    assert '"state":"running"' in done.stdout


def recipe(edge: Appliance, call: "object", id_: str) -> None:
    """Have docs/recipes/desk.py serve the caller: he presses his number, and talks."""
    with address() as at, Softphone(at, port=5060, tone_hz=900, user="agent", auto_answer=True) as agent:
        environment = {**os.environ, "EDGE": url(edge), "EDGE_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(ROOT / "docs/recipes/desk.py"), agent.uri]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as program:
            try:
                until(lambda: call.audio.hears(620), 30, "the question")  # type: ignore[attr-defined]
                call.audio.press("4711")  # type: ignore[attr-defined]
                assert program.stdout is not None
                assert program.stdout.readline() == f"{id_} customer 4711: connected\n"
                until(lambda: call.audio.hears(900), 20, "the agent")  # type: ignore[attr-defined]
            finally:
                program.kill()
    told = [json.dumps(event["data"]) for event in edge.events() if event["type"] == "api.acted"]
    assert any('"act": "transfer"' in one and '"result": "done"' in one for one in told)


#: Examples of each kind, less of what takes its time.
EXAMPLES, FEW = 6, 2
SLOW = {"/api/v1/reload", "/api/v1/calls/{id}/say"}
STREAM = "/api/v1/events/stream"


def test_the_document_says_what_is_answered_whatever_is_asked(tmp_path: Path) -> None:
    """Requests as the OpenAPI document allows them, and such as it does not: no answer that it does not tell of."""
    import schemathesis
    from hypothesis import HealthCheck, given, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import ignored_auth

    both = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    asked: dict[str, set[int]] = {}
    with town(tmp_path) as (edge, client):
        headers = {"Authorization": f"Bearer {TOKEN}"}
        for found in schemathesis.openapi.from_url(f"{url(edge)}/openapi.json").get_all_operations():
            operation = found.ok()
            if not operation.path.startswith("/api/"):
                continue
            for mode in both:

                @settings(
                    max_examples=FEW if operation.path in SLOW else EXAMPLES,
                    deadline=None,
                    derandomize=True,
                    database=None,
                    suppress_health_check=HealthCheck,
                )
                @given(case=operation.as_strategy(generation_mode=mode))
                def ask(case: schemathesis.Case) -> None:
                    if case.operation.path == STREAM:
                        status = begins(case, headers)
                    else:
                        answer = case.call(headers=headers, timeout=60)
                        # Its own wrong tokens are too many: 429 for them is no hole. 503 is told apart below.
                        case.validate_response(answer, excluded_checks=[ignored_auth, not_a_server_error])
                        status = answer.status_code
                    asked.setdefault(case.operation.path, set()).add(status)

                ask()
        assert {status for statuses in asked.values() for status in statuses if status >= 500} <= {503}
        assert {200, 400, 404} <= set().union(*asked.values())
        for path in (STREAM, "/api/v1/reload", "/api/v1/campaigns", "/api/v1/do_not_call"):
            assert 200 in asked[path], (path, asked[path])
        assert 400 in asked[STREAM]
        assert client.me().name == "crm"
        assert edge.status()["ready"]


def begins(case: Any, headers: dict[str, str]) -> int:
    """Have a stream begin, or be refused; either as the document says. Returns the status."""
    asked = case.as_transport_kwargs(headers=headers)
    with requests.request(**asked, stream=True, timeout=60) as answer:
        told = case.operation.definition.raw["responses"][str(answer.status_code)]["content"]
        (kind,) = told
        assert answer.headers["Content-Type"].partition(";")[0] == kind
        if answer.status_code == 200:
            assert next(answer.iter_lines()) == b"retry: 1000"
        else:
            assert msgspec.json.decode(answer.content, type=api.Problem).error
        return answer.status_code


@contextmanager
def town(folder: Path) -> Iterator[tuple[Appliance, Client]]:
    """An appliance with campaigns, so that nothing that is asked for is not there."""
    with address() as at, address() as nobody:
        edge = Appliance(at, folder)
        town_site(edge, nobody, nobody, SITE)
        edge.start()
        try:
            with Client(url(edge), TOKEN) as client:
                until(client.campaigns, 30, "the campaigns")
                yield edge, client
        finally:
            edge.stop()
