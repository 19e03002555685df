"""A stand-in for `models.fit.Fit` that sleeps where it would train: what a cluster takes beside that."""

import time

from search.bench.trivial import TrivialFit

FIT = "search.bench.sleeping:SleepingFit"
EPOCHS = 10
EPOCH_S = 2.0


class SleepingFit(TrivialFit):
    """As TrivialFit, in EPOCH_S seconds an epoch."""

    def train_epoch(self) -> dict[str, float]:
        """Write down an epoch of sleep."""
        time.sleep(EPOCH_S)
        return super().train_epoch()
