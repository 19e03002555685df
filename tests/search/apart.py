"""Runs on machines that share nothing but a store, which may be away."""

from search.steps import Settings, Steps, is_over
from tests.search import fakes

TINY = {
    "network.filters": 8,
    "network.clip_frames": 40,
    "data.downsample": 4,
    "data.folds": 2,
    "training.clips_per_epoch": 8,
    "training.batch_size": 4,
}
AWAY: set[int] = set()


class Broken(fakes.FakeFit):
    """Loses the store while its epoch is one of AWAY."""

    def train_epoch(self):
        line = super().train_epoch()
        folder = self.folder.path.parents[3]
        lose(folder) if self.epoch in AWAY else give_back(folder)
        return line


def lose(folder):
    """Let a file be where the store was."""
    if (folder / "store").is_dir():
        (folder / "store").rename(folder / "away")
        (folder / "store").touch()


def give_back(folder):
    """Let the store be there again."""
    if (folder / "store").is_file():
        (folder / "store").unlink()
        (folder / "away").rename(folder / "store")


def steps_on(machine, store, fit="tests.search.fakes:FakeFit", own_disk=False, epochs=fakes.EPOCHS):
    """Steps of trial 0 of a search, whose home on this machine is the folder."""
    search = machine / "august"
    settings = Settings(
        runs=search / "runs",
        data=machine.parent,
        device="cpu",
        pause=search / "pause",
        fit=fit,
        store=store.uri,
        own_disk=own_disk,
    )
    asked = {"network.family": "linear", "network.filters": fakes.GOOD}
    return Steps(settings, search / "runs" / "0", {**asked, "training.epochs": epochs})


def trained(steps):
    """Every result up to the last."""
    results = [steps.step()]
    while not is_over(results[-1]):
        results.append(steps.step())
    return results


def names(remote):
    """Of all files in a folder of a store."""
    return set(remote.sizes())
