"""Versions of menus that are kept, in `<state>/versions`: each compiled, with its sources and the sounds it plays.

    index.json                     which version each menu has now, and which there are
    menus/NAME/VERSION.msgpack     one of them (`Kept`)
    sounds/SHA256.wav              sound files, named by their content

Sounds are copied, so a version keeps its own when somebody records them anew: calls in progress hear what they would
have heard, and a version that comes back says what it said. Spoken texts are named by their content already.

Only the child that loads a configuration writes here. What can't be written (a full disk) is a warning, for no version
that is not kept is worth a call.
"""

import contextlib
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from edge.config.compiled import CompiledSite
from edge.config.pinned import Pin
from edge.config.prompts import write_durably
from edge.core.menus.model import Menu
from edge.core.menus.sounds import sound_paths, with_sounds
from edge.vocabulary.wire import pack, unpacker


class Version(Struct, kw_only=True):
    """When a version was there. Times are RFC 3339, UTC."""

    #: First loaded, and by what: `start`, `reload` or `watch`.
    first: str
    by: str
    #: When new calls began to get it, the last time, and by what (`rollback` and `release`, too); empty: never.
    since: str = ""
    since_by: str = ""


class Line(Struct, kw_only=True):
    """What is known of one menu."""

    #: The version that new calls get; empty: the menu has no file any more.
    current: str = ""
    #: What its file said when it was loaded last.
    file: str = ""
    #: Since when a person has it held at `current`, whatever the file says; empty: it follows its file.
    pinned: str = ""
    versions: dict[str, Version] = field(default_factory=dict)


class Index(Struct, kw_only=True):
    """All menus by name."""

    menus: dict[str, Line] = field(default_factory=dict)


class Kept(Struct, kw_only=True):
    """A version as it is kept."""

    #: Every file that it plays.
    sounds: list[str]
    #: Its source and those of its sub-menus, by the name of the file.
    sources: dict[str, str]
    menu: Menu


class _Sounds(Struct):
    sounds: list[str]


class NoVersionError(Exception):
    """There is no such version, or none that can be used; the text says why."""


