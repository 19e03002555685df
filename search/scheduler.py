"""Ray's scheduler of trials: which of those that wait gets a free worker, and which stop early."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from ray.tune.schedulers import FIFOScheduler

from search.trainable import NUMBER


class Scheduler(FIFOScheduler):
    """Trials start in order; `is_weak`, which gets a trial's number and report, says which stop.

    A worker that is free goes to a trial for which none is being started. Tune would give it to the
    first that waits and give up the worker which that one is to have: where trials take less time than
    a worker's start, workers would be started and given up all the time.
    """

    def __init__(self, is_weak: Callable[[int, Mapping[str, Any]], bool]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._is_weak = is_weak

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """Of the trials that wait, the first that a free worker may have; None if none waits."""
        live = tune_controller.get_live_trials()
        waiting = sorted(
            (trial for trial in live if trial.status == trial.PENDING),
            key=lambda trial: int(trial.config[NUMBER]),
        )
        left = (trial for trial in waiting if not is_worker_coming(tune_controller, trial))
        return next(left, waiting[-1] if waiting else None)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:  # noqa: ARG002
        """Stop a trial that is weak."""
        weak = self._is_weak(trial.config[NUMBER], result)
        return str(self.STOP if weak else self.CONTINUE)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles what it is given for a restore of its own, which is not used."""
        return {}


def is_worker_coming(tune_controller: Any, trial: Any) -> bool:
    """Whether a slot is taken for a worker of a trial that waits.

    Only Tune's own records say so: how many slots there are is no help where nodes come and go, or
    other searches and tasks use them too. A Tune that keeps them elsewhere costs starts of workers only.
    """
    with contextlib.suppress(AttributeError):
        controller = tune_controller._tune_controller
        worker = controller._trial_to_actor.get(trial)
        return worker is not None and bool(controller._actor_manager.is_actor_started(worker))
    return False
