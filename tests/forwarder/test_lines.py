"""Lines in a file: rotation, half lines, full disks, and others at the same file."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.config.sink_settings import FileSettings
from edge.forwarder.sinks.contract import Bench
from edge.forwarder.sinks.lines import LineFile


def file_of(path: Path, **more: object) -> LineFile:
    return LineFile(FileSettings(name="f", path=str(path), **more))  # type: ignore[arg-type]


def test_half_a_line_of_somebody_who_died_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"{1}\n" + b"x" * 200_000)
    file_of(path).append(b"{2}\n")
    assert path.read_bytes() == b"{1}\n{2}\n"
    path.write_bytes(b"never ended")
    file_of(path).append(b"{3}\n")
    assert path.read_bytes() == b"{3}\n"


def test_a_file_that_is_full_or_of_yesterday_is_put_away_and_only_some_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    now = [datetime(2026, 5, 1, 12, tzinfo=UTC)]
    settings = FileSettings(name="f", path=str(path), rotate_mb=1, rotate_daily=True, keep=2)
    file = LineFile(settings, lambda: now[0])
    line = b"x" * 400_000 + b"\n"
    for _ in range(9):
        now[0] += timedelta(minutes=1)
        os.utime(path, (now[0].timestamp(), now[0].timestamp())) if path.exists() else None
        file.append(line)
    assert path.stat().st_size == len(line)
    older = sorted(one.name for one in tmp_path.iterdir() if one != path)
    assert len(older) == 2
    assert all((tmp_path / name).stat().st_size == 2 * len(line) for name in older)
    os.utime(path, (now[0].timestamp(), now[0].timestamp()))
    now[0] += timedelta(days=1)
    file.append(b"{}\n")
    assert path.read_bytes() == b"{}\n"
    assert older[-1] in {one.name for one in tmp_path.iterdir()}


def test_a_file_that_others_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    file = file_of(path, fsync="second")
    file.append(b"{1}\n")
    path.rename(tmp_path / "moved")
    file.append(b"{2}\n")
    file.sync()
    file.close()
    assert ((tmp_path / "moved").read_bytes(), path.read_bytes()) == (b"{1}\n", b"{2}\n")


def test_two_writers_mix_no_lines(tmp_path: Path) -> None:
    """A replay writes beside what is new."""
    path = tmp_path / "events.jsonl"
    files = [file_of(path, fsync="never", rotate_mb=1, keep=0) for _ in range(2)]
    for number in range(60):
        files[number % 2].append(json.dumps({"n": number, "x": "y" * 50_000}).encode() + b"\n")
    lines = [json.loads(line)["n"] for one in tmp_path.iterdir() for line in one.read_bytes().splitlines()]
    assert sorted(lines) == list(range(60))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_makes_events_wait_and_leaves_whole_lines(small: Path, tmp_path: Path) -> None:
    import asyncio

    path = small / "events.jsonl"
    ballast = small / "ballast"
    bench = Bench(tmp_path, FileSettings(name="file", path=str(path), max_backoff_ms=1000))

    async def body() -> None:
        async with bench.running():
            bench.append("a")
            await bench.all_taken()
            ballast.write_bytes(b"x" * 40_000)
            for number in range(20):
                bench.append(f"c{number % 3}", padding=1500)
            await bench.until(lambda: any("No space left" in text for text in bench.conditions.values()), "it is told")
            assert path.read_bytes().endswith(b"\n")
            ballast.unlink()
            await bench.all_taken()

    asyncio.run(body())
    got = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
    assert sorted(got) == sorted(bench.ids)
    assert bench.conditions == {}
