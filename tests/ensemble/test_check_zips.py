import zipfile

import pytest

from ensemble.check import check_submission
from ensemble.checks import archive, file
from ensemble.naming import targets
from ensemble.submission import write_submission
from ensemble.zips import write_zips
from models.errors import StorageError
from tests.ensemble.small_sessions import (
    FIRST,
    LIVE_MAIN,
    SECOND,
    only,
    write_right,
)


@pytest.fixture
def folder(tmp_path, sessions):
    """One with all files of the scheme 'user'."""
    for target in targets("user"):
        write_right(tmp_path, sessions, target.file, target.tier)
    return tmp_path


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as made:
        for name, source in members.items():
            made.write(source, arcname=name)
    return path


def test_right_zips_are_right(folder, sessions):
    for path in write_zips(folder):
        report = check_submission(path, sessions)
        assert (report.problems, report.warnings) == ((), ())
        assert [member.ok for member in report.members] == [True, True]
        assert report.rows == sum(member.rows for member in report.members)
        assert report.mice == (FIRST, SECOND)


def test_a_wrong_member_is_told_by_its_name(folder, sessions, rows):
    write_submission(folder / LIVE_MAIN, rows[1:])
    report = check_submission(write_zips(folder)[0], sessions)
    assert only(report.problems).where == f"{LIVE_MAIN}, {FIRST}"
    assert [member.ok for member in report.members] == [False, True]


def test_files_lie_at_the_root(folder, sessions):
    names = [target.file for target in targets("user")[:2]]
    path = zipped(folder / "a.zip", {f"inner/{name}": folder / name for name in names})
    problems = check_submission(path, sessions).problems
    assert [(p.where, p.found) for p in problems] == [(f"inner/{n}", "it in inner/") for n in names]


def test_a_zip_holds_the_files_that_belong_together(folder, sessions):
    path = zipped(folder / "a.zip", {LIVE_MAIN: folder / LIVE_MAIN})
    problem = only(check_submission(path, sessions).problems)
    assert f"predictions_final_main.parquet.brotli and {LIVE_MAIN}" in problem.rule
    assert problem.found == LIVE_MAIN
    empty = zipped(folder / "b.zip", {})
    assert only(check_submission(empty, sessions).problems).found == "no file"


def test_other_files_in_a_zip_are_wrong_names(folder, sessions):
    (folder / "notes.txt").write_text("see paper")
    members = {name: folder / name for name in ("predictions_final_main.parquet.brotli", LIVE_MAIN)}
    path = zipped(folder / "a.zip", members | {"notes.txt": folder / "notes.txt"})
    name, content = check_submission(path, sessions).problems
    assert (name.where, name.found) == ("notes.txt, file name", "notes.txt")
    assert content.rule == "it is a whole Parquet file"


def test_a_broken_zip(folder, sessions):
    path = write_zips(folder)[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert only(check_submission(path, sessions).problems).rule == "it is a whole zip"
    damaged = bytearray(whole)
    damaged[1000] ^= 255
    path.write_bytes(damaged)
    problem = only(check_submission(path, sessions).problems)
    assert (problem.where, problem.rule) == (f"{LIVE_MAIN}, file", "it can be extracted")


def test_too_large_a_zip_or_member(folder, sessions, monkeypatch):
    path = write_zips(folder)[0]
    monkeypatch.setattr(file, "LARGEST_UPLOAD", path.stat().st_size - 1)
    problem = only(check_submission(path, sessions).problems)
    assert problem.rule.startswith("an upload has at most")
    monkeypatch.setattr(archive, "LARGEST_UPLOAD", 10)
    problems = check_submission(path, sessions).problems
    assert [p.rule for p in problems[1:]] == ["a file has at most 10 bytes"] * 2


def test_no_room_to_extract_is_said(folder, sessions, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    path = write_zips(folder)[0]
    monkeypatch.setattr(archive.shutil, "copyfileobj", full)
    with pytest.raises(StorageError, match="no space left"):
        check_submission(path, sessions)
