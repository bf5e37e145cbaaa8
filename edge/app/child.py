"""Entry of every child: `python -m edge.app.child NAME`, with its `Launch` in the environment."""

import importlib
import sys
from collections.abc import Callable

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


def main() -> int:
    """Run the child that the environment describes."""
    launch = read_launch()
    if launch is None:
        print("edge.app.child is started by `edge run`, not by hand", file=sys.stderr)
        return EXIT_USAGE
    return child_main(launch, _work(launch))


if __name__ == "__main__":
    sys.exit(main())
