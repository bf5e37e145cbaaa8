"""A PostgreSQL of the test's own: Debian's programs, a cluster in a folder under /tmp, a Unix socket, nobody else."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg


class Postgres:
    """A cluster that runs. It ends with `stop`, or with the process that made it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="edge-pg-"))
        self._data = self.folder / "data"
        # The server refuses to be root. Its folder is its own, and a socket's path must be short.
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self.process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-A", "trust", "-U", "edge", "-N", "--no-locale", "-E", "UTF8", "-D", str(self._data))
        self.start()

    @property
    def url(self) -> str:
        """What a store is opened by."""
        return f"postgresql://edge@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",  # no power is cut in tests
            "shared_buffers": "16MB",
            "max_connections": "40",
            "autovacuum": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [*self._as_user(), _program("postgres"), "-D", str(self._data), *options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        while True:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.05)
            else:
                return

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let all of its processes stand still: connections stay, and nothing answers."""
        assert self.process is not None
        main = self.process.pid
        os.kill(main, signal.SIGSTOP)  # first, so that no more processes come
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        pids = [*map(int, children), main]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """Stop it at once, as when it crashes; `start` may follow."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
            self.process = None

    def remove(self) -> None:
        """Stop it for good."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def clean(self) -> None:
        """Take away what tests have left there; the schema stays, for it takes longest to make."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'edge_dialer'").fetchall()
            connection.execute("SET session_replication_role = replica")  # in any order
            for (name,) in found:
                kept = "WHERE name <> 'schema'" if name == "meta" else ""
                connection.execute(f"DELETE FROM edge_dialer.{name} {kept}".encode())

    def forget(self) -> None:
        """Take the schema away, too."""
        self.execute("DROP SCHEMA IF EXISTS edge_dialer CASCADE")

    def execute(self, statement: str) -> None:
        """Run a statement."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _as_user(self) -> list[str]:
        death = ["setpriv", "--pdeathsig", "QUIT"]
        if os.geteuid() != 0:
            return death
        user = self._user
        # Twice, for with another user the kernel forgets what is to happen at the parent's death.
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *death]

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = [*self._as_user(), _program(program), *arguments]
        done = subprocess.run(command, capture_output=True, check=False, cwd="/")
        assert done.returncode == 0, done.stderr.decode()


def _program(name: str) -> str:
    """Find a program of the newest PostgreSQL that Debian has; its folder is in nobody's PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    assert found, "PostgreSQL is not there: scripts/install-test-peers"
    return str(found[-1])
