"""A stand-in for `models.fit.Fit` that trains nothing: what a search takes beside the training.

It writes what the contract between the rooms demands, and notes when its epochs begin and end.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.config import RunConfig
from models.runs import SCORE, TRAIN_LOSS, MouseRecord, RunFolder, Status, new_record
from search.bench.times import stamp

FIT = "search.bench.trivial:TrivialFit"
EPOCHS = 3
MOUSE = MouseRecord(name="mouse", unit_ids=[1, 2])
FRAME_SIZE = (36, 64)


class TrivialFit:
    """Scores at random, at once."""

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        data: Path,
        device: str,  # noqa: ARG002
        pause: Callable[[], bool],  # noqa: ARG002
    ) -> None:
        self.run, self.config = RunFolder(folder), config
        if not self.run.exists:
            self.run.create(new_record(config, [MOUSE], FRAME_SIZE, data, "none"))
        self.lines = self.run.metrics()
        self._random = np.random.default_rng(config.seed)

    @property
    def done(self) -> bool:
        """Whether the full budget is trained."""
        return len(self.lines) >= self.config.training.epochs

    def train_epoch(self) -> dict[str, float]:
        """Write down an epoch without one."""
        stamp(self.run.path)
        score = float(self._random.uniform(0.1, 0.3))
        line = {"epoch": len(self.lines) + 1, SCORE: score, TRAIN_LOSS: 1 - score, "seconds": 0.0}
        self.lines.append(line | {"learning_rate": self.config.training.learning_rate})
        self.run.write_metrics(self.lines)
        self.run.weights.write_bytes(b"weights")
        stamp(self.run.path)
        return self.lines[-1]

    def finish(self) -> None:
        """Complete the run on disk."""
        epochs, score = len(self.lines), self.lines[-1][SCORE]
        self.run.end(Status(state="complete", epoch=epochs, epochs=epochs, score=score))
        stamp(self.run.path)
