"""A site in a folder that is loaded again and again, as an appliance does it."""

import wave
from collections.abc import Collection
from pathlib import Path

from edge.config.loader import Inspection, load_found
from edge.config.site import Site
from edge.config.versions import Versions
from edge.core.menus.model import Menu, Play
from edge.core.menus.sounds import sound_paths

SITE = """
name = "kept"
[paths]
state = "{0}/state"
recordings = "{0}/rec"
menus = "{0}/menus"
prompts = "{0}/prompts"
profiles = "{0}/profiles"
[[trunks]]
name = "t"
sources = ["127.0.0.0/8"]
[[routes]]
number = "*"
menu = "main"
"""
MENU = """
version: 1
start: hello
nodes:
  hello:
    play: hello
    next: bye
  bye:
    hang_up: "{}"
"""


class Box:
    """A site in a folder, and what loading it again and again leaves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.clock = 0
        self.site: Site
        (folder / "menus").mkdir()
        (folder / "site.toml").write_text(SITE.format(folder))
        self.record(1)
        self.write("one")

    def write(self, reason: str) -> None:
        (self.folder / "menus/main.yaml").write_text(MENU.format(reason))

    def record(self, value: int) -> None:
        path = self.folder / "prompts/en/hello.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes([value, 0]) * 800)

    def versions(self) -> Versions:
        self.clock += 1
        return Versions(self.state, f"2026-11-22T12:00:{self.clock:02d}.000Z")

    def load(self, by: str = "reload", keep: int = 10, in_use: Collection[str] = ()) -> Versions:
        found: Inspection = load_found(self.folder / "site.toml")
        versions = self.versions()
        self.site = versions.take(found.site, found.sources, found.digests, by)
        versions.prune(keep, in_use)
        versions.write()
        versions.clean_sounds(sound_paths(self.menu))
        return versions

    @property
    def menu(self) -> Menu:
        return self.site.menus["main"]

    def heard(self) -> bytes:
        """What a caller of the present version hears first."""
        node = self.menu.nodes["hello"]
        assert isinstance(node, Play)
        return Path(node.sounds[0].path).read_bytes()