class Versions:
    """The versions of a state folder. `now` is the time of all that is noted, RFC 3339."""

    def __init__(self, state: Path, now: str = "") -> None:
        self._folder = state / "versions"
        self._state = state
        self._now = now
        self.warnings: list[str] = []
        self.index = self._read_index()

    # --- reading

    def _read_index(self) -> Index:
        try:
            return msgspec.json.decode((self._folder / "index.json").read_bytes(), type=Index)
        except FileNotFoundError:
            pass
        except (OSError, msgspec.MsgspecError) as error:
            self.warnings.append(f"{self._folder}/index.json cannot be read, so menus follow their files: {error}")
        return Index()

    def kept(self, menu: str, version: str) -> Kept:
        """Read a version. Raises `NoVersionError`."""
        path = self._path(menu, version)
        try:
            kept = _decode(path.read_bytes())
        except FileNotFoundError:
            raise NoVersionError(f"version {version} of menu '{menu}' is not kept") from None
        except OSError as error:
            raise NoVersionError(f"{path} cannot be read: {error.strerror}") from None
        except msgspec.MsgspecError:
            raise NoVersionError(f"version {version} of menu '{menu}' was kept by another release") from None
        missing = [sound for sound in kept.sounds if not Path(sound).is_file()]
        if missing:
            raise NoVersionError(f"version {version} of menu '{menu}' lacks {len(missing)} sounds, as {missing[0]}")
        return kept

    def find(self, menu: str, begin: str) -> str:
        """Return the one version that begins so; empty: the one that new calls had before. Raises `NoVersionError`."""
        line = self.index.menus.get(menu)
        if line is None:
            raise NoVersionError(f"no version of a menu '{menu}' is kept")
        if not begin:
            before = sorted((one.since, name) for name, one in line.versions.items() if name != line.current)
            if not before or not before[-1][0]:
                raise NoVersionError(f"menu '{menu}' has had no other version")
            return before[-1][1]
        found = [name for name in line.versions if name.startswith(begin)]
        if len(found) != 1:
            raise NoVersionError(f"{len(found) or 'no'} versions of menu '{menu}' begin with '{begin}'")
        return found[0]

    @property
    def pins(self) -> list[Pin]:
        """Menus that are held at a version."""
        return [
            Pin(menu=name, version=line.current, since=line.pinned, file=line.file)
            for name, line in sorted(self.index.menus.items())
            if line.pinned and line.current
        ]

    def sounds(self) -> Iterator[str]:
        """Yield every file that a kept version plays, some more than once."""
        for path in (self._folder / "menus").glob("*/*.msgpack"):
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                yield from _decode_sounds(path.read_bytes()).sounds

    def _path(self, menu: str, version: str) -> Path:
        return self._folder / "menus" / menu / f"{version}.msgpack"

    # --- a configuration was loaded

    def take(
        self, site: CompiledSite, sources: Mapping[str, dict[str, str]], digests: Mapping[str, str], by: str
    ) -> CompiledSite:
        """Keep what was loaded; return the site with the menus that new calls get."""
        menus: dict[str, Menu] = {}
        for name, compiled in site.menus.items():
            menu = with_sounds(compiled, self._copied(compiled, digests))
            line = self.index.menus.setdefault(name, Line())
            line.file = menu.version
            line.versions.setdefault(menu.version, Version(first=self._now, by=by))
            self._keep(menu, sources.get(name, {}))
            menus[name] = self._chosen(name, line, menu, by)
        for name, line in self.index.menus.items():
            if name not in menus:
                line.current = line.file = line.pinned = ""
        return replace(site, menus=menus, tried=self._tried(site))

    def _tried(self, site: CompiledSite) -> dict[str, Menu]:
        """Read the versions that are on trial; a trial of one that is not kept does not run."""
        found: dict[str, Menu] = {}
        for trial in site.trials:
            if trial.version:
                try:
                    version = self.find(trial.candidate, trial.version)
                    found[trial.name] = self.kept(trial.candidate, version).menu
                except NoVersionError as error:
                    self.warnings.append(f"trial '{trial.name}' does not run: {error}")
        return found

    def _chosen(self, name: str, line: Line, menu: Menu, by: str) -> Menu:
        if line.pinned:
            try:
                return self.kept(name, line.current).menu
            except NoVersionError as error:
                self.warnings.append(f"{error}, so the menu follows its file again")
                line.pinned = ""
        self._change(line, menu.version, by)
        return menu

    def _change(self, line: Line, version: str, by: str) -> None:
        if line.current != version:
            line.current = version
            line.versions[version].since, line.versions[version].since_by = self._now, by

    def _copied(self, menu: Menu, digests: Mapping[str, str]) -> dict[str, str]:
        """Keep the sounds of a menu; return where each is now."""
        found: dict[str, str] = {}
        for path in dict.fromkeys(sound_paths(menu)):
            digest = digests.get(path)
            if digest is None:
                continue
            kept = self._folder / "sounds" / f"{digest}{Path(path).suffix}"
            try:
                if not kept.is_file():
                    data = Path(path).read_bytes()
                    if hashlib.sha256(data).hexdigest() != digest:
                        self.warnings.append(f"{path} changed while it was loaded")
                        continue
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    write_durably(kept, data)
            except OSError as error:
                self._trouble(path, error)
            else:
                found[path] = str(kept)
        return found

    def _keep(self, menu: Menu, sources: dict[str, str]) -> None:
        path = self._path(menu.name, menu.version)
        sounds = [one for one in dict.fromkeys(sound_paths(menu)) if one.startswith("/")]
        data = pack(Kept(sounds=sounds, sources=sources, menu=menu))
        try:
            if not path.is_file() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_durably(path, data)
        except OSError as error:
            self._trouble(str(path), error)

    def _trouble(self, what: str, error: OSError) -> None:
        text = f"versions of menus cannot be kept: {what}: {error.strerror}"
        if not any(warning.startswith("versions of menus cannot") for warning in self.warnings):
            self.warnings.append(text)

    # --- a person chooses

    def pin(self, site: CompiledSite, name: str, version: str) -> CompiledSite:
        """Hold a menu at a version; return the site with it. Raises `NoVersionError`."""
        if name not in site.menus:
            raise NoVersionError(f"there is no menu '{name}'")
        menu = self.kept(name, version).menu
        line = self.index.menus[name]
        self._change(line, version, "rollback")
        line.pinned = self._now
        return replace(site, menus={**site.menus, name: menu})

    def release(self, site: CompiledSite, name: str) -> CompiledSite:
        """Let a menu follow its file again: what that said when it was loaded last. Raises `NoVersionError`."""
        line = self.index.menus.get(name)
        if name not in site.menus or line is None or not line.pinned:
            raise NoVersionError(f"menu '{name}' is not rolled back")
        menu = self.kept(name, line.file).menu
        self._change(line, line.file, "release")
        line.pinned = ""
        return replace(site, menus={**site.menus, name: menu})

    # --- cleaning up, writing

    def prune(self, keep: int, in_use: Collection[str]) -> None:
        """Forget all but the last `keep` versions of each menu; `in_use`: versions that calls are on."""
        for name, line in self.index.menus.items():
            stay = {line.current, line.file, *in_use}
            ages = sorted(((one.since or one.first), version) for version, one in line.versions.items())
            too_many = len(ages) - keep
            for _, version in ages[: max(0, too_many)]:
                if version not in stay:
                    del line.versions[version]
                    with contextlib.suppress(OSError):
                        self._path(name, version).unlink(missing_ok=True)

    def clean_sounds(self, playing: Iterable[str]) -> None:
        """Delete copies of sounds that no kept version plays, and none of `playing`."""
        needed = {*self.sounds(), *playing}
        with contextlib.suppress(OSError):
            for path in (self._folder / "sounds").iterdir():
                if str(path) not in needed:
                    path.unlink()

    def write(self) -> None:
        """Write what is known now."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_durably(self._folder / "index.json", msgspec.json.format(msgspec.json.encode(self.index)))
        except OSError as error:
            self._trouble(str(self._folder), error)


_decode = unpacker(Kept).decode
_decode_sounds = unpacker(_Sounds).decode
