import json
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from edge.app.demo import SITE_FILE, demo_overrides, demo_site
from edge.config.checks import masked
from edge.config.compiled import CompiledSite, packed
from edge.config.errors import ConfigErrors
from edge.config.loader import inspect, load
from edge.config.site import Site
from edge.vocabulary.wire import pack, unpacker

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
MENU = "version: 1\nstart: end\nnodes:\n  end:\n    hang_up:\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "menus").mkdir()
    (tmp_path / "menus" / "main.yaml").write_text(MENU)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "site.toml").write_text(
        'name = "x"\n[paths]\nstate = "state"\nmenus = "menus"\n'
        '[[trunks]]\nname = "a"\nsources = ["192.0.2.1"]\n[[routes]]\nnumber = "*"\nmenu = "main"\n'
    )
    return tmp_path


def add(folder: Path, text: str, name: str = "10.toml") -> Path:
    (folder / "conf.d" / name).write_text(text)
    return folder / "site.toml"


def test_paths_start_from_the_site_file_and_run_from_state(folder: Path) -> None:
    site = load(folder / "site.toml")
    assert site.paths.state == str(folder / "state")
    assert site.paths.run == str(folder / "state" / "run")
    assert site.paths.recordings == "/var/spool/edge/recordings"
    assert site.source == str(folder / "site.toml")


def test_conf_d_adds_trunks_and_settings_in_the_order_of_names(folder: Path) -> None:
    add(folder, '[[trunks]]\nname = "c"\nsources = ["192.0.2.3"]\n[limits]\nmax_call = "1h"\n', "20.toml")
    add(folder, '[[trunks]]\nname = "b"\nsources = ["192.0.2.2"]\n')
    site = load(folder / "site.toml")
    assert [trunk.name for trunk in site.trunks] == ["a", "b", "c"]
    assert site.limits.max_call_seconds == 3600


def test_durations_with_and_without_a_unit_in_the_name(folder: Path) -> None:
    site = load(add(folder, '[limits]\nmax_call_seconds = 7\ndrain = "2m"\n[media]\nsilence_timeout = "1.5s"\n'))
    assert (site.limits.max_call_seconds, site.limits.drain_seconds, site.media.silence_timeout_ms) == (7, 120, 1500)


def test_overrides_win_and_faults_in_them_name_the_option(folder: Path) -> None:
    file = add(folder, '[limits]\ndrain = "2m"\n')
    site = load(file, {"sip.port": 5099, "limits.drain_seconds": 1})
    assert (site.sip.port, site.limits.drain_seconds) == (5099, 1)
    with pytest.raises(ConfigErrors) as raised:
        load(file, {"sip.port": 99999, "sip.address": "nowhere"})
    assert [error.file for error in raised.value.errors] == ["--sip-address", "--sip-port"]


def test_a_relative_path_of_an_option_starts_from_the_working_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load(folder / "site.toml", {"paths.state": "s"}).paths.state == str(tmp_path / "elsewhere" / "s")


def test_secrets_come_from_the_environment_or_a_file(folder: Path) -> None:
    (folder / "key").write_text(SECRET + "\n")
    (folder / "key").chmod(0o600)
    sink = '[[sinks]]\nname = "{}"\nurl = "https://${{HOST}}/"\nsecret = "{}"\n'
    file = add(folder, sink.format("a", "${KEY}") + sink.format("b", "file:key"))
    found = inspect(file, environment={"KEY": SECRET, "HOST": "example.org"})
    assert (found.errors, found.warnings) == ([], [])
    assert [sink.secrets for sink in found.site.sinks] == [{"secret": SECRET}] * 2
    assert found.site.sinks[0].settings["url"] == "https://example.org/"
    (folder / "key").chmod(0o644)
    found = inspect(file, environment={"KEY": SECRET, "HOST": "example.org"})
    assert [warning.line for warning in found.warnings] == [8]


