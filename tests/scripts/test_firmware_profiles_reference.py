"""The page and the schema of devices' profiles."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

from edge.config.devices import Devices
from edge.config.errors import Findings

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/firmware-profile.schema.json").read_text())
PAGE = (ROOT / "docs/firmware-profiles.md").read_text()
NAMES = Devices(Path("/nowhere"), Findings()).names()


def test_the_page_and_the_schema_are_current() -> None:
    script = [sys.executable, "scripts/firmware_profiles_reference.py", "--check"]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_takes_the_profiles(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(tomllib.loads((ROOT / f"firmware_profiles/{name}.toml").read_text()), SCHEMA)
    assert f"### {name}\n" in PAGE


def test_what_the_page_shows_is_a_profile(tmp_path: Path) -> None:
    shown = PAGE.partition("```toml\n")[2].partition("```")[0]
    jsonschema.validate(tomllib.loads(shown), SCHEMA)
    (tmp_path / "acme.toml").write_text(shown)
    findings = Findings()
    assert Devices(tmp_path, findings).get("acme") is not None, findings.errors


@pytest.mark.parametrize(
    "text",
    [
        'vendr = "x"',
        "[dialogue]\ndigit_pause = 200",
        '[dialogue]\ndigit_pause = "200 ms"',
        '[dialogue]\ninit = ["+CLIP=1"]',
        '[dialogue]\ninit = [{ sent = "AT" }]',
        '[[dialogue.unsolicited]]\nmatch = "X"\nmeans = "upp"',
        '[find]\nusb = ["12d1-1436"]',
        '[sound]\nrate = "8000"',
    ],
)
def test_the_schema_finds_slips(text: str) -> None:
    needed = 'vendor = "x"\nmodel = "y"\nkind = "modem"\nsources = ["z"]\n'
    jsonschema.validate(tomllib.loads(needed), SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(needed + text), SCHEMA)
