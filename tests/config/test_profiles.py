"""Profiles of devices: who wins, where each setting came from, and that those that are shipped can be used."""

from pathlib import Path

import pytest

from edge.config.errors import Findings
from edge.config.loader import Inspection, inspect
from edge.config.profiles import SETTINGS, SHIPPED, Profile, names_in
from edge.config.shape import Shaper, fields_of
from edge.config.sources import read_toml
from edge.config.trunk_settings import AmdRules, Trunk
from edge.front.settings import trunks_of
from edge.runtime.clock import wall_time
from edge.switch.plan import Plan
from edge.vocabulary.media import KeyTones

ACME = """
vendor = "Acme"
model = "X1"
kind = "pstn_gateway"
sources = ["measured"]
[dtmf]
send = "info"
inband = "auto"
min_tone = "60ms"
max_twist_db = 4
[tones]
country = "de"
[amd]
detect = true
[amd.rules]
wait = "900ms"
[dsp]
auto_level = true
"""


def loaded(folder: Path, trunk: str, profile: str = ACME, more: str = "") -> Inspection:
    profiles = folder / "profiles"
    profiles.mkdir(exist_ok=True)
    (profiles / "acme.toml").write_text(profile)
    (folder / "site.toml").write_text(
        f'name = "x"\n{more}\n[paths]\nprofiles = "profiles"\n'
        f'[[trunks]]\nname = "t"\nsources = ["192.0.2.1"]\nprofile = "acme"\n{trunk}\n'
    )
    found = inspect(folder / "site.toml")
    assert found.errors == []
    return found


def test_what_the_trunk_does_not_say_is_the_profile_s(tmp_path: Path) -> None:
    found = loaded(tmp_path, "")
    (trunk,) = found.site.trunks
    assert (trunk.dtmf, trunk.inband_dtmf, trunk.dtmf_min_tone_ms, trunk.dtmf_max_twist_db) == ("info", "auto", 60, 4)
    assert (trunk.tones, trunk.amd, trunk.auto_level) == ("de", True, True)
    assert (trunk.dtmf_min_pause_ms, trunk.srtp) == (40, "off")
    origins = found.origins["t"]
    assert origins["dtmf_min_tone_ms"] == f"{tmp_path}/profiles/acme.toml:9:12"
    assert origins["tones"] == f"{tmp_path}/profiles/acme.toml:12:11"
    assert origins["profile"] == f"{tmp_path}/site.toml:8:11"
    assert origins["dtmf_min_pause_ms"] == origins["srtp"] == "default"
    assert origins.keys() == {name for name in Trunk.__struct_fields__ if name not in {"name", "source_port"}}


def test_what_the_trunk_says_wins_with_its_unit_or_without(tmp_path: Path) -> None:
    found = loaded(tmp_path, 'dtmf = "auto"\ndtmf_min_tone_ms = 40\ntones = ""\namd = false\nauto_level = false')
    (trunk,) = found.site.trunks
    assert (trunk.dtmf, trunk.dtmf_min_tone_ms, trunk.tones, trunk.amd) == ("auto", 40, "", False)
    assert not trunk.auto_level
    assert found.origins["t"]["dtmf_min_tone_ms"] == f"{tmp_path}/site.toml:10:20"
    assert trunk.inband_dtmf == "auto"


def test_rules_of_a_profile_are_those_of_its_trunks(tmp_path: Path) -> None:
    plan = Plan(loaded(tmp_path, "").site)
    assert plan.terms(None, wall_time()).amd["t"]["wait"] == 900
    own = loaded(tmp_path, 'amd_rules = "own"\n[[amd_rules]]\nname = "own"\nwait = "800ms"').site
    assert Plan(own).terms(None, wall_time()).amd["t"]["wait"] == 800
    plain = loaded(tmp_path, 'amd_rules = ""').site
    assert Plan(plain).terms(None, wall_time()).amd["t"]["wait"] == AmdRules(name="").wait_ms


@pytest.mark.parametrize(
    ("media", "profile", "trunk", "inband"),
    [
        ("", "", "", "always"),
        ('inband_dtmf = "never"', "", "", "never"),
        ('inband_dtmf = "never"', 'inband = "auto"', "", "auto"),
        ('inband_dtmf = "never"', 'inband = "auto"', 'inband_dtmf = "always"', "always"),
    ],
)
def test_media_says_what_nobody_else_does(tmp_path: Path, media: str, profile: str, trunk: str, inband: str) -> None:
    text = f'vendor = "A"\nmodel = "B"\nkind = "other"\nsources = ["C"]\n[dtmf]\n{profile}\n'
    found = loaded(tmp_path, trunk, text, f"[media]\n{media}")
    assert found.site.trunks[0].inband_dtmf == inband
    (at_front,) = trunks_of(found.site)
    assert at_front.key_tones == KeyTones(inband=inband)  # type: ignore[arg-type]


def test_a_profile_of_the_site_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    loaded(tmp_path, "")
    (tmp_path / "profiles/telnyx.toml").write_text(ACME)
    site = tmp_path / "site.toml"
    site.write_text(site.read_text().replace('"acme"', '"telnyx"'))
    assert inspect(site).site.trunks[0].dtmf == "info"
    (tmp_path / "profiles/telnyx.toml").unlink()
    assert inspect(site).site.trunks[0].dtmf == "rfc4733"


@pytest.mark.parametrize("name", names_in(SHIPPED))
def test_shipped_profiles_have_no_faults_and_cite_their_sources(tmp_path: Path, name: str) -> None:
    (tmp_path / "site.toml").write_text(
        f'name = "x"\n[[trunks]]\nname = "t"\nsources = ["192.0.2.1"]\nprofile = "{name}"\n'
    )
    found = inspect(tmp_path / "site.toml")
    assert found.errors == []
    assert str(SHIPPED / f"{name}.toml") in found.checked
    assert any(str(SHIPPED) in origin for origin in found.origins["t"].values())
    root = read_toml(SHIPPED / f"{name}.toml", Findings())
    assert root is not None
    assert Shaper(Findings(), SHIPPED).shape(Profile, root).sources


def test_three_kinds_are_shipped_at_least() -> None:
    assert {"grandstream-ht503", "cisco-ios-voice-gateway", "asterisk-chan-dongle", "telnyx"} <= {*names_in(SHIPPED)}


def test_each_setting_of_a_profile_is_one_of_a_trunk() -> None:
    tables = {field.name: field for field in fields_of(Profile)}
    said = {(table, field.name) for table in ("dtmf", "tones", "dsp") for field in fields_of(tables[table].type.cls)}
    assert said | {("amd", "detect")} == {*SETTINGS}
    assert {*SETTINGS.values()} <= {*Trunk.__struct_fields__}
