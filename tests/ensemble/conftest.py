"""A data set of two mice, and fixtures that write a submission about it and check it; a tiny search."""

import shutil
import sys

import numpy as np
import pytest
import torch

from ensemble.check import check_submission
from ensemble.cli import app
from ensemble.predict import ServerUnits
from ensemble.predicting import parts as parts_module
from ensemble.predicting.job import Job
from ensemble.rules.weights import Weights
from ensemble.submission import write_submission
from models import console
from models.recordings.data_set import open_sessions
from models.recordings.session import fingerprint
from models.recordings.truth import truth_folder
from tests.ensemble.build_fixtures import ORIGIN, change_record, complete_ones, make_demo
from tests.ensemble.reports import manifest_of
from tests.ensemble.small_sessions import (
    LIVE_MAIN,
    make_sessions,
    right_rows,
)


@pytest.fixture
def command(monkeypatch, capsys):
    """Run a command line; its exit code and what it printed, on either stream, in one line."""
    monkeypatch.setattr(console.out, "width", 300)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["ensemble", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            console.run(app, "python -m ensemble")
        captured = capsys.readouterr()
        return caught.value.code or 0, " ".join((captured.out + captured.err).split())

    return call


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """Generated recordings and a search over them; not to be changed, see `Demo.copy`."""
    return make_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    return make_sessions(tmp_path_factory.mktemp("data"))


@pytest.fixture
def rows(sessions):
    """Those of a right submission: three trials of each mouse, the second with 324 frames."""
    return right_rows(sessions)


@pytest.fixture
def verdict(tmp_path, sessions):
    """Write rows under the right name and check them."""

    def check(rows, **options):
        write_submission(tmp_path / LIVE_MAIN, rows, **options)
        return check_submission(tmp_path / LIVE_MAIN, sessions)

    return check


@pytest.fixture
def table_verdict(tmp_path, sessions):
    """Write a table as pandas does, faults and all, and check it."""

    def check(table, name=LIVE_MAIN, **options):
        options = {"compression": "brotli", "index": False} | options
        table.to_parquet(tmp_path / name, engine="pyarrow", **options)
        return check_submission(tmp_path / name, sessions)

    return check


@pytest.fixture
def small(monkeypatch):
    """Parts of a single trial."""
    monkeypatch.setattr(parts_module, "PART_BYTES", 1)


@pytest.fixture
def one_thread():
    """As the processes that are killed: the bits of a prediction depend on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def job(demo, tmp_path):
    """Of two members, one of two runs, with weights that differ; the oracle tier is not written."""
    runs = ((demo.run(0), demo.run(4)), (demo.run(1),))
    return Job(
        data=demo.data,
        fingerprint=fingerprint(open_sessions(demo.data)),
        truth=truth_folder(demo.data),
        runs=runs,
        weights=Weights(np.array([0.75, 0.25])),
        floor=demo.folder / "floor",
        written=("live_test_main", "live_test_bonus", "train"),
        evaluated=("oracle", "live_test_bonus", "train"),
        units=ServerUnits(),
        parts=tmp_path / "parts",
        device="cpu",
        threads=1,
    )


@pytest.fixture
def imported(demo, tmp_path):
    """A run that nothing is known of but its weights."""
    folder = shutil.copytree(demo.run(4), tmp_path / "imported")
    shutil.rmtree(folder / "predictions")
    change_record(folder, imported=ORIGIN)
    return folder


@pytest.fixture(scope="module")
def manifest(demo):
    """Of the demo's complete runs."""
    return manifest_of(complete_ones(demo), demo.data)
