"""The short form of `edge bench imports`: a list is imported whole, again, and over kills, and no line is lost."""

from bench import imports


def test_a_list_is_imported_whole_and_over_kills() -> None:
    figures: dict[str, float] = {}
    more: dict[str, dict] = {}

    def emit(name: str, value: float, unit: str, **others: object) -> None:
        figures[name], more[name] = value, {"unit": unit, **others}

    imports.measure(emit, quick=True)
    for name in ("import_miscounted", "import_again_changed", "import_killed_lost", "import_killed_twice"):
        assert figures[name] == 0, (name, more[name])
    stops = more["import_killed_lost"]["stops"]
    assert stops == sorted(stops), "a kill lost what was done"
    assert figures["import_memory"] < 200
