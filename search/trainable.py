"""A trial as Ray Tune sees it: a step is an epoch, and an actor serves one trial after the other.

Ray keeps no checkpoints: a trial whose worker is lost begins again in its run folder, where
`models.fit.Fit` goes on from the last epoch.
"""

import gc
from typing import Any

from ray import tune
from ray.tune.result import DONE

from search.steps import Settings, Steps, is_over

NUMBER = "number"
FLAT = "configuration"
SETTINGS = "settings"


class Trainable(tune.Trainable):
    """Trains trial `number` with the flat `configuration` under the search's `settings`."""

    def setup(self, config: dict[str, Any]) -> None:
        """Take on the first trial."""
        gc.freeze()  # what is imported stays: looking through it takes 0.15 s at each trial's end
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take on the next trial in the same process."""
        self._steps.release()
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        settings = Settings.model_validate(config[SETTINGS])
        folder = settings.runs / str(config[NUMBER])
        self._steps = Steps(settings, folder, config[FLAT])

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:  # noqa: ARG002
        """Nothing: the run folder holds the checkpoint."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Nothing: `step` goes on from the run folder."""

    def step(self) -> dict[str, Any]:
        """Train one epoch; a failure is a result too, so that the actor lives on."""
        result = self._steps.step()
        return {**result, DONE: is_over(result)}
