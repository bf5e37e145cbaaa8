"""The short form of `edge bench rules`: packs judge as their twin does, and its figures are told."""

from bench import rules


def test_the_short_form_tells_all_figures():
    figures, more = {}, {}

    def emit(name, value, unit, **others):
        figures[name] = value
        more[name] = others

    rules.measure(emit, quick=True)
    assert set(figures) == {
        "rules_new_numbers",
        "rules_known_numbers",
        "rules_refusals",
        "rules_moments",
        "rules_moments_wrong",
    }
    assert figures["rules_moments_wrong"] == 0, more["rules_moments_wrong"]
    assert 40 < more["rules_moments"]["allowed"] < 360
    assert more["rules_known_numbers"]["allowed"] > 0
    assert more["rules_refusals"]["allowed"] == 0
