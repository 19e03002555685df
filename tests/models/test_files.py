import errno
import json
import os
from pathlib import Path

import pytest

from models import files
from models.errors import StorageError


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "deep/result.json"
    files.write_bytes(path, b"old")
    return path


def assert_untouched(path):
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def write_half(path, error):
    with files.replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise error


def test_the_new_content_appears_whole_and_at_once(path):
    with files.replacing(path) as temporary:
        temporary.write_bytes(b"half")
        assert path.read_bytes() == b"old"
        assert temporary.parent == path.parent  # a rename within one file system
        temporary.write_bytes(b"half and half")
    assert path.read_bytes() == b"half and half"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, ValueError])
def test_an_exception_inside_leaves_the_old_file_and_goes_on(path, error):
    with pytest.raises(error, match="mine"):
        write_half(path, error("mine"))
    assert_untouched(path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_with_a_remedy(path, monkeypatch, number):
    def full(_descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="no space left") as caught:
        files.write_bytes(path, b"new")
    assert str(path) in caught.value.message
    assert "Free some space" in caught.value.remedy
    monkeypatch.undo()
    assert_untouched(path)


def test_a_disk_that_fills_up_while_writing(path):
    with pytest.raises(StorageError, match="no space left"):
        write_half(path, OSError(errno.ENOSPC, "No space left on device"))
    assert_untouched(path)


def test_a_rename_that_is_refused(path, monkeypatch):
    def refused(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(StorageError, match="Permission denied") as caught:
        files.write_bytes(path, b"new")
    assert str(path) in caught.value.message
    assert "may be written to" in caught.value.remedy
    assert_untouched(path)


def test_a_file_in_the_place_of_a_folder(path):
    with pytest.raises(StorageError) as caught:
        files.write_bytes(path / "below.json", b"new")
    assert "below.json" in caught.value.message
    assert_untouched(path)


def test_the_content_is_on_disk_before_it_gets_its_name(path, monkeypatch):
    events = []
    flush, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append("fsync"), flush(fd))[1])
    monkeypatch.setattr(Path, "replace", lambda a, b: (events.append("rename"), replace(a, b))[1])
    files.write_bytes(path, b"new")
    assert events == ["fsync", "rename", "fsync"]  # the file, its name, the folder


def test_others_may_read_the_file(path):
    assert path.stat().st_mode & 0o777 == 0o644


def test_json_is_readable_and_comes_back(tmp_path):
    content = {"list": [1, 2.5], "nothing": None, "text": "ü"}
    files.write_json(tmp_path / "a.json", content)
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == content
    assert text.endswith("}\n")
    assert len(text.splitlines()) > 3


def test_what_json_cannot_hold_leaves_the_old_file(path):
    with pytest.raises(TypeError):
        files.write_json(path, {"a": object()})
    assert_untouched(path)
