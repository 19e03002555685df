"""One run being trained in its folder, from recordings to predictions; it can stop and go on."""

from collections.abc import Callable
from pathlib import Path

import torch

from models.checkpoints import load_state, save_state
from models.config import RunConfig
from models.devices import usable_device
from models.errors import RunError
from models.files import remove_abandoned
from models.networks.network import Mouse
from models.networks.registry import build
from models.recordings.clips import Pool
from models.recordings.feed import feed_of
from models.recordings.session import fingerprint
from models.recordings.trials import load_trials
from models.recordings.where import Where
from models.runs import (
    SCORE,
    STATUS,
    TRAIN_LOSS,
    MouseRecord,
    RunFolder,
    RunRecord,
    State,
    Status,
    new_record,
)
from models.teaching import open_teachers
from models.training.best import best_epoch, kept_epoch
from models.training.clock import Clock
from models.training.distillation import Distillation
from models.training.failure import TrainingFailed, TrainingPaused
from models.training.held_out import HeldOut, split
from models.training.kernels import check_compiler
from models.training.loop import Training
from models.training.objective import ResponseLoss
from models.training.probe import Probed, is_probed, probe
from models.training.shown import shown_trials


class Fit:
    """See the module's docstring. Raises UserError for unusable data, RunError for a taken folder.

    The checkpoint decides where a run is. It is written first, with all that the other files of an
    epoch are made from; whatever is missing of them after a crash is written when the run goes on.
    """

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        data: Where,
        device: str = "auto",
        pause: Callable[[], bool] = lambda: False,
    ) -> None:
        """`pause` is asked after every step whether to write a checkpoint and raise TrainingPaused."""
        self.folder, self.config, self._pause = RunFolder(folder), config, pause
        place = usable_device(device)
        if config.training.compile:
            check_compiler(place)
        mice = load_trials(data, config.data.tiers)
        self._mice = mice
        self._trials, held_out = split(mice, config)
        self._held_out = HeldOut(mice, held_out, config)
        self._teachers = open_teachers(config, mice, held_out, self._size, place)
        self._begin(data)
        self.training = self._new_training(place)
        self._metrics: list[dict[str, float]] = []
        self._clock = Clock()
        self._probed: Probed | None = None
        for large in (self.folder.checkpoint, self.folder.weights):
            remove_abandoned(large)
        if self.folder.checkpoint.exists():
            self._go_on()

    @property
    def epoch(self) -> int:
        """Epochs trained so far."""
        return self.training.epoch

    @property
    def done(self) -> bool:
        """Whether the full budget is trained, or training was stopped early."""
        return self.epoch >= self.config.training.epochs or self._has_stopped

    @property
    def kept_epoch(self) -> int:
        """The epoch whose weights are kept; 0 before the first."""
        return kept_epoch(self._scores, self.config.training.keep)

    @property
    def score(self) -> float:
        """Validation score of the epoch whose weights are kept; NaN before the first."""
        return self._scores[self.kept_epoch - 1] if self._scores else float("nan")

    @property
    def notes(self) -> list[str]:
        """What a user should know of the training so far."""
        taken = None if self._probed is None else self._probed.gigabytes
        words = [] if taken is None else [f"tensors take {taken:.1f} GB of the device's memory"]
        return [*words, *self.training.portion.notes]

    def train_epoch(self) -> dict[str, float]:
        """Train, validate and write down an epoch, or what is left of it.

        Raises TrainingFailed, and TrainingPaused where it is asked to pause. A failure is written
        down as well; where a run that had failed goes on, that is withdrawn.
        """
        (self.folder.path / STATUS).unlink(missing_ok=True)
        try:
            return self._train_epoch()
        except TrainingFailed as failure:
            self._end("failed", failure.reason)
            raise

    def finish(self) -> None:
        """Write predictions for the held-out fold and the status: the run is complete.

        From here on `training.averaged` is the network that is kept.
        """
        if self.kept_epoch != self.epoch:
            self.training.averaged.load_state_dict(load_state(self.folder.weights))
        self._held_out.write_predictions(self.training.averaged, self.folder.path)
        self._end("complete", self._reason)

    def _train_epoch(self) -> dict[str, float]:
        if self._probed is None and is_probed(self.training.device):
            self._probed = probe(self.training, self._held_out)
        loss = self.training.train_epoch(self._after_step)
        rate = self.training.schedule.learning_rate
        score = self._held_out.score(self.training.averaged)
        self.training.validated(score)
        line: dict[str, float] = {
            "epoch": self.epoch,
            TRAIN_LOSS: loss,
            SCORE: score,
            "learning_rate": rate,
            "micro_batch": self.training.portion.clips,
            "seconds": self._clock.next_epoch(),
        }
        line |= self._of_this_process()
        self._metrics.append(line)
        self._save()
        self._write_epoch()
        return line

    def _of_this_process(self) -> dict[str, float]:
        """What an epoch's line says of the memory that is taken, and of the first step."""
        found = {}
        if self._probed is not None and self._probed.gigabytes is not None:
            found["memory_gb"] = self._probed.gigabytes
        if self.config.training.compile and not self._metrics:
            compiled = 0.0 if self._probed is None else self._probed.seconds
            found["first_step_seconds"] = compiled + self.training.first_step_seconds
        return found

    def _after_step(self, step: int) -> None:
        """Write a checkpoint within an epoch, if it is time; at its end the epoch's is written."""
        if step % self.training.steps_per_epoch == 0:
            return
        pause = self._pause()
        if pause or self._clock.since_saved >= 60 * self.config.training.checkpoint_minutes:
            self._save()
        if pause:
            raise TrainingPaused

    def _save(self) -> None:
        """Write the checkpoint: all that a new process needs to go on."""
        state = {
            "training": self.training.state(),
            "metrics": self._metrics,
            "seconds": self._clock.of_epoch,
        }
        save_state(self.folder.checkpoint, state)
        self._clock.saved()

    def _go_on(self) -> None:
        """Read the checkpoint; if it is of an epoch's end, complete that epoch's files."""
        path = self.folder.checkpoint
        state = load_state(path)
        try:
            self.training.load_state(state["training"])
            self._metrics = list(state["metrics"])
            self._clock = Clock(state["seconds"])
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            message = f"{path} does not fit this version's training"
            raise RunError(message, "Remove the run and train it again.") from error
        if self.training.step % self.training.steps_per_epoch == 0:
            self._write_epoch()

    def _write_epoch(self) -> None:
        """Write what readers want of the last epoch. Its weights are no longer there within the next."""
        if self.kept_epoch == self.epoch:
            save_state(self.folder.weights, self.training.averaged.state_dict())
        self.folder.write_metrics(self._metrics)

    def _end(self, state: State, reason: str) -> None:
        self.folder.end(
            Status(
                state=state,
                epoch=self.epoch,
                epochs=self.config.training.epochs,
                score=self.score if self._scores else None,
                reason=reason,
            )
        )

    @property
    def _scores(self) -> list[float]:
        """Of each epoch."""
        return [line[SCORE] for line in self._metrics]

    @property
    def _has_stopped(self) -> bool:
        """Whether there was no better score for too long."""
        patience = self.config.training.early_stop
        return patience is not None and len(self._scores) - best_epoch(self._scores) >= patience

    @property
    def _reason(self) -> str:
        """Why the run is complete before its full budget; nothing where it is not."""
        if self.epoch >= self.config.training.epochs:
            return ""
        best = best_epoch(self._scores)
        return f"no better score for {self.epoch - best} epochs; the best is that of epoch {best}"

    def _begin(self, data: Where) -> None:
        """Write config.json, or see that the run that is there is this one."""
        sessions = [mouse.session for mouse in self._mice]
        mark = fingerprint(sessions)
        if self.folder.exists:
            self._check_same(self.folder.record(), mark)
            return
        records = [MouseRecord(name=s.name, unit_ids=s.unit_ids.tolist()) for s in sessions]
        record = new_record(self.config, records, self._size, data, mark)
        self.folder.create(record.model_copy(update={"teachers": self._teachers.records}))

    def _check_same(self, begun: RunRecord, mark: str) -> None:
        """Raise RunError unless the run that was begun here is this one."""
        if begun.config != self.config:
            message = f"{self.folder.path} holds a run with another configuration"
        elif begun.fingerprint != mark:
            message = f"{self.folder.path} holds a run on other recordings: {begun.data}"
        elif begun.teachers != self._teachers.records:
            message = f"the teachers of {self.folder.path} have other weights than when it began"
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
        pairs = list(zip(self._mice, self._trials, strict=True))
        magnitudes: list[Mouse] = [mouse.mouse(trials) for mouse, trials in pairs]
        network = build(self.config.network, magnitudes, self._size).to(device)
        if not self.folder.checkpoint.exists():
            network.prepare(shown_trials(pairs, self.config.data.downsample, device))
        pools = [Pool.of(mouse, trials) for mouse, trials in pairs]
        mean = self._teachers.mean(network, self.config)
        feed = feed_of(pools, self.config, device, None if mean is None else mean.drawn)
        each = [len(trials) for trials in self._trials]
        training = Training(self.config, network, feed, device, trials=sum(each) / len(each))
        if mean is not None and self.config.distillation is not None:
            weight = self.config.distillation.weight
            training.objective = Distillation(ResponseLoss(self.config.training), mean, weight)
        return training
