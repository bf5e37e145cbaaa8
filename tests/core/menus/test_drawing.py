from collections import Counter

from edge.core.indicators.paths import Paths
from edge.core.menus.drawing import dot, graph_of, mermaid
from edge.core.menus.model import (
    Ask,
    Case,
    Commands,
    Gather,
    HangUp,
    Language,
    Menu,
    Play,
    Sound,
    Transfer,
    When,
)

MENU = Menu(
    name="main",
    version="0123456789",
    start="hello",
    nodes={
        "hello": Play(sounds=[Sound("/p/x.wav", 'Say "hi" [now]; or #1')], next="ask"),
        "ask": Gather(prompt=[], choices={"1": "desk", "2": "desk", "*": "ask"}, failed="bye"),
        "desk": Transfer(target="sip:desk@192.0.2.1", on_outcome={"no_answer": "bye"}, failed="bye"),
        "bye": HangUp(),
    },
)


def test_an_arrow_a_pair_of_nodes_with_all_its_reasons() -> None:
    arrows = {(one.source, one.target): one for one in graph_of(MENU).arrows}
    assert set(arrows) == {("hello", "ask"), ("ask", "desk"), ("ask", "ask"), ("ask", "bye"), ("desk", "bye")}
    assert arrows["ask", "desk"].labels == ["1", "2"]
    assert arrows["ask", "desk"].pressed
    assert arrows["desk", "bye"].labels == ["no answer", "failed"]
    assert not arrows["desk", "bye"].pressed
    assert arrows["hello", "ask"].labels == [""]


def test_keys_of_commands_and_words_of_answers_stand_for_themselves() -> None:
    ask = Gather(prompt=[], failed="", commands=Commands(nodes={"0": "bye"}))
    nodes = {
        "speak": Language(offered=["en"], choices={"1": "en"}, ask=ask, next="bank", failed="bank"),
        "bank": Ask(endpoint="bank", answers={"no_money": "when"}, failed="bye", timeout="bye"),
        "when": When(cases=[Case(value="caller", is_one_of=[""], next="bye")], otherwise="speak"),
        "bye": HangUp(),
    }
    graph = graph_of(Menu(name="m", version="1", start="speak", nodes=nodes))
    arrows = {(one.source, one.target): (one.labels, one.pressed) for one in graph.arrows}
    assert arrows["speak", "bye"] == (["0"], True)
    assert arrows["bank", "when"] == (["no money"], False)
    assert arrows["when", "bye"] == (["case 1"], False)


def test_words_of_authors_do_not_end_a_caption() -> None:
    assert r'label="hello\nplay\nSay \"hi\" [now]; or #1"' in dot(graph_of(MENU))
    assert "Say #34;hi#34; #91;now#93;#59; or #35;1" in mermaid(graph_of(MENU))


def test_counts_stand_at_arrows_and_nodes() -> None:
    paths = Paths(
        calls=4,
        entered=Counter({"hello": 4, "ask": 4, "desk": 1}),
        moves=Counter({("hello", "ask"): 4, ("ask", "desk"): 1}),
        given_up=Counter({"ask": 3}),
    )
    drawn = dot(graph_of(MENU), paths)
    assert 'label="main, version 01234567: 4 calls"' in drawn
    assert r'label="ask\ngather\n4 entered, 3 hung up" shape=hexagon style=filled fillcolor="#ff8c8c"' in drawn
    assert '"ask" -> "desk" [label="1, 2: 1" penwidth=2.0];' in drawn
    assert '"desk" -> "bye" [label="no answer, failed: 0" style=dashed color="#c3ccd4"];' in drawn
    assert 'n1 -->|"1, 2: 1"| n2' in mermaid(graph_of(MENU), paths)
