import wave
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dsp.tones.countries import COUNTRIES
from edge.config.compiled import CompiledSite
from edge.config.errors import Findings
from edge.config.menus import MenuCompiler
from edge.config.site import Paths
from edge.config.trunk_settings import Trunk
from edge.core.menus import model


class Desk:
    """A folder with prompts, and a compiler over it."""

    def __init__(self, folder: Path, site: CompiledSite | None = None) -> None:
        self.folder = folder
        self.findings = Findings()
        for name in ("en/welcome.wav", "en/sub/deep.wav", "de/welcome.wav"):
            path = folder / "prompts" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(name.encode() * 8)
        paths = Paths(state=str(folder / "state"), prompts=str(folder / "prompts"))
        trunk = Trunk(name="out", sources=["192.0.2.1"], address="192.0.2.1:5060")
        self.site = site or CompiledSite(name="x", paths=paths, trunks=[trunk])
        self.compiler = MenuCompiler(self.site, self.findings, [])

    def compile(self, text: str) -> model.Menu:
        file = self.folder / "menu.yaml"
        file.write_text(text)
        menu = self.compiler.compile_file(file)
        assert menu is not None, self.findings.errors
        return menu


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


END = "  end:\n    hang_up: done\n"


def nodes(text: str, head: str = "version: 1\nstart: a\n") -> str:
    return f"{head}nodes:\n{text}{END}"


def test_every_setting_of_a_gather_arrives(desk: Desk) -> None:
    menu = desk.compile(
        nodes(
            "  a:\n    gather:\n      greet_long: [welcome, sub/deep.wav]\n      barge_in: false\n      min_digits: 2\n"
            "      max_digits: 4\n      finish_on_key: '#'\n      first_digit_timeout: 7s\n"
            "      inter_digit_timeout: 1.5s\n"
            "      max_failures: 5\n      no_input: welcome\n      no_match: welcome\n      sensitive: true\n"
            "    choices: {01: end, '*1': end, flash: end}\n    next: end\n    failed: end\n"
        )
    )
    node = menu.nodes["a"]
    assert isinstance(node, model.Gather)
    welcome = model.Sound(str(desk.folder / "prompts/en/welcome.wav"), "welcome")
    deep = model.Sound(str(desk.folder / "prompts/en/sub/deep.wav"), "sub/deep.wav")
    assert node == model.Gather(
        prompt=[welcome, deep],
        barge_in=False,
        min_digits=2,
        max_digits=4,
        finish_on_key="#",
        first_digit_timeout_ms=7000,
        inter_digit_timeout_ms=1500,
        choices={"01": "end", "*1": "end", "flash": "end"},
        next="end",
        max_failures=5,
        no_input=[[welcome]],
        no_match=[[welcome]],
        failed="end",
        sensitive=True,
    )


def test_every_other_kind(desk: Desk) -> None:
    menu = desk.compile(
        nodes(
            "  a:\n    play: {sounds: welcome, barge_in: yes}\n    next: b\n"
            "  b:\n    transfer: {to: '+4930', trunk: out, ring_timeout: 9s, ringing: [welcome],\n"
            "      announcement: welcome}\n"
            "    on_outcome: {busy: c}\n    failed: c\n    after: c\n"
            "  c:\n    listen: silence\n    next: d\n    failed: d\n"
            "  d:\n    press: {digits: 0123*#, duration: 80ms, gap: 60ms}\n    next: e\n"
            "  e:\n    wait: 250ms\n    next: f\n"
            "  f:\n    park: {max: 2m, music: welcome, say: welcome, say_every: 30s, key: '#'}\n"
            "    left: g\n    next: end\n"
            "  g:\n    park: 10s\n    next: end\n"
        )
    )
    welcome = model.Sound(str(desk.folder / "prompts/en/welcome.wav"), "welcome")
    assert menu.nodes == {
        "a": model.Play(sounds=[welcome], barge_in=True, next="b"),
        "b": model.Transfer(
            target="+4930",
            trunk="out",
            ring_timeout_ms=9000,
            ringing=[welcome],
            announcement=model.Announcement(sounds=[welcome]),
            on_outcome={"busy": "c"},
            failed="c",
            after="c",
        ),
        "c": model.Listen(for_sound=False, timeout_ms=10000, next="d", failed="d"),
        "d": model.Press(digits="0123*#", duration_ms=80, gap_ms=60, next="e"),
        "e": model.Wait(milliseconds=250, next="f"),
        "f": model.Park(
            music=[welcome], say=[welcome], say_every_ms=30_000, max_ms=120_000, key="#", left="g", timed_out="end"
        ),
        "g": model.Park(max_ms=10_000, left="end", timed_out="end"),
        "end": model.HangUp(text="done"),
    }


