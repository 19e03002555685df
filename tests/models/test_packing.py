"""Packing that is stopped, killed or spoilt goes on, and ends as if it had never stopped."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import RecordingError, UserError
from models.recordings.folder import SessionFolder
from models.recordings.layout import read_array
from models.recordings.store import growing, packing
from models.recordings.store.folders import packed_folder
from models.recordings.store.header import PackedTrial
from models.recordings.store.pack import plan_packing
from models.recordings.store.packing import Packing, partial_folder
from tests.models.broken_sessions import save
from tests.models.generated_sessions import NAME, Plan, Trial, plans, write
from tests.models.packed_stores import SIX, begun, contents, packed, stopped_after

pytestmark = pytest.mark.usefixtures("undurable")

JOURNAL = "journal.jsonl"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def reads(monkeypatch):
    """The trials that are read, in the order in which they are."""
    seen, read = [], packing.held
    monkeypatch.setattr(
        packing,
        "held",
        lambda session, trial, *rest: (seen.append(trial), read(session, trial, *rest))[1],
    )
    return seen


@settings(max_examples=40)
@given(plans(), st.lists(st.integers(1, 4), max_size=3), st.booleans(), st.integers(1, 3))
def test_packing_that_was_stopped_ends_as_if_it_had_not_been(plan, stops, exact, threads):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(growing, "AT_ONCE", 7)
        source = write(Path(folder) / "data", plan)
        for trials in stops:
            task = Packing(SessionFolder(source), Path(folder) / "one", exact, threads)
            if task.run(lambda _: None, stopped_after(trials)):
                break
        packed(source.parent, Path(folder) / "one", exact)
        assert contents(packed(source.parent, Path(folder) / "two", exact)) == contents(
            Path(folder) / "one"
        )


def test_trials_that_are_written_are_not_read_again(tmp_path, reads):
    source = write(tmp_path / "data", SIX)
    begun(source, tmp_path / "store", trials=4)
    before, told = reads.copy(), []
    reads.clear()
    packed(tmp_path / "data", tmp_path / "store", told=lambda _, size: told.append(size))
    assert before[:4] == [0, 1, 2, 5]
    assert reads == [6, 9]
    assert sum(told) == plan_packing(tmp_path / "data", tmp_path / "other").size


def torn(folder, random):
    os.truncate(folder / JOURNAL, (folder / JOURNAL).stat().st_size - random.randint(1, 300))


def followed_by(content):
    def spoil(folder, _):
        with (folder / JOURNAL).open("ab") as journal:
            journal.write(content)

    return spoil


def flipped(folder, random):
    path = folder / random.choice(["videos.npy", "behaviour.npy", "responses.npy", "moments.npy"])
    content = bytearray(path.read_bytes())
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


def shortened(folder, random):
    path = folder / random.choice(["videos.npy", "behaviour.npy", "responses.npy", "moments.npy"])
    os.truncate(path, random.randrange(path.stat().st_size))


SPOILT = {
    "a line cut short": torn,
    "zeros behind the journal": followed_by(bytes(500)),
    "garbage behind the journal": followed_by(bytes(range(256))),
    "half a line behind the journal": followed_by(b'{"number":6,"tier":"tr'),
    "a trial that is not as written": flipped,
    "a file that lost its end": shortened,
    "a file that is gone": lambda folder, _: (folder / "responses.npy").unlink(),
    "no journal": lambda folder, _: (folder / JOURNAL).unlink(),
    "an empty journal": lambda folder, _: (folder / JOURNAL).write_bytes(b""),
}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, undurable):  # noqa: ARG001
    """A source, what a packing of it that was stopped after four trials left, and the whole."""
    folder = tmp_path_factory.mktemp("stopped")
    source = write(folder / "data", SIX)
    begun(source, folder / "begun", trials=4)
    return source, folder / "begun", contents(packed(folder / "data", folder / "whole"))


@pytest.mark.parametrize("spoilt", SPOILT)
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=5)
def test_what_a_crash_leaves_costs_trials_but_spoils_none(stopped, spoilt, random):
    source, left, whole = stopped
    with tempfile.TemporaryDirectory() as folder:
        store = Path(shutil.copytree(left, Path(folder) / "store"))
        SPOILT[spoilt](partial_folder(store, NAME), random)
        packed(source.parent, store)
        assert contents(store) == whole


@pytest.mark.parametrize("spoilt", [name for name in SPOILT if "behind the journal" in name])
def test_what_lies_behind_the_journal_s_end_costs_nothing(stopped, tmp_path, reads, spoilt):
    source, left, _ = stopped
    store = shutil.copytree(left, tmp_path / "store")
    SPOILT[spoilt](partial_folder(store, NAME), None)
    packed(source.parent, store)
    assert reads == [6, 9]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_kill_while_the_journal_is_gone_through_costs_nothing(stopped, tmp_path, reads):
    source, left, _ = stopped
    store = shutil.copytree(left, tmp_path / "store")
    task = Packing(SessionFolder(source), store, exact=False, threads=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PackedTrial, "model_dump_json", interrupted)
        with pytest.raises(KeyboardInterrupt):
            task.run(lambda _: None, lambda: False)
    gc.collect()  # the files that a killed process leaves open
    packed(source.parent, store)
    assert reads == [6, 9]


def interrupted(*_):
    raise KeyboardInterrupt


def test_an_interrupt_ends_packing_at_once_and_it_goes_on(tmp_path, reads):
    for name in ("one", "two"):
        write(tmp_path / "data", SIX, name)
    with pytest.raises(KeyboardInterrupt):
        packed(tmp_path / "data", told=interrupted)
    assert not [
        path for path in packed_folder(tmp_path / "data").iterdir() if path.name in "onetwo"
    ]
    reads.clear()
    store = packed(tmp_path / "data")
    assert sorted(path.name for path in store.iterdir()) == ["films.json", "one", "two"]
    assert contents(store) == contents(packed(tmp_path / "data", tmp_path / "whole"))


def test_a_packing_that_is_killed_goes_on(tmp_path, reads):
    numbers = range(400)
    source = write(tmp_path / "data", Plan({number: Trial(length=2) for number in numbers}))
    store, journal = tmp_path / "store", partial_folder(tmp_path / "store", NAME) / JOURNAL
    words = ("pack", str(tmp_path / "data"), "--to", str(store), "--jobs", "1")
    command = [sys.executable, "-m", "models", *words]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            while not journal.exists() or journal.read_bytes().count(b"\n") < 30:
                assert process.poll() is None, "it ended before it could be killed"
                time.sleep(0.002)
            process.send_signal(signal.SIGSTOP)
            with pytest.raises(UserError, match="another process is packing into") as caught:
                packed(source.parent, store)
        finally:
            process.kill()
    assert "--to" in caught.value.remedy
    assert not (store / NAME).exists()
    packed(source.parent, store)
    assert reads[0] >= 29
    assert reads == list(numbers[reads[0] :])
    assert contents(store) == contents(packed(source.parent, tmp_path / "whole"))


class Cycle:
    """Its end runs code in the midst of whatever collects it, where another thread may go on."""

    def __init__(self):
        self.itself = self

    def __del__(self):
        sum(range(30))


def test_several_threads_read_arrays_at_once(tmp_path):
    save(tmp_path / "one.npy", np.arange(10))

    def read(_):
        Cycle()
        return read_array(tmp_path / "one.npy").sum()

    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(5)
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(read, range(3000))) == {45}
    finally:
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)


def test_an_array_of_fewer_values_than_none_is_refused(tmp_path):
    path = tmp_path / "one.npy"
    save(path, np.arange(10))
    path.write_bytes(path.read_bytes().replace(b"(10,)", b"(-1,)"))
    with pytest.raises(
        RecordingError, match=r"one\.npy is not a readable array: it holds 10 of -1"
    ):
        read_array(path)
