"""Stores packed whole or in part in a test, and what is in them."""

import numpy as np

from models.recordings.folder import SessionFolder
from models.recordings.store.folders import packed_folder
from models.recordings.store.pack import pack, plan_packing
from models.recordings.store.packing import Packing, partial_folder
from tests.models.broken_sessions import save
from tests.models.generated_sessions import Plan, Trial

SIX = Plan({number: Trial(length=4 + number) for number in (0, 1, 2, 5, 6, 9)})
"""A plan whose sixth trial is the last."""


def packed(data, store=None, exact=False, again=False, told=lambda *_: None):
    """The store of a data set, packed as the command line does it."""
    store = store or packed_folder(data)
    pack(plan_packing(data, store, exact, again), exact, jobs=2, told=told)
    return store


def stopped_after(trials):
    """What says, asked after each trial, that packing is to stop after so many."""
    asked = iter(range(1, 1000))
    return lambda: next(asked) >= trials


def begun(source, store, trials, exact=False, threads=1):
    """The hidden folder of a packing that was stopped."""
    task = Packing(SessionFolder(source), store, exact, threads)
    assert not task.run(lambda _: None, stopped_after(trials))
    return partial_folder(store, source.name)


def contents(folder):
    """Every file of a store and what is in it."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def times(folder):
    """When every file and folder of a store was changed last."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def brighten(source, trial=5, by=1):
    """Change one grey value of a session."""
    path = source / f"data/videos/{trial}.npy"
    values = np.load(path)
    values[0, 0, 0] += by
    save(path, values)
