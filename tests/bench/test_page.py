"""The page of figures, and rows of a part's run that come into it later."""

from bench import page


def figure(name: str, value: float, **more: object) -> dict[str, object]:
    return {"name": name, "value": value, "unit": "x", **more}


def test_rows_of_a_part_take_the_place_of_their_own_and_leave_the_others():
    before = page.document([figure("a", 1), figure("relay_rtp_lost", 7), figure("z", 3)], quick=False)
    after = page.with_rows(before, [figure("relay_rtp_lost", 0), figure("fuzz_packets", 250_000)])
    assert after.split("| figure |")[0] == before.split("| figure |")[0]
    rows = [line for line in after.splitlines() if line.startswith("| ")][1:]
    assert rows == [
        "| a | 1 | x |  |  |  |",
        "| relay_rtp_lost | 0 | x |  | 0 | yes |",
        "| z | 3 | x |  |  |  |",
        "| fuzz_packets | 250000 | x |  |  |  |",
    ]
    assert page.with_rows(after, [figure("relay_rtp_lost", 0)]) == after


def test_what_is_not_reached_or_void_says_so():
    rows = page.document([figure("fuzz_failed_rounds", 1), figure("b", 2, void=["late"])], quick=True)
    assert "| fuzz_failed_rounds | 1 | x |  | 0 | **no** |" in rows
    assert "| b | 2 | x |  |  | void: late |" in rows
    beside = figure("siege_noisy_trunk_p95", 90, peer="quiet", peer_value=40, ratio=2.25, reached=True)
    assert page.document([beside], quick=False).rstrip().endswith("| yes |"), "who measured knows what it stands beside"
