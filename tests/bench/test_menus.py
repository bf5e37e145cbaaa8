"""The short form of `edge bench menus`: its tests pass, its calls end, and its figures are told."""

from bench import menus


def test_the_short_form_tells_all_figures():
    figures = {}
    menus.measure(lambda name, value, unit, **more: figures.update({name: value}), quick=True)
    assert set(figures) == {
        "menu_compile_500_nodes",
        "menu_compile_500_nodes_and_200_tests",
        "menu_calls_a_minute",
        "menu_inputs_a_call",
        "menu_nodes_a_call",
        "menu_time_simulated",
        "menu_walks",
        "menu_walks_failed",
        "menu_walks_nodes_reached",
    }
    assert figures["menu_walks_failed"] == 0
    assert figures["menu_walks_nodes_reached"] > 50
    assert figures["menu_nodes_a_call"] > 3
    assert menus.large(500).count("\n  n") == 499
