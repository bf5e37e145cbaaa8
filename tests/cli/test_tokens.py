"""`edge tokens new`."""

import json
import tomllib

import pytest

from edge.cli import main
from edge.core.access.gate import hash_of


def test_a_token_is_made_and_its_table_fits_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokens", "new", "crm", "--role", "integrator"]) == 0
    text = capsys.readouterr().out
    token = next(line for line in text.splitlines() if line.startswith("edge_"))
    (table,) = tomllib.loads(text[text.index("[[api_tokens]]") :])["api_tokens"]
    assert table == {"name": "crm", "role": "integrator", "hash": hash_of(token)}
    assert token not in table.values()
    assert main(["tokens", "new", "crm", "--role", "viewer", "--json"]) == 0
    other = json.loads(capsys.readouterr().out)
    assert other["token"] != token
    assert other["hash"] == hash_of(other["token"])


def test_what_is_no_name_or_role_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokens", "new", "a b", "--role", "viewer"]) == 2
    assert main(["tokens", "new", "a", "--role", "king"]) == 2
    assert "edge_" not in capsys.readouterr().out
