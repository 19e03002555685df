"""Packed stores on a disk that has no room for them, or only for one."""

import errno
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from models import files
from models.errors import StorageError
from models.recordings import locks
from models.recordings.fetched import local_folder, look_at
from models.recordings.store import cache
from tests.models.fetching import fetching, other_process
from tests.models.packed_stores import contents

pytestmark = pytest.mark.usefixtures("undurable")


def free(count, monkeypatch):
    monkeypatch.setattr(cache, "free_bytes", lambda _: count)


def test_a_store_without_room_is_refused_before_it_is_fetched(uri, store, place, monkeypatch):
    size = sum(map(len, contents(store).values()))
    free(cache.MARGIN + size - 1, monkeypatch)
    with pytest.raises(StorageError) as caught:
        local_folder(uri)
    said = caught.value.message
    assert f"needs {cache.decimal(size)} in {place}" in said
    assert f"found {cache.decimal(cache.MARGIN + size - 1)} free" in said
    assert cache.VARIABLE in caught.value.remedy
    assert not any(contents(place).values())
    with pytest.raises(StorageError):
        look_at(uri)
    free(cache.MARGIN + size, monkeypatch)
    assert look_at(uri)[1] == size
    assert local_folder(uri).is_dir()
    free(0, monkeypatch)
    assert look_at(uri)[1] == 0
    assert local_folder(uri).is_dir()


@pytest.fixture
def three(place):
    """The folders of two stores that were fetched, the oldest first, beside something else."""
    folders = [place / "aaaaaaaaaaaa-00000000", place / "bbbbbbbbbbbb-00000000"]
    for time, folder in enumerate(folders):
        folder.mkdir(parents=True)
        (folder / "videos.npy").write_bytes(bytes(10_000))
        (folder / cache.USERS).touch()
        os.utime(folder / cache.USERS, (time, time))
    (place / "mine").mkdir()
    (place / "mine/thesis.tex").touch()
    return folders


def room(place, size, monkeypatch):
    """A disk that has as much free as is removed, and the margin, of what a store needs."""
    before = sum(map(len, contents(place).values()))

    def free_bytes(_):
        return cache.MARGIN + size - 10_000 + before - cache._bytes(place)

    monkeypatch.setattr(cache, "free_bytes", free_bytes)


def test_the_oldest_unused_store_makes_room_and_that_is_said(three, uri, store, place, monkeypatch):
    said = []
    room(place, sum(map(len, contents(store).values())), monkeypatch)
    folder = local_folder(uri, tell=said.append)
    assert sorted(path.name for path in place.iterdir()) == sorted(
        ["mine", three[1].name, folder.name]
    )
    assert said == [f"10.0 kB of unused recordings removed to make room: {three[0]}"]


def test_a_store_that_is_used_stays(three, uri, store, place, monkeypatch):
    room(place, sum(map(len, contents(store).values())), monkeypatch)
    locks.use(three[0] / cache.USERS)
    local_folder(uri)
    assert three[0].exists()
    assert not three[1].exists()


def test_nothing_is_removed_in_vain(three, uri, store, place, monkeypatch):
    room(place, sum(map(len, contents(store).values())) - 20_000, monkeypatch)
    with pytest.raises(StorageError):
        local_folder(uri)
    assert all(folder.exists() for folder in three)


def test_a_process_that_ends_uses_its_store_no_more(uri, place):
    fetching(uri).communicate()
    (folder,) = place.glob("[0-9a-f]*-*")
    with locks.unused(folder / cache.USERS) as free:
        assert free
    local_folder(uri)
    with locks.unused(folder / cache.USERS) as free:
        assert not free


def test_a_disk_that_is_full_in_between_is_said(uri, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "flush", full)
    with pytest.raises(StorageError, match="no space left while writing"):
        local_folder(uri)


@pytest.fixture
def small_disk():
    """A disk of 64 kB; only root may have one."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
            pytest.skip("needs root, to mount a small disk")
        yield folder
        other_process()
        subprocess.run(["umount", folder], check=True)


def test_a_small_disk(uri, small_disk, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, small_disk)
    with pytest.raises(StorageError, match=f"in {small_disk}, and .* found 65.5 kB free"):
        local_folder(uri)
    monkeypatch.setattr(cache, "MARGIN", -(10**9))  # as if others had filled it in between
    with pytest.raises(StorageError, match="no space left while writing"):
        local_folder(uri)
    assert not [*Path(small_disk).glob(".*.lock")]


def test_what_others_began_to_use_in_between_is_not_counted_on(
    three, uri, store, place, monkeypatch
):
    room(place, sum(map(len, contents(store).values())), monkeypatch)
    monkeypatch.setattr(cache, "_remove", lambda folder, _: locks.use(folder / cache.USERS))
    with pytest.raises(StorageError, match="to spare"):
        local_folder(uri)
    assert all(folder.exists() for folder in three)


def test_what_a_killed_removal_has_left_is_removed(uri, place):
    left = place / ".aaaaaaaaaaaa-00000000.x1y2.removed"
    left.mkdir(parents=True)
    (left / "videos.npy").touch()
    local_folder(uri)
    assert not left.exists()
