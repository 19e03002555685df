"""One run being trained in its folder, from recordings to predictions; it can stop and go on."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models import predictions
from models.checkpoints import load_state, save_state
from models.config import RunConfig
from models.devices import usable_device
from models.errors import RecordingError, RunError
from models.inference import Predictor
from models.metrics import has_scored_frames, over_mice, scored_frames, single_trial_correlation
from models.networks.network import Mouse
from models.networks.registry import build
from models.recordings.clips import Pool, downsampled
from models.recordings.feed import feed_of
from models.recordings.folds import fold_of_group
from models.recordings.session import fingerprint
from models.recordings.trials import MouseTrials, Trial, load_trials
from models.runs import SCORE, TRAIN_LOSS, MouseRecord, RunFolder, RunRecord, Status, new_record
from models.training.loop import Training


class Fit:
    """See the module's docstring. Raises UserError for unusable data, RunError for a taken folder."""

    def __init__(self, folder: Path, config: RunConfig, data: Path, device: str = "auto") -> None:
        self.folder, self.config = RunFolder(folder), config
        place = usable_device(device)
        mice = load_trials(data, config.data.tiers)
        self._training_trials, self._held_out = _split(mice, config)
        self._mice = mice
        self._begin(data)
        self.training = self._new_training(place)
        self._metrics: list[dict[str, float]] = []
        if self.folder.checkpoint.exists():
            self.training.load_state(load_state(self.folder.checkpoint))
            self._metrics = self.folder.metrics()[: self.epoch]

    @property
    def epoch(self) -> int:
        """Epochs trained so far."""
        return self.training.epoch

    @property
    def done(self) -> bool:
        """Whether the full budget is trained."""
        return self.epoch >= self.config.training.epochs

    @property
    def score(self) -> float:
        """Validation score after the last epoch; NaN before the first."""
        return self._metrics[-1][SCORE] if self._metrics else float("nan")

    def train_epoch(self) -> dict[str, float]:
        """Train and validate one epoch and write it down. Raises TrainingFailed."""
        began = time.perf_counter()
        loss = self.training.train_epoch()
        line: dict[str, float] = {
            "epoch": self.epoch,
            TRAIN_LOSS: loss,
            SCORE: self._validate(),
            "learning_rate": float(self.training.schedule.get_last_lr()[0]),
            "seconds": time.perf_counter() - began,
        }
        self._metrics.append(line)
        self.folder.write_metrics(self._metrics)
        save_state(self.folder.weights, self.training.averaged.state_dict())
        save_state(self.folder.checkpoint, self.training.state())
        return line

    def finish(self) -> None:
        """Write predictions for the held-out fold and the status: the run is complete."""
        for index, mouse in enumerate(self._mice):
            predicted = {
                trial.number: self._predict(index, trial) for trial in self._held_out[index]
            }
            predictions.write(self.folder.path, mouse.session.name, predicted)
        epochs = self.config.training.epochs
        self.folder.end(Status(state="complete", epoch=self.epoch, epochs=epochs, score=self.score))

    def _begin(self, data: Path) -> None:
        """Write config.json, or see that the run that is there is this one."""
        sessions = [mouse.session for mouse in self._mice]
        mark = fingerprint(sessions)
        if self.folder.exists:
            self._check_same(self.folder.record(), mark)
            return
        records = [MouseRecord(name=s.name, unit_ids=s.unit_ids.tolist()) for s in sessions]
        self.folder.create(new_record(self.config, records, self._size, data, mark))

    def _check_same(self, begun: RunRecord, mark: str) -> None:
        """Raise RunError unless the run that was begun here is this one."""
        if begun.config != self.config:
            message = f"{self.folder.path} holds a run with another configuration"
        elif begun.fingerprint != mark:
            message = f"{self.folder.path} holds a run on other recordings: {begun.data}"
        else:
            return
        raise RunError(message, "Choose another folder, or remove that run.")

    @property
    def _size(self) -> tuple[int, int]:
        height, width = self._mice[0].arrays.videos.shape[1:]
        factor = self.config.data.downsample
        return height // factor, width // factor

    def _new_training(self, device: torch.device) -> Training:
        torch.manual_seed(self.config.seed)
        pairs = list(zip(self._mice, self._training_trials, strict=True))
        magnitudes: list[Mouse] = [mouse.mouse(trials) for mouse, trials in pairs]
        network = build(self.config.network, magnitudes, self._size)
        pools = [Pool.of(mouse, trials) for mouse, trials in pairs]
        return Training(self.config, network, feed_of(pools, self.config, device), device)

    def _validate(self) -> float:
        """The score: mean over mice of the single-trial correlation on the held-out trials."""
        per_mouse: dict[str, npt.NDArray[Any]] = {}
        for index, mouse in enumerate(self._mice):
            scored = [trial for trial in self._held_out[index] if has_scored_frames(trial.length)]
            if scored:
                pairs = (self._scored(index, trial) for trial in scored)
                per_mouse[mouse.session.name] = single_trial_correlation(pairs)
                mouse.arrays.release()
        return over_mice(per_mouse)

    def _scored(self, mouse: int, trial: Trial) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        frames = scored_frames(trial.length)
        return self._predict(mouse, trial)[:, frames], self._mice[mouse].responses(trial)[:, frames]

    def _predict(self, mouse: int, trial: Trial) -> npt.NDArray[np.float32]:
        predictor = Predictor(
            self.training.averaged, self.config.network, self.config.inference.stride
        )
        held = self._mice[mouse]
        video = torch.from_numpy(held.video(trial)).to(self.training.device)
        return predictor.predict(
            downsampled(video, self.config.data.downsample), held.behaviour(trial), mouse
        )


def _split(
    mice: tuple[MouseTrials, ...], config: RunConfig
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
