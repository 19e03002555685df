"""The trials that a run trains and validates on, from the packed store or, without one, in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from models.errors import RecordingError
from models.networks.network import Mouse
from models.recordings.arrays import Arrays, held, joined, pooled
from models.recordings.data_set import open_sessions
from models.recordings.films import film_groups
from models.recordings.folds import fold_of_group
from models.recordings.session import Session
from models.recordings.store.folders import BEHAVIOUR, RESPONSES, VIDEOS
from models.recordings.store.packed import PackedSession
from models.recordings.where import Where, absolute

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Trial:
    """One trial with known responses, and where it lies in its session's arrays."""

    number: int
    """File id."""
    group: str
    """Films of the same content have the same group."""
    length: int
    """T."""
    frame: int
    """Its first row in videos and behaviour."""
    row: int
    """Its first row in responses."""


@dataclass(frozen=True)
class MouseTrials:
    """One mouse and its trials."""

    session: Session
    arrays: Arrays
    trials: tuple[Trial, ...]
    moments: Callable[[int], npt.NDArray[np.float64]]
    """(2, N) mean and standard deviation of the responses in a trial, by its file id."""

    def split(self, folds: int, fold: int) -> tuple[list[Trial], list[Trial]]:
        """Trials to train on, and trials of the fold that is held out."""
        parts: tuple[list[Trial], list[Trial]] = ([], [])
        for trial in self.trials:
            parts[fold_of_group(trial.group, folds) == fold].append(trial)
        return parts

    def mouse(self, trials: Sequence[Trial]) -> Mouse:
        """The mouse with its magnitudes over these trials."""
        per_trial = (self.moments(trial.number) for trial in trials)
        response = pooled(per_trial, (trial.length for trial in trials))
        behaviour = np.concatenate([self.behaviour(trial) for trial in trials], axis=1)
        return Mouse(
            name=self.session.name,
            neurons=self.session.neurons,
            response_mean=response[0].astype(np.float32),
            response_std=response[1].astype(np.float32),
            behaviour_mean=behaviour.mean(axis=1),
            behaviour_std=behaviour.std(axis=1),
        )

    def video(self, trial: Trial) -> npt.NDArray[np.generic]:
        """(T, H, W) grey values 0..255, as they are held."""
        self.arrays.look(trial.number, VIDEOS)
        return self.arrays.videos[trial.frame : trial.frame + trial.length]

    def behaviour(self, trial: Trial) -> Array:
        """(4, T) as in `Session`."""
        self.arrays.look(trial.number, BEHAVIOUR)
        return self.arrays.behaviour[trial.frame : trial.frame + trial.length].T

    def responses(self, trial: Trial) -> Array:
        """(N, T) responses in raw units."""
        self.arrays.look(trial.number, RESPONSES)
        return self.arrays.responses[trial.row : trial.row + trial.length].T.astype(np.float32)


def load_trials(data: Where, tiers: tuple[str, ...]) -> tuple[MouseTrials, ...]:
    """All trials of these tiers that have responses; a mouse without any is a RecordingError.

    Packed sessions are mapped; others are read into memory, where the last data set asked for stays.
    """
    sessions = open_sessions(data)
    if all(isinstance(session, PackedSession) for session in sessions):
        return _load(sessions, tiers)
    return _load_into_memory(absolute(data), tiers)


@lru_cache(maxsize=1)
def _load_into_memory(data: Where, tiers: tuple[str, ...]) -> tuple[MouseTrials, ...]:
    return _load(open_sessions(data), tiers)


def _load(sessions: Sequence[Session], tiers: Sequence[str]) -> tuple[MouseTrials, ...]:
    chosen = [known_trials(session, tiers) for session in sessions]
    groups = film_groups(sessions)
    return tuple(
        _mouse(session, numbers, {number: groups[session.name, number] for number in numbers})
        for session, numbers in zip(sessions, chosen, strict=True)
    )


def _mouse(session: Session, numbers: Sequence[int], groups: dict[int, str]) -> MouseTrials:
    if isinstance(session, PackedSession):
        places = session.places
        trials = (
            Trial(n, groups[n], places[n].length, places[n].frame, places[n].row) for n in numbers
        )
        return MouseTrials(session, session.arrays, tuple(trials), session.moments)
    return _in_memory(session, numbers, groups)


def _in_memory(session: Session, numbers: Sequence[int], groups: dict[int, str]) -> MouseTrials:
    read = [held(session, number) for number in numbers]
    lengths = [len(trial.behaviour) for trial in read]
    firsts = np.cumsum([0, *lengths]).tolist()
    trials = (
        Trial(number, groups[number], length, first, first)
        for number, length, first in zip(numbers, lengths, firsts, strict=False)
    )
    each = {
        number: trial.moments
        for number, trial in zip(numbers, read, strict=True)
        if trial.moments is not None
    }
    arrays = joined(read, session.neurons)
    return MouseTrials(session, arrays, tuple(trials), each.__getitem__)


def known_trials(session: Session, tiers: Sequence[str]) -> list[int]:
    """Trials of these tiers whose responses are known; a RecordingError where there are none."""
    known = [number for number in session.trials(tiers) if session.has_responses(number)]
    if not known:
        message = f"{session.path} has no trial with responses in the tiers {', '.join(tiers)}"
        raise RecordingError(message, f"Run 'python -m models check {session.path}'.")
    return known
