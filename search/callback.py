"""Tune's hooks, handed on to the recorder; Tune gives each of them more than is needed here."""
# ruff: noqa: ARG002

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from search.recorder import Recorder
from search.signals import Flag
from search.trainable import FLAT, NUMBER

RETRIES = 3
"""Workers that a trial may lose."""


class Hooks(Callback):
    """Tells the recorder what happens to trials, and calls `on_tick` several times a second."""

    def __init__(
        self,
        recorder: Recorder,
        flag: Flag,
        on_tick: Callable[[], None],
        on_result: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        self.recorder, self.flag = recorder, flag
        self.on_tick, self.on_result = on_tick, on_result

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles what it is given for a restore of its own, which is not used."""
        return {}

    def on_trial_start(self, iteration: int, trials: Any, trial: Trial, **info: Any) -> None:
        """A worker has taken on the trial."""
        with self.flag.writing():
            self.recorder.start(trial.config[NUMBER], trial.config[FLAT], trial.trial_id)

    def on_trial_result(
        self, iteration: int, trials: Any, trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """An epoch is over, or has failed."""
        with self.flag.writing():
            self.recorder.epoch(trial.config[NUMBER], result)
        self.on_result(result)

    def on_trial_complete(self, iteration: int, trials: Any, trial: Trial, **info: Any) -> None:
        """The trial ended by itself, or was stopped early."""
        with self.flag.writing():
            self.recorder.end(trial.config[NUMBER], trial.last_result or {})

    def on_trial_error(self, iteration: int, trials: Any, trial: Trial, **info: Any) -> None:
        """The trial's worker was lost once too often, or with it a trial that had not begun.

        Ray starts the former again so many times, the latter never: a worker that dies while it is
        handed over from one trial to the next takes the next one with it.
        """
        for_good = trial.num_failures > RETRIES
        number, flat = trial.config[NUMBER], trial.config[FLAT]
        with self.flag.writing():
            self.recorder.lose(number, flat, ray_error(trial), for_good)

    def on_step_end(self, iteration: int, trials: Any, **info: Any) -> None:
        """Nothing has happened for a tenth of a second, or one event was handled."""
        self.on_tick()


def ray_error(trial: Trial) -> str:
    """The first line of what Ray says about a trial's worker."""
    try:
        with Path(trial.pickled_error_file).open("rb") as file:
            lines = str(pickle.load(file)).splitlines()
    except (OSError, TypeError):
        lines = []  # Ray wrote none
    return lines[0] if lines else "no reason given"
