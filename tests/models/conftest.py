"""What the tests of models share: the command line, and recordings that are not to be changed."""

import os

import hypothesis
import pytest
import torch

from models import console
from models.cli import app
from models.fit import Fit
from models.recordings.store.cache import VARIABLE
from models.recordings.synthetic import Recipe, write_data_set
from tests.models.fetching import other_process, uploaded
from tests.models.packed_stores import packed
from tests.models.tiny import config_of

# A deadline would be a test of the machine.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
# Tiny arrays are slower on several threads, by far where other processes want the cores too.
torch.set_num_threads(1)

RECIPE = Recipe(mice=2, neurons=4, train_trials=6, videos=1, repeats=1)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """The folder of the recordings; their truth lies beside it."""
    folder = tmp_path_factory.mktemp("recordings") / "data"
    write_data_set(folder, RECIPE)
    return folder


@pytest.fixture(scope="session")
def complete(recordings, tmp_path_factory):
    """The folder of a run that was trained to its end; not to be changed either."""
    folder = tmp_path_factory.mktemp("complete") / "run"
    fit = Fit(folder, config_of(), recordings, "cpu")
    while not fit.done:
        fit.train_epoch()
    fit.finish()
    return folder


@pytest.fixture
def call(capsys, monkeypatch):
    """Run `python -m models <words>`: exit code, standard output and errors, on single lines."""

    def call(*words):
        monkeypatch.setattr("sys.argv", ["models", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            console.run(app, "python -m models")
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return ended.value.code or 0, printed.out, printed.err

    return call


@pytest.fixture
def refused(call):
    """Run the command line on a user's mistake: it is named, with the next step, and nothing else."""

    def refused(words, message):
        code, printed, errors = call(*words)
        assert code == 2
        assert errors.lstrip().startswith("error: ")
        assert message in errors
        assert "next:" in errors
        assert not printed

    return refused


@pytest.fixture(scope="module")
def undurable():
    """No waiting for the disk, which takes most of the time of packing; no test loses power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def store(recordings, tmp_path_factory):
    """A packed store of the recordings, not to be changed either."""
    return packed(recordings, tmp_path_factory.mktemp("stores") / "data.packed")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder that stores are fetched to, which is empty."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    other_process()
    yield tmp_path / "cache"
    other_process()


@pytest.fixture
def there(tmp_path):
    """Where the uploaded store's files lie."""
    return tmp_path / "bucket/data.packed"


@pytest.fixture
def uri(store, there, place):  # noqa: ARG001
    """Of an uploaded store."""
    uploaded(store, there.as_uri())
    return there.as_uri()
