"""The trials that a run trains and validates on, in memory."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import RecordingError
from models.networks.network import Mouse
from models.recordings.folds import content_groups, film_hash, fold_of_group
from models.recordings.layout import Session, open_sessions


@dataclass(frozen=True)
class Trial:
    """One trial with known responses."""

    number: int
    """File id."""
    group: str
    """Films of the same content have the same group."""
    video: npt.NDArray[np.float16]  # (T, H, W), after downsampling
    behaviour: npt.NDArray[np.float32]  # (4, T)
    responses: npt.NDArray[np.float32]  # (N, T)

    @property
    def length(self) -> int:
        """T."""
        return len(self.video)


@dataclass(frozen=True)
class MouseTrials:
    """One mouse and its trials."""

    session: Session
    trials: tuple[Trial, ...]

    def split(self, folds: int, fold: int) -> tuple[list[Trial], list[Trial]]:
        """Trials to train on, and trials of the fold that is held out."""
        parts: tuple[list[Trial], list[Trial]] = ([], [])
        for trial in self.trials:
            parts[fold_of_group(trial.group, folds) == fold].append(trial)
        return parts

    def mouse(self, trials: Sequence[Trial]) -> Mouse:
        """The mouse with its magnitudes over these trials."""
        responses = np.concatenate([trial.responses for trial in trials], axis=1)
        behaviour = np.concatenate([trial.behaviour for trial in trials], axis=1)
        return Mouse(
            name=self.session.name,
            neurons=self.session.neurons,
            response_mean=responses.mean(axis=1),
            response_std=responses.std(axis=1),
            behaviour_mean=behaviour.mean(axis=1),
            behaviour_std=behaviour.std(axis=1),
        )


def downsampled(video: npt.NDArray[np.float32], factor: int) -> npt.NDArray[np.float32]:
    """(T, H / factor, W / factor) means over squares of factor x factor pixels of (T, H, W)."""
    if factor == 1:
        return video
    frames, height, width = video.shape
    squares = video.reshape(frames, height // factor, factor, width // factor, factor)
    means: npt.NDArray[np.float32] = squares.mean(axis=(2, 4), dtype=np.float32)
    return means


@lru_cache(maxsize=1)
def load_trials(data: Path, tiers: tuple[str, ...], downsample: int) -> tuple[MouseTrials, ...]:
    """All trials of these tiers that have responses; the last data set asked for stays in memory.

    Raises RecordingError where a mouse has none.
    """
    sessions = open_sessions(data)
    loaded = [list(_load(session, tiers, downsample)) for session in sessions]
    groups = iter(content_groups([bits for trials in loaded for _, bits in trials]))
    return tuple(
        MouseTrials(session, tuple(replace(trial, group=next(groups)) for trial, _ in trials))
        for session, trials in zip(sessions, loaded, strict=True)
    )


def _load(
    session: Session, tiers: Sequence[str], downsample: int
) -> Iterator[tuple[Trial, npt.NDArray[np.bool_]]]:
    """Each trial, not yet in a group, and its film's hash: the film is read once for both."""
    for number in _known(session, tiers):
        video, responses = session.video(number), session.responses(number)
        if responses is not None:
            small = downsampled(video, downsample).astype(np.float16)
            yield (
                Trial(number, "", small, session.behaviour(number), responses),
                film_hash(video),
            )


def _known(session: Session, tiers: Sequence[str]) -> list[int]:
    """Trials of these tiers whose responses are known."""
    known = [number for number in session.trials(tiers) if session.has_responses(number)]
    if not known:
        message = f"{session.path} has no trial with responses in the tiers {', '.join(tiers)}"
        raise RecordingError(message, f"Run 'python -m models check {session.path}'.")
    return known


def fingerprint(sessions: Sequence[Session]) -> str:
    """Twelve hexadecimal digits that change with the mice, their neurons, trials or statistics."""
    digest = hashlib.sha256()
    for session in sessions:
        tiers = ",".join(f"{trial}:{tier}" for trial, tier in session.tiers.items())
        digest.update(f"{session.name}|{tiers}|".encode())
        digest.update(session.unit_ids.tobytes())
        for kind in ("responses", "behavior"):
            digest.update(np.ascontiguousarray(session.statistic(kind, "std")).tobytes())
    return digest.hexdigest()[:12]
