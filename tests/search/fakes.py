"""A stand-in for models.fit.Fit that trains nothing; `network.filters` says how it behaves."""

import os
import time
from pathlib import Path

import numpy as np

from models.config import RunConfig
from models.runs import SCORE, TRAIN_LOSS, MouseRecord, RunFolder, Status, new_record
from models.training.failure import TrainingFailed, TrainingPaused

GOOD, WEAK, DIVERGES, RAISES, NAN_SCORE, DIES_ONCE, DIES, SLOW = range(1, 9)
EPOCHS = 4


class FakeFit:
    """Scores between 0 and 1 at once, in the folder that the contract between the rooms describes."""

    def __init__(self, folder: Path, config: RunConfig, data: Path, device: str, pause) -> None:
        self.pause = pause
        self.folder, self.config, self.device = RunFolder(folder), config, device
        self.kind = config.network.filters
        if not self.folder.exists:
            mice = [MouseRecord(name="mouse", unit_ids=[1, 2])]
            self.folder.create(new_record(config, mice, (36, 64), data, "fingerprint"))
        with (folder / "pids").open("a") as file:
            file.write(f"{os.getpid()}\n")
        self._metrics = self.folder.metrics()
        self.epoch = len(self._metrics)

    @property
    def done(self) -> bool:
        return self.epoch >= self.config.training.epochs

    def train_epoch(self) -> dict[str, float]:
        self._misbehave()
        self.epoch += 1
        line = {"epoch": self.epoch, SCORE: self._score(), TRAIN_LOSS: 1.0 / self.epoch}
        line |= {"learning_rate": self.config.training.learning_rate, "seconds": 0.01}
        self._metrics.append(line)
        self.folder.write_metrics(self._metrics)
        self.folder.weights.write_bytes(b"weights")
        return line

    def finish(self) -> None:
        score = self._metrics[-1][SCORE]
        self.folder.end(Status(state="complete", epoch=self.epoch, epochs=self.epoch, score=score))

    def _misbehave(self) -> None:
        second = self.epoch == 1
        if self.kind == DIVERGES and second:
            raise TrainingFailed("the loss is nan in epoch 1")
        if self.kind == RAISES and second:
            raise ValueError("a broken layer")
        lives = len((self.folder.path / "pids").read_text().split())
        if self.kind == DIES or (self.kind == DIES_ONCE and second and lives == 1):
            os._exit(1)
        for _ in range(10 if self.kind == SLOW else 0):
            time.sleep(0.1)
            if self.pause():
                raise TrainingPaused

    def _score(self) -> float:
        if self.kind == NAN_SCORE and self.epoch == 2:
            return float("nan")
        base = {WEAK: 0.05, DIES_ONCE: 0.5}.get(self.kind, 0.3)
        noise = np.random.default_rng(self.config.seed).uniform(0, 0.01)
        return float(base + noise + 0.1 * self.epoch)
