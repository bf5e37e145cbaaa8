"""Imports: interrupted, repeated, and lists that take the place of others."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.dialer.lines import Reading
from edge.storage.campaigns.database_store import DatabaseStore
from edge.storage.campaigns.words import Job
from edge.storage.imports import run
from edge.storage.imports.records import Records
from edge.storage.imports.rejects import Rejects
from edge.storage.imports.run import ContactsOf, Import, SuppressionsOf, Target
from edge.storage.imports.text import text_of
from edge.storage.turn import StorageError
from edge.vocabulary.private import Private

NOW = 1_790_000_000_000
LINES = 25


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_BATCH", 4)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DatabaseStore]:
    made = DatabaseStore(tmp_path / "campaigns.db")
    yield made
    made.close()


def begun(store: DatabaseStore, file: Path, target: Target[object]) -> Import[object]:
    text = text_of(file)
    return Import(
        store,
        target,
        text=text,
        records=Records(text, "csv"),
        mapping={},
        reading=Reading(country="DE", key=b"k" * 32, now_ms=NOW),
        rejects=Rejects(file.with_suffix(".rejects")),
    )


def done(store: DatabaseStore, file: Path, target: Target[object]) -> Job:
    return list(begun(store, file, target).steps(lambda: NOW))[-1]


def contacts_file(folder: Path) -> Path:
    """25 lines: one in five has no number, each ninth has the id of the line before."""
    file = folder / "list.csv"
    lines = [
        f"c{index - (index % 9 == 8)},{'none' if index % 5 == 3 else f'030 123{index:04}'}\n" for index in range(LINES)
    ]
    file.write_text("id,number\n" + "".join(lines))
    return file


def outcome(store: DatabaseStore, file: Path, job: Job) -> tuple[object, ...]:
    counts = (job.lines, job.new, job.changed, job.same, job.kept, job.refused)
    return store.contacts("list", limit=1000), counts, file.with_suffix(".rejects").read_text()


def test_wherever_an_import_dies_the_next_one_makes_it_whole(tmp_path: Path) -> None:
    file = contacts_file(tmp_path)
    whole = DatabaseStore(tmp_path / "whole.db")
    expected = outcome(whole, file, done(whole, file, ContactsOf(whole, "list")))
    assert expected[1] == (LINES + 1, 19, 0, 0, 0, 6)
    assert "came in line 18 already" in str(expected[2])
    for deaths in range(1, 9):
        store = DatabaseStore(tmp_path / f"{deaths}.db")
        file.with_suffix(".rejects").unlink(missing_ok=True)
        for _ in itertools.islice(begun(store, file, ContactsOf(store, "list")).steps(lambda: NOW), deaths):
            pass  # and then nobody asks for more
        # Refused lines of a batch that did not get into the store are in the file, too.
        with file.with_suffix(".rejects").open("a") as rejects:
            rejects.write("half a li")
        work = begun(store, file, ContactsOf(store, "list"))
        assert work.resumed == (min(4 * deaths + 1, LINES + 1) if deaths < 8 else 0)
        found = outcome(store, file, list(work.steps(lambda: NOW))[-1])
        if deaths < 8:
            assert found == expected
        store.close()


def test_a_batch_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = contacts_file(tmp_path)
    store = DatabaseStore(tmp_path / "campaigns.db")
    work = begun(store, file, ContactsOf(store, "list"))
    steps = work.steps(lambda: NOW)
    next(steps)
    monkeypatch.setattr(DatabaseStore, "_save_job", _fail)
    with pytest.raises(StorageError, match="disk"):
        next(steps)
    monkeypatch.undo()
    monkeypatch.setattr(run, "_BATCH", 4)
    assert store.jobs()[0].lines == 5
    job = done(store, file, ContactsOf(store, "list"))
    assert (job.new, job.refused) == (19, 6)
    rejects = file.with_suffix(".rejects").read_text().splitlines()
    assert len(rejects) == len(set(rejects)) == 1 + 6
    assert file.with_suffix(".rejects").stat().st_mode & 0o777 == 0o600


def _fail(*_: object) -> None:
    raise OSError(5, "the disk is gone")


def test_the_same_file_again_changes_nothing(tmp_path: Path, store: DatabaseStore) -> None:
    file = contacts_file(tmp_path)
    first = done(store, file, ContactsOf(store, "list"))
    before = store.contacts("list", limit=1000)
    second = done(store, file, ContactsOf(store, "list"))
    assert (second.run, second.new, second.changed, second.same) == (2, 0, 0, first.new)
    assert second.refused == first.refused
    assert store.contacts("list", limit=1000) == before
    other = done(store, file, ContactsOf(store, "other"))
    assert other.new == first.new


# --- numbers that are not to be called


def numbers_file(folder: Path, *numbers: str) -> Path:
    file = folder / "numbers.csv"
    file.write_text("number\n" + "".join(f"{number}\n" for number in numbers))
    return file


def stand(store: DatabaseStore, name: str) -> list[str]:
    return [number.reveal() for number, _ in store.suppressions(name)]


def load(store: DatabaseStore, folder: Path, *numbers: str, smaller: bool = False) -> SuppressionsOf:
    target = SuppressionsOf(store, "register", NOW, smaller=smaller)
    done(store, numbers_file(folder, *numbers), target)  # type: ignore[arg-type]
    return target


ONE, TWO, THREE, FOUR, FIVE = (f"+4930123456{index}" for index in range(1, 6))


def test_an_edition_takes_the_place_of_the_one_before(tmp_path: Path, store: DatabaseStore) -> None:
    assert load(store, tmp_path, ONE, TWO, THREE).gone == 0
    assert load(store, tmp_path, THREE, FOUR).gone == 2
    assert stand(store, "register") == [THREE, FOUR]


def test_an_edition_with_refused_lines_only_adds(tmp_path: Path, store: DatabaseStore) -> None:
    load(store, tmp_path, ONE, TWO)
    age = store.suppression_lists()[0].loaded_ms
    target = load(store, tmp_path, THREE, "oops")
    assert (target.gone, target.kept_because) == (None, "1 lines were refused")
    assert stand(store, "register") == [ONE, TWO, THREE]
    assert store.suppression_lists()[0].loaded_ms == age


def test_a_download_that_broke_off_does_not_let_people_be_called(tmp_path: Path, store: DatabaseStore) -> None:
    load(store, tmp_path, ONE, TWO, THREE)
    assert load(store, tmp_path, FOUR).kept_because == "it has 1 numbers, and there were 3"
    assert stand(store, "register") == [ONE, TWO, THREE, FOUR]
    assert load(store, tmp_path).kept_because == "there is no number in it"
    assert load(store, tmp_path, FIVE, smaller=True).gone == 4
    assert stand(store, "register") == [FIVE]


def test_an_edition_goes_on_where_it_was_interrupted(tmp_path: Path, store: DatabaseStore) -> None:
    numbers = [f"+49301234{index:03}" for index in range(10)]
    load(store, tmp_path, *numbers)
    file = numbers_file(tmp_path, *numbers[5:], ONE)
    next(begun(store, file, SuppressionsOf(store, "register", NOW)).steps(lambda: NOW))  # type: ignore[arg-type]
    assert store.suppressed(Private(numbers[0]))
    target = SuppressionsOf(store, "register", NOW)
    done(store, file, target)  # type: ignore[arg-type]
    assert target.gone == 5
    assert stand(store, "register") == sorted([*numbers[5:], ONE])
