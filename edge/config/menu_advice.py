"""What works but hurts callers, or whoever keeps the menus: warnings with advice."""

from collections.abc import Sequence

from edge.config.errors import Findings, Place
from edge.config.located import Located, place_of
from edge.core.menus.likeness import alike
from edge.core.menus.model import Gather, Menu, NodeId
from edge.core.menus.parts import menu_of
from edge.core.menus.ways import ways_of

#: People keep no more than that in mind while they listen.
MAX_CHOICES = 5
MAX_LEVELS = 3
#: Keys that are the same in every menu need not be kept in mind: operator, again, back.
CUSTOMARY = {"0", "*", "#"}
#: Time to understand a prompt and find a key; to find the next one.
LEAST_FIRST_MS = 2000
LEAST_BETWEEN_MS = 1000


def advise(menu: Menu, root: Located, findings: Findings) -> None:
    """Warn of what is wrong with a menu by itself."""
    levels = _levels(menu)
    for name, node in menu.nodes.items():
        if not isinstance(node, Gather) or menu_of(name):
            continue
        settings = ("nodes", name, "gather")
        choices = [key for key in node.choices if len(key) == 1 and key not in CUSTOMARY]
        if len(choices) > MAX_CHOICES:
            place = place_of(root, ("nodes", name, "choices"), key=True)
            advice = "group them: two short menus are quicker than a long one"
            findings.warning(
                place, f"'{name}' offers {len(choices)} choices; callers keep {MAX_CHOICES} in mind", advice
            )
        if levels[name] > MAX_LEVELS:
            here = place_of(root, ("nodes", name), key=True)
            advice = "offer what most callers want earlier, or an operator"
            findings.warning(here, f"callers are asked {levels[name]} times before '{name}' is answered", advice)
        _advise_times(name, node, root, findings)
        if node.max_failures > 1:
            for field, when in (("no_input", "presses nothing"), ("no_match", "presses a wrong key")):
                if not getattr(node, field):
                    advice = f"say what to do in '{field}', for all gathers in 'defaults'"
                    what = f"'{name}' says nothing to a caller who {when}"
                    findings.warning(place_of(root, settings, key=True), what, advice)


def _advise_times(name: NodeId, node: Gather, root: Located, findings: Findings) -> None:
    settings = ("nodes", name, "gather")
    if node.first_digit_timeout_ms < LEAST_FIRST_MS:
        place = _place(root, settings, "first_digit_timeout")
        what = f"nobody finds a key within {node.first_digit_timeout_ms} ms of '{name}'"
        findings.warning(place, what, f"at least {LEAST_FIRST_MS // 1000}s; people look for their keys")
    if node.max_digits > 1 and node.inter_digit_timeout_ms < LEAST_BETWEEN_MS:
        place = _place(root, settings, "inter_digit_timeout")
        what = f"'{name}' takes {node.inter_digit_timeout_ms} ms between two keys for the end of the digits"
        findings.warning(place, what, f"at least {LEAST_BETWEEN_MS // 1000}s; numbers are read off a paper")


def _place(root: Located, settings: tuple[str, ...], field: str) -> Place:
    """Return where a setting stands; that may be in `defaults`."""
    table = (root.table or {}).get("defaults")
    own = root
    for step in settings:
        own = (own.table or {}).get(step, own)
    if (
        field not in (own.table or {})
        and table is not None
        and field in ((table.table or {}).get("gather", own).table or {})
    ):
        return place_of(table, ("gather", field))
    return place_of(root, (*settings, field))


def _levels(menu: Menu) -> dict[NodeId, int]:
    """Count the choices on the shortest way to each node, its own among them."""
    levels = {menu.start: _asks(menu, menu.start)}
    # Breadth first, nodes that ask one step further: with few levels, simply settle until nothing changes.
    waiting = [menu.start]
    while waiting:
        name = waiting.pop(0)
        for target in ways_of(menu.nodes[name]):
            level = levels[name] + _asks(menu, target)
            if target in menu.nodes and level < levels.get(target, level + 1):
                levels[target] = level
                waiting.append(target)
    return {name: levels.get(name, 0) for name in menu.nodes}


def _asks(menu: Menu, name: NodeId) -> int:
    node = menu.nodes.get(name)
    return int(isinstance(node, Gather) and len(node.choices) > 1)


def compare(menus: Sequence[tuple[Menu, Located]], findings: Findings) -> None:
    """Warn of branches that are copies of each other, or nearly so."""
    roots = {menu.name: root for menu, root in menus}
    for pair in alike([menu for menu, _ in menus]):
        here = place_of(roots[pair.menu], ("nodes", pair.node), key=True)
        there = place_of(roots[pair.other_menu], ("nodes", pair.other_node), key=True)
        how = "are the same as" if pair.share == 1 else f"are {pair.share:.0%} the same as"
        what = f"'{pair.node}' and what follows it ({pair.nodes} nodes) {how} '{pair.other_node}' at {there}"
        findings.warning(here, what, "keep one of them: a change must otherwise be made twice")
