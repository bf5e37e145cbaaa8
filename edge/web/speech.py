"""Texts that the API has spoken in calls: made by a program of their own, kept for as long as a call may play them.

A text is somebody's own business. It goes to the speaker by standard input and is written nowhere; its file's name is a
hash under a key of this appliance, so that nobody who sees the name can try texts, and the file is deleted
`KEPT_S` after its last use. The same text is spoken once meanwhile.
"""

import asyncio
import contextlib
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from edge.config.said import FOLDER, file_of
from edge.config.site import Site
from edge.config.speakers import Speaker, speaker_for, voice_of_espeak
from edge.config.speaking import Job
from edge.web.endpoint import RefusedError

#: Since it was wanted last; longer than the longest text takes, however often a process dies meanwhile.
KEPT_S: Final = 3600.0
#: How often it is looked for what is old enough.
SWEEP_S: Final = 300.0
#: Texts that are made at once, and those that wait for that.
AT_ONCE: Final = 2
MOST: Final = 16
#: A text of the longest length takes espeak-ng well below a second, piper some.
MAKE_S: Final = 30.0


class Speech:
    """The spoken texts of the API, on the running loop, which ends the sweeping."""

    def __init__(self, site: Site, state: Path) -> None:
        self._site = site
        self._state = state
        self._running = asyncio.Semaphore(AT_ONCE)
        self._wanted = 0
        self._making: dict[str, asyncio.Task[None]] = {}
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    def configure(self, site: Site) -> None:
        """Take the voices that hold from now on."""
        self._site = site

    async def spoken(self, text: str, language: str, *, wanted: bool) -> str:
        """Have a text spoken, if somebody will hear it; returns the name of its file. Raises `RefusedError`."""
        if not any(one.isalnum() for one in text):
            raise RefusedError(409, "there is nothing in it that can be spoken", "$.text")
        speaker = speaker_for(self._site, language)
        await asyncio.to_thread(_check, speaker, language)
        name = await asyncio.to_thread(self._name, speaker, text)
        path = file_of(self._state, name)
        if not wanted:
            return name
        try:
            # The time of access is set by hand; that of the change tells media's memory of another file.
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
        except FileNotFoundError:
            task = self._making.get(name)
            if task is None:
                task = self._making[name] = asyncio.create_task(self._make(speaker, text, path))
                task.add_done_callback(lambda _task: self._making.pop(name, None))
            await asyncio.shield(task)
        return name

    async def _sweep(self) -> None:
        while True:
            await asyncio.to_thread(self._delete_old)
            await asyncio.sleep(SWEEP_S)

    def _delete_old(self) -> None:
        with contextlib.suppress(OSError):
            for path in (self._state / FOLDER).iterdir():
                if path.name != _KEY and time.time() - path.lstat().st_atime > KEPT_S:
                    path.unlink(missing_ok=True)

    def _name(self, speaker: Speaker, text: str) -> str:
        key = _key(self._state / FOLDER)
        return hashlib.blake2b("\0".join((speaker.key, text)).encode(), key=key, digest_size=16).hexdigest()

    async def _make(self, speaker: Speaker, text: str, path: Path) -> None:
        if self._wanted >= MOST:
            raise RefusedError(503, "too many texts are to be spoken at once", headers={"Retry-After": "1"})
        self._wanted += 1
        try:
            async with self._running:
                await _run(Job(speaker=speaker, text=text, path=str(path)))
        finally:
            self._wanted -= 1


_KEY: Final = "key"


def _key(folder: Path) -> bytes:
    """Read the key of the names, or make one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / _KEY
    with contextlib.suppress(FileExistsError), open(path, "xb", opener=_private) as file:
        file.write(os.urandom(32))
    return path.read_bytes() or b"\0"  # of a machine that lost its power as it was made


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _check(speaker: Speaker, language: str) -> None:
    """Refuse a language that nobody speaks here."""
    try:
        there = (
            voice_of_espeak(speaker.program, speaker.voice) is not None
            if speaker.engine == "espeak-ng"
            else bool(speaker.voice) and Path(speaker.voice).is_file()
        )
    except (OSError, subprocess.SubprocessError):
        raise RefusedError(503, f"{speaker.program} does not work here, so no text can be spoken") from None
    if not there:
        raise RefusedError(409, f"nobody speaks {language!r} here", "$.language")


async def _run(job: Job) -> None:
    command = (sys.executable, "-m", "edge.config.speaking")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=asyncio.subprocess.DEVNULL, stderr=pipe)
    try:
        _, said = await asyncio.wait_for(process.communicate(msgspec.json.encode(job)), MAKE_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise RefusedError(503, f"{job.speaker.engine} takes too long") from None
    if process.returncode:
        why = (said.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        silent = "no sound" in why
        raise RefusedError(409 if silent else 503, f"the text was not spoken: {why}", "$.text" if silent else "")
