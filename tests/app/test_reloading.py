"""What a reload takes over."""

import os
from pathlib import Path

import msgspec

from edge.app.composition import APPLIANCE
from edge.app.reloading import FIXED, SiteMemory, merge, without_secrets
from edge.config.sink_settings import WebhookSettings
from edge.config.site import Limits, Media, Route, Sip, Site
from edge.config.trunk_settings import Trunk
from edge.runtime.process import read_site
from edge.vocabulary.wire import pack


def test_settings_that_need_a_restart_stay_and_are_named() -> None:
    old = Site(name="a", sip=Sip(port=5060, calls_per_second=10), media=Media(slots=10))
    new = Site(
        name="b",
        sip=Sip(port=5070, calls_per_second=20, strangers="refuse"),
        media=Media(slots=20, silence_timeout_ms=1),
        limits=Limits(drain_seconds=7),
        routes=[Route(number="1", menu="m")],
    )
    merged = merge(old, new)
    # Front shares room out by the rate of calls when it starts, and by none later.
    assert merged.needs_restart == ["name", "sip.port", "sip.calls_per_second", "media.slots"]
    assert merged.site == Site(
        name="a",
        sip=Sip(port=5060, calls_per_second=10, strangers="refuse"),
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


def test_most_processes_are_given_no_secret() -> None:
    trunk = Trunk(name="t", user="4930", password="lion-of-the-sea")
    secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
    sink = WebhookSettings(name="s", url="https://example.org/", secret=secret).sink()
    site = Site(name="a", trunks=[trunk, Trunk(name="u")], sinks=[sink])
    packed = pack(without_secrets(site))
    assert b"lion" not in packed
    assert b"whsec" not in packed
    assert without_secrets(site).trunks[0].user == "4930"
    assert APPLIANCE.keepers() == {"front", "forwarder", "dialer"}


def test_the_effective_configuration_is_private_and_the_last_two_are_kept() -> None:
    memory = SiteMemory()
    paths = [memory.put(Site(name=f"site {number}")) for number in range(1, 5)]
    assert [read_site(path).name for path in paths[2:]] == ["site 3", "site 4"]
    assert {os.stat(path).st_mode & 0o777 for path in paths[2:]} == {0o600}  # noqa: PTH116 - the file behind the link
    assert len(set(paths)) < 4, "older ones are closed"
    memory.close()
    assert not Path(paths[3]).exists()
