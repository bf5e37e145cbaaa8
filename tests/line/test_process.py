"""Where the process of a line has its settings from."""

from pathlib import Path

import pytest

from edge.config.devices import SHIPPED
from edge.line.process import place_of
from tests.config.test_lines import GSM, loaded


@pytest.mark.parametrize("early", [True, False])
def test_the_profile_says_whether_sound_is_passed_on_before_the_answer(early: bool, tmp_path: Path) -> None:
    shipped = (SHIPPED / "huawei-e1750.toml").read_text()
    assert "\nearly = true\n" in shipped
    (tmp_path / "profiles").mkdir()
    own = shipped.replace("\nearly = true\n", f"\nearly = {str(early).lower()}\n")
    (tmp_path / "profiles" / "huawei-e1750.toml").write_text(own)
    found = loaded(tmp_path, GSM)
    assert not found.errors
    assert place_of(found.site, found.site.lines[0], 8000).early is early
