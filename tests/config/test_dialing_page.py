"""What docs/dialing.md shows of agents who look first, and of what they say: it loads, and the menu does as it says."""

import re
import wave
from pathlib import Path

import pytest

from edge.cli import build
from edge.config.errors import ConfigErrors
from edge.config.loader import load
from edge.core.menus.model import Ask, Gather

PAGE = (Path(__file__).parents[2] / "docs/dialing.md").read_text("utf-8")
OWN = PAGE[PAGE.index("## Agents who look first") : PAGE.index("## Where it is kept")]
SITE = """
name = "x"
[paths]
state = "state"
menus = "menus"
prompts = "prompts"
[[trunks]]
name = "carrier"
sources = ["192.0.2.1"]
address = "192.0.2.1:5060"
[[routes]]
number = "*"
menu = "after-talk"
[[agents]]
name = "anna"
target = "sip:anna@192.0.2.7"
[[queues]]
name = "sales"
agents = ["anna"]
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", OWN, re.DOTALL)


def site_of(folder: Path, campaign: str) -> Path:
    (folder / "menus").mkdir()
    (folder / "prompts").mkdir()
    (folder / "prompts/en").mkdir()
    for sound in ("prompts/en/ask-result.wav", "nobody.wav"):
        with wave.open(str(folder / sound), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(1600))
    (folder / "menus/after-talk.yaml").write_text(blocks("yaml")[0])
    (folder / "site.toml").write_text(SITE + campaign)
    return folder / "site.toml"


def test_the_campaign_and_its_menu_load(tmp_path: Path) -> None:
    first, results = blocks("toml")
    site = load(site_of(tmp_path, first + results))
    (campaign,) = site.campaigns
    assert (campaign.pacing, campaign.preview.timeout_ms, campaign.preview.on_timeout) == ("preview", 60_000, "skip")
    assert [(one.code, one.key, one.then) for one in campaign.results] == [
        ("sold", "1", "done"),
        ("callback", "2", "callback"),
        ("wrong_person", "", "next_number"),
        ("stop", "9", "never"),
    ]
    menu = site.menus["after-talk"]
    asked = menu.nodes["say"]
    assert isinstance(asked, Ask)
    assert (asked.endpoint, asked.send) == ("results", ["disposition"])
    assert isinstance(menu.nodes["which"], Gather)


def test_each_command_of_the_page_is_one() -> None:
    app = build()
    commands = re.findall(r"^    edge (.*?)(?: +#.*)?$", OWN, re.MULTILINE)
    assert len(commands) == 6
    for command in commands:
        _, bound, _ = app.parse_args(re.findall(r'"[^"]*"|\S+', command), exit_on_error=False, print_error=False)
        assert bound.args[0] == "anna"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (('queue = "sales"', 'menu = "after-talk"'), "pacing 'preview' needs agents"),
        (('code = "stop"', 'code = "sold"'), "there are two results 'sold'"),
        (('key = "9"', 'key = "1"'), "there are two results '1'"),
        (('result_menu = "after-talk"', 'result_menu = "after"'), "there is no menu 'after'"),
        (('on_timeout = "skip"', 'on_timeout = "wait"'), "'wait' is not allowed here"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    text = "".join(blocks("toml"))
    assert text.count(change[0]) >= 1
    with pytest.raises(ConfigErrors) as caught:
        load(site_of(tmp_path, text.replace(*change)))
    assert fault in str(caught.value)
