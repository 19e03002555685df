"""A trial as Ray Tune sees it: a step is an epoch, and an actor serves one trial after the other.

Ray keeps no checkpoints: a trial whose worker is lost begins again in its run folder, where
`models.fit.Fit` goes on from the last epoch.
"""

import gc
from typing import Any

import ray
from ray import tune
from ray.tune.result import DONE

from models.errors import RunError
from search.steps import Settings, Steps, is_over

NUMBER = "number"
FLAT = "configuration"
SETTINGS = "settings"
NODE = "node"
"""Key of a result: the id of the node that it comes from."""


class Trainable(tune.Trainable):
    """Trains trial `number` with the flat `configuration` under the search's `settings`."""

    def setup(self, config: dict[str, Any]) -> None:
        """Take on the first trial."""
        self._node = ray.get_runtime_context().get_node_id()
        check_code(Settings.model_validate(config[SETTINGS]).code)
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

    def cleanup(self) -> None:
        """Let go of the last trial, as between two trials."""
        self._steps.release()

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:  # noqa: ARG002
        """Nothing: the run folder holds the checkpoint."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Nothing: `step` goes on from the run folder."""

    def step(self) -> dict[str, Any]:
        """Train one epoch; a failure is a result too, so that the actor lives on."""
        result = self._steps.step()
        return {**result, NODE: self._node, DONE: is_over(result)}


def check_code(wanted: str) -> None:
    """Raise RunError where this process has other code than the driver, whose digest is `wanted`."""
    if not wanted:
        return
    from search.doctor.machine import ROOT, code_digest

    found = code_digest(ROOT)
    if found != wanted:
        message = f"this node has code {found}, the driver {wanted}"
        raise RunError(message, "Bring the cluster up to date: 'ray up' again.")
