"""Predictions of several members together for a few trials, and what the server wants of them.

Memory holds these trials, as read once and as predicted by one member after the other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensemble.networks import Networks
from ensemble.rules.weights import Weights
from ensemble.submission import Row
from models.recordings.session import Session
from models.scoring import server_units
from models.trained import TrainedRun

Array = npt.NDArray[np.float32]
Array64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """A trial as it is read once for all runs."""

    session: Session
    trial: int
    video: Array
    """(T, H, W) as on disk."""
    behaviour: Array
    """(4, T)"""

    @classmethod
    def read(cls, session: Session, trial: int) -> "Inputs":
        """Raises RecordingError."""
        return cls(session, trial, session.video(trial), session.behaviour(trial))

    def response_of(self, run: TrainedRun) -> Array:
        """(N, T) what a run predicts, in raw units."""
        return run.respond(self.session, self.video, self.behaviour)


@dataclass(frozen=True)
class Voice:
    """A member's runs."""

    runs: tuple[Path, ...]
    networks: Networks

    def respond(self, trials: Sequence[Inputs]) -> list[Array]:
        """(N, T) of each trial, the mean over the runs. Raises RunError for what does not fit."""
        first, *others = self.runs
        totals = self._responses(first, trials)
        for path in others:
            responses = self._responses(path, trials)
            totals = [t + r for t, r in zip(totals, responses, strict=True)]
        return [total / np.float32(len(self.runs)) for total in totals] if others else totals

    def _responses(self, path: Path, trials: Sequence[Inputs]) -> list[Array]:
        run = self.networks.open(path)
        return [each.response_of(run) for each in trials]


@dataclass(frozen=True)
class Crowd:
    """M members that predict together, with their weights."""

    voices: tuple[Voice, ...]
    weights: Weights

    def respond(self, trials: Sequence[Inputs]) -> Iterator[list[Array]]:
        """M times the predictions (N, T) of all trials, in raw units, one member after the other."""
        return (voice.respond(trials) for voice in self.voices)

    def share(self, member: int, prediction: Array, mouse: str) -> Array64:
        """(N, T) what a member adds to the weighted mean of a mouse, in float64."""
        weighted: Array64 = self.weights.of(mouse)[..., member, np.newaxis] * prediction
        return weighted

    @property
    def is_plain(self) -> bool:
        """Whether all members have the same weight everywhere."""
        shared = self.weights.shared
        return not self.weights.own and bool(np.ptp(shared) <= np.finfo(np.float64).eps)


class ServerUnits:
    """Turns predictions in raw units into what the server compares with.

    `frames` is the number of values of a trial of 300 frames or more (249 or 250). Without
    `normalise` the values stay in raw units.
    """

    def __init__(self, frames: int = 249, normalise: bool = True) -> None:
        self.frames, self.normalise = frames, normalise

    def scaled(self, session: Session, values: npt.NDArray[np.floating]) -> Array64:
        """(N, F) from (N, T) of a trial's valid frames: cut, then times the response precision."""
        return server_units(session, values, self.frames, self.normalise)

    def row(self, session: Session, trial: int, prediction: npt.NDArray[np.floating]) -> Row:
        """A submission's row from (N, T); responses are never negative, so neither are these.

        In single precision, as networks compute and as the numbers in the winner's files are: more
        digits would be noise that no file compresses.
        """
        values = np.maximum(self.scaled(session, prediction), 0, dtype=np.float32)
        return Row(session.name, trial, values, session.unit_ids)
