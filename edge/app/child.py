"""Entry of every child: `python -m edge.app.child NAME`, with its `Launch` in the environment."""

import contextlib
import importlib
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from edge.runtime.process import EXIT_USAGE, Launch, ProcessContext, child_main, name_process, read_launch


def entry(module: str, name: str) -> Callable[[ProcessContext], object]:
    """Find function `name` of a process package: its attribute, or that of its module `process`.

    There it costs nothing to who wants another module of the package: commands, say.
    """
    found = getattr(importlib.import_module(module), name, None)
    if found is None:
        found = getattr(importlib.import_module(f"{module}.process"), name)
    function: Callable[[ProcessContext], object] = found
    return function


def _work(launch: Launch) -> Callable[[ProcessContext], int]:
    def work(context: ProcessContext) -> int:
        main = entry(launch.module, "main")

        def run(context: ProcessContext) -> int:
            if launch.zygote:
                name_process(context.name)  # a worker has its zygote's
            code = main(context)
            return code if isinstance(code, int) else 0

        if not launch.zygote:
            return run(context)
        from edge.runtime.zygote import run as run_zygote

        prepare = entry(launch.module, "prepare")

        def prepared(context: ProcessContext) -> None:
            prepare(context)

        return run_zygote(context, prepared, run)

    return work


def _ended(code: object) -> NoReturn:
    """End at once, with the channel open to the last.

    The interpreter closes it first and then takes modules apart, which lasts longer than a supervisor waits on a busy
    machine: it would kill the process and never learn why that wanted to end. What has to be on disk is there by now.
    """
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def main() -> int:
    """Run the child that the environment describes."""
    launch = read_launch()
    if launch is None:
        print("edge.app.child is started by `edge run`, not by hand", file=sys.stderr)
        return EXIT_USAGE
    work = _work(launch)

    def run(context: ProcessContext) -> int:
        try:
            code: object = work(context)
        except SystemExit as leaving:
            code = leaving.code
        _ended(code)

    return child_main(launch, run)


if __name__ == "__main__":
    sys.exit(main())
