import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "edge.cli", "menu", "try", "main", "--demo"]


def read_until(fd: int, text: str) -> str:
    """Read what the command prints until it has said something; the timeout of the test ends the waiting."""
    said = ""
    while text not in said:
        said += os.read(fd, 1000).decode()
    return said


def test_a_walk_at_the_terminal() -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(COMMAND, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        read_until(ours, "Welcome to the demo")
        os.write(ours, b"9")
        said = read_until(ours, "[u]nreachable")
        assert "--------- connect (transfer)" in said
        assert "? sip:echo@127.0.0.1:5070" in said
        os.write(ours, b"b")
        read_until(ours, "The line is engaged.")
        os.write(ours, b"q")
        read_until(ours, "the caller hangs up")
        assert process.wait() == 0
    os.close(ours)


def test_control_c_hangs_up_and_leaves_the_terminal_as_it_was() -> None:
    ours, theirs = pty.openpty()
    before = subprocess.check_output(["stty", "-a"], stdin=theirs)
    with subprocess.Popen(
        COMMAND, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        read_until(ours, "Welcome to the demo")
        process.send_signal(signal.SIGINT)
        read_until(ours, "the caller hangs up")
        assert process.wait() == 0
    assert subprocess.check_output(["stty", "-a"], stdin=theirs) == before
    os.close(ours)
    os.close(theirs)


def test_the_end_of_the_input_hangs_up() -> None:
    done = subprocess.run(COMMAND, cwd=ROOT, input=b"*", capture_output=True, check=False)
    assert done.returncode == 0
    assert b"--------- goodbye (play)" in done.stdout
    assert done.stdout.endswith(b"the caller hangs up\n")


def test_a_time_that_is_none() -> None:
    done = subprocess.run([*COMMAND, "--at", "noon"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"'noon' is not a time such as 2026-11-23T10:00" in done.stderr


def test_a_full_mailbox(tmp_path: Path) -> None:
    (tmp_path / "menus").mkdir()
    (tmp_path / "menus/main.yaml").write_text(
        "version: 1\nstart: box\nnodes:\n  box:\n    voicemail: sales\n    next: end\n    failed: end\n"
        "    on_full: later\n  later: {hang_up: full}\n  end: {hang_up: done}\n"
    )
    site = tmp_path / "site.toml"
    site.write_text(
        'name = "x"\n[paths]\nstate = "state"\nmenus = "menus"\n[[mailboxes]]\nname = "sales"\nmax_minutes = 9\n'
    )
    command = [sys.executable, "-m", "edge.cli", "menu", "try", "main", "--config", str(site)]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*command, "--full", "sales"], cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        said = read_until(ours, "later (hang_up)")
        assert "This mailbox is full" in said
        assert "leave a message" not in said
        assert process.wait() == 0
    os.close(ours)
    for words in (["--full", "sails"], ["--full", "sails", "--audio"]):
        wrong = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, check=False)
        assert wrong.returncode == 2
        assert b"did you mean 'sales'" in wrong.stderr
