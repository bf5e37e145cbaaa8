"""Memory given back is not needed: the process goes on as before."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# An interpreter of its own, with libraries that the linker relocated; what they can do must be the same afterwards.
CODE = """
import hashlib, json, sqlite3, zlib
from edge.runtime.memory import trim, unmap_clean_files

def clean_kb():
    kb = {line.split()[0]: int(line.split()[1]) for line in open("/proc/self/smaps_rollup").read().splitlines()[1:]}
    return kb["Rss:"] - kb["Anonymous:"]

def work():
    database = sqlite3.connect(":memory:")
    (found,) = database.execute("SELECT group_concat(upper(x)) FROM (SELECT 'a' x UNION SELECT 'b')").fetchone()
    return hashlib.sha256(zlib.compress(json.dumps(found).encode() * 99)).hexdigest()

before, used = work(), clean_kb()
trim()
unmap_clean_files()
left = clean_kb()
print(used > 2 * left, work() == before)
"""


def test_files_are_taken_out_of_memory_and_come_back_by_themselves() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.stdout, ran.returncode) == ("True True\n", 0), ran.stderr


LOCK = """
import mmap
from edge.runtime.memory import lock_memory
allowed = lock_memory(present=True)
later = mmap.mmap(-1, 1 << 20)
later[:] = bytes(1 << 20)
(locked,) = [int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmLck:")]
(resident,) = [int(l.split()[1]) for l in open("/proc/self/smaps_rollup") if l.startswith("Rss:")]
(held,) = [int(l.split()[1]) for l in open("/proc/self/smaps_rollup") if l.startswith("Locked:")]
print(allowed, *([locked >= 1024, resident < locked, held > 0] if allowed else [locked == 0, True, True]))
"""


def test_memory_is_locked_as_it_is_touched_or_not_at_all() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOCK], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.split()[1:] == ["True"] * 3, (ran.stdout, ran.stderr)
    if os.geteuid() == 0:
        assert ran.stdout.split()[0] == "True"


LARGE = """
from edge.runtime.memory import give_large_blocks_back

def private_kb():
    return sum(int(l.split()[1]) for l in open("/proc/self/smaps_rollup") if l.startswith("Private_Dirty:"))

def kept_after_large_blocks():
    before = private_kb()
    first = bytearray(5_000_000)
    del first  # where nothing is set, blocks up to this size come from the heap from now on
    blocks, small = [], []
    for i in range(6):
        blocks.append(bytearray(4_000_000 + i))
        small.append(bytearray(3000))  # lies above the block and holds the heap up
    del blocks
    return private_kb() - before

if {asked}:
    print(give_large_blocks_back(), kept_after_large_blocks() < 4000)
else:
    print(kept_after_large_blocks() > 16000)
"""


def test_large_blocks_go_back_to_the_system_when_they_are_freed() -> None:
    for asked, printed in ((False, "True\n"), (True, "True True\n")):
        code = LARGE.replace("{asked}", str(asked))
        ran = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        assert (ran.stdout, ran.returncode) == (printed, 0), ran.stderr


# Calls as the switch has them: many objects that know each other, fifty up at a time.
COLLECT = """
import collections
from edge.runtime.memory import collect_rarely

class Call:
    alive = 0
    def __init__(self):
        Call.alive += 1
        self.parts = [[self] for _ in range(200)]
    def __del__(self):
        Call.alive -= 1

collect_rarely()
up = collections.deque(maxlen=50)
most = 0
for _ in range(60_000):
    up.append(Call())
    most = max(most, Call.alive)
print(most)
"""


def test_calls_that_ended_are_not_kept_for_an_hour() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", COLLECT], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert 50 < int(ran.stdout) < 1_000, ran.stdout
