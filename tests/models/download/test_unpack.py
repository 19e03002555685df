"""Unpacking zips of every form, of which some would rather be elsewhere."""

import errno
import io
import os
import random
import shutil
import stat
import threading
import zipfile

import pytest

from models.errors import StorageError
from models.recordings.download import unpack as module
from models.recordings.download.failures import Damaged, SessionFailure, Stopped
from models.recordings.download.places import Place
from models.recordings.download.unpack import unpack
from tests.models.download.server import contents, zip_of

FILES = {
    "data/videos/0.npy": bytes(range(256)) * 40,
    "data/videos/1.npy": b"",
    "meta/trials/tiers.npy": b"tiers",
    "config.json": b"{}",
}


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path, "mouse")


@pytest.fixture
def unpacked(place):
    """Unpack the bytes of a zip; returns what is in the session's folder."""

    def unpacked(packed):
        place.zip.write_bytes(packed)
        unpack(place, threading.Event(), lambda *_: None)
        assert not place.unpacking.exists()
        return contents(place.folder)

    return unpacked


def assert_nothing_but_the_zip(place):
    assert list(place.to.rglob("*")) == [place.zip]


TOPS = ["", "mouse/", "any name/", "./", "home/someone/mouse/", "data/mouse/"]


@pytest.mark.parametrize("top", TOPS)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_session_is_found_wherever_it_is_in_the_zip(unpacked, top, compression):
    assert unpacked(zip_of(FILES, top, compression)) == FILES


def test_the_folder_may_be_read_by_others(unpacked, place):
    unpacked(zip_of(FILES))
    mask = os.umask(0)
    os.umask(mask)
    assert place.folder.stat().st_mode & 0o777 == 0o777 & ~mask


def test_folders_that_are_members_are_made(unpacked, place):
    assert unpacked(zip_of({"mouse/data/": b"", "mouse/meta/empty/": b""})) == {}
    assert (place.folder / "data").is_dir()
    assert (place.folder / "meta/empty").is_dir()


def test_what_systems_strew_about_is_left_out(unpacked):
    junk = {
        "__MACOSX/mouse/data/videos/._0.npy": b"",
        "mouse/.DS_Store": b"",
        "mouse/data/videos/.DS_Store": b"",
        "mouse/data/videos/._0.npy": b"",
        "mouse/data/Thumbs.db": b"",
    }
    session = {f"mouse/{path}": content for path, content in FILES.items()}
    assert unpacked(zip_of(junk | session)) == FILES


def test_what_lies_beside_the_session_is_left_out(unpacked):
    session = {f"mouse/{path}": content for path, content in FILES.items()}
    assert unpacked(zip_of({"LICENSE": b"text", "other/data/0.npy": b"0"} | session)) == FILES


def test_of_several_sessions_the_one_with_the_name_is_taken(unpacked):
    other = {"rat/data/0.npy": b"0", "rat/meta/0.npy": b"0"}
    session = {f"mouse/{path}": content for path, content in FILES.items()}
    assert unpacked(zip_of(other | session)) == FILES


def test_of_sessions_in_one_another_the_outer_is_taken(unpacked):
    inner = {"data/old/data/0.npy": b"0", "data/old/meta/0.npy": b"0"}
    assert unpacked(zip_of(FILES | inner)) == FILES | inner


NO_SESSIONS = {
    "empty": ({}, "found nothing"),
    "no meta": ({"mouse/data/0.npy": b""}, "mouse/data/0.npy"),
    "files of these names": ({"data": b"", "meta": b""}, "data, meta"),
    "junk only": ({"__MACOSX/data/0": b"", "__MACOSX/meta/0": b""}, "found nothing"),
    "many files": ({f"{i}.txt": b"" for i in range(9)}, "4.txt, ..."),
    "two others": (
        {f"{name}/{part}/0": b"" for name in ("rat", "cat") for part in ("data", "meta")},
        "cat, rat",
    ),
}


@pytest.mark.parametrize("kind", NO_SESSIONS)
def test_a_zip_without_a_session_is_named_by_what_is_in_it(unpacked, place, kind):
    files, found = NO_SESSIONS[kind]
    with pytest.raises(SessionFailure, match=r"data/ and meta/") as caught:
        unpacked(zip_of(files))
    assert found in caught.value.message
    assert_nothing_but_the_zip(place)


UNSAFE = [
    "../outside.npy",
    "mouse/../../outside.npy",
    "mouse/data/..",
    "/tmp/outside.npy",
    "//host/outside.npy",
    "C:/outside.npy",
    "c:outside.npy",
    "mouse\\data\\0.npy",
    "..\\outside.npy",
    "__MACOSX/../../outside.npy",
]