def test_secrets_are_handed_over_by_the_service_manager(folder: Path) -> None:
    given = folder / "given"
    given.mkdir()
    (given / "one").write_text("first\n")
    (given / "edge_two").write_text("second\n")
    sink = '[[trunks]]\nname = "{0}"\nsources = ["192.0.2.9"]\nuser = "4930"\npassword = "credential:{0}"\n'
    file = add(folder, sink.format("one") + sink.format("two"))
    found = inspect(file, environment={"CREDENTIALS_DIRECTORY": str(given)})
    assert found.errors == []
    assert [trunk.password for trunk in found.site.trunks[-2:]] == ["first", "second"]
    (given / "edge_two").rename(given / "edge_tow")

    def faults(**environment: str) -> list[str]:
        return [text for one in inspect(file, environment=environment).errors if "credential" in (text := str(one))]

    (fault,) = faults(CREDENTIALS_DIRECTORY=str(given))
    assert "no credential 'two'" in fault
    assert "tow" in fault
    part = folder / "conf.d" / "10.toml"
    text = part.read_text()
    part.write_text(text.replace("credential:two", "credential:../x"))
    assert "no name of a credential" in faults(CREDENTIALS_DIRECTORY=str(given))[0]
    part.write_text(text)
    assert ["while edge.service runs" in one for one in faults()] == [True, True]


def test_a_secret_is_masked_and_never_in_a_message(folder: Path) -> None:
    file = add(folder, f'[[sinks]]\nname = "a"\nurl = "https://example.org"\nsecret = "{SECRET}"\n')
    found = inspect(file)
    assert SECRET not in json.dumps(masked(found.site))
    assert SECRET not in "".join(str(warning) for warning in found.warnings)


def test_the_password_of_a_trunk_is_masked_and_never_in_a_message(folder: Path) -> None:
    password = "lion-of-the-sea"
    trunk = '[[trunks]]\nname = "p"\nsources = ["192.0.2.9"]\nuser = "4930"\npassword = "{}"\n'
    found = inspect(add(folder, trunk.format("${PASSWORD}")), environment={"PASSWORD": password})
    assert found.errors == []
    assert found.site.trunks[-1].password == password
    assert password not in json.dumps(masked(found.site))
    found = inspect(add(folder, trunk.format(password + '\\"') + 'auth_user = "x"\n'))
    assert found.errors
    assert password not in "".join(str(fault) for fault in [*found.errors, *found.warnings])


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('user = "4930"', "trunk 'p' has no password"),
        ('password = "${KEY}"', "trunk 'p' has no user"),
        ('realm = "provider"', "realm means nothing without user"),
        ('user = "49 30"\npassword = "${KEY}"', "cannot be the user part of a SIP URI"),
    ],
)
def test_half_an_account_is_a_fault(folder: Path, setting: str, said: str) -> None:
    file = add(folder, f'[[trunks]]\nname = "p"\nsources = ["192.0.2.9"]\n{setting}\n')
    found = inspect(file, environment={"KEY": "x"})
    assert any(said in str(fault) for fault in found.errors), found.errors


def test_the_effective_site_survives_the_wire(folder: Path) -> None:
    site = load(folder / "site.toml")
    assert unpacker(CompiledSite).decode(pack(site)) == site


def test_a_site_is_handed_on_whole_by_who_does_not_look_into_its_menus(folder: Path) -> None:
    site = load(folder / "site.toml")
    handed_on = packed(site)
    received = unpacker(CompiledSite).decode(pack(handed_on))
    assert received == replace(site, sounds=handed_on.sounds)
    assert handed_on.versions == {name: menu.version for name, menu in site.menus.items()}
    assert handed_on.versions
    without = unpacker(Site).decode(pack(handed_on))
    assert without == Site(**{name: getattr(received, name) for name in Site.__struct_fields__})


def test_a_missing_site_file_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as raised:
        load(tmp_path / "site.toml")
    assert str(raised.value) == f"{tmp_path}/site.toml: cannot be read: No such file or directory"


