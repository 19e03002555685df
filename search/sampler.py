"""Optuna behind Ray's Searcher interface, with the Optuna study as the truth.

Ray's own OptunaSearch tells early-stopped trials as complete and leaves a trial that ended with NaN
running for ever. Here a trial is COMPLETE only with its full budget, PRUNED with its intermediate
values, FAIL with a reason; all in SQLite beside the search.
"""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState
from ray.tune.search import Searcher

from models.errors import RunError
from models.runs import State, Status
from search.signals import Flag
from search.space import Flat, Space, enqueued, sample
from search.trainable import FLAT, NUMBER

ATTRIBUTE_FOLDER = "run_folder"
ATTRIBUTE_RAY = "ray_trial"
ATTRIBUTE_REASON = "reason"
ATTRIBUTE_FLAT = "configuration"
STATES: dict[State, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


def open_study(folder: Path, name: str, seed: int = 0) -> optuna.Study:
    """The study of a search in <folder>/study.db, begun if it is not there; higher is better."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        storage=optuna.storages.RDBStorage(f"sqlite:///{folder / 'study.db'}"),
        sampler=optuna.samplers.TPESampler(seed=seed),
        study_name=name,
        direction="maximize",
        load_if_exists=True,
    )


def load_study(folder: Path, name: str) -> optuna.Study:
    """The study of a search that has begun. Raises RunError where there is none yet."""
    path = folder / "study.db"
    if not path.is_file():
        raise RunError(f"the search '{name}' has not tried anything yet", "Ask again in a moment.")
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    return optuna.load_study(study_name=name, storage=storage)


def trial_seed(seed: int, number: int) -> int:
    """The seed of a trial's run, from the search's seed and the trial's number."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


class Proposer(Searcher):
    """Proposes configurations to Ray; what became of them is told through `report` and `tell`."""

    def __init__(
        self, study: optuna.Study, space: Space, seed: int, runs: Path, flag: Flag
    ) -> None:
        super().__init__()
        self.study, self.space, self.seed, self.runs = study, space, seed, runs
        self.flag = flag
        self.open: dict[int, optuna.Trial] = {}
        for wanted in space.first:
            study.enqueue_trial(enqueued(space, wanted))

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """The next configuration, flat, and its number in the study."""
        with self.flag.writing():
            return self._ask(trial_id)

    def _ask(self, trial_id: str) -> dict[str, Any]:
        trial = self.study.ask()
        flat: Flat = {"seed": trial_seed(self.seed, trial.number), **sample(self.space, trial)}
        trial.set_user_attr(ATTRIBUTE_FOLDER, str(self.runs / str(trial.number)))
        trial.set_user_attr(ATTRIBUTE_RAY, trial_id)
        trial.set_user_attr(ATTRIBUTE_FLAT, flat)
        self.open[trial.number] = trial
        return {NUMBER: trial.number, FLAT: flat}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: Ray does not say here whether a trial was stopped early; `tell` does."""

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles what it is given for a restore of its own, which is not used."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing of ours goes into Ray's snapshots: the study is on disk already."""
        Path(checkpoint_path).touch()

    def report(self, number: int, epoch: int, score: float) -> None:
        """Store an intermediate value."""
        self.open[number].report(score, epoch)

    def tell(self, number: int, status: Status) -> None:
        """Close a trial in the state in which its run ended."""
        trial = self.open[number]
        if status.reason:
            trial.set_user_attr(ATTRIBUTE_REASON, status.reason)
        complete = status.state == "complete"
        self.study.tell(trial, status.score if complete else None, state=STATES[status.state])
        del self.open[number]
