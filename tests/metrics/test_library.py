"""What a process does not load for its metrics."""

import subprocess
import sys

import pytest

#: Modules that prometheus_client's package imports for web servers and clients.
HEAVY = ("http.server", "urllib.request", "wsgiref.simple_server", "ssl")


def loaded(module: str, after: str = "pass") -> set[str]:
    """What a fresh interpreter has when it has imported `module`, of `HEAVY`, and dns and phonenumbers."""
    code = f"import sys, {module}; {after}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split()) & {*HEAVY, "dns", "phonenumbers", "prometheus_client"}


def test_no_servers_come_with_the_library() -> None:
    assert loaded("edge.metrics.library") == {"prometheus_client"}


def test_they_are_there_for_who_needs_them() -> None:
    after = "import http.server, ssl, urllib.request; http.server.BaseHTTPRequestHandler.handle; ssl.SSLContext"
    assert {"http.server", "ssl", "urllib.request"} <= loaded("edge.metrics.library", after)


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("edge.app.supervisor", {"prometheus_client"}),
        ("edge.front.process", {"prometheus_client", "ssl"}),
        ("edge.switch.process", {"prometheus_client"}),
        ("edge.span.process", set()),
    ],
)
def test_processes_load_what_they_need(module: str, needed: set[str]) -> None:
    assert loaded(module) == needed
