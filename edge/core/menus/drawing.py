"""A menu as a graph for people: in the language of Graphviz and in that of Mermaid."""

from msgspec import Struct

from edge.core.indicators.paths import Paths
from edge.core.menus.model import Gather, Menu, Node, NodeId, Transfer, kind_of
from edge.core.menus.parts import Sound
from edge.core.menus.ways import named_ways_of

#: Characters of what a node says.
_WORDS = 64
_LINE = 28
#: Ways that callers take by what they press; the rest happens to them.
_PRESSED = {"choices", "nodes"}
#: Ways that are told apart by a word of their own.
_NAMED = {"on_outcome", "answers", "results"}
#: What stands for itself and needs no word on the way.
_PLAIN = "next"
_SHAPES = {
    "gather": "hexagon",
    "transfer": "cds",
    "queue": "cds",
    "record": "note",
    "voicemail": "note",
    "hang_up": "octagon",
}


class Box(Struct, frozen=True):
    """A node."""

    name: NodeId
    kind: str
    #: What is said there first.
    words: str


class Arrow(Struct, frozen=True):
    """All ways from a node to another."""

    source: NodeId
    target: NodeId
    labels: list[str]
    #: A caller comes here by pressing something.
    pressed: bool


class Graph(Struct, frozen=True):
    """What is drawn."""

    name: str
    version: str
    start: NodeId
    boxes: list[Box]
    arrows: list[Arrow]


def graph_of(menu: Menu) -> Graph:
    """Make the graph of a compiled menu: a box a node, an arrow from a node to each that it leads to."""
    boxes = [Box(name, kind_of(node), _words(node)) for name, node in menu.nodes.items()]
    arrows: list[Arrow] = []
    for name, node in menu.nodes.items():
        labels: dict[NodeId, list[str]] = {}
        for label, target in named_ways_of(node):
            labels.setdefault(target, []).append(label)
        arrows += [
            Arrow(
                name, target, list(dict.fromkeys(map(_label, several))), any(_field(one) in _PRESSED for one in several)
            )
            for target, several in labels.items()
        ]
    return Graph(menu.name, menu.version, menu.start, boxes, arrows)


def _field(way: str) -> str:
    """Name what a way is a value of: `choices` of `choices.1`, `nodes` of `ask.commands.nodes.0`."""
    return way.rpartition(".")[0].rpartition(".")[2]


def _label(way: str) -> str:
    if _field(way) in {*_PRESSED, *_NAMED}:
        return way.rpartition(".")[2].replace("_", " ")
    return "" if way == _PLAIN else way.removesuffix(f".{_PLAIN}").replace("cases.", "case ").replace("_", " ")


def _words(node: Node) -> str:
    """Return whom the node calls, its queue, or what it plays first, wherever its type keeps its sounds."""
    target = getattr(node, "target", "") or getattr(node, "queue", "")
    if target and isinstance(target, str):
        return target
    if isinstance(node, Transfer):
        whose = f"{node.hunt_list} ({node.strategy})" if node.hunt_list else node.strategy
        return _shortened(f"{whose}: {', '.join(one.target for one in node.targets)}")
    for name in node.__struct_fields__:
        value = getattr(node, name)
        sounds = value.prompt if isinstance(value, Gather) else value
        if isinstance(sounds, list) and sounds and isinstance(sounds[0], Sound):
            return _shortened(" ".join(" ".join(sound.label for sound in sounds).split()))
    return ""


def _shortened(words: str) -> str:
    return words if len(words) <= _WORDS else words[: _WORDS - 1] + "\u2026"


# --- Graphviz ---------------------------------------------------------------------------------------------------------


def dot(graph: Graph, paths: Paths | None = None) -> str:
    """Write the graph for `dot`; with `paths`, arrows are as thick as many callers took them."""
    lines = [
        f"digraph {_quoted(graph.name)} {{",
        f"  label={_quoted(_caption(graph, paths))}; labelloc=t; fontname=sans; fontsize=16; rankdir=TB;",
        '  node [shape=box style="rounded,filled" fillcolor="#f4f6f8" color="#5b6b7a" fontname=sans fontsize=11];',
        '  edge [color="#5b6b7a" fontname=sans fontsize=10 arrowsize=0.7];',
    ]
    lines += [f"  {_quoted(box.name)} [{_dot_box(box, graph, paths)}];" for box in graph.boxes]
    lines += [f"  {_quoted(one.source)} -> {_quoted(one.target)} [{_dot_arrow(one, paths)}];" for one in graph.arrows]
    return "\n".join([*lines, "}", ""])


