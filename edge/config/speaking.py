"""Has one text spoken and written to a file, as a program of its own: what levels speech takes memory and a core.

On standard input: `Job` as JSON. Exit code 0: the file is there; 1: it is not, and standard error says why, without the
text, which is somebody's own business.
"""

import os
import subprocess
import sys
import wave
from pathlib import Path

import msgspec
from msgspec import Struct

from edge.config.speakers import Speaker, speak


class Job(Struct, frozen=True, kw_only=True):
    """What is to be spoken, by whom, and where it goes."""

    speaker: Speaker
    text: str
    path: str


def main() -> int:
    """Do the one on standard input."""
    from edge.config.prompts import normalised, write_durably

    os.umask(0o077)
    os.nice(10)  # calls go first
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    try:
        write_durably(Path(job.path), normalised(speak(job.speaker, job.text)))
    except subprocess.SubprocessError as error:
        print(f"{job.speaker.engine} failed: {type(error).__name__}", file=sys.stderr)
    except (OSError, wave.Error, EOFError, ValueError) as error:
        print(str(error)[:200], file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
