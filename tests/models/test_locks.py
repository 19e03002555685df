"""Locks that are shared by all users of something, and had by whoever would remove it."""

import shutil

import pytest

from models.recordings import locks
from models.recordings.locks import unused, use
from tests.models.fetching import other_process


@pytest.fixture
def path(tmp_path):
    yield tmp_path / "store/.users"
    other_process()


def test_a_lock_is_shared_until_the_process_ends(path):
    use(path)
    use(path)
    with unused(path) as free:
        assert not free
    other_process()
    with unused(path) as free:
        assert free
    with unused(path) as free:
        assert free


def test_a_lock_whose_file_was_removed_is_shared_anew(path):
    use(path)
    shutil.rmtree(path.parent)
    use(path)
    with unused(path) as free:
        assert not free


def test_a_file_that_was_replaced_in_between_is_another_one(path, monkeypatch):
    def replaced(_):
        path.rename(path.with_name("old"))
        path.touch()
        return True

    path.parent.mkdir()
    monkeypatch.setattr(locks, "_try", replaced)
    with unused(path) as free:
        assert not free
