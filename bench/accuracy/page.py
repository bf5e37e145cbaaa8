"""The accuracy rows as lines in a terminal and as the page `docs/accuracy.md`."""

import os
import platform
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from bench import spandsp
from bench.accuracy import Row, Score, Table

TITLES = {
    "dtmf": "DTMF",
    "progress": "Call progress tones",
    "answer": "Answering machines and speech",
}

HEAD = """# Accuracy of the detectors

How often the detectors are right, and how to see it for yourself:

```sh
make install-dev install-test-peers    # the speech of five languages, spandsp and multimon-ng come from Debian
.venv/bin/edge selftest dsp            # a few minutes: the same conditions with fewer trials
.venv/bin/edge selftest dsp --full --write docs/accuracy.md
```

The signals are made in the code (`bench/accuracy`), with seeds that stand there, or are Debian's recorded speech; each
goes through G.711 and then, by frames of 20 ms, through the batch kernels that live calls use. Exit code 1: a promised
row fails. *accept*: each trial has to be recognised, and nothing else to be heard. *reject*: nothing may be heard.
*rate*: a figure, not a promise, unless a least rate is given. **hits** and **misses** count what was there, **false**
what was heard and was not there. Beside them, on the same samples, others as hits/misses/false: spandsp (Debian's
libspandsp2: `dtmf_rx` with its default settings, and again with its filter against dial tones, which is off by default;
`super_tone_rx` with the same countries' cadences and the same tolerances as ours; `modem_connect_tones_rx`),
multimon-ng, which knows DTMF only, and the rule of Asterisk's AMD(). A cell is empty where there is nothing to compare.

{made}

{summary}
"""


def peers(rows: Iterable[Row]) -> list[str]:
    """Give the names of others that measured any of the rows."""
    return list(dict.fromkeys(name for row in rows for name in row.peers))


def figures(score: Score) -> str:
    """Show a score of somebody else."""
    return "/".join(str(value) for value in score)


def promise(row: Row) -> str:
    """Show what is promised of a row."""
    return row.promised if row.least is None else f"{row.promised}, at least {100 * row.least:g} %"


def verdict(row: Row) -> str:
    """Show whether a promise is kept; a rate that promises nothing is shown as such."""
    if row.promised == "rate" and row.kept:
        return f"{100 * row.ours.rate:.2f} %"
    return "yes" if row.kept else "NO"


COLUMNS = ("condition", "promised", "trials", "hits", "misses", "false", "kept")


def cells(row: Row, peers: Sequence[str]) -> list[str]:
    """Give a row of a table with `COLUMNS`, the peers and the note."""
    others = [figures(row.peers[name]) if name in row.peers else "" for name in peers]
    counts = [str(value) for value in (row.trials, *row.ours)]
    return [row.condition, promise(row), *counts, verdict(row), *others, row.note]


def broken(made: Iterable[Row | Table]) -> list[str]:
    """Name each promise that is not kept."""
    names = []
    for one in made:
        if isinstance(one, Row):
            names += [] if one.kept else [f"{one.subject}: {one.condition}"]
        else:
            names += [f"{one.subject}: {name}" for name in one.broken]
    return names


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str] = ()) -> str:
    marks = ["---:" if column in right else "---" for column in columns]
    lines = [[str(cell).replace("|", "\\|") for cell in row] for row in (columns, marks, *rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def document(made: Sequence[Row | Table], *, quick: bool, seconds: float) -> str:
    """Make the page."""
    parts = []
    for subject in dict.fromkeys(one.subject for one in made):
        rows = [one for one in made if isinstance(one, Row) and one.subject == subject]
        names = peers(rows)
        parts.append(f"## {TITLES.get(subject, subject)}\n")
        if rows:
            columns = [*COLUMNS, *names, "note"]
            parts.append(_markdown(columns, (cells(row, names) for row in rows), COLUMNS[2:6]))
        for table in made:
            if isinstance(table, Table) and table.subject == subject:
                text = f"{table.text}\n\n" if table.text else ""
                parts.append(f"### {table.title}\n\n{text}{_markdown(table.columns, table.rows)}")
    failed = broken(made)
    promised = sum(isinstance(one, Row) and one.promised != "rate" for one in made)
    trials = sum(one.trials for one in made if isinstance(one, Row))
    summary = f"**{promised} promised conditions, {trials} trials: {'all kept' if not failed else 'NOT kept'}.**"
    if failed:
        summary += "\n\n" + "".join(f"- {name}\n" for name in failed)
    form = "Quick form, only for a look." if quick else "Full form."
    peer = "with" if spandsp.available() else "without"
    made_by = (
        f"{form} {time.strftime('%Y-%m-%d', time.gmtime())}, in {seconds / 60:.1f} minutes on {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, NumPy {version('numpy')}, numba {version('numba')}, {peer} spandsp."
    )
    return HEAD.format(made=made_by, summary=summary) + "\n" + "\n".join(parts)
