"""What checks are told: the site, and the appliance if it runs."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from edge.app.demo import demo_overrides
from edge.cli.control import NotRunningError, ask
from edge.cli.site import site_file
from edge.config import credentials
from edge.config.compiled import CompiledSite
from edge.config.loader import Inspection, inspect

#: A question to the running appliance.
ASK_S = 8.0


class Patient(Struct, kw_only=True):
    """Who is examined."""

    found: Inspection
    run_dir: Path
    #: What `edge status --json` says; None: it does not run.
    status: dict[str, Any] | None
    #: Number that a test call is made to; empty: none. The trunk that takes it; empty: the only one.
    call: str = ""
    trunk: str = ""
    #: Sinks are sent an event, too.
    send: bool = False

    @property
    def site(self) -> CompiledSite:
        """The configuration of the files, whatever runs."""
        return self.found.site

    @property
    def runs(self) -> bool:
        """Whether an appliance with this run folder answers."""
        return self.status is not None

    @property
    def pid(self) -> int:
        """Its supervisor's process id, 0 when it does not run."""
        return int(self.status["pid"]) if self.status is not None else 0

    def pid_of(self, process: str) -> int:
        """Return the process id of one of its processes, 0 when there is none."""
        rows = self.status["processes"] if self.status is not None else []
        return next((int(row["pid"]) for row in rows if row["name"] == process and row["pid"]), 0)

    def request(self, process: str, what: str, body: object = None) -> Any:
        """Ask one of its processes. Raises `NotRunningError`, also when that process refuses."""
        document = {"what": "request", "process": process, "request": what, "body": {} if body is None else body}
        answer = ask(self.run_dir, document, ASK_S)
        if not answer["ok"]:
            raise NotRunningError(str(answer["error"]))
        return answer["body"]


def meet(config: Path | None, *, demo: bool, state: Path | None) -> Patient:
    """Read the files, and look whether the appliance runs. Raises `UsageError`."""
    file = site_file(config, demo=demo)
    overrides: Mapping[str, object] = {} if state is None else {"paths.state": str(state)}
    if demo:
        overrides = demo_overrides(overrides)
    found = inspect(file, overrides)
    run_dir = Path(found.site.paths.run or f"{found.site.paths.state}/run")
    status: dict[str, Any] | None = None
    with contextlib.suppress(NotRunningError):
        status = ask(run_dir, {"what": "status"}, ASK_S)["body"]
    if status is None and found.errors and "CREDENTIALS_DIRECTORY" not in os.environ:
        # The service manager hands them out while the unit runs; who may read them where they are kept need not wait.
        kept = credentials.KEPT
        if os.access(kept, os.R_OK | os.X_OK):
            found = inspect(file, overrides, {**os.environ, "CREDENTIALS_DIRECTORY": str(kept)})
    if status is not None and found.errors:
        # Secrets that the service is given by its environment are not in ours.
        with contextlib.suppress(OSError):
            found = inspect(file, overrides, environment_of(int(status["pid"])))
    return Patient(found=found, run_dir=run_dir, status=status)


def environment_of(pid: int) -> Mapping[str, str]:
    """Return the environment of a process. Raises OSError where it is another user's."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    split = (os.fsdecode(pair).partition("=") for pair in pairs if pair)
    return {name: value for name, _, value in split}
