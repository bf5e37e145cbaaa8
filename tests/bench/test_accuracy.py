"""The tables' own arithmetic: what counts as a hit, and which promise is kept."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.accuracy import NOTHING, Row, Score, Table, loss, page, score
from bench.accuracy.answer_texts import FLITE, TEXTS, VARIANTS
from bench.accuracy.answer_voices import SPEAKERS
from bench.accuracy.dtmf_echo import echo
from bench.accuracy.signals import level, noise, sine


@pytest.mark.parametrize(
    ("wanted", "heard", "result"),
    [
        ("", "", (0, 0, 0)),
        ("1", "1", (1, 0, 0)),
        ("1", "", (0, 1, 0)),
        ("", "1", (0, 0, 1)),
        ("1", "11", (1, 0, 1)),
        ("11", "1", (1, 1, 0)),
        ("12", "21", (1, 1, 1)),
        ("159D#", "15D##", (4, 1, 1)),
    ],
)
def test_a_score_is_by_order(wanted, heard, result):
    assert score(wanted, heard) == result


@given(st.text("123", max_size=8), st.text("123", max_size=8))
def test_a_score_accounts_for_everything(wanted, heard):
    one = score(wanted, heard)
    assert one.hits + one.misses == len(wanted)
    assert one.hits + one.false == len(heard)
    assert one == Score(*score(heard, wanted)._replace(misses=one.misses, false=one.false))


def row(promised, hits, misses, false, **more):
    return Row("dtmf", "x", promised, more.pop("trials", 1), Score(hits, misses, false), **more)


def test_what_a_promise_takes():
    assert row("accept", 5, 0, 0).kept
    assert not row("accept", 4, 1, 0).kept
    assert not row("accept", 5, 0, 1).kept
    assert not row("accept", 0, 0, 0).kept
    assert row("reject", 0, 0, 0).kept
    assert not row("reject", 0, 0, 1).kept
    assert not row("reject", 0, 0, 0, trials=0).kept
    assert row("rate", 1, 9, 9).kept
    assert row("rate", 9, 1, 0, least=0.9).kept
    assert not row("rate", 8, 2, 0, least=0.9).kept


def test_scores_add_up():
    assert Score(1, 2, 3) + Score(10, 20, 30) == (11, 22, 33)
    assert NOTHING.rate == 1.0
    assert Score(3, 1, 0).rate == 0.75


def page_of(*made):
    return page.document(made, quick=False, seconds=90.0)


def test_the_page_names_what_is_not_kept():
    good = row("accept", 16, 0, 0, peers={"spandsp": Score(15, 1, 2)}, note="Q.24")
    bad = Row("progress", "music | and speech", "reject", 9, Score(0, 0, 2))
    text = page_of(good, bad)
    assert "| x | accept | 1 | 16 | 0 | 0 | yes | 15/1/2 | Q.24 |" in text
    assert "| music \\| and speech | reject | 9 | 0 | 0 | 2 | NO |" in text
    assert "NOT kept" in text
    assert "- progress: music | and speech" in text
    assert page.broken([good, bad]) == ["progress: music | and speech"]
    assert "all kept" in page_of(good)


def test_other_tables_stand_below():
    table = Table("answer", "Who answered", ("", "human"), (("human", 99), ("machine", 1)), "Held out.", ["humans"])
    text = page_of(table)
    assert "### Who answered\n\nHeld out.\n\n|  | human |\n| --- | --- |\n| human | 99 |" in text
    assert page.broken([table]) == ["answer: humans"]
    assert table.as_json()["rows"] == [{"": "human", "human": 99}, {"": "machine", "human": 1}]


def test_a_row_as_json():
    one = row("rate", 9, 1, 0, least=0.9, peers={"spandsp": Score(5, 5, 0)})
    assert one.as_json() == {
        "subject": "dtmf",
        "condition": "x",
        "promised": "rate",
        "trials": 1,
        "hits": 9,
        "misses": 1,
        "false": 0,
        "kept": True,
        "least": 0.9,
        "spandsp": {"hits": 5, "misses": 5, "false": 0},
    }


def test_no_voice_is_in_two_parts():
    for one, other in combinations(TEXTS, 2):
        assert not {language for language, *_ in TEXTS[one]} & {language for language, *_ in TEXTS[other]}
        assert not set(VARIANTS[one]) & set(VARIANTS[other])
        assert not set(SPEAKERS[one].values()) & set(SPEAKERS[other].values())
    assert FLITE


def test_lost_packets():
    dice = np.random.default_rng(6)
    tone = np.round(sine(440, 8000, -12)).astype(np.int16)
    lost = loss.chosen(len(tone), 0.1, dice)
    gone = np.repeat(lost, loss.FRAME)
    assert 2 <= lost.sum() <= 10
    silent = loss.silenced(tone, lost)
    assert not silent[gone].any()
    np.testing.assert_array_equal(silent[~gone], tone[~gone])
    # a stream fades in
    np.testing.assert_array_equal(loss.concealed(tone, np.zeros_like(lost))[80:], tone[80:])
    assert level(loss.concealed(tone, lost)[gone]) > -20


@pytest.mark.parametrize("return_loss", [6, 12, 20])
def test_an_echo_is_weaker_by_the_return_loss_and_late(return_loss):
    prompt = noise(16_000, -15, np.random.default_rng(7))
    back = echo(prompt, return_loss, 40)
    assert not back[:320].any()
    assert level(back[800:]) == pytest.approx(-15 - return_loss, abs=0.5)
    assert np.argmax(np.correlate(back[:4000], prompt[:3000], "valid")) == 320
