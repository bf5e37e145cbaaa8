import os
from collections.abc import Callable
from pathlib import Path

from edge.config.mailboxes import room_of, share_filled
from edge.config.menu_tables import Mailbox
from edge.config.site import Paths, Site
from edge.core.menus.kinds.record import Room
from edge.core.recording import sidecar
from edge.media import mailboxes
from tests.cli.test_voicemail import left

DAY_S = 86_400
NOW_S = 2_000_000_000.0


def aged(folder: Path, name: str, days: int) -> Path:
    path = left(folder, name)
    os.utime(path, (NOW_S - days * DAY_S,) * 2)
    return path


def test_what_is_in_a_mailbox_and_what_is_too_old(tmp_path: Path) -> None:
    folder = tmp_path / "voicemail/sales"
    for name, days in (("c1-m1", 31), ("c2-m1", 29), ("c3-m1", 1)):
        aged(folder, name, days)
    Path(sidecar.heard_path(str(folder / "c3-m1.wav"))).touch()
    boxes = [Mailbox(name="sales", keep_days=30), Mailbox(name="empty")]
    sales, empty = mailboxes.look(boxes, str(tmp_path), NOW_S)
    assert (sales.heard, sales.new, sales.expired, sales.oldest_new_s) == (1, 1, 1, 29 * DAY_S)
    assert (empty.heard, empty.new, empty.oldest_new_s) == (0, 0, 0)
    assert sorted(path.stem for path in folder.glob("*.wav")) == ["c2-m1", "c3-m1"]
    assert not list(folder.glob("c1*"))
    kept, _ = mailboxes.look([Mailbox(name="sales"), boxes[1]], str(tmp_path), NOW_S + 1000 * DAY_S)
    assert (kept.new, kept.expired) == (1, 0)


def test_one_that_is_just_being_finished_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "voicemail/sales"
    path = aged(folder, "c1-m1", 31)
    Path(sidecar.open_path(str(path))).touch()
    (found,) = mailboxes.look([Mailbox(name="sales", keep_days=30)], str(tmp_path), NOW_S)
    assert (found.new, found.expired) == (0, 0)
    assert path.exists()


def test_mailboxes_of_the_site_of_now_are_looked_at(tmp_path: Path) -> None:
    left(tmp_path / "voicemail/sales", "c1-m1")
    waiting: list[Callable[[], None]] = []
    told: list[mailboxes.Contents] = []
    site = Site(name="s", paths=Paths(recordings=str(tmp_path)))
    watch = mailboxes.Watch(site, waiting.append, waiting.append, told.append)
    watch.look()
    assert not waiting, "there are none"
    watch.take(Site(name="s", paths=site.paths, mailboxes=[Mailbox(name="sales")]))
    watch.look()
    for step in waiting:  # aside, then on the main thread
        step()
    assert [(one.mailbox, one.new) for one in told] == [("sales", 1)]


def test_how_full_a_mailbox_is(tmp_path: Path) -> None:
    folder = tmp_path / "voicemail/sales"
    for number, seconds in enumerate((30, 45)):
        left(folder, f"c{number}-m1", frames=8000 * seconds)
    left(folder, "c3-m1", frames=8000 * 600)
    os.utime(folder / "c3-m1.wav", (NOW_S - 40 * DAY_S,) * 2)
    (folder / "c9-m1.part").touch()
    assert mailboxes.filled(folder) == (3, 675_000)
    assert mailboxes.filled(tmp_path / "none") == (0, 0)
    boxes = [Mailbox(name="sales", keep_days=30, max_messages=8, max_minutes=2)]
    for one in folder.glob("c[01]-m1.wav"):
        os.utime(one, (NOW_S, NOW_S))
    (found,) = mailboxes.look(boxes, str(tmp_path), NOW_S)
    assert (found.new, found.expired, found.length_s) == (2, 1, 75.0), "what is too old is gone, and does not count"
    assert found.filled == 75 / 120, "the tighter one of the two"
    assert share_filled(Mailbox(name="a", max_messages=3), 4, 0) == 4 / 3
    assert share_filled(Mailbox(name="a"), 4, 10**9) == 0
    assert (room_of(Mailbox(name="a")), room_of(boxes[0])) == (None, Room(messages=8, length_ms=120_000))


def test_who_asks_is_told_beside_the_loop_whatever_the_disk_says(tmp_path: Path) -> None:
    left(tmp_path / "box", "c1-m1")
    (tmp_path / "file").touch()
    aside: list[Callable[[], None]] = []
    posted: list[Callable[[], None]] = []
    watch = mailboxes.Watch(Site(name="s"), aside.append, posted.append, lambda _found: None)
    told: list[tuple[int, int]] = []
    for name in ("box", "none", "file"):
        watch.ask(str(tmp_path / name), lambda *found: told.append(found))
    assert not told
    for work in aside:
        work()
    assert not told, "it is for the main thread"
    for tell in posted:
        tell()
    assert told == [(1, 1000), (0, 0), (0, 0)]
