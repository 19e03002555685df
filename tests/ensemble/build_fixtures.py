"""A tiny generated data set and a search over it as it lies on disk, made once for all tests."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from ensemble.candidates import members_of_searches
from models.bringing import SMALL, note_store
from models.config import load_config
from models.fit import Fit
from models.recordings.synthetic import Recipe, write_data_set
from models.runs import PINNED, RunFolder, Status

RECIPE = Recipe(mice=2, neurons=6, train_trials=5, videos=1, repeats=1)
CONFIG = {
    "network": {"family": "linear", "clip_frames": 40, "filters": 1},
    "data": {"folds": 2, "fold": 0, "downsample": 4},
    "training": {"epochs": 1, "clips_per_epoch": 8, "batch_size": 4},
}
ORIGIN = {"file": "model-017-0.293200.pth", "sha256": "0", "fold": None, "params": {}}
"""What an imported run remembers."""
COMPLETE = ("0", "1", "4")
"""The runs of the search that are complete."""


@dataclass(frozen=True)
class Demo:
    """Where everything lies."""

    data: Path
    home: Path
    name: str = "demo"

    @property
    def folder(self):
        return self.home / self.name

    def run(self, number):
        return self.folder / "runs" / str(number)

    def stored(self, home, store):
        """A copy whose runs have only small files; the search's store has all of it."""
        copied = self.copy(home)
        files = [path for path in copied.folder.rglob("*") if path.is_file()]
        store.upload(copied.folder, [path.relative_to(copied.folder) for path in files])
        note_store(copied.folder, store)
        for path in files:
            if path.name not in ("search.json", *SMALL):
                path.unlink()
        return copied

    def copy(self, home):
        """The same search in another home, to be changed; of no build's members."""
        shutil.copytree(self.home, home, ignore=shutil.ignore_patterns(PINNED))
        return Demo(self.data, home)


def make_demo(folder):
    """Two mice; runs 0, 1 and 4 complete, 2 stopped early, 3 failed, 5 not ended, and the floor."""
    demo = Demo(folder / "data", folder / "home")
    write_data_set(demo.data, RECIPE)
    for seed, number in enumerate(COMPLETE):
        train(demo.run(number), demo.data, seed)
    train(demo.folder / "floor", demo.data, 9)
    states = {"2": Status(state="pruned", epoch=1, epochs=3, score=0.9, reason="weak")}
    states["3"] = Status(state="failed", epoch=0, epochs=3, reason="out of memory")
    for number in ("2", "3", "5"):
        unfinished(demo.run(number), demo.run("0"), states.get(number))
    (demo.folder / "search.json").write_text("{}")
    return demo


def train(folder, recordings, seed, **changes):
    """A complete run."""
    fit = Fit(folder, load_config(CONFIG | changes | {"seed": seed}), recordings, "cpu")
    while not fit.done:
        fit.train_epoch()
    fit.finish()
    return fit


def unfinished(folder, like, status):
    """A run folder with the configuration of another and this status."""
    folder.mkdir(parents=True)
    shutil.copy(like / "config.json", folder / "config.json")
    if status is not None:
        RunFolder(folder).end(status)


def change_record(run, **changes):
    """Change the top level of a run's config.json."""
    path = run / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def set_score(run, score):
    """Let a complete run have reported another score."""
    status = RunFolder(run).status()
    RunFolder(run).end(status.model_copy(update={"score": score}))


def complete_ones(demo):
    """The candidates of the search, none of which was confirmed."""
    return members_of_searches(demo.home, [demo.name], unconfirmed=True)
