"""Packed stores that are fetched from a URI: once, checked, limited to the disk, shared."""

import shutil
import signal

import pytest

from models.answers import Answers
from models.errors import ProblemsFound, RecordingError, StorageError, UserError
from models.evaluation import score_run
from models.fit import Fit
from models.recordings.data_set import open_sessions
from models.recordings.fetched import local_folder
from models.recordings.session import fingerprint
from models.recordings.store import cache
from models.recordings.store.packed import PackedSession
from models.remote import Remote
from models.runs import RunFolder
from tests.buckets import BUCKET, bucket_at_hand
from tests.models.fetching import fetching, other_process, uploaded
from tests.models.packed_stores import contents
from tests.models.tiny import config_of

pytestmark = pytest.mark.usefixtures("undurable")


class Counted:
    """Counts the bytes of each file that is fetched."""

    def __init__(self):
        self.bytes = {}

    def __call__(self, name, more):
        self.bytes[name] = self.bytes.get(name, 0) + more


def without_note(folder):
    ours = {cache.NOTE, cache.USERS}
    return {name: content for name, content in contents(folder).items() if name not in ours}


def test_a_store_is_fetched_once_and_is_the_store(store, uri, place):
    first, second = Counted(), Counted()
    folder = local_folder(uri, first)
    assert without_note(folder) == without_note(store)
    assert first.bytes == {name: len(content) for name, content in contents(store).items()}
    assert folder.parent == place
    assert folder.name.startswith(fingerprint(open_sessions(store)))
    other_process()
    assert local_folder(uri, second) == folder
    assert not second.bytes
    assert not list(place.glob(".*.lock"))


def test_a_folder_is_itself(recordings):
    assert local_folder(recordings) == recordings
    assert local_folder(str(recordings)) == recordings


def test_recordings_are_opened_by_their_uri(store, uri):
    sessions = open_sessions(uri)
    assert {type(session) for session in sessions} == {PackedSession}
    assert fingerprint(sessions) == fingerprint(open_sessions(store))
    assert Answers.beside(uri).truth is None


def test_a_run_is_trained_and_scored_by_uri_and_says_so(store, uri, tmp_path):
    fit = Fit(tmp_path / "run", config_of(epochs=1), uri, "cpu")
    fit.train_epoch()
    fit.finish()
    assert RunFolder(tmp_path / "run").record().data == uri
    here = score_run(store, tmp_path / "run", None, True, "cpu")
    there = score_run(uri, tmp_path / "run", None, True, "cpu")
    oracle = [[row.score for row in rows if row.tier == "oracle"] for rows in (here, there)]
    assert oracle[0] == oracle[1] != []


@pytest.mark.usefixtures("place")
def test_a_store_of_a_bucket(store):
    with bucket_at_hand():
        uri = f"s3://{BUCKET}/data.packed"
        uploaded(store, uri)
        assert without_note(local_folder(uri)) == without_note(store)
        with pytest.raises(RecordingError, match="is no packed store"):
            local_folder("s3://nowhere/data.packed")


def test_processes_that_fetch_at_once_download_once(uri, store, place):
    together = [fetching(uri) for _ in range(2)]
    said = [process.communicate()[0].split() for process in together]
    assert [process.returncode for process in together] == [0, 0]
    (folder,) = {place for place, _ in said}
    assert sorted(int(count) for _, count in said) == [0, len(contents(store))]
    assert without_note(place / folder) == without_note(store)


def test_a_killed_process_leaves_its_files_to_the_next(uri, store, place):
    process = fetching(uri, last=30)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (lock,) = place.glob(".*.lock")
    (folder,) = place.glob("[0-9a-f]*-*")
    left = {name for name in contents(folder) if "/." not in name} - {cache.USERS}
    assert 30 - 8 <= len(left) < 30
    said, _ = fetching(uri).communicate()
    assert int(said.split()[1]) == len(contents(store)) - len(left)
    assert without_note(folder) == without_note(store)
    assert not lock.exists()


