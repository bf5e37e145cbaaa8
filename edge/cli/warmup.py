"""`edge warmup`: compile what has to be compiled, so that neither the first start nor the first analysis waits."""

import os
import time

from cyclopts import App

from edge.cli.output import FINE


def register(app: App) -> None:
    """Add the command."""
    app.command(warmup)


def warmup() -> int:
    """Compile the media engine and the detectors, once a version; the result is kept beside the code or in the cache.

    Installing does it. Takes a minute or two, and no time when it was done.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    began = time.monotonic()
    import numpy as np

    from dsp.analysis import RATE, Analysis
    from dsp.jit import config
    from dsp.plane.engine import compile_all

    compile_all()
    analysis = Analysis(1)
    analysis.feed(np.zeros((1, RATE), np.int16))
    analysis.finish()
    print(f"compiled in {time.monotonic() - began:.1f} s, kept in {config.CACHE_DIR}")
    return FINE
