"""The short form of `edge bench menus`: its calls end, and its figures are told."""

from bench import menus


def test_the_short_form_tells_all_figures():
    figures = {}
    menus.measure(lambda name, value, unit, **more: figures.update({name: value}), quick=True)
    assert set(figures) == {
        "menu_compile_500_nodes",
        "menu_compile_500_nodes_and_200_walks",
        "menu_calls_a_minute",
        "menu_inputs_a_call",
        "menu_nodes_a_call",
        "menu_time_simulated",
    }
    assert figures["menu_nodes_a_call"] > 3
    assert menus.large(500).count("\n  n") == 499
