"""A running supervisor for tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from edge.cli.control import NotRunningError, ask
from edge.config.site import Http, Limits, Media, Paths, Sip, Site
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]


def site_for(address: str, folder: Path, **changes: Any) -> Site:
    return Site(
        name="test",
        sip=Sip(address=address, inner_address=address, max_spans=10),
        media=changes.pop("media", Media(slots=3)),
        http=Http(address=address),
        paths=Paths(state=str(folder / "state"), recordings=str(folder / "rec"), menus="", prompts=""),
        limits=Limits(drain_seconds=changes.pop("drain_seconds", 30)),
        **changes,
    )


class Appliance:
    """`edge run` over fake processes."""

    def __init__(
        self,
        site: Site,
        environment: dict[str, str] | None = None,
        source: Path | None = None,
        stdout: Path | None = None,
    ) -> None:
        self.run_dir = Path(site.paths.state) / "run"
        self.log_path = Path(site.paths.state).parent / "log"
        with self.log_path.open("ab") as log, (stdout or Path(os.devnull)).open("ab") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.app.start",
                    msgspec.json.encode(site).decode(),
                    *([] if source is None else [str(source)]),
                ],
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
                stdout=output if stdout else None,
                stderr=log,
            )

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def ask(self, what: str, **more: Any) -> dict[str, Any]:
        return ask(self.run_dir, {"what": what, **more}, limit_s=60)

    def status(self) -> dict[str, Any]:
        try:
            body: dict[str, Any] = self.ask("status")["body"]
        except NotRunningError:
            return {"ready": False, "conditions": [], "processes": [], "spans": []}
        return body

    def request(self, process: str, what: str, body: Any = None) -> Any:
        answer = self.ask("request", process=process, request=what, body=body)
        if not answer["ok"]:
            raise LookupError(answer["error"])
        return answer["body"]

    def until_ready(self) -> dict[str, Any]:
        until(lambda: self.status()["ready"] or self.process.poll() is not None, 30, "ready")
        assert self.process.poll() is None, self.log
        return self.status()

    def one(self, name: str) -> dict[str, Any]:
        return next(p for p in self.status()["processes"] if p["name"] == name)

    def pids(self) -> set[int]:
        """Every process of the appliance."""
        found = {self.process.pid}
        while True:
            children = set()
            for pid in found:
                for task in Path(f"/proc/{pid}/task").glob("*/children"):
                    children |= {int(child) for child in task.read_text().split()}
            if children <= found:
                return found
            found |= children

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def alive(pid: int) -> bool:
    """Whether there is such a process, zombies apart."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False
