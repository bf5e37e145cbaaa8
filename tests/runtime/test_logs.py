"""Log lines as another program reads them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.runtime.logs import MAX_LINE, MAX_LINES, _Output, logger
from edge.vocabulary.private import Private

ROOT = Path(__file__).parents[2]


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_a_line_is_one_json_object_with_a_stamp(capfd: pytest.CaptureFixture[str]) -> None:
    logger("front").info("span up", span="span-1", port=4000)
    (line,) = lines(capfd)
    assert line.pop("time").endswith("Z")
    assert line == {"level": "info", "process": "front", "event": "span up", "span": "span-1", "port": 4000}


def test_the_journal_is_told_how_severe_a_line_is_and_nobody_else(tmp_path: Path) -> None:
    said = "from edge.runtime.logs import logger; log = logger('x'); log.info('a'); log.warning('b'); log.error('c')"
    found = {}
    for name in ("journal", "file"):
        with (tmp_path / name).open("wb") as out:
            stat = os.fstat(out.fileno())
            env = {**os.environ, "JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino if name == 'journal' else 0}"}
            subprocess.run([sys.executable, "-c", said], stderr=out, env=env, cwd=ROOT, check=True)
        found[name] = (tmp_path / name).read_text().splitlines()
    assert [line[:4] for line in found["journal"]] == ["<6>{", "<4>{", "<3>{"]
    assert [json.loads(line[3:])["event"] for line in found["journal"]] == ["a", "b", "c"]
    assert [json.loads(line)["event"] for line in found["file"]] == ["a", "b", "c"]


def test_lines_keep_their_way_when_standard_error_is_silenced(tmp_path: Path) -> None:
    said = (
        "import os, sys; from edge.runtime.logs import keep_way, logger; own = keep_way();"
        "os.dup2(os.open(os.devnull, os.O_WRONLY), 2); logger('x').info('a'); print('noise', file=sys.stderr);"
        "os.write(own, b'trace')"
    )
    with (tmp_path / "log").open("wb") as out:
        subprocess.run([sys.executable, "-c", said], stderr=out, cwd=ROOT, check=True)
    line, trace = (tmp_path / "log").read_text().splitlines()
    assert (json.loads(line)["event"], trace) == ("a", "trace")


def test_private_values_and_bytes_never_get_out(capfd: pytest.CaptureFixture[str]) -> None:
    number = Private("+15550100")
    logger("x").info("call", caller=number, nested={"digits": [number, (number,)]}, raw=b"+15550100")
    try:
        raise ValueError(f"cannot dial {number}")
    except ValueError:
        logger("x").exception("failed")
    text = capfd.readouterr().err
    assert "5550100" not in text
    assert text.count("<private>") == 4


@pytest.mark.parametrize("evil", ["\x1b[2J", "\r\n{}", "\x9b31m", "\u202e", "\u2028", "\ufeff", "\ud800", "\x00"])
def test_text_from_the_wire_can_neither_forge_nor_hide_lines(capfd: pytest.CaptureFixture[str], evil: str) -> None:
    logger("x").info(f"a{evil}b", value=evil, **{f"key{evil}": 1})
    raw = capfd.readouterr().err
    assert raw.count("\n") == 1
    assert evil.strip("\r\n{}") == "" or evil not in raw
    assert all(char.isprintable() for char in raw.rstrip("\n"))
    json.loads(raw)


def test_lines_are_bounded_and_stay_json(capfd: pytest.CaptureFixture[str]) -> None:
    log = logger("x")
    log.info("é" * 100_000, many={f"k{n}": "v" * 900 for n in range(100)})
    log.info("deep", value=[[[[["x" * 10_000] * 10] * 10] * 10] * 10])
    try:
        raise ValueError("ü" * 50_000)
    except ValueError:
        log.exception("failed", more="y" * 5_000)
    text = capfd.readouterr().err.encode()
    for line in text.splitlines():
        assert len(line) < MAX_LINE
        assert json.loads(line)["event"]
    assert len(text.splitlines()) == 3


def test_a_reader_that_stalls_does_not_stall_us_and_learns_what_it_missed() -> None:
    read, write = os.pipe()
    output = _Output(write, most=1000)
    line = b"x" * 2_000 + b"\n"
    for _ in range(100):
        output.write(line)
    assert output.dropped > 50
    dropped = output.dropped
    os.set_blocking(read, False)
    while True:
        try:
            os.read(read, 65536)
        except BlockingIOError:
            break
    output.write(line)
    told, after = os.read(read, 65536).splitlines()
    assert json.loads(told)["count"] == dropped
    assert after + b"\n" == line
    os.close(read)
    output.write(line)
    assert output.dropped == 1, "nobody reads at all"
    os.close(write)


def test_the_level_comes_from_the_environment() -> None:
    code = "from edge.runtime.logs import logger; log = logger('x'); log.debug('low'); log.error('high')"
    for level, expected in (("debug", ["low", "high"]), ("error", ["high"]), ("nonsense", ["high"])):
        ran = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "EDGE_LOG_LEVEL": level},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert [json.loads(line)["event"] for line in ran.stderr.splitlines()] == expected


def test_more_lines_a_second_than_anybody_reads_are_counted_and_told(tmp_path: Path) -> None:
    path, clock = tmp_path / "log", [5_000]
    with path.open("wb") as file:
        output = _Output(file.fileno(), now_ms=lambda: clock[0])
        for n in range(1000):
            output.write(b'{"n": %d}\n' % n)
        for n in range(100):
            output.write(b'{"error": %d}\n' % n, error=True)
        clock[0] += 1000
        output.write(b'{"n": "later"}\n')
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert len([line for line in found if "n" in line]) == MAX_LINES + 1
    assert len([line for line in found if "error" in line]) == MAX_LINES, "errors are not hidden by other lines"
    assert sum(line.get("count", 0) for line in found) == 1000 - MAX_LINES + 100 - MAX_LINES
    assert found[-1] == {"n": "later"}
