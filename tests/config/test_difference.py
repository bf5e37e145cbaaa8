"""What tells two configurations apart."""

from edge.config.compiled import CompiledSite
from edge.config.difference import SECRET, Change, Setting, differences
from edge.config.site import Media, Route, Sink
from edge.config.trunk_settings import Line, Trunk
from edge.core.menus.model import HangUp, Menu

PEER = Trunk(name="peer", sources=["192.0.2.1"], password="lion")


def site(**more: object) -> CompiledSite:
    return CompiledSite(name="box", **more)


def menu(version: str, **nodes: str) -> Menu:
    made = {name: HangUp(text=text) for name, text in nodes.items()}
    return Menu(name="main", version=version, start="first", nodes=made)


def test_equal_ones_have_no_difference() -> None:
    both = [site(trunks=[PEER], menus={"main": menu("1", first="bye")}) for _ in range(2)]
    assert differences(*both) == []


def test_lists_by_name_and_order() -> None:
    other = Trunk(name="other", sources=["192.0.2.2"])
    found = differences(site(trunks=[PEER, other]), site(trunks=[other, Trunk(name="new")]))
    assert [(one.what, one.name, one.action) for one in found] == [
        ("trunk", "peer", "removed"),
        ("trunk", "new", "added"),
    ]
    (moved,) = differences(site(trunks=[PEER, other]), site(trunks=[other, PEER]))
    assert (moved.name, moved.settings) == (
        "(order)",
        [Setting(name="order", before=["peer", "other"], after=["other", "peer"])],
    )


def test_secrets_are_compared_and_not_shown() -> None:
    changed = Trunk(name="peer", sources=["192.0.2.1"], password="tiger")
    (found,) = differences(site(trunks=[PEER]), site(trunks=[changed]))
    assert found.settings == [Setting(name="password", before="********", after="********")]
    hooks = [Sink(name="hook", type="webhook", settings={"url": url}, secrets={"secret": url}) for url in "ab"]
    (found,) = differences(*(site(sinks=[one]) for one in hooks))
    assert {one.name: (one.before, one.after) for one in found.settings} == {
        "secrets": ("********", "********"),
        "url": ("a", "b"),
    }
    assert {"password", "secrets", "pin", "database"} <= SECRET


def test_routes_tables_and_menus() -> None:
    old = site(
        routes=[Route(number="1", menu="main")],
        media=Media(slots=10),
        menus={"main": menu("1", first="bye", gone="x", kept="y"), "away": menu("1", first="bye")},
    )
    new = site(
        time_zone="Europe/Berlin",
        routes=[Route(number="1", menu="other")],
        media=Media(slots=20),
        menus={"main": menu("2", first="hello", kept="y", more="z"), "other": menu("1", first="bye")},
    )
    found = {(one.what, one.name): one for one in differences(old, new)}
    assert found == {
        ("time_zone", ""): Change(
            what="time_zone", settings=[Setting(name="time_zone", before="", after="Europe/Berlin")]
        ),
        ("media", ""): Change(what="media", settings=[Setting(name="slots", before=10, after=20)]),
        ("route", "1"): Change(what="route", name="1", settings=[Setting(name="menu", before="main", after="other")]),
        ("menu", "away"): Change(what="menu", name="away", action="removed", versions=["1"]),
        ("menu", "other"): Change(what="menu", name="other", action="added", versions=["1"]),
        ("menu", "main"): Change(
            what="menu",
            name="main",
            versions=["1", "2"],
            nodes={"added": ["more"], "removed": ["gone"], "changed": ["first"]},
        ),
    }


def test_sounds_that_were_kept_are_the_same_as_the_author_s() -> None:
    def playing(path: str, **origins: str) -> Menu:
        nodes = {"first": HangUp(text=path)}  # any text of a node that is a path
        return Menu(name="main", version=path, start="first", nodes=nodes, origins=origins)

    kept = Menu(
        name="main",
        version="1",
        start="first",
        nodes={"first": HangUp(text="/state/ab.wav")},
        origins={"/state/ab.wav": "/prompts/hello.wav"},
    )
    (found,) = differences(site(menus={"main": kept}), site(menus={"main": playing("/prompts/hello.wav")}))
    assert found.nodes == {}


def test_a_certificate_renewed_in_its_file_is_a_change_and_one_that_comes_with_a_setting_is_told_once() -> None:
    before = site(tls_files={"sip.certificate": "a" * 64, "http.key": "c" * 64})
    after = site(tls_files={"sip.certificate": "b" * 64, "sip.key": "d" * 64})
    (change,) = differences(before, after)
    assert (change.what, change.name) == ("certificate", "sip.certificate")
    assert [(one.before, one.after) for one in change.settings] == [("a" * 12, "b" * 12)]


def test_what_a_profile_says_otherwise_is_told_by_its_settings() -> None:
    def line(rest: int) -> Line:
        return Line(name="cell", profile="mine", device={"limits": {"rest_ms": rest, "calls": 1}, "vendor": "Acme"})

    (change,) = differences(site(lines=[line(500)]), site(lines=[line(900)]))
    assert [(one.name, one.before, one.after) for one in change.settings] == [("device.limits.rest_ms", 500, 900)]