@pytest.mark.parametrize(
    ("target", "trunk", "media", "country"),
    [
        ("sip:a@192.0.2.1", {}, "us", "us"),
        ("sip:a@192.0.2.1", {}, "none", ""),
        ("sip:a@example.org", {"tones": "de"}, "fr", "fr"),
        ("sip:a@198.51.100.9:5070;transport=tcp", {"tones": "de"}, "us", "de"),
        ("{to: '4930', trunk: out}", {"tones": "de"}, "us", "de"),
        ("{to: '4930', trunk: out}", {"tones": "any", "country": "GB"}, "us", "uk"),
        ("{to: '4930', trunk: out}", {"country": "FR"}, "none", "fr"),
        ("{to: '4930', trunk: out}", {"tones": "any"}, "none", ""),
    ],
)
def test_the_ringing_tone_is_that_of_a_country(
    desk: Desk, target: str, trunk: dict[str, str], media: str, country: str
) -> None:
    out = Trunk(name="out", sources=["198.51.100.0/24"], address="198.51.100.7", **trunk)
    site = replace(desk.site, trunks=[out], media=replace(desk.site.media, ringing_tone=media))
    menu = Desk(desk.folder, site).compile(nodes(f"  a:\n    transfer: {target}\n    failed: end\n"))
    node = menu.nodes["a"]
    assert isinstance(node, model.Transfer)
    assert [sound.path for sound in node.ringing] == ([model.TONE + COUNTRIES[country]["ring"]] if country else [])


def test_every_setting_of_an_announcement_arrives_and_may_be_a_default(desk: Desk) -> None:
    said = "{sounds: [welcome, {say: recorded}], every: 15s, to: target, duck_db: 20}"
    head = f"version: 1\nstart: a\ndefaults:\n  transfer: {{announcement: {said}}}\n"
    menu = desk.compile(
        nodes(
            "  a:\n    transfer: sip:a@192.0.2.1\n    failed: b\n"
            "  b:\n    transfer: {to: 'sip:a@192.0.2.1', announcement: welcome}\n    failed: end\n",
            head,
        )
    )
    a, b = menu.nodes["a"], menu.nodes["b"]
    assert isinstance(a, model.Transfer)
    assert isinstance(b, model.Transfer)
    welcome = model.Sound(str(desk.folder / "prompts/en/welcome.wav"), "welcome")
    spoken = model.Sound(desk.compiler.speeches[0].path, "recorded")
    assert a.announcement == model.Announcement(sounds=[welcome, spoken], every_ms=15_000, to="target", duck_db=20)
    assert b.announcement == model.Announcement(sounds=[welcome])


def test_defaults_fill_and_the_node_wins(desk: Desk) -> None:
    head = "version: 1\nstart: a\ndefaults:\n  gather: {max_failures: 7, no_input: welcome}\n"
    menu = desk.compile(
        nodes(
            "  a:\n    gather: welcome\n    next: b\n    failed: b\n"
            "  b:\n    gather: {max_failures: 2}\n    next: end\n    failed: end\n",
            head,
        )
    )
    a, b = menu.nodes["a"], menu.nodes["b"]
    assert isinstance(a, model.Gather)
    assert isinstance(b, model.Gather)
    assert (a.max_failures, b.max_failures) == (7, 2)
    assert [sound.label for sound in [*a.prompt, *a.no_input[0], *b.no_input[0]]] == ["welcome"] * 3


def test_the_version_follows_source_and_sounds(desk: Desk) -> None:
    text = nodes("  a:\n    play: welcome\n    next: end\n")
    first = desk.compile(text).version
    assert desk.compile(text).version == first
    (desk.folder / "prompts/en/welcome.wav").write_bytes(b"other")
    second = desk.compile(text).version
    third = desk.compile(text + "# changed\n").version
    assert len({first, second, third}) == 3


def test_a_region_falls_back_to_its_language(desk: Desk) -> None:
    menu = desk.compile(nodes("  a:\n    play: welcome\n    next: end\n", "version: 1\nlanguage: de-at\nstart: a\n"))
    node = menu.nodes["a"]
    assert isinstance(node, model.Play)
    assert node.sounds[0].path == str(desk.folder / "prompts/de/welcome.wav")


def test_a_text_is_named_by_content_and_spoken_once(desk: Desk) -> None:
    menu = desk.compile(
        nodes(
            "  a:\n    say: Hello\n    next: b\n"
            "  b:\n    play: [{say: Hello}, {say: Hallo, language: de}]\n    next: end\n"
        )
    )
    a, b = menu.nodes["a"], menu.nodes["b"]
    assert isinstance(a, model.Play)
    assert isinstance(b, model.Play)
    assert a.sounds[0] == b.sounds[0]
    assert [speech.language for speech in desk.compiler.speeches] == ["en", "de"]


