"""Watching the files of a configuration, where the site wants it: looked at twice a second, on a thread.

Looking (`stat`) and not inotify: it is the same on every file system, network ones and bind mounts among them, and sees
what editors and tools do with files alike: written in place, renamed into place, a whole folder put in another's place
by a symbolic link. On a thread, since a file system that hangs must not hang the supervisor.
"""

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from edge.config.menu_files import menu_files
from edge.config.site import Site
from edge.runtime.clock import monotonic_ms

LOOK_MS = 500
#: Files that are being written are left alone until nothing has changed for so long.
SETTLE_MS = 1000
#: Folders of prompts may hold links to themselves.
DEPTH = 8


class Watched(NamedTuple):
    """Where the files of a configuration are."""

    files: tuple[Path, ...]
    menus: Path
    #: Folders that are looked at with all that is below them.
    trees: tuple[Path, ...]


class Look(NamedTuple):
    """What the files look like: equal signatures, equal files."""

    signature: str
    #: When a file last changed (its content, name, owner or mode), nanoseconds since 1970.
    newest_ns: int


def watched(site: Site) -> Watched:
    """Return what a site is made of."""
    source = Path(site.source)
    files = (source, *(Path(table.file) for table in site.tables))
    trees = (source.parent / "conf.d", Path(site.paths.profiles), Path(site.paths.prompts))
    return Watched(files, Path(site.paths.menus), trees)


def look_at(what: Watched) -> Look:
    """Look at all files; what is not there, or not to be read, looks like nothing."""
    digest, newest = hashlib.sha256(), 0
    for path in _paths(what):
        try:
            found = path.stat()
        except OSError:
            continue
        newest = max(newest, found.st_ctime_ns)
        line = f"{path}\0{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return Look(digest.hexdigest(), newest)


def _paths(what: Watched) -> Iterator[Path]:
    yield from what.files
    with contextlib.suppress(OSError):
        yield from menu_files(what.menus)
    for tree in what.trees:
        yield from _below(tree, DEPTH)


def _below(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue  # editors and copying programs keep what is not ready under such names
        if _is_folder(entry):
            if depth:
                yield from _below(Path(entry.path), depth - 1)
        else:
            yield Path(entry.path)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


class Settling:
    """Says when a change is over and is to be loaded. Times are milliseconds of any steady clock."""

    def __init__(self, known: str) -> None:
        #: What was loaded last, or refused.
        self.known = known
        self._seen = known
        self._since_ms = 0

    def look(self, signature: str, now_ms: int) -> bool:
        """Take what the files look like now; True: load them."""
        if signature != self._seen:
            self._seen, self._since_ms = signature, now_ms
            return False
        if signature == self.known or now_ms - self._since_ms < SETTLE_MS:
            return False
        self.known = signature
        return True

    def loaded(self) -> None:
        """Note that somebody loads the files as they were seen last."""
        self.known = self._seen


class Watch:
    """The thread; `changed` is called on it. It looks only while the site wants it."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._settling = Settling("")
        self._what: Watched | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, site: Site, signature: str) -> None:
        """Watch what this site is made of, or nothing. `signature`: what its files looked like when they were read."""
        if not site.reload.watch:
            self.close()
            return
        what = watched(site)
        if self._thread is None:
            self._settling = Settling(signature)
            self._what = what
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._stop,), name="watch", daemon=True)
            self._thread.start()
        elif what != self._what:
            self._settling.known = signature  # other files: they look like nothing that was seen before
            self._what = what

    def loading(self) -> None:
        """Note that the files are about to be loaded by somebody's wish."""
        self._settling.loaded()

    def close(self) -> None:
        """End; not waited for, as its file system may hang."""
        self._stop.set()
        self._thread = None
        self._what = None

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(LOOK_MS / 1000):
            what = self._what
            if what is not None and self._settling.look(look_at(what).signature, monotonic_ms()) and not stop.is_set():
                self._changed()
