"""The trials that a run does not learn from: its score, and its predictions for them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models import predictions
from models.config import RunConfig
from models.errors import RecordingError
from models.inference import Predictor
from models.metrics import has_scored_frames, over_mice, scored_frames, single_trial_correlation
from models.networks.network import Network
from models.recordings.clips import downsampled
from models.recordings.folds import fold_of_group
from models.recordings.trials import MouseTrials, Trial

Array = npt.NDArray[Any]


class HeldOut:
    """The held-out trials of each mouse."""

    def __init__(
        self, mice: Sequence[MouseTrials], trials: Sequence[Sequence[Trial]], config: RunConfig
    ) -> None:
        self.mice, self.trials, self.config = mice, trials, config

    def score(self, network: Network) -> float:
        """Mean over mice of the single-trial correlation; NaN where no trial has scored frames."""
        predictor = self._predictor(network)
        per_mouse: dict[str, Array] = {}
        for index, mouse in enumerate(self.mice):
            scored = [trial for trial in self.trials[index] if has_scored_frames(trial.length)]
            if scored:
                pairs = (self._scored(predictor, index, trial) for trial in scored)
                per_mouse[mouse.session.name] = single_trial_correlation(pairs)
                mouse.arrays.release()
        return over_mice(per_mouse)

    def write_predictions(self, network: Network, folder: Path) -> None:
        """A file a mouse, in a run's folder."""
        predictor = self._predictor(network)
        for index, mouse in enumerate(self.mice):
            trials = self.trials[index]
            predicted = ((trial.number, self._predict(predictor, index, trial)) for trial in trials)
            predictions.write(folder, mouse.session.name, predicted)

    def try_largest(self, network: Network) -> None:
        """Predict zeros in place of the longest trial, the mouse with the most neurons first.

        Windows one at a time, since there are as many at once as fit; one width of them is enough.
        """
        places = [(trial.length, mouse) for mouse, own in enumerate(self.trials) for trial in own]
        neurons = [len(mouse.session.unit_ids) for mouse in self.mice]
        length, mouse = max(places, key=lambda place: (place[0], neurons[place[1]]))
        predictor = self._predictor(network)
        predictor.batch_size = 1
        frames = predictor.clip.width if network.windowed else length
        height, width = self.mice[mouse].arrays.videos.shape[1:]
        factor = self.config.data.downsample
        size = (frames, height // factor, width // factor)
        predictor.predict(np.zeros(size, np.float32), np.zeros((4, frames), np.float32), mouse)

    def _predictor(self, network: Network) -> Predictor:
        how = self.config.inference
        return Predictor(network, self.config.network, how.stride, how.windows)

    def _scored(self, predictor: Predictor, mouse: int, trial: Trial) -> tuple[Array, Array]:
        frames = scored_frames(trial.length)
        predicted = self._predict(predictor, mouse, trial)
        return predicted[:, frames], self.mice[mouse].responses(trial)[:, frames]

    def _predict(self, predictor: Predictor, mouse: int, trial: Trial) -> npt.NDArray[np.float32]:
        held = self.mice[mouse]
        video = torch.from_numpy(held.video(trial)).to(predictor.device)
        frames = downsampled(video, self.config.data.downsample)
        return predictor.predict(frames, held.behaviour(trial), mouse)


def split(
    mice: Sequence[MouseTrials], config: RunConfig
) -> tuple[list[list[Trial]], list[list[Trial]]]:
    """Training and held-out trials of each mouse; a fold that leaves either side empty is an error."""
    folds, fold = config.data.folds, config.data.fold
    parts = [mouse.split(folds, fold) for mouse in mice]
    training, held_out = [part[0] for part in parts], [part[1] for part in parts]
    if all(training) and any(held_out):
        return training, held_out
    groups = {trial.group for mouse in mice for trial in mouse.trials}
    sizes = [sum(fold_of_group(group, folds) == each for group in groups) for each in range(folds)]
    message = (
        f"fold {fold} of {folds} cannot be held out: the {len(groups)} different films fall into "
        f"folds of {', '.join(map(str, sizes))}, but every mouse needs a film to train on, and some "
        f"mouse one that is held out"
    )
    raise RecordingError(message, "Choose other values of data.folds and data.fold.")
