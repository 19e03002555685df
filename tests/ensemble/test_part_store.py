"""Parts in a store, for machines that share no folder: workers leave them there, the driver has them."""

import pickle
import shutil
from dataclasses import replace

import pytest

from ensemble.predicting.copies import copies_of
from ensemble.predicting.making import Maker
from ensemble.predicting.part_store import PartStore
from ensemble.predicting.parts import PartFolder, parts_of
from ensemble.predicting.worker import Software, Worker
from ensemble.predicting.workers import Workers
from models.errors import StorageError, UserError
from models.recordings.data_set import open_sessions
from models.remote import Remote
from models.runs import RunFolder
from tests.buckets import BUCKET, bucket_at_hand
from tests.ensemble.building import Stored, build_into, count, files_of, stop_after


@pytest.fixture
def place(tmp_path):
    return (tmp_path / "bucket/work").as_uri()


@pytest.fixture
def parts(place):
    return PartStore.of(place, "key")


@pytest.fixture(scope="module")
def bucket():
    with bucket_at_hand():
        yield f"s3://{BUCKET}"


def parts_of_job(job):
    return [*parts_of(job.tiers, open_sessions(job.data))]


def begin(job, keeper):
    """A worker that has begun, and how that went."""
    worker = Worker()
    return worker, worker.begin(job, keeper, 1.0, Software.here())


def moved(job, home, folder):
    """The job with its runs at another place, where nothing is."""
    runs = tuple(tuple(folder / run.relative_to(home) for run in runs) for runs in job.runs)
    return replace(job, runs=runs, floor=folder / job.floor.relative_to(home))


def test_what_is_left_there_is_collected_to_the_bit(job, parts, tmp_path):
    here = PartFolder(tmp_path / "here")
    asked = parts_of_job(job)[:2]
    worker, answer = begin(job, pickle.loads(pickle.dumps(parts)))
    assert not answer.failure
    assert not any(worker.make(part).failure for part in asked)
    assert Remote(parts.uri).sizes().keys() == {f"{part}.npz" for part in asked}
    parts.collect(asked, here)
    alone = PartFolder(tmp_path / "alone")
    for part in asked:
        Maker(job, alone).make(part)
        name = f"{part}.npz"
        assert (here.path / name).read_bytes() == (alone.path / name).read_bytes()
    parts.clear()
    assert not Remote(parts.uri).sizes()


def test_what_is_here_is_not_collected_again(job, parts, tmp_path):
    here, (first, second, *_) = PartFolder(tmp_path / "key"), parts_of_job(job)
    worker, _ = begin(job, parts)
    assert not worker.make(first).failure
    assert not worker.make(second).failure
    Maker(job, here).make(first)
    before = (here.path / f"{first}.npz").stat().st_mtime_ns
    parts.collect_left(parts_of_job(job), here)
    assert here.has(second)
    assert (here.path / f"{first}.npz").stat().st_mtime_ns == before


def test_a_worker_fetches_runs_from_the_store_of_their_search(job, demo, parts, tmp_path):
    stored = demo.stored(tmp_path / "home", Remote.parse((tmp_path / "bucket/demo").as_uri()))
    theirs = moved(job, demo.home, stored.home)
    for run in theirs.all_runs:
        shutil.copy(demo.home / run.relative_to(stored.home) / "weights.pt", run)
    copies = copies_of(RunFolder(run) for run in theirs.all_runs)
    assert {copy.uri for copy in copies.values()} == {
        Remote.parse((tmp_path / "bucket/demo").as_uri()).uri + f"/{run.relative_to(stored.folder)}"
        for run in theirs.all_runs
    }
    shutil.rmtree(stored.home)
    theirs = replace(theirs, copies=copies)
    worker, answer = begin(theirs, parts)
    assert not answer.failure
    assert theirs.key() == job.key()
    assert not worker.make(parts_of_job(job)[0]).failure
    other = theirs.runs[1][0] / "weights.pt"
    wanted = other.read_bytes()
    other.write_bytes(b"of an older search that was called alike")
    assert not begin(theirs, parts)[1].failure
    assert other.read_bytes() == wanted


