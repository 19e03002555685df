"""Optuna behind Ray's Searcher interface, with the Optuna study as the truth.

Ray's own OptunaSearch tells early-stopped trials as complete and leaves a trial that ended with NaN
running for ever. Here a trial is COMPLETE only with its full budget, PRUNED with its intermediate
values, FAIL with a reason; RUNNING while it trains or waits to be resumed. All in SQLite beside the
search.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState
from ray.tune.search import Searcher

from models.errors import RunError
from models.runs import State, Status
from search.attributes import (
    ATTRIBUTE_FLAT,
    ATTRIBUTE_FOLDER,
    ATTRIBUTE_PARAMETERS,
    ATTRIBUTE_RAY,
    ATTRIBUTE_REASON,
    ATTRIBUTE_SECONDS,
    ATTRIBUTE_WEAK,
)
from search.objectives import ONE, costs_of, directions, objectives_of, values_of
from search.proposing import Exhausted, complete, known_points, propose
from search.signals import Flag
from search.space import Flat, Space, enqueued
from search.study_storage import StudyStorage, one_transaction
from search.trainable import FLAT, NUMBER

STATES: dict[State, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


def open_study(folder: Path, name: str, objectives: Sequence[str] = ONE) -> optuna.Study:
    """The study of a search in <folder>/study.db, begun with these objectives if it is not there."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = StudyStorage(folder / "study.db", name)
    study = optuna.create_study(
        storage=storage, study_name=name, directions=directions(objectives), load_if_exists=True
    )
    if len(objectives) > 1 and study.metric_names is None:
        with warnings.catch_warnings():  # Optuna calls names of values an experiment
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(list(objectives))
    return study


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
        self,
        study: optuna.Study,
        space: Space,
        seed: int,
        runs: Path,
        flag: Flag,
        limits_check: Callable[[Flat], str] = lambda _: "",
        parameters: Callable[[Flat], int | None] = lambda _: None,
    ) -> None:
        """`limits_check` gives the reason for which a configuration is refused, or ''.

        `parameters` counts those of its network, where they are an objective.
        """
        super().__init__()
        self.study, self.space, self.seed, self.runs = study, space, seed, runs
        self.flag, self.limits_check, self.parameters = flag, limits_check, parameters
        self.objectives = objectives_of(study)
        self.known = known_points(study)
        """The keys of configurations that are not proposed again."""
        self.exhausted = ""
        """Why nothing new is found any more."""
        self.open: dict[int, optuna.Trial] = {}
        self.interrupted: list[int] = []
        """Trials that are to go on before anything new is proposed."""
        self.hold: Callable[[], str] = lambda: ""
        """Why nothing new is to be proposed any more."""
        self.wait: Callable[[], bool] = lambda: False
        """Whether nothing is to begin for the moment."""

    def enqueue(self) -> None:
        """Let the space's first configurations be tried first, after what the study knows by now."""
        self.known = known_points(self.study)
        waiting = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        if waiting:  # a driver was killed after it had done so
            return
        for wanted in self.space.first:
            self.study.enqueue_trial(enqueued(self.space, wanted))

    def suggest(self, trial_id: str) -> Any:
        """The next configuration, flat, and its number in the study; None for not yet, or FINISHED.

        FINISHED is for good, and so only said when nothing is open that might have to go on.
        """
        with self.flag.writing():
            if self.flag.raised:
                return self.FINISHED
            if self.wait():
                return None
            if self.interrupted:
                return self._again(self.interrupted.pop(0))
            if self.exhausted or self.hold():
                return None if self.open else self.FINISHED
            return self._new(trial_id)

    def _again(self, number: int) -> dict[str, Any]:
        return {NUMBER: number, FLAT: self.open[number].user_attrs[ATTRIBUTE_FLAT]}

    def _new(self, trial_id: str) -> Any:
        with one_transaction(self.study):
            try:
                trial, flat = propose(self.study, self.space, self.known, self.limits_check)
            except Exhausted as error:
                self.exhausted = str(error)
                return self.FINISHED
            return {NUMBER: trial.number, FLAT: self._described(trial, flat, trial_id)}

    def _described(self, trial: optuna.Trial, flat: Flat, ray_trial: str) -> Flat:
        """Give a trial its seed and its attributes, the configuration last."""
        flat = {"seed": trial_seed(self.seed, trial.number), **flat}
        trial.set_user_attr(ATTRIBUTE_FOLDER, f"runs/{trial.number}")
        trial.set_user_attr(ATTRIBUTE_RAY, ray_trial)
        count = self.parameters(flat)
        if count is not None:
            trial.set_user_attr(ATTRIBUTE_PARAMETERS, count)
        trial.set_user_attr(ATTRIBUTE_FLAT, flat)
        self.open[trial.number] = trial
        return flat

    def reopen(self, trial: FrozenTrial) -> Flat | None:
        """Take on a trial that an earlier driver left RUNNING; its configuration.

        What that driver was killed before it had proposed is proposed now; None if it is refused.
        """
        if ATTRIBUTE_FLAT in trial.user_attrs:
            self.open[trial.number] = optuna.Trial(self.study, trial._trial_id)
            flat: Flat = trial.user_attrs[ATTRIBUTE_FLAT]
            return flat
        completed = complete(self.study, trial, self.space, self.known, self.limits_check)
        return None if completed is None else self._described(*completed, "")

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

    def report(self, number: int, epoch: int, score: float, seconds: float | None = None) -> None:
        """Store the score after an epoch, and how long it took where that is an objective.

        Through the storage: Optuna's `Trial.report` refuses studies with several objectives, though
        there is nothing in a study that could not hold the score of an epoch.
        """
        trial = self.open[number]
        if "seconds" in self.objectives and seconds is not None:
            taken = {**trial.user_attrs.get(ATTRIBUTE_SECONDS, {}), str(epoch): seconds}
            trial.set_user_attr(ATTRIBUTE_SECONDS, taken)
        self.study._storage.set_trial_intermediate_value(trial._trial_id, epoch, score)

    def costs(self, number: int) -> Mapping[str, float]:
        """What is known of the other objectives of an open trial."""
        return costs_of(self.open[number].user_attrs)

    def is_weak(self, number: int) -> bool:
        """Whether a trial is to stop after its last report; asked once a report.

        The pruner is asked itself: `Trial.should_prune` refuses studies with several objectives.
        """
        trial = self.open[number]
        stored = self.study._storage.get_trial(trial._trial_id)
        weak = bool(self.study.pruner.prune(self.study, stored))
        if weak:  # a driver that is killed before the trial has ended shall not forget it
            trial.set_user_attr(ATTRIBUTE_WEAK, True)
        return weak

    def tell(self, number: int, status: Status) -> None:
        """Close a trial in the state in which its run ended."""
        trial = self.open[number]
        complete = status.state == "complete"
        with one_transaction(self.study):
            if status.reason:
                trial.set_user_attr(ATTRIBUTE_REASON, status.reason)
            values = values_of(self.objectives, status.score, self.costs(number))
            self.study.tell(trial, values if complete else None, state=STATES[status.state])
        del self.open[number]
