"""The supervisor's program: `python -m edge.app.start SOURCE`, which the command `edge run` turns into.

A program of its own, because the command line's libraries (8 MB) would stay in the supervisor's memory for as long as
the appliance runs.
"""

import os
import sys
from typing import NoReturn

import msgspec

from edge.app.preparing import Begun, Source, module_environment


def become_supervisor(source: Source) -> NoReturn:
    """Run `source` in this process, in place of what runs in it now; the process id stays."""
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-m", "edge.app.start", msgspec.json.encode(source).decode()]
    os.execve(sys.executable, command, module_environment())  # noqa: S606 - our own interpreter, without a shell


def main() -> int:
    """See the module."""
    source = msgspec.json.decode(sys.argv[1], type=Source)
    try:
        begun = Begun(source)  # the supervisor's code is imported while the configuration is loaded
        from edge.app.running import run

        return run(source, begun=begun)
    except KeyboardInterrupt:  # before there was anything to stop
        return 130


if __name__ == "__main__":
    sys.exit(main())
