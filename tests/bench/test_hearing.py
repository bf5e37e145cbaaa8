"""The short form of `edge bench hearing`: nothing is told wrong, and nearly all is told."""

from bench import hearing


def test_the_short_form():
    figures = {}
    hearing.measure(lambda name, value, unit, **more: figures.update({name: (value, more)}), quick=True)
    assert figures["hearing_wrong"][0] == 0, figures["hearing_wrong"][1]
    assert figures["hearing_found"][0] >= 90, figures["hearing_wrong"][1]
    assert figures["hearing_told_after_p50"][0] < 2000
