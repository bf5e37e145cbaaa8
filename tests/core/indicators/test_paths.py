from edge.core.indicators.paths import Hung, NodeEntered, count_paths


def at(node: str, menu: str = "main", version: str = "v1") -> NodeEntered:
    return NodeEntered(menu, version, node)


def test_ways_and_where_callers_gave_up_are_counted_by_version() -> None:
    calls = [
        [at("welcome"), at("ask"), at("ask"), Hung("caller")],
        [at("welcome"), at("ask"), at("bye"), Hung("appliance")],
        [at("welcome")],  # in progress
        [at("welcome", version="v2"), Hung("caller")],
        [at("other", menu="night"), Hung("caller")],
    ]
    found = count_paths(calls, "main")
    assert set(found) == {"v1", "v2"}
    one = found["v1"]
    assert one.calls == 3
    assert one.entered == {"welcome": 3, "ask": 3, "bye": 1}
    assert one.moves == {("welcome", "ask"): 2, ("ask", "ask"): 1, ("ask", "bye"): 1}
    assert one.given_up == {"ask": 1}
    assert one.ended == {"ask": 1, "bye": 1}
    assert found["v2"].given_up == {"welcome": 1}


def test_a_stay_in_another_menu_is_no_move_of_this_one() -> None:
    found = count_paths([[at("a"), at("x", menu="sub"), at("b"), Hung("caller")]], "main")["v1"]
    assert found.moves == {}
    assert found.calls == 1
    assert found.given_up == {"b": 1}
    assert count_paths([[at("a"), at("x", menu="sub"), Hung("caller")]], "main")["v1"].given_up == {}
