"""`edge callbacks report`: who was reached, how soon, and how long phones rang, from stored events."""

from typing import Annotated

import msgspec
from cyclopts import Parameter

from edge.cli.indicator_page import estimate_text
from edge.cli.moments import told_since
from edge.cli.output import FINE, print_json, print_table
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    StateOption,
    UsageError,
    failed,
    state_and_zone,
)
from edge.cli.state import open_state
from edge.config.trials import moment_ms
from edge.core.callbacks.report import TYPES, CallbackCount, CallbackEvent
from edge.core.indicators.estimates import Estimate
from edge.storage.reader import Reader
from edge.storage.turn import StorageError
from edge.vocabulary.wire import json_reader


class _Stored(msgspec.Struct):
    data: CallbackEvent


_stored = json_reader(_Stored)


def report(
    *,
    since: Annotated[str | None, Parameter(help="Requests since a date (2026-11-01) or for so long (7d, 12h).")] = None,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Count requests to be called back by what became of them, and calls by how long they rang.

    Shares have their 95 % interval; docs/indicators.md has the definitions.
    """
    try:
        folder, time_zone = state_and_zone(config, demo=demo, state=state)
        counted = _counted(open_state(folder), told_since(since, time_zone))
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    if json:
        print_json(_document(counted))
    else:
        print_table(("", "", "share"), _rows(counted), right=("",))
    return FINE


def _counted(reader: Reader, begin_ms: int) -> CallbackCount:
    counted = CallbackCount()
    for event in reader.every_event(TYPES):
        if moment_ms(event.time) >= begin_ms:
            counted.take(_stored.decode(event.body).data)
    return counted


def _document(counted: CallbackCount) -> dict[str, object]:
    return {
        "requests": counted.requests,
        "reasons": dict(counted.reasons),
        "fates": counted.fates,
        "reached": _estimate(counted.reached),
        "first_call_median_ms": counted.first_within_ms(0.5),
        "first_call_p90_ms": counted.first_within_ms(0.9),
        "attempts": dict(counted.attempts),
        "rang_in_standard": counted.in_standard,
        "rang_out_of_standard": len(counted.out_of_standard_ms),
        "ring_standard": _estimate(counted.ring_standard),
        "out_of_standard_ms": counted.out_of_standard_ms,
    }


def _estimate(found: Estimate) -> dict[str, float] | None:
    if not found.known:
        return None
    return {"value": round(found.value, 4), "low": round(found.low, 4), "high": round(found.high, 4)}


def _rows(counted: CallbackCount) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [("requests", counted.requests, "")]
    rows += [(f"  {reason}", count, "") for reason, count in sorted(counted.reasons.items())]
    for fate, count in counted.fates.items():
        rows.append(
            (fate.replace("_", " "), count, estimate_text("share", counted.reached) if fate == "reached" else "")
        )
    for part, name in ((0.5, "half"), (0.9, "nine of ten")):
        ms = counted.first_within_ms(part)
        if ms is not None:
            rows.append((f"first call within, {name}", f"{ms / 1000:.0f} s", ""))
    rows.append(("calls", sum(counted.attempts.values()), ""))
    rows += [(f"  {disposition}", count, "") for disposition, count in sorted(counted.attempts.items())]
    rang = counted.in_standard + len(counted.out_of_standard_ms)
    rows.append(("rang unanswered", rang, ""))
    rows.append(("  in standard", counted.in_standard, estimate_text("share", counted.ring_standard)))
    return rows
