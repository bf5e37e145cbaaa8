"""Small programs that stand for system tools: a script's decisions are tested without changing the machine."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Machine:
    """A folder of stubs before PATH, and a log of their calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()
        (folder / "bin").mkdir()

    def stub(self, name: str, script: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f'#!/bin/bash\necho "{name} $*" >>"{self.log}"\n{script}\n')
        path.chmod(0o755)

    def environment(self, **more: str) -> dict[str, str]:
        return {"PATH": f"{self.folder}/bin:/usr/bin:/bin", "HOME": str(self.folder), "LC_ALL": "C"} | more

    def run(self, script: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        command = [str(ROOT / "scripts" / script), *arguments]
        return subprocess.run(
            command, env=self.environment(**environment), capture_output=True, text=True, check=False, timeout=60
        )

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()


def copied(script: str, folder: Path) -> Path:
    """Copy a script to a project folder of its own."""
    (folder / "scripts").mkdir(parents=True, exist_ok=True)
    target = folder / "scripts" / script
    shutil.copy2(ROOT / "scripts" / script, target)
    os.utime(target)
    return target