def test_the_demo_is_free_of_faults_and_moves_as_a_whole(tmp_path: Path) -> None:
    found = inspect(SITE_FILE, demo_overrides({"paths.state": tmp_path}))
    assert (found.errors, found.warnings) == ([], [])
    site = demo_site({"paths.state": tmp_path, "sip.port": 5090, "http.port": 8090}, make_prompts=False)
    assert site.paths.recordings == str(tmp_path / "recordings")
    assert (site.sip.port, site.http.port) == (5090, 8090)
    assert list(tmp_path.iterdir()) == []


def test_loading_to_run_makes_every_prompt_and_only_once(tmp_path: Path) -> None:
    site = demo_site({"paths.state": tmp_path})
    sounds = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "prompts").iterdir()}
    assert len(sounds) == len(inspect(SITE_FILE, {"paths.state": tmp_path}).speeches) > 5
    for node in msgspec.to_builtins(site.menus["main"])["nodes"].values():
        for sound in node.get("sounds", []) + node.get("prompt", []):
            assert Path(sound["path"]).is_file()
    demo_site({"paths.state": tmp_path})
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "prompts").iterdir()} == sounds


def test_the_loader_is_light() -> None:
    """The supervisor loads configurations; it must not pull in the heavy libraries with it."""
    import subprocess
    import sys

    code = (
        "import edge.app.demo, sys; print([m for m in ('numpy', 'numba', 'pjsua2', 'soundfile') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"


def test_hours_and_tables_of_the_site(tmp_path: Path) -> None:
    (tmp_path / "menus").mkdir()
    (tmp_path / "menus/m.yaml").write_text(
        "version: 1\nstart: a\nnodes:\n  a:\n    lookup: vips\n    known: b\n    unknown: b\n"
        "  b:\n    hours: shop\n    open: c\n    closed: c\n  c:\n    hang_up:\n"
    )
    (tmp_path / "vips.csv").write_text("number,customer_type\n+4930123456,vip\n")
    head = f'name = "x"\n[paths]\nstate = "{tmp_path}/state"\nrecordings = "{tmp_path}/r"\nmenus = "menus"\n'
    hours = (
        '[[hours]]\nname = "shop"\ntime_zone = "Europe/Berlin"\nholidays = "DE"\nweek = { mon-sat = "08:00-20:00" }\n'
    )
    tables = '[[tables]]\nname = "vips"\nfile = "vips.csv"\n'
    file = tmp_path / "site.toml"
    file.write_text(head + hours + tables)
    site = load(file, make_prompts=True)
    assert site.calendars["shop"].week[0] == [(480, 1200)]
    assert Path(site.tables[0].made).is_file()
    assert unpacker(CompiledSite).decode(pack(site)) == site
    first = site.tables[0].made
    (tmp_path / "vips.csv").write_text("number,customer_type\n+4930123456,vip\n030,vip\n")
    with pytest.raises(ConfigErrors) as faulty:
        load(file)
    assert [(Path(error.file).name, error.line) for error in faulty.value.errors] == [("vips.csv", 3)]
    (tmp_path / "vips.csv").write_text("number,customer_type\n+4930123456,gold\n")
    assert load(file).tables[0].made != first
    file.write_text(head + hours + hours.replace("08:00-20:00", "8-20") + tables + tables)
    with pytest.raises(ConfigErrors) as faulty:
        load(file)
    assert [(error.line, error.message) for error in faulty.value.errors] == [
        (12, "there are two opening hours named 'shop'"),
        (15, "'8-20' are no times"),
        (20, "there are two tables named 'vips'"),
    ]


@pytest.mark.parametrize("nested", ["[" * 900_000, "- " * 900_000 + "a", "{a: " * 400_000, "[" * 60 + "]" * 60])
def test_whatever_is_nested_too_deeply_is_told(folder: Path, nested: str) -> None:
    """A file of two megabytes is read by recursion in C: it must not end the process."""
    (folder / "menus/main.yaml").write_text(nested)
    (error,) = inspect(folder / "site.toml").errors
    assert (Path(error.file).name, error.message) == ("main.yaml", "is nested too deeply")
