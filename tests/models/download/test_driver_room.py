"""Whole downloads onto disks that are too small, and with others who want the same."""

import os
import shutil
import threading

import pytest

from models.errors import ProblemsFound, StorageError, UserError
from models.recordings import locks
from models.recordings.download import workers
from models.recordings.download.catalogue import address
from models.recordings.download.partial import Partial
from models.recordings.download.places import Place
from models.recordings.download.versions import Version
from models.recordings.locks import locking
from tests.models.download.conftest import GONE, NAMES, ONE, assert_there, session_folder
from tests.models.download.server import Reply

GIGABYTE = 10**9

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


@pytest.fixture
def large(gin):
    """All sessions claim to be of 15 GB."""
    for file in gin.files.values():
        file.replies = [Reply(content_range="bytes 0-511/15000000000")]


def free(monkeypatch, to, gigabytes):
    usage = shutil.disk_usage(to.parent.parent)._replace(free=int(gigabytes * GIGABYTE))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


@pytest.mark.usefixtures("large")
def test_too_small_a_disk_is_told_in_gigabytes_before_anything_is_fetched(
    download, gin, to, monkeypatch
):
    free(monkeypatch, to, 59.9)
    with pytest.raises(StorageError) as caught:
        download()
    for number in ("60.0 GB are needed", "45.0 GB to fetch", "15.0 GB more", "59.9 GB free"):
        assert number in caught.value.message
    assert len(gin.requests) == 3
    assert list(to.iterdir()) == []


@pytest.mark.usefixtures("large")
def test_bytes_that_are_here_need_no_more_room(download, to, monkeypatch):
    place = Place(to, ONE)
    Partial(place).begin(Version(15 * GIGABYTE, '"1"'))
    with place.zip.open("wb") as file:
        file.truncate(10 * GIGABYTE)  # a hole that takes no room
    free(monkeypatch, to, 49.9)
    with pytest.raises(StorageError, match=r"50\.0 GB are needed .*: 35\.0 GB to fetch"):
        download()
    assert place.zip.exists()


@pytest.mark.usefixtures("large")
def test_too_small_a_disk_does_not_hide_what_else_is_wrong(download, gin, to, monkeypatch):
    gin.files[address(ONE, "")].replies = [GONE]
    free(monkeypatch, to, 1)
    with pytest.raises(StorageError, match=r"45\.0 GB are needed(.|\n)*and .*404 Not Found"):
        download()


def test_a_place_that_cannot_be_written_to(download, to):
    to.parent.mkdir()
    to.write_text("a file")
    with pytest.raises(StorageError, match="cannot write"):
        download()


@pytest.mark.parametrize("kind", ["a file", "a folder", "a link to nowhere"])
def test_something_else_with_a_session_s_name_is_not_overwritten(download, to, gin, kind):
    to.mkdir(parents=True)
    if kind == "a file":
        (to / ONE).write_text("mine")
    elif kind == "a folder":
        (to / ONE).mkdir()
        (to / ONE / "mine").touch()
    else:
        (to / ONE).symlink_to("nowhere")
    with pytest.raises(ProblemsFound, match="nothing is overwritten"):
        download([ONE])
    assert list(to.iterdir()) == [to / ONE]
    assert not gin.requests


def test_an_empty_folder_with_a_session_s_name_is_filled(download, to):
    (to / ONE).mkdir(parents=True)
    download([ONE])
    assert_there(to, ONE)


def test_a_session_that_another_process_is_at_is_left_to_it(download, to):
    to.mkdir(parents=True)
    place = Place(to, ONE)
    with locking(place.lock) as ours:
        assert ours
        place.zip.write_bytes(b"the other's")
        with pytest.raises(ProblemsFound, match="one process at a time") as caught:
            download()
        assert [problem.where for problem in caught.value.problems] == [ONE]
        assert place.zip.read_bytes() == b"the other's"
    download()
    assert_there(to, *NAMES)


def test_a_session_that_another_process_is_cleaning_up_is_there(download, to, told):
    place = Place(to, ONE)
    session_folder(place.folder)
    with locking(place.lock):
        place.zip.touch()
        download([ONE])
        assert place.zip.exists()
    assert told.lines == [(ONE, "already there")]


def test_sessions_are_locked_while_they_are_fetched(download, to, monkeypatch):
    seen = []
    begin = Partial.begin

    def look(partial, version):
        with locking(to / f"{partial.path.stem}.lock") as ours:
            seen.append(ours)
        begin(partial, version)

    monkeypatch.setattr(Partial, "begin", look)
    download()
    assert seen == [False] * 3


def test_a_lock_on_a_file_that_its_holder_has_removed_is_none(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    flock = locks.fcntl.flock

    def late(descriptor, how):
        if os.fstat(descriptor).st_nlink and not (tmp_path / "seen").exists():
            (tmp_path / "seen").touch()
            path.unlink()  # as the holder does, between our opening and locking
        flock(descriptor, how)

    monkeypatch.setattr(locks.fcntl, "flock", late)
    with locking(path) as ours, locking(path) as again:
        assert (ours, again) == (True, False)
    assert not path.exists()


@pytest.mark.parametrize("base", ["gin.g-node.org", "ftp://gin.g-node.org", ""])
def test_an_address_of_another_kind(download, to, base):
    with pytest.raises(UserError, match="begins with https://"):
        download(base=base)
    assert not to.exists()


def test_what_is_wrong_with_the_program_itself_is_not_hidden(download, told, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(told, "at", broken)
    with pytest.raises(ZeroDivisionError):
        download()


def test_workers_that_are_stuck_are_not_waited_for(monkeypatch):
    monkeypatch.setattr(workers, "GRACE", 0.01)
    stuck, begun = threading.Event(), threading.Event()

    def work(_item, _stop):
        begun.set()
        stuck.wait(10)

    def interrupt(_result):
        begun.wait(10)
        raise KeyboardInterrupt

    threads = threading.enumerate()
    with pytest.raises(KeyboardInterrupt):
        workers.at_once(2, [0, 1], lambda item, stop: item or work(item, stop), interrupt)
    left = [thread for thread in threading.enumerate() if thread not in threads]
    assert [thread.daemon for thread in left] == [True]
    stuck.set()
    left[0].join()


def test_workers_that_are_told_to_stop_begin_nothing_more():
    begun = []

    def work(item, stop):
        begun.append(item)
        assert item == 0 or stop.wait(10)
        return item

    def interrupt(_result):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workers.at_once(1, range(9), work, interrupt)
    assert begun in ([0], [0, 1])
