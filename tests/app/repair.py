"""Stands for the repair of recordings: leaves a mark, so that a test sees that it ran first."""

import sys
from pathlib import Path

if __name__ == "__main__":
    run_dir = Path(sys.argv[1]).parent
    (run_dir.parent / "repaired").write_text("yes")