def test_a_store_with_other_weights_is_refused(job, demo, parts, tmp_path):
    remote = Remote.parse((tmp_path / "bucket/demo").as_uri())
    stored = demo.stored(tmp_path / "home", remote)
    run = RunFolder(stored.run(1))
    shutil.copy(demo.run(1) / "weights.pt", run.weights)
    copies = copies_of([run])
    run.weights.unlink()
    remote.write("runs/1/weights.pt", b"others")
    _, answer = begin(replace(job, runs=((run.path,),), copies=copies), parts)
    assert answer.lasting
    assert "/runs/1 has other weights than the run had" in answer.failure


def test_runs_of_no_store_are_left_there_for_the_workers(job, demo, parts, tmp_path):
    supplied = job.supplied(parts)
    assert supplied.copies.keys() == {*job.all_runs}
    before = Remote(parts.uri).sizes()
    assert job.supplied(parts).copies == supplied.copies
    theirs = moved(job, demo.home, tmp_path / "elsewhere")
    copies = dict(zip(theirs.all_runs, supplied.copies.values(), strict=True))
    _, answer = begin(replace(theirs, copies=copies), parts)
    assert not answer.failure
    assert theirs.key() == job.key()
    assert Remote(parts.uri).sizes() == before
    parts.clear()
    assert not Remote(parts.uri).sizes()


def test_a_worker_that_finds_a_run_nowhere_says_which(job, demo, parts, tmp_path):
    theirs = moved(job, demo.home, tmp_path / "elsewhere")
    _, answer = begin(theirs, parts)
    assert answer.lasting
    assert f"does not see {theirs.runs[0][0]}/weights.pt" in answer.failure
    assert "--store s3://" in answer.remedy


@pytest.mark.usefixtures("bucket")
def test_a_worker_that_cannot_reach_the_store_names_machine_and_bucket(job, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "ip-10-0-1-7")
    _, answer = begin(job, PartStore.of("s3://nowhere/work", "key"))
    assert not answer.lasting, "it may be away for a moment"
    assert "worker on ip-10-0-1-7: cannot reach s3://nowhere/work" in answer.failure
    assert answer.remedy


@pytest.mark.usefixtures("bucket")
def test_a_store_that_is_not_there_is_said_before_members_are_chosen(demo, tmp_path):
    with pytest.raises(StorageError, match="cannot reach s3://nowhere/work"):
        build_into(tmp_path / "out", demo, workers=Stored(store="s3://nowhere/work"))
    assert not (tmp_path / "out").exists()


def test_a_store_is_a_uri(place):
    with pytest.raises(UserError, match="a URI begins with one of"):
        PartStore.of("/a/folder", "key")
    assert PartStore.of(f"{place}/", "key").uri == f"{place}/parts/key"


@pytest.mark.usefixtures("small")
def test_a_build_in_a_bucket_goes_on_elsewhere_to_the_same_files(
    demo, bucket, tmp_path, monkeypatch
):
    _, files = build_into(tmp_path / "alone", demo)
    workers = Stored(store=f"{bucket}/work")
    remote = Remote.parse(workers.store)
    stop_after(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        build_into(tmp_path / "lost", demo, workers=workers)
    monkeypatch.undo()
    monkeypatch.setattr("ensemble.predicting.parts.PART_BYTES", 1)
    assert len(remote.sizes()) == 3
    text, made = build_into(tmp_path / "again", demo, workers=workers)
    assert f"3 of {count(demo)} parts are there from a build that did not end" in text
    assert not remote.sizes()
    assert made == files


@pytest.mark.usefixtures("small")
def test_parts_of_another_ensemble_are_removed_there_too(demo, place, tmp_path, monkeypatch):
    Remote.parse(place).write("parts/another build/part.npz", b"")
    stop_after(monkeypatch, 2)
    for frames in (249, 250):
        with pytest.raises(KeyboardInterrupt):
            build_into(tmp_path / "out", demo, workers=Stored(store=place), frames=frames)
        stop_after(monkeypatch, 1)
    names = Remote.parse(place).sizes()
    assert "parts/another build/part.npz" in names, "of a build into another folder"
    assert len(names) == 2


def test_parts_that_cannot_be_removed_are_told_of(demo, place, tmp_path, monkeypatch):
    def refuse(_):
        raise StorageError("denied")

    monkeypatch.setattr(PartStore, "clear", refuse)
    text, files = build_into(tmp_path / "out", demo, workers=Stored(store=place))
    assert f"parts are left in {place}/parts/" in text
    assert files == files_of(tmp_path / "out")


def test_workers_of_this_process_have_no_store(place):
    with pytest.raises(UserError, match="--store are of a Ray cluster; found no --address"):
        Workers(store=place).check()
