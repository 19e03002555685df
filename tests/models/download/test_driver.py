"""Whole downloads: several sessions at once, and what ends them."""

import errno
import os
import shutil
import time

import pytest

from models.errors import ProblemsFound
from models.recordings.download import session
from models.recordings.download.catalogue import address
from models.recordings.download.partial import Partial
from models.recordings.download.places import Place
from models.recordings.download.versions import Version
from tests.models.download.conftest import GONE, NAMES, ONE, assert_there, session_folder, size_of
from tests.models.download.server import Reply

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


@pytest.mark.parametrize("count", [1, 2, 9])
def test_sessions_become_folders(download, to, told, count):
    download(count=count)
    assert_there(to, *NAMES)
    assert sorted(told.lines) == [(name, f"fetched {size_of(name)}") for name in NAMES]
    assert not told.bars


def test_as_many_are_fetched_at_the_same_time_as_may_be(download, gin):
    for file in gin.files.values():
        file.replies = [Reply(together=2), Reply(together=2)]
    download(count=2)
    assert gin.most == 2


def test_one_is_unpacked_at_a_time_which_needs_the_least_room(download, to, monkeypatch):
    now, most = [], []
    unpack = session.unpack

    def counted(place, *arguments):
        now.append(place)
        time.sleep(0.02)  # for another to come in between
        most.append(len(now))
        unpack(place, *arguments)
        now.remove(place)

    monkeypatch.setattr(session, "unpack", counted)
    download(count=3)
    assert most == [1, 1, 1]
    assert_there(to, *NAMES)


def test_a_second_run_leaves_everything_alone_and_asks_nobody(download, gin, to, told):
    download()
    changed = to / ONE / "data/videos/0.npy"
    changed.write_bytes(b"mine")
    gin.requests.clear()
    told.lines.clear()
    download()
    assert told.lines == [(name, "already there") for name in NAMES]
    assert changed.read_bytes() == b"mine"
    assert not gin.requests


def test_a_session_that_lies_elsewhere_is_there_too(download, gin, to, told, tmp_path):
    shutil.copytree(session_folder(tmp_path / "elsewhere"), tmp_path / "disk")
    to.mkdir(parents=True)
    (to / ONE).symlink_to(tmp_path / "disk")
    download([ONE])
    assert told.lines == [(ONE, "already there")]
    assert not gin.requests


def test_what_a_killed_run_has_left_of_a_complete_session_goes(download, to):
    place = Place(to, ONE)
    session_folder(place.folder)
    session_folder(place.unpacking)
    for path in (place.zip, place.note, place.lock, to / f".{place.note.name}.abc"):
        path.touch()
    download([ONE])
    assert list(to.iterdir()) == [place.folder]


def test_what_a_killed_run_has_left_of_an_incomplete_session_is_used(download, gin, to, told):
    place = Place(to, ONE)
    session_folder(place.unpacking)
    place.lock.touch()
    file = gin.files[address(ONE, "")]
    Partial(place).begin(Version(len(file.content), file.etag))
    place.zip.write_bytes(file.content[:1000])
    download([ONE])
    assert_there(to, ONE)
    assert told.lines == [(ONE, f"fetched {size_of(ONE)}, 1.0 kB of it by an earlier run")]
    assert gin.starts(address(ONE, "")) == [1000]


def test_all_failures_are_told_at_the_end_and_the_others_fetched(download, gin, to, told):
    gin.files[address(NAMES[0], "")].replies = [GONE]
    gin.files[address(NAMES[1], "")].replies = [Reply(), *[Reply(status=500)] * 2]
    with pytest.raises(ProblemsFound) as caught:
        download()
    assert [problem.where for problem in caught.value.problems] == [*NAMES[:2]]
    assert "404 Not Found" in caught.value.problems[0].found
    assert "2 tries without progress, the last: 500 " in caught.value.problems[1].found
    assert "Run the same command again" in caught.value.remedy
    assert_there(to, NAMES[2])
    assert [name for name, _ in told.lines] == [NAMES[2]]
    assert not told.bars
    download()
    assert_there(to, *NAMES)


def test_a_session_the_disk_refuses_does_not_keep_the_others(download, to, monkeypatch):
    begin = Partial.begin

    def refuse(partial, version):
        if ONE in partial.path.name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        begin(partial, version)

    monkeypatch.setattr(Partial, "begin", refuse)
    with pytest.raises(ProblemsFound, match="Input/output error") as caught:
        download()
    assert [problem.where for problem in caught.value.problems] == [ONE]
    assert_there(to, *NAMES[1:])


def test_a_disk_that_fills_up_is_told_for_everysession_folder(download, to, monkeypatch):
    monkeypatch.setattr(Partial, "begin", lambda partial, _: partial.path.symlink_to("/dev/full"))
    with pytest.raises(ProblemsFound, match="no space left") as caught:
        download()
    assert [problem.where for problem in caught.value.problems] == [*NAMES]
    assert not any(path.is_dir() for path in to.iterdir())