@given(st.text(max_size=400))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_compiles_or_is_told_why_not(desk: Desk, text: str) -> None:
    check_fuzzed(desk, text.encode("utf-8", "surrogatepass"))


PIECES = st.sampled_from(
    [
        "version: 1\n",
        "start: a\n",
        "nodes:\n",
        "  a:\n",
        "  b:\n",
        "    play: welcome\n",
        "    next: a\n",
        "    next: b\n",
        "    gather:\n",
        "      greet_long: [welcome]\n",
        "    choices: {1: a, 2: b}\n",
        "    failed: b\n",
        "    hang_up:\n",
        "    transfer: sip:a@192.0.2.1\n",
        "    on_outcome: {busy: a}\n",
        "    wait: 1s\n",
        "defaults: {gather: 5}\n",
        "- x\n",
        "    say: *x\n",
        "    say: &x [*x]\n",
        "nodes: 5\n",
        "defaults: [1]\n",
        "    choices: [1]\n",
        "    gather: !!python/name:os.x\n",
        "    wait: 99999999999999999999s\n",
        "    say: 2026-99-99\n",
        "    press: 0x_\n",
        "    wait: 1:99:99\n",
        "    press: =\n",
    ]
)


@given(st.lists(PIECES, max_size=20).map("".join))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pieces_of_menus_in_any_order(desk: Desk, text: str) -> None:
    check_fuzzed(desk, text.encode())


def check_fuzzed(desk: Desk, data: bytes) -> None:
    findings = Findings()
    file = desk.folder / "fuzz.yaml"
    file.write_bytes(data)
    site = CompiledSite(name="x", paths=Paths(state=str(desk.folder), prompts=str(desk.folder / "prompts")))
    menu = MenuCompiler(site, findings, []).compile_file(file)
    assert (menu is None) == bool(findings.errors)
    if menu is not None:
        assert menu.start in menu.nodes


def test_an_alias_bomb_is_refused(desk: Desk) -> None:
    bomb = "x0: &x0 [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"x{n}: &x{n} [{','.join([f'*x{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    desk.folder.joinpath("bomb.yaml").write_text(bomb)
    assert desk.compiler.compile_file(desk.folder / "bomb.yaml") is None
    assert "more than" in desk.findings.errors[0].message


def test_a_menu_of_500_nodes_compiles_quickly_enough_for_a_reload(desk: Desk) -> None:
    text = "".join(
        f"  n{n}:\n    gather: welcome\n"
        f"    choices: {{1: n{(n + 1) % 500}, 2: n{(n * 7 + 3) % 500}, 3: end}}\n    failed: end\n"
        for n in range(500)
    )
    menu = desk.compile(nodes(text, "version: 1\nstart: n0\n"))
    assert len(menu.nodes) == 501


def test_short_forms_take_sounds_and_texts_by_language(desk: Desk) -> None:
    text = """
  a: {say: {en: Good day, de: Guten Tag}, next: b}
  b: {play: {say: {en: One, de: Eins}}, next: c}
  c:
    gather: {say: {en: Number, de: Nummer}}
    next: d
    failed: d
  d:
    gather: {greet_long: {say: Code}, into: reason_code, confirm: {say: "${digits}?"}}
    next: end
    failed: end
"""
    made = desk.compile(nodes(text, "version: 1\nstart: a\nlanguages: [de]\ndefaults: {gather: {max_failures: 7}}\n"))
    assert [sound.labels for sound in made.nodes["a"].sounds] == [{"de": "Guten Tag"}]
    assert [sound.label for sound in made.nodes["b"].sounds] == ["One"]
    assert [sound.label for sound in made.nodes["c"].prompt] == ["Number"]
    assert made.nodes["c"].max_failures == 7, "defaults hold for short forms, too"
    assert made.nodes["d"].confirm is not None


@pytest.mark.parametrize(
    ("node", "told"),
    [
        ("{gather: {greet_lnog: x}, next: end, failed: end}", "unknown setting 'greet_lnog'"),
        ('{when: [{value: caller, begins: "", next: end}], otherwise: end}', "every value begins with ''"),
    ],
)
def test_what_is_no_short_form_and_what_holds_always_are_told(desk: Desk, node: str, told: str) -> None:
    with pytest.raises(AssertionError):
        desk.compile(nodes(f"  a: {node}\n"))
    assert told in [fault.message for fault in desk.findings.errors]
