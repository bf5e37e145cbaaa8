"""Lines in the site file: the trunk of each, and what can be wrong."""

from pathlib import Path

import pytest

from edge.config.loader import Inspection, inspect
from edge.config.trunk_settings import Trunk

SITE = """
name = "t"
{sip}
[paths]
state = "{folder}/state"
recordings = "{folder}/recordings"
menus = "{folder}/menus"
prompts = "{folder}/prompts"
profiles = "{folder}/profiles"
{lines}
"""

GSM = '[[lines]]\nname = "gsm"\nprofile = "huawei-e1750"\nusb_path = "1-1"\n'


def loaded(folder: Path, lines: str, sip: str = "") -> Inspection:
    for name in ("menus", "prompts"):
        (folder / name).mkdir(exist_ok=True)
    file = folder / "site.toml"
    file.write_text(SITE.format(folder=folder, lines=lines, sip=sip))
    return inspect(file)


def faults(folder: Path, lines: str) -> list[str]:
    return [str(error).removeprefix(f"{folder}/") for error in loaded(folder, lines).errors]


def test_it_is_told_where_each_setting_of_the_trunk_of_a_line_is_from(tmp_path: Path) -> None:
    found = loaded(tmp_path, GSM + 'country = "DE"\n')
    origins = found.origins["gsm"]
    assert origins["country"] == f"{tmp_path}/site.toml:14:11"
    assert "firmware_profiles/huawei-e1750.toml:" in origins["dtmf_min_tone_ms"]
    assert "firmware_profiles/huawei-e1750.toml:" in origins["dtmf"]
    assert (origins["codecs"], origins["amd"], origins["srtp"]) == ("line", "default", "default")
    assert origins.keys() == {name for name in Trunk.__struct_fields__ if name not in {"name", "source_port"}}


def test_a_line_is_a_trunk_with_what_its_profile_says(tmp_path: Path) -> None:
    found = loaded(tmp_path, GSM + 'country = "DE"\n')
    assert not found.errors
    (trunk,), (line,) = found.site.trunks, found.site.lines
    assert (trunk.name, trunk.max_channels, trunk.codecs, trunk.country) == ("gsm", 1, ["L16"], "DE")
    assert trunk.address == f"127.0.0.1:{line.sip_port}"
    assert trunk.source_port == line.sip_port != 0
    assert (trunk.dtmf, trunk.dtmf_min_tone_ms) == ("info", 50)
    assert line.device["kind"] == "modem"


def test_its_port_stays_when_other_lines_come(tmp_path: Path) -> None:
    other = '[[lines]]\nname = "lte"\nprofile = "simcom-sim7600"\n'
    (alone,) = loaded(tmp_path, GSM).site.lines
    first, second = loaded(tmp_path, other + GSM).site.lines
    assert second.sip_port == alone.sip_port != first.sip_port


@pytest.mark.parametrize(
    ("sip", "host"),
    [
        ("", "127.0.0.1"),
        ('[sip]\naddress = "192.0.2.7"\ninner_address = "127.0.0.3"', "127.0.0.3"),
        ('[sip]\naddress = "::"\npublic_address = "2001:db8::1"\n[media]\naddress = "2001:db8::1"', "[::1]"),
    ],
)
def test_it_is_on_loopback_of_the_family_of_sip(tmp_path: Path, sip: str, host: str) -> None:
    found = loaded(tmp_path, GSM, sip)
    assert not found.errors
    assert found.site.trunks[0].address == f"{host}:{found.site.lines[0].sip_port}"


def test_a_group_has_lines_among_its_members(tmp_path: Path) -> None:
    group = '[[trunk_groups]]\nname = "out"\nmembers = [{trunk = "gsm"}]\n'
    assert not loaded(tmp_path, GSM + group).errors


def test_what_is_wrong_is_told_with_its_place(tmp_path: Path) -> None:
    assert faults(tmp_path, GSM.replace("huawei-e1750", "huawei-e175")) == [
        "site.toml:12:11: there is no profile 'huawei-e175' of a device (did you mean 'huawei-e1750'?)"
    ]
    assert faults(tmp_path, GSM.replace("huawei-e1750", "relay-lcus")) == [
        "site.toml:12:11: a relay board carries no calls (a modem or sound card does)"
    ]
    assert faults(tmp_path, GSM + 'port = "ttyUSB0"\n') == [
        "site.toml:14:8: 'ttyUSB0' is no path such as /dev/serial/by-path/..."
    ]
    assert not faults(tmp_path, GSM + 'imei = "861234567890123"\n')
    assert faults(tmp_path, GSM.replace("huawei-e1750", "voice-modem-v253") + 'imei = "861234567890123"\n') == [
        "site.toml:14:8: a device of profile 'voice-modem-v253' has no IMEI"
    ]


@pytest.mark.parametrize(
    "url", ["socket://", "socket://box", "socket://:4001", "rfc2217://box:0", "socket://box:99999"]
)
def test_a_port_in_another_box_has_a_host_and_a_port(tmp_path: Path, url: str) -> None:
    assert faults(tmp_path, GSM + f'port = "{url}"\n') == [
        f"site.toml:14:8: '{url}' has no host, or no port from 1 to 65535: socket://host:port"
    ]
    assert not faults(tmp_path, GSM + 'port = "socket://[2001:db8::1]:4001"\n')


def test_two_lines_claim_no_one_device_and_no_one_name(tmp_path: Path) -> None:
    assert faults(tmp_path, GSM + GSM.replace('"gsm"', '"two"')) == [
        (
            "site.toml:17:12: lines 'gsm' and 'two' claim one device "
            "(name its own port, usb_path or serial_number for each)"
        )
    ]
    assert faults(tmp_path, GSM + GSM.replace("1-1", "1-2")) == [
        "site.toml:15:8: there are two lines 'gsm'; the first is at " + f"{tmp_path}/site.toml:11:8"
    ]
    trunk = '[[trunks]]\nname = "gsm"\nsources = ["192.0.2.1"]\n'
    assert any("there is a trunk or group 'gsm', too" in fault for fault in faults(tmp_path, GSM + trunk))


@pytest.mark.parametrize(
    ("trunk", "most", "said"),
    [
        ("gsm", 2, ["'gsm' has room for 1 at a time, the campaign would begin 2"]),
        ("gsm", 1, []),
        ("both", 3, ["'both' has room for 2 at a time, the campaign would begin 3"]),
        ("both", 2, []),
        ("any", 50, []),
    ],
)
def test_a_campaign_that_wants_more_than_its_lines_take_is_warned_of(
    tmp_path: Path, trunk: str, most: int, said: list[str]
) -> None:
    lines = GSM + '[[lines]]\nname = "lte"\nprofile = "simcom-sim7600"\n'
    lines += '[[trunks]]\nname = "sip"\naddress = "192.0.2.1"\n'
    for name, other in (("both", "lte"), ("any", "sip")):
        lines += f'[[trunk_groups]]\nname = "{name}"\nmembers = [{{trunk = "gsm"}}, {{trunk = "{other}"}}]\n'
    lines += f'[[campaigns]]\nname = "c"\nlists = ["l"]\ntrunk = "{trunk}"\nmax_channels = {most}\n'
    told = [str(one.message) for one in loaded(tmp_path, lines).warnings]
    assert [one for one in told if "at a time" in one] == said
