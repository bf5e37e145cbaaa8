"""Strangers and floods: what gets through on a whole appliance."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import strangers

RATE = 1000
FLOOD = 50_000


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Tell what attacks in each phase of a call achieved."""
    for setting, site in (("connected", {}), ("learning", {"trunk": "symmetric_rtp = true"})):
        with (
            tempfile.TemporaryDirectory() as folder,
            strangers.stage(Path(folder), RATE, 1.0 if quick else 3.0, **site) as at,
        ):
            phases = [strangers.attack(at, phase, seed) for seed, phase in enumerate(strangers.PHASES, 1)]
            flooded = strangers.flood(at, FLOOD)
            at.edge.check_histories()
        emit(f"strangers_{setting}_sent", sum(f.sent for f in phases), "packets")
        for what in ("out", "heard", "digits", "lost"):
            emit(f"strangers_{setting}_{what}", sum(getattr(f, what) for f in phases), "of all phases")
        emit(f"flood_{setting}_rate", flooded["packets_per_second"], "packets/s")
        emit(f"flood_{setting}_lost_beside", flooded["lost_beside"], "packets")
