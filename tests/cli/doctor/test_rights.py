"""Whether a unit's LimitRTPRIO has an effect, by what proc(5) says of init."""

from pathlib import Path

import pytest

from edge.cli.doctor.rights import limit_can_be_raised

_ALL, _NO_RESOURCE = "000001ffffffffff", "000001fffeffffff"


@pytest.mark.parametrize(
    ("bounding", "hard", "expected"),
    [
        (_ALL, "0", True),
        (_NO_RESOURCE, "0", False),
        (_NO_RESOURCE, "10", True),
        (_NO_RESOURCE, "unlimited", True),
    ],
)
def test_a_limit_is_raised_by_init_alone(tmp_path: Path, bounding: str, hard: str, expected: bool) -> None:
    (tmp_path / "status").write_text(f"Name:\tinit\nCapEff:\t{_ALL}\nCapBnd:\t{bounding}\nCapAmb:\t0000000000000000\n")
    limits = (
        f"Max nice priority         0                    0\nMax realtime priority     0                    {hard}\n"
    )
    (tmp_path / "limits").write_text(limits)
    assert limit_can_be_raised(tmp_path) is expected


def test_where_init_is_hidden_the_unit_is_believed(tmp_path: Path) -> None:
    assert limit_can_be_raised(tmp_path)
