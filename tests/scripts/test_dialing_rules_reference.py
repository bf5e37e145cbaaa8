"""The page and the schema of the dialer's rules."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/dialing-rules.schema.json").read_text())
PACKS = sorted((ROOT / "dialing_rules").glob("*.toml"))


def test_the_page_and_the_schema_are_current() -> None:
    script = [sys.executable, "scripts/dialing_rules_reference.py", "--check"]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("pack", PACKS, ids=lambda path: path.stem)
def test_the_schema_takes_the_packs_and_what_the_page_shows(pack: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(tomllib.loads(pack.read_text()), SCHEMA)
    page = (ROOT / "docs/dialing-rules.md").read_text()
    shown = page.partition("```toml\n")[2].partition("```")[0]
    jsonschema.validate(tomllib.loads(shown), SCHEMA)
    assert f"### {pack.stem}\n" in page


@pytest.mark.parametrize(
    "text",
    [
        'title = "x"\n[ringing]\nleast = "15s"',
        'title = "x"\n[ring]\nleast = "15 s"',
        'title = "x"\n[[after]]\ndispositions = ["abandonned"]',
        'title = "x"\n[abandonment]\nceiling_per_mille = 1001',
        "[ring]",
    ],
)
def test_the_schema_finds_slips(text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), SCHEMA)
