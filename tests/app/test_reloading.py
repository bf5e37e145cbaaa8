"""What a reload takes over."""

from pathlib import Path

import msgspec

from edge.app.reloading import FIXED, merge, with_run_dir, write_site
from edge.config.site import Limits, Media, Route, Sip, Site
from edge.runtime.process import read_site


def test_settings_that_need_a_restart_stay_and_are_named() -> None:
    old = Site(name="a", sip=Sip(port=5060, calls_per_second=10), media=Media(slots=10))
    new = Site(
        name="b",
        sip=Sip(port=5070, calls_per_second=20),
        media=Media(slots=20, silence_timeout_ms=1),
        limits=Limits(drain_seconds=7),
        routes=[Route(number="1", menu="m")],
    )
    merged = merge(old, new)
    assert merged.needs_restart == ["name", "sip.port", "media.slots"]
    assert merged.site == Site(
        name="a",
        sip=Sip(port=5060, calls_per_second=20),
        media=Media(slots=10, silence_timeout_ms=1),
        limits=Limits(drain_seconds=7),
        routes=[Route(number="1", menu="m")],
    )


def test_an_equal_site_needs_no_restart() -> None:
    site = Site(name="a")
    assert merge(site, Site(name="a")) == (site, [])


def test_fixed_settings_are_fields_of_the_site() -> None:
    for section, names in FIXED.items():
        value = getattr(Site(name="a"), section)
        for name in names:
            assert name in {field.name for field in msgspec.structs.fields(value)}


def test_the_effective_configuration_is_private_and_the_last_two_are_kept(tmp_path: Path) -> None:
    for number in range(1, 5):
        path = write_site(Site(name=f"site {number}"), tmp_path, number)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["site.3.msgpack", "site.4.msgpack"]
    assert Path(path).stat().st_mode & 0o777 == 0o600
    assert read_site(path).name == "site 4"


def test_a_site_of_a_former_run_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "site.1.msgpack").write_text("left behind, readable for all")
    assert read_site(write_site(Site(name="new"), tmp_path, 1)).name == "new"
    assert (tmp_path / "site.1.msgpack").stat().st_mode & 0o777 == 0o600


def test_run_folder_follows_the_state_folder() -> None:
    site = with_run_dir(Site(name="a"))
    assert site.paths.run == f"{site.paths.state}/run"
    assert with_run_dir(site) == site