@pytest.mark.parametrize("name", UNSAFE)
def test_a_member_that_leaves_the_folder_is_named_and_nothing_is_unpacked(unpacked, place, name):
    with pytest.raises(SessionFailure, match="inside the session's folder") as caught:
        unpacked(zip_of(FILES | {name: b"outside"}))
    assert repr(name) in caught.value.message
    assert_nothing_but_the_zip(place)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_member_that_is_no_plain_file_is_refused(unpacked, place, kind):
    packed = io.BytesIO(zip_of(FILES))
    with zipfile.ZipFile(packed, "a") as archive:
        link = zipfile.ZipInfo("data/link")
        link.external_attr = (kind | 0o777) << 16
        archive.writestr(link, "/etc")
    with pytest.raises(SessionFailure, match="'data/link'"):
        unpacked(packed.getvalue())
    assert_nothing_but_the_zip(place)


@pytest.mark.parametrize(
    "name", ["meta//trials/tiers.npy", "data/videos", "config.json/more", "config.json/"]
)
def test_two_members_in_one_place_are_refused(unpacked, place, name):
    with pytest.raises(SessionFailure, match="a place of its own"):
        unpacked(zip_of(FILES | {name: b"again"}))
    assert_nothing_but_the_zip(place)


def test_a_name_that_goes_on_after_its_end_is_refused(unpacked, place):
    packed = zip_of(FILES | {"data/videos/2.npy": b"again"})
    with pytest.raises(SessionFailure, match="inside the session's folder"):
        unpacked(packed.replace(b"videos/2.npy", b"videos/2\0npy"))
    assert_nothing_but_the_zip(place)


def test_the_same_name_twice_is_refused(unpacked, place):
    packed = zip_of(FILES | {"data/videos/2.npy": b"again"})
    with pytest.raises(SessionFailure, match="a place of its own"):
        unpacked(packed.replace(b"videos/2", b"videos/1"))
    assert_nothing_but_the_zip(place)


def flip(packed, place):
    """Change one byte."""
    return packed[:place] + bytes([packed[place] ^ 1]) + packed[place + 1 :]


PACKINGS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
DAMAGES = {
    "a member's content": lambda packed: flip(packed, 1000),
    "a member's beginning": lambda packed: packed[:60] + b"\xff" * 60 + packed[120:],
    "a member's header": lambda packed: flip(packed, 2),
    "the directory": lambda packed: flip(packed, packed.index(b"PK\1\2") + 16),
    "the end": lambda packed: packed[:-10],
    "most of it": lambda packed: packed[:2000],
    "all of it": lambda _: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("compression", PACKINGS)
def test_damage_is_noticed_and_leaves_nothing(unpacked, place, damage, compression):
    content = bytes(random.Random(0).choices(range(32), k=5000))
    packed = zip_of({"data/0.npy": content, "meta/0.npy": b"0"}, compression=compression)
    with pytest.raises(Damaged):
        unpacked(DAMAGES[damage](packed))
    assert_nothing_but_the_zip(place)


def test_what_a_killed_process_unpacked_by_halves_goes(unpacked, place):
    (place.unpacking / "data").mkdir(parents=True)
    (place.unpacking / "data/old.npy").write_bytes(b"half")
    assert unpacked(zip_of(FILES)) == FILES


def test_the_folder_appears_when_all_is_in_it(unpacked, place, monkeypatch):
    before = []
    flush = os.fsync

    def fsync(descriptor):
        before.append(place.folder.exists())
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    unpacked(zip_of(FILES))
    assert before == [False] * len(FILES)


def test_progress_is_told_in_bytes(place):
    place.zip.write_bytes(zip_of(FILES))
    told = []
    unpack(place, threading.Event(), lambda *numbers: told.append(numbers))
    size = sum(map(len, FILES.values()))
    assert told[-1] == (size, size)
    assert told == sorted(told)


def test_it_stops_when_the_download_ends(place):
    place.zip.write_bytes(zip_of(FILES))
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        unpack(place, stop, lambda *_: None)
    assert_nothing_but_the_zip(place)


def test_a_zip_that_unpacks_to_more_than_there_is_room_for(unpacked, place, monkeypatch):
    usage = shutil.disk_usage(place.to)._replace(free=10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    packed = zip_of(FILES, compression=zipfile.ZIP_DEFLATED)
    assert len(packed) < 10_000
    with pytest.raises(StorageError, match=r"10\.2 kB are needed .* found 10\.0 kB free"):
        unpacked(packed)
    assert_nothing_but_the_zip(place)


def test_a_disk_that_fills_up_leaves_the_zip_alone(unpacked, place, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(StorageError, match="no space left"):
        unpacked(zip_of(FILES))
    assert_nothing_but_the_zip(place)