def _dot_box(box: Box, graph: Graph, paths: Paths | None) -> str:
    text = [box.name, box.kind.replace("_", " "), *_wrapped(box.words)]
    style = [f"shape={_SHAPES[box.kind]} style=filled"] if box.kind in _SHAPES else []
    if box.name == graph.start:
        style.append("penwidth=2.5")
    if paths is not None:
        text.append(_figures(box.name, paths))
        style.append(f'fillcolor="{_heat(box.name, paths)}"')
    return " ".join([f"label={_quoted(chr(10).join(text))}", *style])


def _dot_arrow(arrow: Arrow, paths: Paths | None) -> str:
    words = ", ".join(filter(None, arrow.labels))
    style = [] if arrow.pressed else ["style=dashed"] if words else []
    if paths is not None:
        count = paths.moves[arrow.source, arrow.target]
        words = f"{words}: {count}" if words else str(count)
        share = count / max(1, paths.entered[arrow.source])
        style += [f"penwidth={1 + 4 * min(1.0, share):.1f}"] if count else ['color="#c3ccd4"']
    return " ".join([f"label={_quoted(words)}", *style])


def _quoted(text: str) -> str:
    safe = "".join(char if char.isprintable() or char == "\n" else " " for char in text)
    return '"' + safe.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _wrapped(text: str) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= _LINE:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]


def _heat(name: NodeId, paths: Paths) -> str:
    """Colour a node by the share of its visitors who hung up there: grey without visitors, white to red."""
    if not paths.entered[name]:
        return "#e2e6ea"
    share = min(1.0, paths.given_up[name] / paths.entered[name])
    other = round(255 * (1 - 0.6 * share))
    return f"#ff{other:02x}{other:02x}"


# --- Mermaid ----------------------------------------------------------------------------------------------------------


def mermaid(graph: Graph, paths: Paths | None = None) -> str:
    """Write the graph as a Mermaid flowchart."""
    ids = {box.name: f"n{number}" for number, box in enumerate(graph.boxes)}
    lines = ["---", f"title: {_mermaid_text(_caption(graph, paths))}", "---", "flowchart TD"]
    for box in graph.boxes:
        text = [box.name, box.kind.replace("_", " "), *_wrapped(box.words)]
        if paths is not None:
            text.append(_figures(box.name, paths))
        before, after = (
            ("{{", "}}") if box.kind == "gather" else ("([", "])") if box.name == graph.start else ("[", "]")
        )
        lines.append(f'  {ids[box.name]}{before}"{"<br/>".join(map(_mermaid_text, text))}"{after}')
    for arrow in graph.arrows:
        words = ", ".join(filter(None, arrow.labels))
        if paths is not None:
            count = paths.moves[arrow.source, arrow.target]
            words = f"{words}: {count}" if words else str(count)
        shaft = "-->" if arrow.pressed or not words else "-.->"
        label = f'|"{_mermaid_text(words)}"|' if words else ""
        lines.append(f"  {ids[arrow.source]} {shaft}{label} {ids[arrow.target]}")
    return "\n".join([*lines, ""])


def _mermaid_text(text: str) -> str:
    # Entities: a quote or a bracket in a caption would end it.
    safe = "".join(char if char.isprintable() else " " for char in text)
    return "".join(f"#{ord(char)};" if char in '"#;<>{}[]|`' else char for char in safe)


# --- both -------------------------------------------------------------------------------------------------------------


def _caption(graph: Graph, paths: Paths | None) -> str:
    caption = f"{graph.name}, version {graph.version[:8]}"
    return caption if paths is None else f"{caption}: {paths.calls} calls"


def _figures(name: NodeId, paths: Paths) -> str:
    entered, left = paths.entered[name], paths.given_up[name]
    return f"{entered} entered, {left} hung up" if left else f"{entered} entered"
