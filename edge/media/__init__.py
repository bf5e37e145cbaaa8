"""Process `media`: all RTP of all legs. Prepares sockets, prompts and files around the pass in `dsp.plane`.

`prepare` runs once in the zygote, `main` in each forked worker. Heavy modules are imported by them only: the supervisor
asks this package for sizes and must stay light.
"""

import os

from edge.runtime.process import ProcessContext

#: Where the engine counts its ticks in `media_state`, for the supervisor (`dsp.plane.layout` needs numpy).
TICK_OFFSET = 40


def prepare(context: ProcessContext) -> None:
    """Import and compile everything a worker needs, and check the shared memory; single-threaded."""
    # OpenBLAS would start threads at import, and a process with threads must not be forked.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from dsp.plane.engine import compile_all, is_compiled
    from edge.config.engines import share_of
    from edge.media import worker  # noqa: F401 - imported here so that no worker has to
    from edge.media.state import map_media_state
    from edge.runtime.aside import aside

    if not is_compiled():
        # A compilation leaves 300 MB behind that only the end of its process gives back. Should it fail, we see why.
        aside(compile_all)
    compile_all()
    for engine, memory in enumerate(context.fds["media_state"]):
        map_media_state(memory, share_of(context.site, engine))


def main(context: ProcessContext) -> int:
    """Be the media engine until the supervisor says stop; return the exit code."""
    from edge.media.worker import Worker

    return Worker(context).run()
