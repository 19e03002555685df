"""Moments of one full-size mouse from the run folders of many members, a trial at a time.

All members share one file of predictions, by links: reading it fifty times takes the same memory as
reading fifty, and the disk keeps one.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.moments import Moments, Trial
from models import predictions

MOUSE = "mouse"
FILMS = 6
"""Different ones among the oracle trials, each of which makes a block."""
READ = 2
"""Members that the plain way reads: all would not fit into memory."""


@dataclass(frozen=True)
class Held:
    """What is held out of a mouse of the competition: its oracle tier."""

    members: int = 50
    trials: int = 58
    neurons: int = 7863
    frames: int = 300

    @classmethod
    def of(cls, share: float) -> "Held":
        """With this share of the neurons."""
        return cls(neurons=max(1, round(share * cls.neurons)))

    @property
    def bytes(self) -> int:
        """Of a member's file."""
        return 2 * self.trials * self.neurons * self.frames

    def write(self, folder: Path) -> None:
        """A run folder a member, with nothing but predictions."""
        random = np.random.default_rng(0)
        shape = (self.neurons, self.frames)
        made = ((trial, random.standard_exponential(shape, np.float32)) for trial in self._ids)
        first = folder / "0"
        predictions.write(first, MOUSE, made)
        for member in range(1, self.members):
            (folder / str(member)).symlink_to(first, target_is_directory=True)

    def read(self, folder: Path) -> Iterator[Trial]:
        """Each trial as all members predicted it."""
        opened = [predictions.Opened(folder / str(m), MOUSE) for m in range(self.members)]
        random = np.random.default_rng(1)
        for trial in self._ids:
            response = random.standard_exponential((self.neurons, self.frames), np.float32)
            # Without a name, so that it is gone before the next one is read.
            yield f"{trial % FILMS:02d}", [each[trial] for each in opened], response

    def said(self, seconds: float) -> tuple[str, ...]:
        """What was collected."""
        return (
            f"moments: {self.members} members x {self.trials} trials x {self.neurons:,} neurons x"
            f" {self.frames} frames in {FILMS} blocks, and their covariance, in {seconds:.0f} s; the"
            f" members share one file; the plain way holds {READ} of them, and is multiplied",
        )

    @property
    def _ids(self) -> range:
        return range(self.trials)


def collected(folder: str, members: str, share: str) -> float:
    """Seconds to collect moments and their covariance, in a process of its own."""
    began = time.perf_counter()
    held = Held(int(members), neurons=Held.of(float(share)).neurons)
    covariance = Moments.collect(held.read(Path(folder))).covariance
    assert np.isfinite(covariance.response).all()
    return time.perf_counter() - began


def read_whole(folder: str, members: str) -> float:
    """How many trials there are when members are read whole and held, in a process of its own."""
    held = [predictions.read(Path(folder) / str(m), MOUSE) for m in range(int(members))]
    return float(len(held[0]))
