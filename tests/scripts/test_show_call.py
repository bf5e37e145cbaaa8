import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.scripts.stubs import Machine, copied

#: Stands for `edge`: `run` makes a file that says ready and stays until SIGINT, others answer from it. It is
#: Python, as the real one: a shell could not handle SIGINT, which is ignored in what a script starts in the background.
EDGE = r"""
case $1 in
    run) [ -z "$FAIL_START" ] || { echo "port in use" >&2; exit "$FAIL_START"; }
         exec python3 daemon.py ;;
    status) [ -e ready ] ;;
    call) echo "heard a prompt"; exit "${CALL_RESULT:-0}" ;;
    calls) echo '{"id": "c7", "state": "ended"}' ;;
    events) case "$*" in
        *--type*) [ -n "$NEVER_ENDS" ] || echo '{"type": "call.ended"}' ;;
        *) echo "call.ended" ;;
    esac ;;
    recordings) exit "${VERIFY_RESULT:-0}" ;;
esac
"""
DAEMON = """
import os, pathlib, signal
signal.signal(signal.SIGINT, lambda *_: None)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # one that comes before it is waited for is not lost
os.environ.get("NEVER_READY") or pathlib.Path("ready").touch()
signal.sigwait([signal.SIGINT])
pathlib.Path("stopped").touch()
"""


@pytest.fixture
def project(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    copied("show-call", tmp_path)
    machine.stub("edge", EDGE)
    (tmp_path / "daemon.py").write_text(DAEMON)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/edge").symlink_to(tmp_path / "bin/edge")
    return machine


def start(project: Machine, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    environment.setdefault("TMPDIR", str(project.folder))
    return subprocess.Popen(
        [str(project.folder / "scripts/show-call"), *arguments],
        env=project.environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_once_ends_with_the_result_of_the_call(project: Machine) -> None:
    for result in ("0", "1"):
        process = start(project, ONCE="1", CALL_RESULT=result)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == int(result)
        assert "heard a prompt" in out
        assert "call.ended" in out
        (project.folder / "ready").unlink()
        (project.folder / "stopped").unlink()


def test_a_bad_recording_is_a_bad_result(project: Machine) -> None:
    process = start(project, ONCE="1", VERIFY_RESULT="1")
    process.communicate(timeout=60)
    assert process.returncode == 1


def test_a_call_that_does_not_end_is_a_bad_result(project: Machine) -> None:
    project.stub("sleep", "")
    process = start(project, ONCE="1", NEVER_ENDS="1")
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert len([call for call in project.calls if "--type call.ended" in call]) == 100


def test_a_daemon_that_does_not_start_is_told_with_its_code_and_log(project: Machine) -> None:
    process = start(project, ONCE="1", FAIL_START="78")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 78
    assert "port in use" in err


def test_a_daemon_that_never_gets_ready_is_given_up(project: Machine) -> None:
    process = start(project, ONCE="1", NEVER_READY="1", READY_TRIES="3")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "did not become ready" in err


def test_options_reach_the_daemon_and_the_call(project: Machine) -> None:
    process = start(project, "--sip-port", "5090", "--state=/tmp/x", "--sip-address", "127.0.0.9", ONCE="1")
    process.communicate(timeout=60)
    assert "edge run --demo --sip-port 5090 --state=/tmp/x --sip-address 127.0.0.9" in project.calls
    assert "edge call sip:demo@127.0.0.9:5090 --press 1,2" in project.calls
    assert "edge events list --state /tmp/x --call c7" in project.calls


def test_ctrl_c_ends_the_daemon_before_the_script(project: Machine) -> None:
    process = start(project)
    assert process.stdout is not None
    for line in process.stdout:
        if "The daemon goes on" in line:
            break
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert (project.folder / "stopped").exists()
    assert not any(project.folder.glob("tmp.*"))