def test_what_a_killed_fetch_has_left_is_kept_and_checked(uri, store, place):
    names = sorted(contents(store), key=lambda name: len(contents(store)[name]))
    good, broken = names[-1], names[-2]

    def stop_after(name, _):
        if name == good:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        local_folder(uri, stop_after)
    (folder,) = place.glob("[0-9a-f]*-*")
    for name in (good, broken):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(store / name, folder / name)
    with (folder / broken).open("r+b") as file:
        file.write(b"damaged")
    left = folder / names[-3]
    left.parent.mkdir(parents=True, exist_ok=True)
    left.unlink(missing_ok=True)
    (left.parent / f".{left.name}.abc").write_bytes(b"half")  # of a process that was killed
    other_process()
    again = Counted()
    assert local_folder(uri, again) == folder
    assert good not in again.bytes
    assert broken in again.bytes
    assert without_note(folder) == without_note(store)


def test_a_file_that_is_removed_is_fetched_again(uri, store):
    folder = local_folder(uri)
    session = next(path for path in folder.iterdir() if path.is_dir())
    shutil.rmtree(session)  # as the message about a damaged session says
    again = Counted()
    assert local_folder(uri, again) == folder
    assert {name.split("/")[0] for name in again.bytes} == {session.name}
    assert without_note(folder) == without_note(store)


def test_a_file_that_is_damaged_on_its_way_is_fetched_again(uri, store, monkeypatch):
    download, fetched = Remote.download, []

    def damaging(remote, folder, names, told):
        done = download(remote, folder, names, told)
        if names[0].endswith("videos.npy") and names[0] not in fetched:
            (folder / names[0]).write_bytes(b"")
        fetched.extend(names)
        return done

    monkeypatch.setattr(Remote, "download", damaging)
    folder = local_folder(uri)
    twice = [name for name in fetched if fetched.count(name) == 2]
    assert len({*twice}) == 2
    assert all(name.endswith("videos.npy") for name in twice)
    assert without_note(folder) == without_note(store)


def test_files_that_are_missing_or_damaged_there_are_all_named(uri, there, place):
    names = sorted(path for path in there.rglob("*.npy"))
    names[0].unlink()
    names[1].write_bytes(names[1].read_bytes()[:-1])
    content = bytearray(names[2].read_bytes())
    content[-1] ^= 1
    names[2].write_bytes(content)
    with pytest.raises(ProblemsFound) as caught:
        local_folder(uri)
    found = {each.where: each.found for each in caught.value.problems}
    first, second, third = (path.relative_to(there).as_posix() for path in names[:3])
    size = len(content)
    assert found[first] == "nothing"
    assert found[second].startswith(f"{names[1].stat().st_size} bytes instead of")
    assert found[third] == "other content"
    assert len(found) == 3
    assert size
    assert f"python -m models upload DATA.packed {uri} --replace" in caught.value.remedy
    (folder,) = place.glob("[0-9a-f]*-*")
    assert not (folder / cache.NOTE).exists()


def test_a_place_without_a_store_is_refused(tmp_path):
    with pytest.raises(RecordingError, match=r"is no packed store.*no manifest.json") as caught:
        local_folder((tmp_path / "empty").as_uri())
    assert "python -m models upload" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no JSON", "Invalid JSON"),
        ('{"fingerprint": "../..", "mice": 1, "files": {}}', "should match pattern"),
        (
            '{"fingerprint": "a1", "mice": 1, "files": {"../x": {"size": 1, "sha256": ""}}}',
            "a file lies in the store",
        ),
    ],
)
def test_a_damaged_manifest_is_refused(text, message, there):
    there.mkdir(parents=True)
    (there / "manifest.json").write_text(text)
    with pytest.raises(RecordingError, match=r"manifest.json is damaged") as caught:
        local_folder(there.as_uri())
    assert message in caught.value.message


def test_other_kinds_of_uris_are_refused():
    with pytest.raises(UserError, match="a URI begins with one of"):
        local_folder("http://somewhere/data.packed")


def unreachable(remote, _):
    raise StorageError(f"cannot reach {remote}: no route to host", "Mend the network.")


def test_a_store_that_cannot_be_reached_is_used_if_it_was_fetched(uri, monkeypatch):
    folder = local_folder(uri)
    other_process()
    monkeypatch.setattr(Remote, "read", unreachable)
    assert local_folder(uri) == folder
    (next(folder.rglob("videos.npy"))).unlink()
    other_process()
    with pytest.raises(StorageError, match="no route to host"):
        local_folder(uri)
