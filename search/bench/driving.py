"""Trivial trials on two slots, by a search of ours and by bare Ray Tune; each in a fresh process.

Both write a `Driven` as JSON into the folder that they are given.
"""

import statistics
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ray import tune
from ray.tune.result import DONE
from rich.console import Console

from models.bench.generated import write_session
from models.files import write_bytes
from search.bench.times import gaps, read_served, stamp
from search.bench.trivial import EPOCHS, FIT
from search.bench.watch import Watch, watching
from search.cluster import local_ray
from search.driver import run_search
from search.limits import Limits
from search.plan import Plan
from search.resources import Resources

SLOTS = 2
NAME = "trivial"
SPACE = "demo"
DRIVEN = "driven.json"


class Driven(BaseModel):
    """What a number of trials took, after a warm-up."""

    trials: int
    """After the warm-up."""
    wall_s: float
    """From the end of the warm-up's last trial until the driver returned."""
    processor_s: float
    """Of the driver, with what it started and waited for, in that time."""
    growth_mb: float
    """Of the driver's resident memory in that time, in 10^6 bytes."""
    between_s: float
    """Median of the time from the end of a trial to the first step of the next on its slot."""
    worst_between_s: float


def ours(folder: str, trials: str, warm_up: str) -> float:
    """A search with everything on but the floor; the seconds a trial."""
    home = Path(folder)
    write_session(home / "data", neurons=2, frames=36, trials=1, dtype="float32")
    plan = Plan(
        name=NAME,
        data=home / "data",
        space=SPACE,
        limits=Limits(trials=int(trials) + int(warm_up)),
        overrides={"training.epochs": EPOCHS},
        grace=1,
        slots=SLOTS,
        min_free_gb=0.0,
        fit=FIT,
        floor=False,
    )
    with local_ray(SLOTS, gpus=0), (home / "output").open("w") as file, watching() as watch:
        run_search(plan, home, Resources(SLOTS, 0, 0, 1), Console(file=file))
    return _write(home, home / NAME / "runs", int(warm_up), watch)


def bare(folder: str, trials: str, warm_up: str) -> float:
    """Ray Tune with random draws, reused actors, no loggers and no records; the seconds a trial."""
    home = Path(folder)
    (home / "runs").mkdir()
    with local_ray(SLOTS, gpus=0), watching() as watch:
        space = {"runs": str(home / "runs"), "rate": tune.loguniform(1e-3, 1e-2)}
        tune.Tuner(
            tune.with_resources(Bare, {"cpu": 1}),
            param_space=space,
            tune_config=tune.TuneConfig(num_samples=int(trials) + int(warm_up), reuse_actors=True),
            run_config=tune.RunConfig(
                name="bare",
                storage_path=str(home / "ray"),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                verbose=0,
            ),
        ).fit()
    return _write(home, home / "runs", int(warm_up), watch)


class Bare(tune.Trainable):
    """Every third trial has three epochs, the others one, about as in a search that stops early."""

    def setup(self, config: dict[str, Any]) -> None:
        """Take on a trial."""
        self._folder = Path(config["runs"]) / self.trial_id
        self._folder.mkdir()
        self._epochs = EPOCHS if int(self.trial_id.rpartition("_")[2]) % 3 == 0 else 1

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take on the next trial."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Nothing."""
        stamp(self._folder)
        return {"score": 0.1, DONE: self.iteration + 1 >= self._epochs}


def _write(home: Path, runs: Path, warm_up: int, watch: Watch) -> float:
    """Write down what the trials after the warm-up took."""
    served = read_served(runs)
    began = served[warm_up - 1].until
    after = [each for each in served if each.until >= began]
    between = gaps(after)
    count = len(served) - warm_up
    driven = Driven(
        trials=count,
        wall_s=watch.times[-1] - began,
        processor_s=watch.growth(watch.seconds, began),
        growth_mb=watch.growth(watch.megabytes, began),
        between_s=statistics.median(between),
        worst_between_s=max(between),
    )
    write_bytes(home / DRIVEN, driven.model_dump_json().encode())
    return driven.wall_s / count
