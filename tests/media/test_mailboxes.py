import os
from collections.abc import Callable
from pathlib import Path

from edge.config.menu_tables import Mailbox
from edge.config.site import Paths, Site
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
