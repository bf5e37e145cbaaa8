"""Speech over bad paths: quality and delay beside pjmedia on the same packets, and clocks that are off for hours."""

from collections.abc import Callable
from typing import Any

from bench import drift, quality


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Tell PESQ and delay by trace, and what a working day of drift does to the playout."""
    rows = quality.run(32 if quick else 64, (quality.SEEDS[0],) if quick else quality.SEEDS)
    for row in rows:
        name = row.trace.replace(" ", "_").replace("-", "_").replace("%", "percent")
        for what, unit, place in (("pesq", "MOS-LQO", 0), ("delay", "ms", 1)):
            mine, theirs = row.ours[place], row.pjmedia[place]
            beside = {"peer": "pjmedia", "peer_value": round(theirs, 2), "ratio": round(mine / theirs, 3)}
            emit(f"voice_{name}_{what}", round(mine, 2), unit, **beside)
    emit("voice_traces", len(rows), "traces")
    emit("voice_pesq_worse", sum(not row.not_worse for row in rows), "traces")
    emit("voice_delay_lower", sum(row.earlier for row in rows), "traces")
    hours = 1 if quick else drift.HOURS
    for ppm in drift.PPM:
        figures: dict[str, Any] = drift.run(hours, ppm, stamps=True)
        sign = "fast" if ppm > 0 else "slow"
        emit(f"drift_{sign}_underruns", figures["underruns"], f"in {hours:g} h")
        emit(f"drift_{sign}_delay_mean", figures["delay_mean_ms"], "ms")
