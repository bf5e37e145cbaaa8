import random

import pytest

from edge.core.menus.likeness import alike, dominated
from edge.core.menus.model import Gather, HangUp, Menu, Node, Play, Sound


def say(text: str, following: str) -> Play:
    return Play(sounds=[Sound(f"/{text}.wav", text)], next=following)


def branch(prefix: str, last: str = "we call you", length: int = 3) -> dict[str, Node]:
    """A chain that ends at the shared node `bye`."""
    texts = [*(f"step {number}" for number in range(length - 1)), last]
    names = [f"{prefix}{number}" for number in range(length)]
    return {name: say(text, following) for name, text, following in zip(names, texts, [*names[1:], "bye"], strict=True)}


def menu(name: str, *branches: dict[str, Node]) -> Menu:
    choices = {str(number): next(iter(one)) for number, one in enumerate(branches, 1)}
    nodes: dict[str, Node] = {"main": Gather(prompt=[], choices=choices, failed="bye"), "bye": HangUp()}
    for one in branches:
        nodes |= one
    return Menu(name=name, version="v", start="main", nodes=nodes)


def reached(start: str, ways: dict[str, list[str]], without: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start] if start != without else []
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += [target for target in ways[node] if target != without]
    return seen


@pytest.mark.parametrize("seed", range(40))
def test_a_node_dominates_what_is_lost_without_it(seed: int) -> None:
    chance = random.Random(seed)
    names = [f"n{number}" for number in range(chance.randint(1, 14))]
    ways = {name: [chance.choice(names) for _ in range(chance.randint(0, 3))] for name in names}
    all_reached = reached("n0", ways, "")
    expected = {node: frozenset(all_reached - reached("n0", ways, node)) for node in all_reached}
    assert dominated("n0", ways) == expected, seed


def test_a_chain_of_any_length() -> None:
    ways = {f"n{number}": [f"n{number + 1}"] for number in range(2_000)} | {"n2000": []}
    assert len(dominated("n0", ways)["n0"]) == 2_001


def test_copies_are_found_in_a_menu_and_over_menus() -> None:
    one = menu("day", branch("bill"), branch("order", "thank you", 4))
    other = menu("night", branch("other"))
    assert [(pair.menu, pair.node, pair.other_menu, pair.other_node, pair.share) for pair in alike([one, other])] == [
        ("day", "bill0", "night", "other0", 1.0)
    ]
    assert [(pair.node, pair.other_node) for pair in alike([menu("day", branch("a"), branch("b"))])] == [("a0", "b0")]


def test_near_copies_are_told_and_chance_likeness_is_not() -> None:
    near = menu("day", branch("a", length=6), branch("b", "something else", 6))
    assert [(pair.node, pair.share) for pair in alike([near])] == [("a0", 5 / 6)]
    assert not alike([menu("day", branch("a"), branch("b", "something else"))])
    assert not alike([menu("day", branch("a", length=2), branch("b", length=2))]), "too small"


def test_of_copies_within_copies_only_the_outermost() -> None:
    assert len(alike([menu("day", branch("a", length=9), branch("b", length=9))])) == 1


def test_a_branch_is_not_like_a_part_of_itself() -> None:
    nodes = branch("a", length=12)
    for number in range(12):
        nodes[f"a{number}"] = say("the same", f"a{number + 1}" if number < 11 else "bye")
    assert not alike([menu("day", nodes)])
