"""Sound files of any kind as blocks at 8 kHz: bounded memory, however long; every fault is told by name of the file."""

import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

RATE = 8000
#: Values that are read at once, over all channels (a second or two of what is common).
BLOCK_VALUES = 1 << 17
MAX_CHANNELS = 64
#: Rates that sound is kept at; what claims to be outside is no sound, and a resampler for it would be endless.
MIN_RATE, MAX_RATE = 1000, 768_000
#: Lengths in a WAV header that mean that the writer did not know (it wrote to a pipe).
_UNKNOWN_LENGTHS = (0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF)

#: Files without a header, one channel, as telephone systems name them: coding and rate.
HEADERLESS: dict[str, tuple[str, int]] = {
    **dict.fromkeys((".ul", ".ulaw", ".mu", ".pcmu"), ("ULAW", 8000)),
    **dict.fromkeys((".al", ".alaw", ".pcma"), ("ALAW", 8000)),
    **dict.fromkeys((".sln", ".sln8", ".slin"), ("PCM_16", 8000)),
    **{f".sln{kilohertz}": ("PCM_16", kilohertz * 1000) for kilohertz in (12, 16, 24, 32, 48, 96, 192)},
}
Block = npt.NDArray[np.int16]


class BadSoundError(Exception):
    """The file cannot be read as sound; the text names it and says why."""


class SoundFile:
    """A file that is being read: `blocks` gives its sound.

    Afterwards `faults` tells what was wrong with it, and `notes` what was odd.
    """

    def __init__(self, path: Path) -> None:
        import soundfile

        self.path = path
        self.faults: list[str] = []
        self.notes: list[str] = []
        #: Samples a channel at 8 kHz that `blocks` has given.
        self.samples = 0
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - opening a FIFO would wait for ever
                raise BadSoundError(f"{path}: not a regular file")
            if os.path.getsize(path) == 0:  # noqa: PTH202
                raise BadSoundError(f"{path}: empty file")
            self._file: Any = soundfile.SoundFile(path, **_form(path))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise BadSoundError(f"{path}: {reason}") from error
        except (RuntimeError, TypeError) as error:  # libsndfile's own are RuntimeErrors; TypeError: headerless
            raise BadSoundError(f"{path}: not a sound file that can be read ({_reason(error)})") from error
        self.channels: int = self._file.channels
        self.rate: int = self._file.samplerate
        if not 1 <= self.channels <= MAX_CHANNELS or not MIN_RATE <= self.rate <= MAX_RATE:
            self._file.close()
            raise BadSoundError(f"{path}: {self.channels} channels at {self.rate} Hz are not supported")

    def blocks(self) -> Iterator[Block]:
        """Give int16[channels, n], n > 0, one after the other. Raises `BadSoundError` when there is none at all."""
        with self._file:
            for block in self._converted():
                if block.shape[1]:
                    self.samples += block.shape[1]
                    yield block
        if not self.samples:
            raise BadSoundError(f"{self.path}: holds no sound")

    def _converted(self) -> Iterator[Block]:
        import soxr

        odd, clipped = 0, 0
        same = self.rate == RATE
        stream = None if same else soxr.ResampleStream(self.rate, RATE, self.channels, dtype="float32")
        for sound, last in self._read():
            finite = np.isfinite(sound)
            if not finite.all():
                odd += int(finite.size - np.count_nonzero(finite))
                sound[~finite] = 0.0
            clipped += int(np.count_nonzero(np.abs(sound) > 1.0))
            np.clip(sound, -1.0, 1.0, out=sound)
            even = sound if stream is None else stream.resample_chunk(sound, last=last)
            yield np.ascontiguousarray(np.clip(np.rint(even * 32768.0), -32768, 32767).astype(np.int16).T)
        if odd:
            self.notes.append(f"{self.path}: {odd} values that are no numbers were taken for silence")
        if clipped:
            self.notes.append(f"{self.path}: {clipped} values beyond full scale were clipped")

    def _read(self) -> Iterator[tuple[npt.NDArray[np.float32], bool]]:
        """Give blocks as they are in the file, float32[n, channels], the last one marked."""
        size, got = max(BLOCK_VALUES // self.channels, 1), 0
        while True:
            room = np.zeros((size, self.channels), np.float32)
            try:
                sound = self._file.read(out=room)
            except (OSError, RuntimeError, ValueError) as error:
                sound = room[: min(max(self._file.tell() - got, 0), size)]  # what came before the fault is there
                where = (got + len(sound)) / self.rate
                self.faults.append(f"{self.path}: broken after {where:.3f} s ({_reason(error)})")
                size = len(sound) + 1
            got += len(sound)
            last = len(sound) < size
            yield sound, last
            if last:
                break
        announced = max(self._file.frames, _announced(self.path))
        if got < announced and not self.faults:
            self.faults.append(
                f"{self.path}: truncated: ends after {got / self.rate:.3f} s of the {announced / self.rate:.3f} s "
                "that its header tells"
            )


def _form(path: Path) -> dict[str, Any]:
    """Give what a header would tell, of files that have none. Raises `BadSoundError` where nothing tells it."""
    suffix = path.suffix.lower()
    if suffix == ".raw":
        known = ", ".join(HEADERLESS)
        raise BadSoundError(
            f"{path}: not a sound file that can be read (samples without a header: name it by its coding, {known})"
        )
    if suffix not in HEADERLESS:
        return {}
    coding, rate = HEADERLESS[suffix]
    return {"format": "RAW", "subtype": coding, "endian": "LITTLE", "samplerate": rate, "channels": 1}


def _reason(error: Exception) -> str:
    """Give what libsndfile says, without the file's name."""
    text = str(getattr(error, "error_string", None) or error).removeprefix("Error : ").strip().rstrip(".")
    # libsndfile says so of some formats whose parser gave up, though the file is there
    return "format not recognised" if text.startswith("File does not exist") else text or "unknown fault"


def _announced(path: Path) -> int:
    """Give the frames that a WAV header tells, 0 for anything else; libsndfile believes the file's length instead."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
            if head[:4] != b"RIFF" or head[8:] != b"WAVE":
                return 0
            align = 0
            while len(chunk := file.read(8)) == 8:
                name, length = struct.unpack("<4sI", chunk)
                if name == b"data":
                    return 0 if length in _UNKNOWN_LENGTHS or not align else length // align
                body = file.read(length + length % 2) if name == b"fmt " else b""
                if name == b"fmt " and len(body) >= 16:
                    # block formats (ADPCM, GSM 6.10) hold several frames a block: their length is not told here
                    kind, align = struct.unpack_from("<H", body)[0], struct.unpack_from("<H", body, 12)[0]
                    align = align if kind in {1, 3, 6, 7, 0xFFFE} else 0
                elif name != b"fmt ":
                    file.seek(length + length % 2, os.SEEK_CUR)
    except (OSError, struct.error):
        return 0
    return 0
